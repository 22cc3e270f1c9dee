/*
 * Goal:   the one entry that a connection has in the wheel runs what is due and nothing
 *         else, and is armed again for what is not.
 * Method: each deadline alone, before and at its time; several at once; what a call of
 *         the application changes in between.
 */
#include "tcp/tcp.h"

#include "tcp/timewait_table.h"
#include "tcp/window.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/conn_fixture.h"

#define TICK_NS (1ull << WHEEL_TICK_SHIFT) /* how late a timer may be */

static unsigned writables;
static bool abort_when_writable;

static void on_writable(struct tcp_conn *conn)
{
    writables++;
    if (abort_when_writable) {
        tcp_conn_end(conn, TCP_REASON_ABORTED);
    }
}

static const struct tcp_events events = {.close = on_close, .writable = on_writable};

static struct tcp_conn *open_one(struct conn_fixture *f)
{
    conn_open(f);
    f->tcp.events = &events;
    writables = 0;
    abort_when_writable = false;
    return conn_make(f, 1000);
}

static void pass(struct conn_fixture *f, uint64_t ns)
{
    f->net.now_ns += ns;
    tcp_timers(&f->tcp, f->net.now_ns);
    assert_int_equal(f->tcp.now_ms, (uint32_t)(f->net.now_ns / NS_PER_MS));
}

static void a_delayed_ack(void **state)
{
    static const struct {
        const char *name;
        uint32_t unacked;
        bool acked;
    } cases[] = {{"owed", 1, true}, {"went with data already", 0, false}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct conn_fixture f;
        struct tcp_conn *conn = open_one(&f);

        conn->rcv.acked = conn->rcv.nxt - cases[i].unacked;
        conn->ack_ns = f.net.now_ns + TCP_DELAYED_ACK_NS;
        tcp_conn_arm(conn);
        assert_true(tcp_next_deadline(&f.tcp) <= conn->ack_ns + TICK_NS);
        pass(&f, TCP_DELAYED_ACK_NS - 1);
        assert_false(tcp_conn_has(conn, TCP_CONN_ACK_NOW));
        pass(&f, 1 + TICK_NS);
        if (tcp_conn_has(conn, TCP_CONN_ACK_NOW) != cases[i].acked) {
            fail_msg("%s", cases[i].name);
        }
        assert_int_equal(list_link_is_on(&conn->output_link), cases[i].acked);
        assert_int_equal(conn->ack_ns, UINT64_MAX);
        assert_false(wheel_is_armed(&conn->timer));
        conn_unmake(&f, conn);
        conn_close(&f);
    }
}

/* The peer never closed: FIN-WAIT-2 ends, and nothing else of it runs any more. */
static void the_end_of_a_life(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn = open_one(&f);

    (void)state;
    conn->flags |= TCP_CONN_OPEN_TOLD | TCP_CONN_APP_CLOSED;
    f.tcp.orphans = 1;
    conn->state = TCP_FIN_WAIT_2;
    conn->life_ns = f.net.now_ns + 60 * NS_PER_S;
    conn->ack_ns = conn->life_ns;
    conn->rcv.acked = conn->rcv.nxt - 1;
    tcp_conn_arm(conn);
    pass(&f, 60 * NS_PER_S - 1);
    assert_int_equal(conn->state, TCP_FIN_WAIT_2);
    pass(&f, 1 + TICK_NS);
    assert_int_equal(conn->state, TCP_CLOSED);
    assert_int_equal(conn->reason, TCP_REASON_DONE);
    assert_false(tcp_conn_has(conn, TCP_CONN_ACK_NOW));
    assert_false(wheel_is_armed(&conn->timer));
    tcp_turn_end(&f.tcp);
    assert_int_equal(closes_told, 1);
    assert_int_equal(f.tcp.orphans, 0);
    conn_close(&f);
}

/* Later deadlines stay for later; one moved in the meantime costs a look. */
static void what_is_not_due_waits(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn = open_one(&f);

    (void)state;
    assert_non_null(tcp_conn_flight(conn));
    conn->rcv.acked = conn->rcv.nxt - 1;
    conn->ack_ns = f.net.now_ns + 10 * NS_PER_MS;
    conn->rexmit_ns = f.net.now_ns + 500 * NS_PER_MS;
    conn->rexmit_timer = TCP_TIMER_OVERRIDE;
    tcp_conn_arm(conn);
    pass(&f, 20 * NS_PER_MS);
    assert_true(tcp_conn_has(conn, TCP_CONN_ACK_NOW));
    assert_false(tcp_conn_has(conn, TCP_CONN_OVERRIDE));
    assert_int_equal(conn->timer.due_ns, conn->rexmit_ns);
    conn->rexmit_ns += 300 * NS_PER_MS; /* an ACK came: nobody told the wheel */
    pass(&f, 490 * NS_PER_MS);
    assert_false(tcp_conn_has(conn, TCP_CONN_OVERRIDE));
    assert_int_equal(conn->timer.due_ns, conn->rexmit_ns);
    pass(&f, 300 * NS_PER_MS + TICK_NS);
    assert_true(tcp_conn_has(conn, TCP_CONN_OVERRIDE));
    assert_int_equal(conn->rexmit_timer, TCP_TIMER_NONE);
    assert_false(wheel_is_armed(&conn->timer));
    conn_unmake(&f, conn);
    conn_close(&f);
}

/* No event of the connection says that frames are back: it looks, until they are. */
static void a_squeezed_window_is_looked_at_again(void **state)
{
    struct conn_fixture f;
    uint32_t frames[FIXTURE_FRAMES];
    struct tcp_conn *conn = open_one(&f);
    unsigned count = conn_press(&f, FRAME_CRITICAL, frames);

    (void)state;
    conn->flags |= TCP_CONN_PAUSED;
    tcp_window_open(conn);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(tcp_conn_has(conn, TCP_CONN_SQUEEZED));
        assert_int_equal(conn->ack_ns, f.net.now_ns + TCP_SQUEEZE_RECHECK_NS);
        pass(&f, TCP_SQUEEZE_RECHECK_NS + TICK_NS);
        assert_false(tcp_conn_has(conn, TCP_CONN_ACK_NOW));
    }
    conn_relieve(&f, frames, count);
    pass(&f, TCP_SQUEEZE_RECHECK_NS + TICK_NS);
    assert_false(tcp_conn_has(conn, TCP_CONN_SQUEEZED));
    assert_true(tcp_conn_has(conn, TCP_CONN_ACK_NOW));
    assert_true(tcp_window(conn) > 0);
    assert_false(wheel_is_armed(&conn->timer));
    conn_unmake(&f, conn);
    conn_close(&f);
}

static void a_starved_writer_is_told_when_frames_are_back(void **state)
{
    struct conn_fixture f;
    uint32_t frames[FIXTURE_FRAMES];
    struct tcp_conn *conn = open_one(&f);
    unsigned count = conn_press(&f, FRAME_CRITICAL, frames);

    (void)state;
    conn->flags |= TCP_CONN_WANTS_WRITE;
    tcp_recheck_frames(conn, TCP_CONN_STARVED);
    for (unsigned i = 0; i < 3; i++) {
        pass(&f, TCP_SQUEEZE_RECHECK_NS + TICK_NS);
        assert_int_equal(writables, 0);
        assert_true(tcp_conn_has(conn, TCP_CONN_STARVED));
        assert_true(wheel_is_armed(&conn->timer));
    }
    conn_relieve(&f, frames, count);
    pass(&f, TCP_SQUEEZE_RECHECK_NS + TICK_NS);
    assert_int_equal(writables, 1);
    assert_false(tcp_conn_has(conn, TCP_CONN_STARVED | TCP_CONN_WANTS_WRITE));
    pass(&f, NS_PER_S);
    assert_int_equal(writables, 1);
    conn_unmake(&f, conn);
    conn_close(&f);
}

/* The application may end the connection in on_writable: what else was due is void. */
static void an_end_within_a_timer(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn = open_one(&f);

    (void)state;
    assert_non_null(tcp_conn_flight(conn));
    abort_when_writable = true;
    conn->flags |= TCP_CONN_WANTS_WRITE | TCP_CONN_STARVED;
    conn->ack_ns = f.net.now_ns + NS_PER_MS;
    conn->rexmit_ns = conn->ack_ns;
    conn->rexmit_timer = TCP_TIMER_OVERRIDE;
    tcp_conn_arm(conn);
    pass(&f, 2 * NS_PER_MS);
    assert_int_equal(writables, 1);
    assert_int_equal(conn->state, TCP_CLOSED);
    assert_int_equal(conn->reason, TCP_REASON_ABORTED);
    assert_false(tcp_conn_has(conn, TCP_CONN_OVERRIDE));
    assert_false(wheel_is_armed(&conn->timer));
    tcp_turn_end(&f.tcp);
    conn_close(&f);
}

/* Of the wheel or of TIME-WAIT, whichever is first. */
static void the_next_deadline(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn = open_one(&f);
    struct tcp_conn *last = conn_make(&f, 1001);
    uint64_t end_ns = f.net.now_ns + TCP_TIME_WAIT_NS;

    (void)state;
    assert_int_equal(tcp_next_deadline(&f.tcp), UINT64_MAX);
    last->state = TCP_FIN_WAIT_2;
    tcp_enter_timewait(last);
    tcp_turn_end(&f.tcp);
    assert_int_equal(tcp_next_deadline(&f.tcp), end_ns);
    conn->ack_ns = f.net.now_ns + NS_PER_S;
    tcp_conn_arm(conn);
    assert_true(tcp_next_deadline(&f.tcp) <= f.net.now_ns + NS_PER_S + TICK_NS);
    pass(&f, 2 * NS_PER_S);
    assert_int_equal(tcp_next_deadline(&f.tcp), end_ns);
    pass(&f, TCP_TIME_WAIT_NS - 2 * NS_PER_S);
    assert_int_equal(tcp_next_deadline(&f.tcp), UINT64_MAX);
    conn_unmake(&f, conn);
    conn_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delayed_ack),
        cmocka_unit_test(the_end_of_a_life),
        cmocka_unit_test(what_is_not_due_waits),
        cmocka_unit_test(a_squeezed_window_is_looked_at_again),
        cmocka_unit_test(a_starved_writer_is_told_when_frames_are_back),
        cmocka_unit_test(an_end_within_a_timer),
        cmocka_unit_test(the_next_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
