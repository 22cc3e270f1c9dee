/*
 * Goal:   HyStart++ (RFC 9406) leaves slow start when the round-trip time rises, slowly,
 *         and not for jitter.
 * Method: rounds of ACKs with given round-trip times.
 */
#include "tcp/conn.h"
#include "tcp/hystart.h"
#include "tcp/seq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MSS 1000u

struct flow {
    struct tcp_conn conn;
    struct tcp_hystart hystart;
    uint32_t growth; /* of the last round */
};

static struct flow flow_open(void)
{
    struct flow flow = {.conn = {.snd = {.mss = MSS, .una = (uint32_t)-5000, .nxt = 5000},
                                 .cwnd = 10 * MSS,
                                 .ssthresh = UINT32_MAX}};

    hystart_open(&flow.conn, &flow.hystart);
    return flow;
}

/* A window is sent and acknowledged in so many ACKs, all with that round trip. */
static void pass_round(struct flow *flow, unsigned acks, uint64_t rtt_ns)
{
    uint32_t end = flow->conn.snd.nxt;

    flow->growth = 0;
    flow->conn.snd.nxt = end + acks * MSS;
    for (unsigned i = 1; i <= acks; i++) {
        flow->conn.snd.una = end - (acks - i) * MSS;
        if (flow->conn.ssthresh == UINT32_MAX) {
            flow->growth += hystart_on_ack(&flow->conn, &flow->hystart, MSS, rtt_ns);
        }
    }
    flow->conn.cwnd += flow->growth;
}

static void a_steady_path_is_left_alone(void **state)
{
    struct flow flow = flow_open();

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        pass_round(&flow, 20, 50 * NS_PER_MS);
        assert_int_equal(flow.growth, 20 * MSS);
    }
    assert_int_equal(flow.conn.ssthresh, UINT32_MAX);
}

/* After 2 GiB that the window did not limit the end of the round lies ahead again. */
static void a_round_ends_however_long_ago_it_was(void **state)
{
    struct flow flow = flow_open();

    (void)state;
    pass_round(&flow, 20, 50 * NS_PER_MS);
    flow.hystart.window_end = flow.conn.snd.nxt + (1u << 30);
    pass_round(&flow, 20, 50 * NS_PER_MS);
    assert_true(seq_le(flow.hystart.window_end, flow.conn.snd.nxt));
}

/* Shows: RFC 9406 4.2b, 4.2c. */
static void what_counts_as_a_rise(void **state)
{
    static const struct {
        const char *name;
        uint64_t before_us, after_us;
        unsigned acks;
        bool slower;
    } cases[] = {
        {"less than 4 ms", 1000, 4900, 20, false},
        {"4 ms", 1000, 5400, 20, true},
        {"less than an eighth", 80000, 89000, 20, false},
        {"an eighth", 80000, 91000, 20, true},
        {"16 ms, though it is less than an eighth", 400000, 417000, 20, true},
        {"seven samples are too few", 80000, 160000, 7, false},
        {"eight are enough", 80000, 160000, 8, true},
        {"a fall", 80000, 1000, 20, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct flow flow = flow_open();

        pass_round(&flow, 10, cases[i].before_us * NS_PER_US);
        pass_round(&flow, 20, cases[i].before_us * NS_PER_US);
        pass_round(&flow, cases[i].acks, cases[i].after_us * NS_PER_US);
        if ((flow.growth < cases[i].acks * MSS) != cases[i].slower) {
            fail_msg("%s: %u", cases[i].name, flow.growth);
        }
        assert_int_equal(flow.conn.ssthresh, UINT32_MAX);
    }
}

/* Shows: RFC 9406 4.2a, 4.2d, 4.2e. */
static void five_slower_rounds_end_it(void **state)
{
    struct flow flow = flow_open();
    unsigned rounds = 0;

    (void)state;
    pass_round(&flow, 20, 20 * NS_PER_MS);
    pass_round(&flow, 20, 20 * NS_PER_MS);
    pass_round(&flow, 20, 30 * NS_PER_MS);
    assert_true(flow.growth < 20 * MSS);
    for (; flow.conn.ssthresh == UINT32_MAX; rounds++) {
        assert_true(rounds < 10);
        pass_round(&flow, 20, 30 * NS_PER_MS);
        assert_in_range(flow.growth, 1, 6 * MSS);
    }
    assert_int_equal(rounds, 4); /* that in which it began is the first */
    assert_true(flow.conn.ssthresh <= flow.conn.cwnd);
}

/* Of an ACK of more than slow start takes at once, too, it is a quarter of what that would be.
 * Shows: RFC 9406 4.2d. */
static void slower_is_slower_for_large_acks(void **state)
{
    struct flow flow = flow_open();

    (void)state;
    pass_round(&flow, 20, 20 * NS_PER_MS);
    pass_round(&flow, 20, 20 * NS_PER_MS);
    pass_round(&flow, 20, 30 * NS_PER_MS);
    assert_int_equal(hystart_on_ack(&flow.conn, &flow.hystart, 64 * MSS, 30 * NS_PER_MS),
                     TCP_SLOW_START_SEGMENTS * MSS / 4);
}

/* Shows: RFC 9406 4.2f. */
static void jitter_is_taken_back(void **state)
{
    struct flow flow = flow_open();

    (void)state;
    pass_round(&flow, 20, 20 * NS_PER_MS);
    pass_round(&flow, 20, 20 * NS_PER_MS);
    pass_round(&flow, 20, 30 * NS_PER_MS);
    pass_round(&flow, 20, 21 * NS_PER_MS); /* found after eight samples */
    assert_true(flow.growth > 10 * MSS);
    for (unsigned i = 0; i < 10; i++) {
        pass_round(&flow, 20, 21 * NS_PER_MS);
        assert_int_equal(flow.growth, 20 * MSS);
    }
    assert_int_equal(flow.conn.ssthresh, UINT32_MAX);
}

static void acks_without_a_sample_tell_nothing(void **state)
{
    struct flow flow = flow_open();

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        pass_round(&flow, 20, UINT64_MAX);
        assert_int_equal(flow.growth, 20 * MSS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_path_is_left_alone),
        cmocka_unit_test(a_round_ends_however_long_ago_it_was),
        cmocka_unit_test(what_counts_as_a_rise),
        cmocka_unit_test(five_slower_rounds_end_it),
        cmocka_unit_test(slower_is_slower_for_large_acks),
        cmocka_unit_test(jitter_is_taken_back),
        cmocka_unit_test(acks_without_a_sample_tell_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
