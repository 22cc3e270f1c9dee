/*
 * Goal:   one entry of the wheel serves all deadlines of a connection
 *         (tcp/timers.c): each comes at its time, none twice, none after the end;
 *         and the stack tells when it has something to do next.
 * Method: scripts over one stack in virtual time.
 */
#include "tests/unit/tcp_fixture.h"

/* After the start at which each segment is acknowledged at once. */
static uint32_t establish_quietly(struct tcp_fixture *f)
{
    f->settings.sack = false; /* no tail loss probe */
    establish(f);
    for (uint32_t i = 0; i < TCP_QUICK_ACKS; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
        forget_sent(f);
    }
    return 1 + TCP_QUICK_ACKS * MSS;
}

/* The later deadline was armed first, so the earlier one moves the entry. */
static void deadlines_share_one_entry(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = establish_quietly(f);
    uint64_t rto_ns = conn_of(f)->rtt.rto_ns;

    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = seq, .bytes = 10);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 10);
    expect_after(f, TCP_DELAYED_ACK_NS, TCP_ACK, .seq = 11, .ack = seq + 10);
    expect_after(f, rto_ns - TCP_DELAYED_ACK_NS - (1ull << WHEEL_TICK_SHIFT), TCP_ACK, .seq = 1,
                 .ack = seq + 10, .bytes = 10);
}

/* What was cancelled leaves the entry in the wheel: it comes due for nothing. */
static void an_entry_may_come_due_for_nothing(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = establish_quietly(f);

    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = seq, .bytes = 10);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 11);
    assert_true(tcp_next_deadline(&f->tcp) != UINT64_MAX);
    expect_silence_for(f, SECONDS(10));
    assert_int_equal(tcp_next_deadline(&f->tcp), UINT64_MAX);
    assert_int_equal(f->tcp.counters.rto_expired, 0);
}

/* Shows: RFC 9293 3.10.5a. */
static void a_connection_that_ended_has_no_timer(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    app_aborts(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 11, .ack = 1);
    expect_silence_for(f, SECONDS(10));
    assert_int_equal(tcp_next_deadline(&f->tcp), UINT64_MAX);
}

static void time_wait_is_a_deadline(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    wait_ns(f, SECONDS(1));
    assert_int_equal(tcp_next_deadline(&f->tcp), f->now_ns + TCP_TIME_WAIT_NS - SECONDS(1));
}

/* Frames come back by nobody's event: the connection looks again. */
static void a_squeezed_window_opens_again(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = 1;

    f->settings.receive_buffer = 8192;
    establish(f);
    app_pauses(f);
    while (seq < 1 + 8192) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 512);
        forget_sent(f);
        seq += 512;
    }
    press(f, FRAME_CRITICAL);
    app_resumes(f); /* all is read; a segment at a time is promised */
    expect(f, TCP_ACK, .seq = 1, .ack = seq, .window = MSS);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 500);
    wait_ns(f, TCP_SQUEEZE_RECHECK_NS + MS(1)); /* it looks, and acknowledges then */
    expect(f, TCP_ACK, .seq = 1, .ack = seq + 500, .window = 500);
    expect_silence_for(f, SECONDS(1));
    press(f, FRAME_NORMAL);
    wait_ns(f, TCP_SQUEEZE_RECHECK_NS + MS(1));
    expect(f, TCP_ACK, .seq = 1, .ack = seq + 500, .window = 8192);
    expect_silence_for(f, SECONDS(1));
}

static void abort_inside(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
}

/* Told by a timer that it may write, the application may end it. */
static void an_abort_inside_a_timer(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    press(f, FRAME_CRITICAL);
    assert_int_equal(app_sends(f, 10), TCP_ERR_NO_MEMORY);
    press(f, FRAME_NORMAL);
    f->app.writable = abort_inside;
    wait_ns(f, TCP_SQUEEZE_RECHECK_NS + MS(1));
    expect(f, TCP_RST | TCP_ACK, .seq = 11, .ack = 1);
    expect_silence_for(f, SECONDS(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(deadlines_share_one_entry),
        SCRIPT(an_entry_may_come_due_for_nothing),
        SCRIPT(a_connection_that_ended_has_no_timer),
        SCRIPT(time_wait_is_a_deadline),
        SCRIPT(a_squeezed_window_opens_again),
        SCRIPT(an_abort_inside_a_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
