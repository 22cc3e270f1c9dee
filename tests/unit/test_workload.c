/*
 * Goal:   an open loop sends what is due, no less however slow the server is, and a stall
 *         shows in every request that was due in it; a closed loop has `depth` requests in
 *         flight and no more; connections that can't be opened are tried again; wrong
 *         bytes end the run.
 * Method: the engine in virtual time, in steps of 10 us, over a stack that answers in the
 *         next step, but not while it stalls.
 */
#include "bench/load_client/workload.h"

#include "bench/load_client/engine.h"
#include "bench/load_client/pattern.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CONNECTIONS 4u
#define BEGIN_NS 1000000000u
#define STEP_NS 10000u
#define MS(n) ((n)*UINT64_C(1000000))
#define REFUSED (-9)

static struct load load;
static uint8_t place[4096];

static struct {
    unsigned opened;
    unsigned closed;
    unsigned refuse;  /* so many opens */
    bool refuse_last; /* all opens of the last connection */
    uint64_t stall_from_ns;
    uint64_t stall_until_ns;
    uint64_t wrong_from_ns; /* answers with a byte changed; 0: never */
    uint64_t in_flight_max;
    bool ends;         /* closes when it has answered */
    uint64_t first_ns; /* when the first bytes were sent */
} stack;

static int fake_open(struct load_conn *conn)
{
    if (stack.refuse_last && conn->number == CONNECTIONS - 1) {
        return REFUSED;
    }
    if (stack.refuse > 0) {
        stack.refuse--;
        return REFUSED;
    }
    stack.opened++;
    return 0;
}

static uint8_t *fake_reserve(struct load_conn *conn, size_t *room)
{
    (void)conn;
    *room = sizeof place;
    return place;
}

static size_t fake_commit(struct load_conn *conn, uint8_t *from, size_t length)
{
    uint64_t in_flight = conn->sent + length - conn->received;

    assert_ptr_equal(from, place);
    stack.first_ns = stack.first_ns > 0 ? stack.first_ns : load.now_ns;
    assert_true(pattern_matches(conn->number, conn->sent, from, length));
    stack.in_flight_max = max_u64(stack.in_flight_max, in_flight);
    return length;
}

static void fake_close(struct load_conn *conn)
{
    (void)conn;
    stack.closed++;
}

static const struct load_transport transport = {
    .open = fake_open, .reserve = fake_reserve, .commit = fake_commit, .close = fake_close};

static void answer(struct load_conn *conn)
{
    uint8_t bytes[4096];
    size_t length = (size_t)(conn->sent - conn->received);

    if (conn->state == LOAD_OPENING) {
        workload_opened(conn);
    } else if (length > 0) {
        pattern_fill(conn->number, conn->received, bytes, length);
        bytes[0] ^= stack.wrong_from_ns > 0 && load.now_ns >= stack.wrong_from_ns;
        workload_received(conn, bytes, length);
        workload_answered(conn);
    } else if (conn->state == LOAD_ENDING && stack.ends) {
        workload_eof(conn);
    }
}

static void run(struct load_options *options, unsigned index, unsigned count)
{
    struct load_part part = {BEGIN_NS, index, count};

    memset(&load, 0, sizeof load);
    options->connections = CONNECTIONS;
    options->size = 8;
    options->verify = true;
    assert_int_equal(load_make(&load, options, &transport, &part), 0);
    load.now_ns = BEGIN_NS;
    while (load_tick(&load)) {
        load.now_ns += STEP_NS;
        if (load.now_ns >= stack.stall_from_ns && load.now_ns < stack.stall_until_ns) {
            continue;
        }
        for (unsigned i = 0; i < load.conn_count && !load.failed_data; i++) {
            answer(load_conn_at(&load, i));
        }
    }
    load_finish(&load);
    load_unmake(&load);
}

/* One second, after 0.1 of warming up; the server stalls for 100 ms in its middle. */
static const uint64_t stall_from_ns = BEGIN_NS + MS(600);
static const uint64_t stall_until_ns = BEGIN_NS + MS(700);

static int reset(void **state)
{
    (void)state;
    memset(&stack, 0, sizeof stack);
    return 0;
}

static void a_stall_shows_in_all_that_was_due(void **state)
{
    struct load_options options = {.rate = 1000, .depth = 1, .duration_s = 1, .warmup_s = 0.1};
    const struct histogram *latency = &load.results.latency;

    (void)state;
    stack.stall_from_ns = stall_from_ns;
    stack.stall_until_ns = stall_until_ns;
    run(&options, 0, 1);
    assert_int_equal(load.results.requests, 1000);
    assert_int_equal(load.results.unanswered, 0);
    assert_int_equal(load_errors(&load.results), 0);
    /* A hundred requests waited for 0 to 100 ms: one in a hundred for 90 or more. */
    assert_true(histogram_percentile(latency, 89) <= 2 * STEP_NS);
    assert_in_range(histogram_percentile(latency, 95), MS(49), MS(52));
    assert_in_range(histogram_percentile(latency, 99), MS(89), MS(92));
    assert_in_range(latency->largest, MS(99), MS(101));
}

/* For comparison, and so that both loops are seen: it shows once a connection. */
static void a_closed_loop_hides_it(void **state)
{
    struct load_options options = {.depth = 1, .duration_s = 1, .warmup_s = 0.1};

    (void)state;
    stack.stall_from_ns = stall_from_ns;
    stack.stall_until_ns = stall_until_ns;
    run(&options, 0, 1);
    assert_true(histogram_percentile(&load.results.latency, 99) <= 2 * STEP_NS);
    assert_in_range(load.results.latency.largest, MS(99), MS(101));
    assert_int_equal(stack.in_flight_max, 8);
}

static void a_closed_loop_fills_its_depth(void **state)
{
    struct load_options options = {.depth = 5, .duration_s = 0.01};

    (void)state;
    run(&options, 0, 1);
    assert_int_equal(stack.in_flight_max, 5 * 8);
    assert_int_equal(stack.opened, CONNECTIONS);
    assert_true(load.results.requests >= 5 * CONNECTIONS * 900);
}

static void what_nobody_answers_is_counted(void **state)
{
    struct load_options options = {.rate = 1000, .depth = 2, .duration_s = 1};

    (void)state;
    stack.stall_from_ns = BEGIN_NS + MS(500);
    stack.stall_until_ns = UINT64_MAX;
    run(&options, 0, 1);
    assert_int_equal(load.results.requests + load.results.unanswered, 1000);
    assert_in_range(load.results.requests, 499, 500);
    assert_int_equal(stack.in_flight_max, 2 * 8);
}

/* Eight workers of which four have a connection: these share the whole rate. */
static void workers_share_the_rate(void **state)
{
    struct load_options options = {.rate = 1001, .depth = 1, .duration_s = 1};
    uint64_t sum = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * CONNECTIONS; i++) {
        run(&options, i, 2 * CONNECTIONS);
        assert_int_equal(load.conn_count, i < CONNECTIONS);
        sum += load.results.requests;
    }
    assert_int_equal(sum, 1001);
}

static void connections_end_as_told(void **state)
{
    static const struct {
        const char *name;
        unsigned rate;
        enum load_close close;
        bool ends;
        bool good;
    } rows[] = {
        {"client first", 0, LOAD_CLOSE_CLIENT, false, true},
        {"server first", 0, LOAD_CLOSE_SERVER, true, true},
        {"server first, but it does not", 0, LOAD_CLOSE_SERVER, false, false},
        {"client first, at a rate", 500, LOAD_CLOSE_CLIENT, false, true},
        {"server first, at a rate", 500, LOAD_CLOSE_SERVER, true, true},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct load_options options = {.workload = LOAD_CONNECT, .depth = 1, .duration_s = 1};

        print_message("  %s\n", rows[i].name);
        (void)reset(state);
        options.rate = rows[i].rate;
        options.close = rows[i].close;
        stack.ends = rows[i].ends;
        run(&options, 0, 1);
        assert_int_equal(load_errors(&load.results), rows[i].good ? 0 : CONNECTIONS);
        assert_in_range(stack.opened - stack.closed, 0, CONNECTIONS);
        assert_true(!rows[i].good || load.results.requests >= 500);
        assert_true(rows[i].rate == 0 || load.results.requests == rows[i].rate);
    }
}

static void what_is_refused_is_tried_again(void **state)
{
    static const struct load_options rows[] = {
        {.depth = 1, .duration_s = 1},
        {.depth = 1, .duration_s = 1, .rate = 100},
        {.depth = 1, .duration_s = 1, .rate = 100, .workload = LOAD_CONNECT},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct load_options options = rows[i];

        (void)reset(state);
        stack.refuse = CONNECTIONS + 1;
        run(&options, 0, 1);
        assert_int_equal(load.results.errors[LOAD_ERROR_CONNECT], CONNECTIONS + 1);
        assert_int_equal(load.results.failure, REFUSED);
        assert_true(stack.opened >= CONNECTIONS);
        assert_true(load.results.requests >= 95);
    }
}

/* Or the handshakes of the others would get lost among them. */
static void requests_wait_until_all_are_open(void **state)
{
    static const struct {
        const char *name;
        struct load_options options;
        unsigned refuse;
        bool refuse_last;
        uint64_t first_ns; /* at most, and no more than a step before */
    } rows[] = {
        {"opened at once",
         {.depth = 1, .duration_s = 1, .warmup_s = 1},
         0,
         false,
         BEGIN_NS + 2 * STEP_NS},
        {"one later",
         {.depth = 1, .duration_s = 1, .warmup_s = 1},
         1,
         false,
         BEGIN_NS + MS(100) + 2 * STEP_NS},
        {"one never", {.depth = 1, .duration_s = 1, .warmup_s = 1}, 0, true, BEGIN_NS + MS(1000)},
        {"at a rate",
         {.depth = 1, .duration_s = 1, .warmup_s = 1, .rate = 100000},
         1,
         false,
         BEGIN_NS + MS(100) + 2 * STEP_NS},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct load_options options = rows[i].options;

        print_message("  %s\n", rows[i].name);
        (void)reset(state);
        stack.refuse = rows[i].refuse;
        stack.refuse_last = rows[i].refuse_last;
        run(&options, 0, 1);
        assert_in_range(stack.first_ns, rows[i].first_ns - STEP_NS, rows[i].first_ns);
        assert_true(load.results.latency.largest <= 2 * STEP_NS);
    }
}

static void a_wrong_byte_ends_it(void **state)
{
    struct load_options options = {.depth = 1, .duration_s = 1};

    (void)state;
    stack.wrong_from_ns = BEGIN_NS + MS(500);
    run(&options, 0, 1);
    assert_int_equal(load.results.errors[LOAD_ERROR_DATA], 1);
    assert_int_equal(load.now_ns, stack.wrong_from_ns);
}

/* The last: whoever was told to end is not told otherwise again. */
static void told_to_end_in_the_warm_up_nothing_is_waited_for(void **state)
{
    struct load_options options = {.rate = 1000, .depth = 1, .duration_s = 1, .warmup_s = 0.5};

    (void)state;
    stack.stall_until_ns = UINT64_MAX;
    load_end_early();
    run(&options, 0, 1);
    assert_int_equal(load.now_ns, BEGIN_NS);
    assert_true(load.results.seconds == 0);
    assert_int_equal(load.results.requests + load.due, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_stall_shows_in_all_that_was_due, reset),
        cmocka_unit_test_setup(a_closed_loop_hides_it, reset),
        cmocka_unit_test_setup(a_closed_loop_fills_its_depth, reset),
        cmocka_unit_test_setup(what_nobody_answers_is_counted, reset),
        cmocka_unit_test_setup(workers_share_the_rate, reset),
        cmocka_unit_test_setup(connections_end_as_told, reset),
        cmocka_unit_test_setup(what_is_refused_is_tried_again, reset),
        cmocka_unit_test_setup(requests_wait_until_all_are_open, reset),
        cmocka_unit_test_setup(a_wrong_byte_ends_it, reset),
        cmocka_unit_test_setup(told_to_end_in_the_warm_up_nothing_is_waited_for, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
