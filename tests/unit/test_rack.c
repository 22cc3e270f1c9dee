/*
 * Goal:   with SACK a loss is found by what was sent later and has arrived (RFC 8985
 *         section 6.2), no sooner than its reordering window allows, also when it is the
 *         repair that is lost.
 * Method: scripts over one stack, with a round trip of 100 ms.
 */
#include "tcp/rack.h"
#include "tests/unit/recovery_fixture.h"

/* DupThresh holds for RACK as long as no reordering was seen: no window then.
 * Shows: RFC 8985 6.2e, 6.2i; RFC 6675 5a, 5d; RFC 5681 3.2c. */
static void three_sacked_segments_are_a_loss_at_once(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 2);
    expect_silence(f);
    sacks(f, 0, 1, 3);
    expect_silence(f);
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    assert_int_equal(conn_of(f)->ssthresh, 4 * MSS);
    wait_ns(f, RTT);
    acks(f, 8);
    assert_int_equal(conn_of(f)->cwnd, 4 * MSS);
    assert_int_equal(f->tcp.counters.retransmissions, 1);
}

/* RFC 8985 section 6.2: a quarter of the least round trip after it was due.
 * Shows: RFC 8985 6.2f, 6.2i, 6.2j. */
static void rack_waits_for_its_reordering_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 3);
    expect_segments(f, 0, 3);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 2);
    expect_after(f, RTT / 4, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    expect_silence(f);
    acks(f, 3);
}

/* A path of a millisecond: the timer waits for another one, and not for its quarter. */
static void rack_does_not_look_again_at_once(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->sack = true;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    wait_ns(f, MS(1));
    acks(f, 0);
    send_segments(f, 3);
    expect_segments(f, 0, 3);
    wait_ns(f, MS(1));
    sacks(f, 0, 1, 2);
    expect_after(f, MS(1), TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 3);
}

/* Shows: RFC 8985 6.2j. */
static void rack_forgives_what_arrives_in_its_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 3);
    expect_segments(f, 0, 3);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 3);
    expect_silence_for(f, MS(20));
    acks(f, 3); /* only late */
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.fast_recoveries, 0);
}

/* A retransmission that is lost as well is found by time, not by the timeout.
 * Shows: RFC 8985 5.1a, 6.2b, 6.2k; RFC 6675 5b. */
static void a_lost_retransmission_is_found(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 8);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(1));
    send_segments(f, 1);
    expect_segments(f, 8, 9);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 9);
    expect_segments(f, 0, 1);
    assert_int_equal(f->tcp.counters.rto_expired, 0);
    wait_ns(f, RTT);
    acks(f, 9);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
}

/* The timeout counts from the repair, or each loss on a path of more than 200 ms
 * would end in it.
 * Shows: RFC 6298 5.3a. */
static void a_repair_has_a_timeout_of_its_own(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    conn_of(f)->rtt.rto_ns = MS(110); /* the deviation is small by now */
    send_segments(f, 5);
    expect_segments(f, 0, 5);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 5);
    expect_segments(f, 0, 1);
    expect_silence_for(f, MS(109));
    expect_after(f, MS(1), TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.rto_expired, 1);
}

/* Section 6.2, step 4: each round with a D-SACK widens the window by a quarter.
 * Shows: RFC 8985 6.2g; RFC 2883 4e. */
static void a_dsack_widens_the_reordering_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    struct tcp_flight *flight;

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    flight = conn_of(f)->flight;
    wait_ns(f, RTT);
    sacks(f, 1, 0, 1); /* the first, twice */
    assert_int_equal(flight->rack_reo_mult, 1);
    sacks(f, 1, 0, 1); /* once a round */
    assert_int_equal(flight->rack_reo_mult, 1);
    assert_int_equal(flight->rack_reo_persist, 16);
    wait_ns(f, MS(1));
    sacks(f, 1, 2, 3);
    expect_after(f, 2 * RTT / 4, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    acks(f, 3);
    assert_int_equal(flight->rack_reo_persist, 16);
    acks(f, 4);
    forget_sent(f);
}

/* It was a repair that was not needed, as a tail loss probe may be, and nothing overtook
 * anything: DupThresh holds as before.
 * Shows: RFC 8985 6.2d, 6.2e. */
static void a_dsack_is_no_reordering(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 1, 0, 1);
    assert_int_equal(conn_of(f)->flight->rack_reo_mult, 1);
    sacks(f, 1, 2, 5);
    expect_segments(f, 1, 2);
    acks(f, 8);
    forget_sent(f);
}

/* The round of the D-SACK before ended 2 GiB ago: its end lies ahead again. */
static void a_dsack_widens_it_however_long_after(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    struct tcp_flight *flight;

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    flight = conn_of(f)->flight;
    wait_ns(f, RTT);
    sacks(f, 1, 0, 1);
    flight->rack_dsack_round = conn_of(f)->snd.una + (1u << 30);
    sacks(f, 1, 0, 1);
    assert_int_equal(flight->rack_reo_mult, 2);
    acks(f, 4);
    forget_sent(f);
}

/* One ACK tells of what came in order and of what came behind a hole, or of several holes at once:
 * all of it may have come in the order in which it went.
 * Shows: RFC 8985 6.2d, 6.2e. */
static void what_one_ack_tells_is_no_reordering(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 10);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    sacks(f, 1, 2, 3);
    assert_false(conn_of(f)->flight->rack_reordering);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + MSS,
               .sack = {{1 + 6 * MSS, 1 + 7 * MSS}, {1 + 4 * MSS, 1 + 5 * MSS}});
    assert_false(conn_of(f)->flight->rack_reordering);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
    sacks(f, 1, 5, 6); /* this came behind the one that is after it */
    assert_true(conn_of(f)->flight->rack_reordering);
    acks(f, 10);
    forget_sent(f);
}

/* A path of seconds with many D-SACKs: the window is SRTT at the most, and does not wrap.
 * Shows: RFC 8985 6.2f. */
static void a_wide_reordering_window_does_not_wrap(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    conn_of(f)->flight->rack_reordering = true;
    for (unsigned mult = 0; mult <= UINT8_MAX; mult++) {
        conn_of(f)->flight->rack_reo_mult = (uint8_t)mult;
        conn_of(f)->rtt.min_rtt_ns = MS(4000);
        conn_of(f)->rtt.srtt_ns = 5000 * NS_PER_MS;
        assert_true(tcp_rack_window_ns(conn_of(f)) ==
                    min_u64((mult + 1) * 1000 * NS_PER_MS, 5000 * NS_PER_MS));
    }
    acks(f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(three_sacked_segments_are_a_loss_at_once),
        SCRIPT(rack_waits_for_its_reordering_window),
        SCRIPT(rack_does_not_look_again_at_once),
        SCRIPT(rack_forgives_what_arrives_in_its_window),
        SCRIPT(a_lost_retransmission_is_found),
        SCRIPT(a_repair_has_a_timeout_of_its_own),
        SCRIPT(a_dsack_widens_the_reordering_window),
        SCRIPT(a_dsack_is_no_reordering),
        SCRIPT(a_dsack_widens_it_however_long_after),
        SCRIPT(a_wide_reordering_window_does_not_wrap),
        SCRIPT(what_one_ack_tells_is_no_reordering),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
