/*
 * Goal:   a peer that takes back window which it had offered (RFC 9293 section 3.8.6):
 *         nothing new goes, the old goes again, and the connection lives on.
 * Method: scripts over one stack, with a round trip of 100 ms and no SACK, so that
 *         nothing but the timeout sends again.
 */
#include "tests/unit/recovery_fixture.h"

/* Five segments are out when the window shrinks. */
static struct tcp_fixture *five_out(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 5);
    expect_segments(f, 0, 5);
    wait_ns(f, RTT);
    return f;
}

/* The first is acknowledged; of the four others one is still in the window.
 * Shows: RFC 9293 MUST-34, SHLD-15; RFC 7323 2.4c. */
static void nothing_new_goes_beyond_a_shrunk_window(void **state)
{
    struct tcp_fixture *f = five_out(state);

    f->peer->window = MSS;
    acks(f, 1);
    send_segments(f, 3);
    expect_silence(f);
    acks(f, 5); /* it had taken them all the same */
    expect_segments(f, 5, 6);
    f->peer->window = 65535;
    acks(f, 6);
    expect_segments(f, 6, 8);
}

/* As if nothing had been said of the window.
 * Shows: RFC 9293 SHLD-16. */
static void what_is_in_a_shrunk_window_goes_again(void **state)
{
    struct tcp_fixture *f = five_out(state);

    f->peer->window = 2 * MSS;
    acks(f, 1);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    wait_ns(f, RTT);
    acks(f, 2);
    expect(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    expect_silence(f);
}

/* Of the three that are out behind the first, one is in the window; the next was when it went.
 * Shows: RFC 9293 MAY-7; RFC 7323 2.4d. */
static void what_is_beyond_a_shrunk_window_goes_again(void **state)
{
    struct tcp_fixture *f = five_out(state);

    f->peer->window = MSS;
    acks(f, 1);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    wait_ns(f, RTT);
    acks(f, 2);
    expect(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS); /* the window ends at 3001 */
    expect_silence(f);
}

/* The peer is there and answers, but its window does not reach what is out: a closed
 * window is probed for as long as it is answered.
 * Shows: RFC 9293 SHLD-17, MUST-35. */
static void what_is_beyond_a_shrunk_window_ends_nothing(void **state)
{
    struct tcp_fixture *f = five_out(state);

    f->peer->window = WINDOW_ZERO;
    acks(f, 1);
    for (unsigned i = 0; i < 3 * TCP_R2_RETRANSMISSIONS; i++) {
        wait_ns(f, TCP_RTO_MAX_NS);
        forget_sent(f); /* what was out, once more */
        acks(f, 1);
    }
    expect_state(f, TCP_ESTABLISHED);
    f->peer->window = 65535;
    acks(f, 1);
    forget_sent(f);
    acks(f, 5);
    assert_int_equal(f->peer->told.sent, 5 * MSS);
}

/* Shows: RFC 9293 MUST-38. */
static void a_few_bytes_of_window_tempt_nobody(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    f->peer->window = 100;
    acks(f, 0);
    send_segments(f, 2);
    for (unsigned i = 0; i < 3; i++) {
        wait_ns(f, MS(50));
        acks(f, 0);
        expect_silence(f);
    }
    f->peer->window = 65535;
    acks(f, 0);
    expect_segments(f, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(nothing_new_goes_beyond_a_shrunk_window),
        SCRIPT(what_is_in_a_shrunk_window_goes_again),
        SCRIPT(what_is_beyond_a_shrunk_window_goes_again),
        SCRIPT(what_is_beyond_a_shrunk_window_ends_nothing),
        SCRIPT(a_few_bytes_of_window_tempt_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
