/*
 * Goal:   the shared retransmission timer stands for the right thing at the right
 *         time (tcp/rexmit.c): tail loss probes (RFC 8985 section 7), the timeout,
 *         the persist and the override timer; and what becomes of a probe.
 * Method: scripts over one stack, with a round trip of 100 ms.
 */
#include "tests/unit/recovery_fixture.h"

#define PTO (2 * RTT) /* with more than one segment out */

/* Segments [first, end): sent, and seen. */
static void pass_segments(struct tcp_fixture *f, uint32_t first, uint32_t end)
{
    send_segments(f, end - first);
    expect_segments(f, first, end);
}

/* Shows: RFC 8985 7.1a, 7.2a, 7.3b, 7.3d. */
static void a_probe_sends_the_last_segment_again(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 3);
    expect_after(f, PTO, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.tlp_sent, 1);
    assert_int_equal(conn_of(f)->cwnd, 10 * MSS);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS); /* one probe only */
    assert_int_equal(f->tcp.counters.rto_expired, 1);
}

/* Section 7.3: new data goes first, past the congestion window by a segment.
 * Shows: RFC 8985 7.3a, 7.3c. */
static void a_probe_sends_new_data(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    conn_of(f)->cwnd = 2 * MSS;
    conn_of(f)->ssthresh = 2 * MSS;
    assert_int_equal(app_sends(f, 3 * MSS), 3 * MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect_after(f, PTO, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3001);
    assert_int_equal(conn_of(f)->ssthresh, 2 * MSS); /* nothing was repaired */
    assert_int_equal(f->tcp.counters.retransmissions, 0);
}

/* ... but not beyond the peer's window.
 * Shows: RFC 8985 7.3a. */
static void a_probe_keeps_to_the_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 2 * MSS);
    assert_int_equal(app_sends(f, 3 * MSS), 3 * MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect_after(f, PTO, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
}

/* One segment out, and two: the timeout is far away. A single one may be waiting for a second,
 * so it is given 200 ms more than two round trips, no less.
 * Shows: RFC 8985 7.2b. */
static void one_segment_may_wait_for_a_delayed_ack(void **state)
{
    for (uint32_t out = 1; out <= 2; out++) {
        struct tcp_fixture *f = start_over(state);
        uint64_t pto_ns = out == 1 ? 2 * RTT + MS(200) : 2 * RTT;

        (void)far_peer(state, true);
        conn_of(f)->rtt.rto_ns = SECONDS(1);
        pass_segments(f, 0, out);
        expect_silence_for(f, pto_ns - 1);
        expect_after(f, 1, TCP_ACK, .seq = 1 + (out - 1) * MSS, .ack = 1, .bytes = MSS);
        assert_int_equal(f->tcp.counters.tlp_sent, 1);
        acks(f, out);
    }
}

/* Shows: RFC 8985 7.2c. */
static void a_probe_goes_in_the_place_of_an_earlier_timeout(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 1);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS); /* before 400 ms */
    assert_int_equal(f->tcp.counters.tlp_sent, 1);                   /* in the timeout's place */
    assert_int_equal(f->tcp.counters.rto_expired, 0);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.rto_expired, 1);
}

/* Shows: RFC 8985 4a. */
static void without_sack_there_is_no_probe(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    pass_segments(f, 0, 3);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
}

/* What was SACKed sets RACK's timer, which is quicker, to work.
 * Shows: RFC 8985 7.2e. */
static void after_a_sack_there_is_no_probe(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 3);
    wait_ns(f, MS(150));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    expect_after(f, MS(25), TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS); /* RTT / 4 */
    expect_silence_for(f, MS(299));
    assert_int_equal(f->tcp.counters.tlp_sent, 0);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3001);
}

/* Section 7.4: the original arrived as well, so nothing was lost.
 * Shows: RFC 8985 7.4a. */
static void a_dsack_shows_a_needless_probe(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 3);
    expect_after(f, PTO, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    pass_segments(f, 3, 4);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3001, .sack = {{2001, 3001}});
    assert_int_equal(f->tcp.counters.spurious_probes, 1);
    assert_int_equal(conn_of(f)->ssthresh, UINT32_MAX);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 4001);
}

/* Of a recovery that begins before the probe's answer is here: its D-SACK is not the repair's.
 * Shows: RFC 3708 3b. */
static void a_needless_probe_undoes_no_recovery(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 8);
    expect_after(f, PTO, TCP_ACK, .seq = 7001, .ack = 1, .bytes = MSS);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 8001}}); /* the first is lost */
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{7001, 8001}, {1001, 8001}});
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    assert_int_equal(f->tcp.counters.recoveries_undone, 0);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 8001);
}

/* An ACK beyond the probe without a D-SACK: it repaired a loss, which is answered.
 * Shows: RFC 8985 7.4b. */
static void a_loss_that_a_probe_repaired_is_answered(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 8);
    expect_after(f, PTO, TCP_ACK, .seq = 7001, .ack = 1, .bytes = MSS);
    pass_segments(f, 8, 9);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 9001);
    assert_int_equal(f->tcp.counters.spurious_probes, 0);
    assert_in_range(conn_of(f)->ssthresh, 4 * MSS, 5 * MSS);
}

/* The ACK of just what went may be the original's, late: a D-SACK behind it says so, and without
 * one the ACK of what goes next says that the probe was needed; also when nothing was out
 * meanwhile. Shows: RFC 8985 7.4a, 7.4b. */
static void an_ack_of_the_probe_alone_says_nothing_yet(void **state)
{
    static const struct {
        const char *name;
        bool idle, dsack, duplicate;
    } cases[] = {
        {"a D-SACK comes", false, true, false}, {"idle, a D-SACK comes", true, true, false},
        {"a duplicate", false, false, true},    {"idle, a duplicate", true, false, true},
        {"nothing comes", false, false, false}, {"idle, nothing comes", true, false, false},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_fixture *f = far_peer(state, true);

        print_message("  %s\n", cases[i].name);
        pass_segments(f, 0, 3);
        expect_after(f, PTO, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
        if (!cases[i].idle) {
            pass_segments(f, 3, 4);
        }
        acks(f, 3);
        assert_int_equal(conn_of(f)->ssthresh, UINT32_MAX);
        if (cases[i].dsack) {
            sacks(f, 3, 2, 3);
            assert_int_equal(f->tcp.counters.spurious_probes, 1);
        } else if (cases[i].duplicate) {
            acks(f, 3);
        }
        if (cases[i].idle) {
            pass_segments(f, 3, 4);
        }
        acks(f, 4);
        assert_int_equal(conn_of(f)->ssthresh == UINT32_MAX, cases[i].dsack || cases[i].duplicate);
        (void)start_over(state);
    }
}

static void a_probe_that_cannot_go_leaves_the_timeout(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    pass_segments(f, 0, 3);
    f->tx_room = 0;
    turn(f);
    wait_ns(f, PTO + MS(1));
    f->tx_room = 32;
    turn(f);
    expect_after(f, RTO - MS(1), TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.tlp_sent, 0);
}

/* A window that was closed for longer than an RTO: what the path takes is not known any more.
 * Shows: RFC 5681 4.1a. */
static void a_window_that_opens_late_is_filled_slowly(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    conn_of(f)->cwnd = 60 * MSS;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    assert_int_equal(app_sends(f, 40 * MSS), 40 * MSS);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    assert_int_equal(conn_of(f)->cwnd, 10 * MSS);
    forget_sent(f);
}

/* The override timer ran out, but the piece could not go at once, and then the
 * window closed: from then on it is probed. */
static void an_override_that_is_too_late_becomes_a_probe(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 100);
    assert_int_equal(app_sends(f, MSS), MSS);
    expect_silence(f);
    f->tx_room = 0;
    turn(f);
    wait_ns(f, TCP_SWS_OVERRIDE_NS + MS(1));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    f->tx_room = 32;
    turn(f);
    turn(f);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
}

/* RFC 9293 SHLD-29: the first probe goes after an RTO, however often the peer tells
 * that its window is closed.
 * Shows: RFC 9293 SHLD-29. */
static void news_of_a_closed_window_does_not_put_off_the_probe(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    assert_int_equal(app_sends(f, MSS), MSS);
    for (unsigned i = 0; i < 3; i++) {
        wait_ns(f, RTO / 4);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    }
    expect_after(f, RTO / 4, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_probe_sends_the_last_segment_again),
        SCRIPT(a_probe_sends_new_data),
        SCRIPT(a_probe_keeps_to_the_window),
        SCRIPT_V4(one_segment_may_wait_for_a_delayed_ack),
        SCRIPT(a_probe_goes_in_the_place_of_an_earlier_timeout),
        SCRIPT(without_sack_there_is_no_probe),
        SCRIPT(after_a_sack_there_is_no_probe),
        SCRIPT(a_dsack_shows_a_needless_probe),
        SCRIPT(a_needless_probe_undoes_no_recovery),
        SCRIPT(a_loss_that_a_probe_repaired_is_answered),
        SCRIPT(an_ack_of_the_probe_alone_says_nothing_yet),
        SCRIPT(a_probe_that_cannot_go_leaves_the_timeout),
        SCRIPT(an_override_that_is_too_late_becomes_a_probe),
        SCRIPT(a_window_that_opens_late_is_filled_slowly),
        SCRIPT(news_of_a_closed_window_does_not_put_off_the_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
