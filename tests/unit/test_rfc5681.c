/*
 * Goal:   the rules of RFC 5681 and RFC 3042 that are between the parts: what opens the
 *         window and what does not, FlightSize, limited transmit, and when a receiver
 *         answers at once.
 * Method: scripts over one stack; with a round trip of 100 ms where something is lost.
 */
#include "tests/unit/recovery_fixture.h"

/* Shows: RFC 5681 3.1b, 3.1c; RFC 6928 2a. */
static void the_handshake_opens_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(conn_of(f)->cwnd, 10 * MSS);
    f->peer = &f->peers[1];
    establish_by_connect(f);
    assert_int_equal(conn_of(f)->cwnd, 10 * MSS);
}

/* Shows: RFC 5681 2b, 3.1j, 3.1m. */
static void what_is_in_flight_is_halved_not_the_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    conn_of(f)->cwnd = 40 * MSS;
    send_segments(f, 6);
    expect_segments(f, 0, 6);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->ssthresh, 3 * MSS);
    assert_int_equal(conn_of(f)->cwnd, MSS);
}

/* Shows: RFC 5681 4.3b; RFC 6675 5d. */
static void losses_in_two_windows_count_twice(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 10);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 10);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    expect_segments(f, 0, 1);
    wait_ns(f, RTT);
    acks(f, 10);
    assert_int_equal(conn_of(f)->cwnd, 5 * MSS);
    send_segments(f, 5);
    expect_segments(f, 10, 15);
    wait_ns(f, RTT);
    sacks(f, 10, 11, 15);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS / 2);
    expect_segments(f, 10, 11);
}

/* Shows: RFC 5681 4.3a; RFC 6675 5b. */
static void losses_in_one_window_count_once(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 10);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    sacks(f, 0, 5, 10); /* and 4 is lost too */
    forget_sent(f);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
}

/* In slow start twice what was out would have to be more.
 * Shows: RFC 9438 5.8b; RFC 7661 1a, 4.5a. */
static void a_window_that_was_not_used_does_not_grow(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    for (uint32_t i = 0; i < 30; i++) {
        send_segments(f, 1);
        expect_segments(f, i, i + 1);
        acks(f, i + 1);
    }
    assert_int_equal(conn_of(f)->cwnd, 10 * MSS);
}

/* Shows: RFC 3042 2b. */
static void limited_transmit_keeps_to_the_peers_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    f->peer->window = 10 * MSS;
    acks(f, 0);
    send_segments(f, 20);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    acks(f, 0);
    acks(f, 0);
    expect_silence(f);
}

/* An ACK that tells of nothing may be a copy of one before.
 * Shows: RFC 3042 2e. */
static void limited_transmit_wants_news_in_sacks(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 20);
    expect_segments(f, 0, 10);
    wait_ns(f, MS(50));
    acks(f, 0);
    expect_silence(f);
    sacks(f, 0, 1, 2);
    expect_segments(f, 10, 11);
    sacks(f, 0, 1, 2);
    expect_silence(f);
}

/* No longer at the start, when each segment is. Between two gaps there is one block left.
 * Shows: RFC 5681 3.2b. */
static void a_gap_that_is_filled_is_told_at_once(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    peer_sends(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{3001, 4001}, {1001, 2001}});
    conn_of(f)->rcv.quick_acks = 0;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 500); /* a part of it */
    expect(f, TCP_ACK, .seq = 1, .ack = 501, .sack = {{3001, 4001}, {1001, 2001}});
    conn_of(f)->rcv.quick_acks = 0;
    peer_sends(f, TCP_ACK, .seq = 501, .ack = 1, .bytes = 500);
    expect(f, TCP_ACK, .seq = 1, .ack = 2001, .sack = {{3001, 4001}});
    conn_of(f)->rcv.quick_acks = 0;
    peer_sends(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 4001);
}

/* Shows: RFC 5681 4.2e. */
static void a_segment_has_one_ack(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    for (uint32_t i = 0; i < TCP_QUICK_ACKS; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + (i + 1) * MSS);
        expect_silence(f);
    }
    expect_silence_for(f, SECONDS(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(the_handshake_opens_nothing),
        SCRIPT(what_is_in_flight_is_halved_not_the_window),
        SCRIPT(losses_in_two_windows_count_twice),
        SCRIPT(losses_in_one_window_count_once),
        SCRIPT(a_window_that_was_not_used_does_not_grow),
        SCRIPT(limited_transmit_keeps_to_the_peers_window),
        SCRIPT(limited_transmit_wants_news_in_sacks),
        SCRIPT(a_gap_that_is_filled_is_told_at_once),
        SCRIPT(a_segment_has_one_ack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
