/*
 * Goal:   what a policy says of loss recovery and of quick ACKs is what the connection does
 *         (tcp/policy.h): each switch, and each number, away from its default.
 * Method: scripts over one stack with a round trip of 100 ms, in which the default would do
 *         something else at the place that is marked.
 */
#include "tests/unit/recovery_fixture.h"

/* The last segment goes again with the timeout, and not before: SRTT + 4 RTTVAR. */
static void tail_probes_can_be_off(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.tail_probes = false;
    (void)far_peer(state, true);
    send_segments(f, 3);
    expect_segments(f, 0, 3);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS); /* a probe: the third */
    assert_int_equal(f->tcp.counters.tlp_sent, 0);
    assert_int_equal(f->tcp.counters.rto_expired, 1);
    acks(f, 3);
    forget_sent(f);
}

/* Also one that is waited for already; and with them on again the timeout that runs is. */
static void tail_probes_are_switched_under_way(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy;

    (void)far_peer(state, true);
    send_segments(f, 3);
    expect_segments(f, 0, 3);
    policy = *tcp_conn_policy(conn_of(f));
    policy.tail_probes = false;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    assert_int_equal(conn_of(f)->rexmit_timer, TCP_TIMER_RTO);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.tlp_sent, 0);
    acks(f, 3);
    forget_sent(f);
    send_segments(f, 1);
    forget_sent(f);
    policy.tail_probes = true;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    assert_int_equal(conn_of(f)->rexmit_timer, TCP_TIMER_TLP);
    acks(f, 4);
    forget_sent(f);
}

/* The originals arrive after all, and the window stays what the timeout has made of it: it would
 * be as before. */
static void timeouts_can_be_believed(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.tail_probes = false;
    f->settings.policy.frto = false;
    (void)far_peer(state, true);
    send_segments(f, 10);
    expect_segments(f, 0, 10);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 2);
    assert_int_equal(f->tcp.counters.timeouts_undone, 0);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    assert_true(conn_of(f)->cwnd < 5 * MSS);
    forget_sent(f);
    acks(f, 10);
    forget_sent(f);
}

/* Three SACKed are no loss yet, five are. */
static void sacked_segments_are_counted_up_to_the_threshold(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.dup_threshold = 5;
    (void)far_peer(state, true);
    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 5);
    expect_silence(f); /* four */
    sacks(f, 0, 1, 6);
    expect_segments(f, 0, 1);
    acks(f, 8);
    forget_sent(f);
}

/* And duplicate ACKs of a peer without SACK; the first two let new text out (RFC 3042). */
static void duplicates_are_counted_up_to_the_threshold(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.dup_threshold = 5;
    (void)far_peer(state, false);
    send_segments(f, 10);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    for (unsigned i = 0; i < 4; i++) {
        acks(f, 0);
        expect_silence(f);
    }
    acks(f, 0);
    expect_segments(f, 0, 1);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    acks(f, 10);
    forget_sent(f);
}

/* More than the flight can bring: what was out before the duplicates let new text out counts, and
 * no more of it goes than was out. Three are always enough. */
static void no_flight_is_too_small_for_the_threshold(void **state)
{
    static const struct {
        uint32_t out, more, duplicates;
    } cases[] = {{10, 0, 5}, {10, 40, 9}, {4, 0, 3}};
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        f->settings.policy.dup_threshold = 127;
        (void)far_peer(state, false);
        send_segments(f, cases[i].out + cases[i].more);
        expect_segments(f, 0, cases[i].out);
        wait_ns(f, RTT);
        for (unsigned j = 1; j < cases[i].duplicates; j++) {
            acks(f, 0);
            if (cases[i].more > 0) {
                expect_segments(f, cases[i].out + j - 1, cases[i].out + j);
            }
            expect_silence(f);
        }
        acks(f, 0);
        expect_segments(f, 0, 1);
        assert_int_equal(f->tcp.counters.fast_recoveries, 1);
        forget_sent(f);
        f = start_over(state);
    }
}

/* It is lowered when as many have come: the next one counts. */
static void a_lowered_threshold_counts_at_once(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy;

    f->settings.policy.dup_threshold = 20;
    (void)far_peer(state, false);
    conn_of(f)->cwnd = 40 * MSS;
    send_segments(f, 30);
    expect_segments(f, 0, 30);
    wait_ns(f, RTT);
    for (unsigned i = 0; i < 5; i++) {
        acks(f, 0);
        expect_silence(f);
    }
    policy = *tcp_conn_policy(conn_of(f));
    policy.dup_threshold = TCP_DUPTHRESH;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    acks(f, 0);
    expect_segments(f, 0, 1);
    acks(f, 30);
    forget_sent(f);
}

/* However many are SACKed: a quarter of the least round trip is waited. */
static void the_reordering_window_can_be_waited_for_always(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.reordering_by_count = false;
    (void)far_peer(state, true);
    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 8);
    expect_after(f, RTT / 4, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 8);
    forget_sent(f);
}

/* A D-SACK doubles the reordering window, or leaves it. */
static void the_reordering_window_adapts_or_not(void **state)
{
    for (unsigned adapts = 0; adapts < 2; adapts++) {
        struct tcp_fixture *f = start_over(state);

        f->settings.policy.reordering_adapts = adapts != 0;
        (void)far_peer(state, true);
        send_segments(f, 3);
        expect_segments(f, 0, 3);
        wait_ns(f, RTT);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + MSS, .sack = {{1, 1 + MSS}});
        assert_int_equal(conn_of(f)->flight->rack_reo_mult, adapts);
        sacks(f, 1, 2, 3);
        expect_after(f, (1 + adapts) * RTT / 4, TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS);
        acks(f, 3);
        forget_sent(f);
    }
}

/* A window that grew to twenty segments, after a minute without a word. */
static void the_window_may_outlive_idleness(void **state)
{
    for (unsigned restarts = 0; restarts < 2; restarts++) {
        struct tcp_fixture *f = start_over(state);

        f->settings.policy.idle_restart = restarts != 0;
        (void)far_peer(state, true);
        send_segments(f, 10);
        expect_segments(f, 0, 10);
        wait_ns(f, RTT);
        acks(f, 10);
        assert_int_equal(conn_of(f)->cwnd, 20 * MSS);
        wait_ns(f, SECONDS(60));
        send_segments(f, 20);
        expect_segments(f, 10, restarts ? 20 : 30);
        wait_ns(f, RTT);
        acks(f, restarts ? 20 : 30);
        forget_sent(f);
        wait_ns(f, RTT);
        acks(f, 30);
        forget_sent(f);
    }
}

/* So many segments are answered at once, the next one is not. */
static void quick_acks_are_counted(void **state)
{
    static const uint8_t counts[] = {0, 1, 3};

    for (unsigned row = 0; row < COUNT_OF(counts); row++) {
        struct tcp_fixture *f = start_over(state);
        uint32_t seq = 1;

        f->settings.policy.quick_acks = counts[row];
        establish(f);
        for (unsigned i = 0; i < counts[row]; i++, seq += MSS) {
            peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = MSS);
            expect(f, TCP_ACK, .seq = 1, .ack = seq + MSS);
        }
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = MSS);
        expect_after(f, TCP_DELAYED_ACK_NS, TCP_ACK, .seq = 1, .ack = seq + MSS);
    }
}

/* Without a delay each is, whatever their number. */
static void nothing_is_delayed_without_a_delay(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.quick_acks = 0;
    f->settings.policy.ack_delay_ms = 0;
    establish(f);
    for (uint32_t i = 0; i < 20; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + (i + 1) * MSS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(tail_probes_can_be_off),
        SCRIPT(tail_probes_are_switched_under_way),
        SCRIPT(timeouts_can_be_believed),
        SCRIPT(sacked_segments_are_counted_up_to_the_threshold),
        SCRIPT(duplicates_are_counted_up_to_the_threshold),
        SCRIPT(no_flight_is_too_small_for_the_threshold),
        SCRIPT(a_lowered_threshold_counts_at_once),
        SCRIPT(the_reordering_window_can_be_waited_for_always),
        SCRIPT_V4(the_reordering_window_adapts_or_not),
        SCRIPT_V4(the_window_may_outlive_idleness),
        SCRIPT_V4(quick_acks_are_counted),
        SCRIPT(nothing_is_delayed_without_a_delay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
