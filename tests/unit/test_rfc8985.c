/*
 * Goal:   what RACK remembers (RFC 8985 section 6.2, steps 1 to 4), a probe without a
 *         round-trip time, and what goes again of what the peer has told to have
 *         (RFC 6675).
 * Method: scripts over one stack, with a round trip of 100 ms.
 */
#include "tcp/recovery.h"
#include "tests/unit/recovery_fixture.h"

/* One round trip was of 40 ms: a quarter of that.
 * Shows: RFC 8985 6.2a, 6.2f. */
static void the_window_is_of_the_least_round_trip(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(40));
    acks(f, 1);
    send_segments(f, 3);
    expect_segments(f, 1, 4);
    wait_ns(f, RTT);
    sacks(f, 1, 2, 3);
    expect_after(f, MS(10), TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
}

/* What was taken for lost arrives, before its repair can have. It says nothing of the
 * segment that was sent before the repair.
 * Shows: RFC 8985 6.2c. */
static void an_answer_too_soon_is_of_the_original(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    wait_ns(f, RTT - MS(5));
    send_segments(f, 1);
    expect_segments(f, 4, 5);
    wait_ns(f, MS(5));
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(5));
    acks(f, 4);
    expect_silence_for(f, MS(80));
    acks(f, 5);
    expect_silence_for(f, SECONDS(5));
}

/* As above, but it comes when the repair may have been answered: what it echoes tells.
 * Shows: RFC 8985 6.2l. */
static void an_echo_of_before_is_of_the_original(void **state)
{
    const uint32_t stamped = MSS - TCP_TIMESTAMP_BYTES;
    struct tcp_fixture *f = *state;
    uint32_t sent_ts;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    (void)far_peer(state, true);
    app_sends(f, 4 * stamped);
    sent_ts = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = stamped)->ts_val;
    forget_sent(f);
    wait_ns(f, RTT - MS(5));
    app_sends(f, stamped);
    forget_sent(f);
    wait_ns(f, MS(5));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = sent_ts,
               .sack = {{1 + stamped, 1 + 4 * stamped}});
    (void)expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = stamped);
    wait_ns(f, RTT + MS(1));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 4 * stamped, .ts_ecr = sent_ts);
    expect_silence_for(f, MS(80));
    assert_int_equal(f->tcp.counters.retransmissions, 1);
}

/* Three SACKed segments are no sign of loss any more, only time is.
 * Shows: RFC 8985 6.2d. */
static void reordering_that_was_seen_takes_time(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 3);
    acks(f, 3); /* the first was only late */
    sacks(f, 3, 4, 7);
    expect_after(f, RTT / 4, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
}

/* All that is out arrives, and as much goes again: two segments at least. */
static void next_flight(struct tcp_fixture *f)
{
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = conn_of(f)->snd.nxt - conn_of(f)->snd.iss);
    forget_sent(f);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
}

/* A D-SACK, and seventeen flights of which the first segment is lost. Something is queued all the
 * while, or what was learnt would go with the flight.
 * Shows: RFC 8985 6.2g, 6.2h. */
static void after_sixteen_recoveries_the_window_is_narrow(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 20);
    forget_sent(f);
    wait_ns(f, RTT);
    sacks(f, 1, 0, 1); /* the first came twice */
    forget_sent(f);
    for (unsigned recovery = 1; recovery <= 17; recovery++) {
        uint32_t una;

        if (tcp_conn_queued(conn_of(f)) < 20 * MSS) {
            send_segments(f, 10);
            forget_sent(f);
        }
        next_flight(f);
        una = conn_of(f)->snd.una - conn_of(f)->snd.iss;
        wait_ns(f, RTT);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = una, .sack = {{una + MSS, una + 2 * MSS}});
        forget_sent(f); /* limited transmit */
        expect_after(f, (recovery <= 16 ? 2 : 1) * RTT / 4, TCP_ACK, .seq = una, .ack = 1,
                     .bytes = MSS);
        forget_sent(f);
    }
    assert_int_equal(f->tcp.counters.fast_recoveries, 17);
    assert_int_equal(f->tcp.counters.rto_expired, 0);
}

/* The SYN-ACK went twice, so its answer is no sample (Karn). The window is one segment.
 * Shows: RFC 8985 7.2d. */
static void without_a_round_trip_a_probe_waits_for_a_second(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_after(f, SECONDS(1), TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->rtt.srtt_ns, 0);
    send_segments(f, 2);
    expect_segments(f, 0, 1);
    expect_after(f, SECONDS(1), TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
}

/* Two were lost, four behind them have arrived.
 * Shows: RFC 6675 3a, 4a, 4b, 5c. */
static void what_was_sacked_does_not_go_again(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 9);
    expect_segments(f, 0, 9);
    wait_ns(f, RTT);
    sacks(f, 0, 2, 6);
    expect_segments(f, 0, 1);
    assert_int_equal(tcp_pipe(conn_of(f)), 4 * MSS); /* 6 to 8, and the first once more */
    sacks(f, 0, 2, 8);
    expect_segments(f, 1, 2);
    wait_ns(f, RTT);
    acks(f, 9);
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.retransmissions, 2);
}

/* Shows: RFC 6675 5.1a. */
static void a_timeout_forgets_no_sack(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 6);
    expect_segments(f, 0, 6);
    wait_ns(f, RTT);
    sacks(f, 0, 2, 5);
    expect_segments(f, 0, 2);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    wait_ns(f, RTT);
    acks(f, 1);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 5001, .ack = 1, .bytes = MSS);
    expect_silence(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(the_window_is_of_the_least_round_trip),
        SCRIPT(an_answer_too_soon_is_of_the_original),
        SCRIPT(an_echo_of_before_is_of_the_original),
        SCRIPT(reordering_that_was_seen_takes_time),
        SCRIPT(after_sixteen_recoveries_the_window_is_narrow),
        SCRIPT(without_a_round_trip_a_probe_waits_for_a_second),
        SCRIPT(what_was_sacked_does_not_go_again),
        SCRIPT(a_timeout_forgets_no_sack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
