/*
 * Goal:   what an application may change while a connection is open: how small segments wait
 *         (cork, beside Nagle in test_user.c), how long a close may linger, what IP is told.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

static void set_cork(struct tcp_fixture *f, bool cork)
{
    tcp_set_cork(conn_of(f), cork);
    turn(f);
}

/* Full segments go, the rest waits for more; what was taken out goes at once. */
static void a_cork_holds_less_than_a_segment(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.nodelay = true; /* the cork is the stronger */
    establish(f);
    set_cork(f, true);
    app_sends(f, 10);
    expect_silence(f);
    app_sends(f, 2 * MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect_silence(f);
    set_cork(f, false);
    expect(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = 10);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2011, .ack = 1, .bytes = 10);
}

/* As long as Linux's, then it goes although nobody took the cork out. */
static void a_cork_that_is_forgotten(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    set_cork(f, true);
    app_sends(f, 10);
    expect_after(f, MS(200), TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11);
    app_sends(f, 10);
    expect_after(f, MS(200), TCP_ACK, .seq = 11, .ack = 1, .bytes = 10);
}

static void the_end_of_the_stream_is_not_held(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    set_cork(f, true);
    app_sends(f, 10);
    expect_silence(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
}

static void close_within(struct tcp_fixture *f, uint64_t ns)
{
    tcp_close_within(conn_of(f), ns);
    turn(f);
}

static void a_close_that_does_not_linger(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    close_within(f, 0);
    expect(f, TCP_RST | TCP_ACK, .seq = 11, .ack = 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);
}

static void a_close_that_lingers_for_nothing(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t rto_ns, end_ns;

    f->settings.sack = false;
    establish(f);
    rto_ns = conn_of(f)->rtt.rto_ns;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    end_ns = f->now_ns + rto_ns + MS(100);
    close_within(f, rto_ns + MS(100));
    expect(f, TCP_FIN | TCP_ACK, .seq = 11, .ack = 1);
    expect_after(f, rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect_after(f, end_ns - f->now_ns, TCP_RST | TCP_ACK, .seq = 12, .ack = 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    expect_silence_for(f, SECONDS(100));
}

/* What was acknowledged in time ends as any close does. */
static void a_close_that_lingers_long_enough(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    close_within(f, SECONDS(1));
    expect(f, TCP_FIN | TCP_ACK, .seq = 11, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 12);
    expect_state(f, TCP_FIN_WAIT_2);
    expect_silence_for(f, SECONDS(2));
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 12);
    expect(f, TCP_ACK, .seq = 12, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
}

/* From the next segment on, retransmissions included; the ECN bits stay TCP's.
 * Shows: RFC 9293 MUST-48, MUST-49, SHLD-21, SHLD-22. */
static void what_ip_is_told(void **state)
{
    struct tcp_fixture *f = *state;
    const struct seg *seg;

    f->settings.tos = 10 << 2;
    f->settings.ttl = 200;
    peer_sends_syn(f, 0, .seq = 0);
    seg = expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(seg->tos, 10 << 2);
    assert_int_equal(seg->ttl, 200);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    app_sends(f, 10);
    seg = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    assert_int_equal(seg->tos, 10 << 2);
    assert_int_equal(seg->ttl, 200);
    tcp_set_dscp(conn_of(f), 46);
    tcp_set_ttl(conn_of(f), 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 5);
    seg = expect(f, TCP_ACK, .seq = 11, .ack = 6);
    assert_int_equal(seg->tos, 46 << 2);
    assert_int_equal(seg->ttl, 1);
    app_aborts(f);
    seg = expect(f, TCP_RST | TCP_ACK, .seq = 11, .ack = 6);
    assert_int_equal(seg->tos, 46 << 2);
    assert_int_equal(seg->ttl, 1);
}

/* To its last ACK, which TIME-WAIT sends.
 * Shows: RFC 9293 MUST-48, MUST-49, SHLD-22. */
static void what_ip_is_told_in_time_wait(void **state)
{
    struct tcp_fixture *f = *state;
    const struct seg *seg;

    f->settings.tos = 10 << 2;
    f->settings.ttl = 200;
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    for (unsigned i = 0; i < 2; i++) {
        peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
        expect_state(f, TCP_TIME_WAIT);
        seg = expect(f, TCP_ACK, .seq = 2, .ack = 2);
        assert_int_equal(seg->tos, 10 << 2);
        assert_int_equal(seg->ttl, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_cork_holds_less_than_a_segment),
        SCRIPT(a_cork_that_is_forgotten),
        SCRIPT(the_end_of_the_stream_is_not_held),
        SCRIPT(a_close_that_does_not_linger),
        SCRIPT(a_close_that_lingers_for_nothing),
        SCRIPT(a_close_that_lingers_long_enough),
        SCRIPT(what_ip_is_told),
        SCRIPT(what_ip_is_told_in_time_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
