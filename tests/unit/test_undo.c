/*
 * Goal:   a recovery that was needless is found by timestamps (RFC 3522), D-SACK (RFC 3708) or
 *         F-RTO (RFC 5682), and undone (RFC 4015, RFC 9438 section 4.9); one that was needed
 *         is not.
 * Method: scripts over one stack, with a round trip of 100 ms and ten segments in flight.
 */
#include "tcp/rexmit.h"
#include "tests/unit/recovery_fixture.h"

#define STAMPED (MSS - TCP_TIMESTAMP_BYTES)
#define EARLY MS(150) /* a timeout before a tail loss probe */

/* A probe would go in the timeout's place: it has been, say, and tells nothing. */
static void without_probe(struct tcp_fixture *f)
{
    struct tcp_conn *conn = conn_of(f);

    if (tcp_conn_has(conn, TCP_CONN_SACK_OK)) {
        conn->flight->tlp_out = true;
        conn->flight->tlp_retransmitted = false;
        conn->flight->tlp_end_seq = conn->snd.nxt;
        tcp_rexmit_arm(conn);
    }
}

/* Ten segments, of which the test says what became. */
static struct tcp_fixture *ten_in_flight(void **state, bool sack, uint32_t queued)
{
    struct tcp_fixture *f = far_peer(state, sack);

    conn_of(f)->rtt.rto_ns = EARLY;
    send_segments(f, queued);
    expect_segments(f, 0, 10);
    without_probe(f);
    return f;
}

static void expect_as_before(struct tcp_fixture *f)
{
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    assert_in_range(conn_of(f)->cwnd, 10 * STAMPED, 14 * MSS);
    assert_int_equal(conn_of(f)->ssthresh, UINT32_MAX);
}

/* With SACK, the first ACK of what went once says it.
 * Shows: RFC 5682 3a, 4a; RFC 4015 3.2a, 3.2b. */
static void frto_undoes_a_needless_timeout(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, true, 30);

    expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect_silence(f);
    assert_int_equal(conn_of(f)->cwnd, MSS);
    acks(f, 2); /* the originals, after all */
    expect_as_before(f);
    assert_int_equal(f->tcp.counters.timeouts_undone, 1);
    expect_segments(f, 10, 12);
    acks(f, 10);
    forget_sent(f);
    assert_int_equal(f->tcp.counters.retransmissions, 1);
}

/* Over and over: a path that was silent for seconds, without a loss. */
static void frto_undoes_a_row_of_timeouts(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.mtu_probing = TCP_MTU_PROBING_OFF; /* else it looks like a black hole */
    (void)ten_in_flight(state, true, 30);
    for (unsigned i = 0; i < 4; i++) {
        expect_after(f, EARLY << i, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    }
    acks(f, 2);
    expect_as_before(f);
    forget_sent(f);
}

/* Without SACK what arrived may have waited for the repair: two new segments must ask.
 * Shows: RFC 5682 2.1a, 2.1b, 2.1c. */
static void frto_asks_with_new_data_without_sack(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, false, 30);

    expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 2);
    expect_segments(f, 10, 12);
    assert_int_equal(f->tcp.counters.timeouts_undone, 0);
    acks(f, 3);
    expect_as_before(f);
    assert_int_equal(f->tcp.counters.timeouts_undone, 1);
    forget_sent(f);
    assert_int_equal(f->tcp.counters.retransmissions, 1);
}

/* Shows: RFC 5682 2.1d. */
static void frto_lets_a_real_timeout_be(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned sack = 0; sack < 2; sack++) {
        f->peer = &f->peers[sack];
        (void)ten_in_flight(state, sack, 30);
        expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
        wait_ns(f, RTT);
        acks(f, 1);
        expect_segments(f, 10, 12); /* new */
        wait_ns(f, RTT);
        sacks(f, 1, 10, 11); /* has arrived, the old has not */
        expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
        assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_LOSS);
        forget_sent(f);
        wait_ns(f, RTT);
        acks(f, 12);
        forget_sent(f);
        app_aborts(f);
        forget_sent(f);
    }
    assert_int_equal(f->tcp.counters.timeouts_undone, 0);
}

/* Nothing new to ask with, or no window for it: what is lost goes.
 * Shows: RFC 5682 2.1e. */
static void without_new_data_a_timeout_goes_on(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned queued = 10; queued <= 20; queued += 10) {
        f->peer = &f->peers[queued / 10];
        f->peer->window = 10 * MSS;
        (void)ten_in_flight(state, false, queued);
        expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
        wait_ns(f, RTT);
        f->peer->window = 9 * MSS;
        acks(f, 1);
        expect_segments(f, 1, 3);
        app_aborts(f);
        forget_sent(f);
    }
}

/* The peer drops what F-RTO asked with, and closes its window: what it lacks is probed with, and
 * no more than that goes.
 * Shows: RFC 9293 MUST-35. */
static void a_window_that_closes_behind_a_timeout_is_probed(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, false, 30);

    expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    wait_ns(f, RTT);
    acks(f, 1);
    expect_segments(f, 10, 12);
    f->peer->window = 0;
    acks(f, 1);
    expect_silence(f);
    wait_ns(f, SECONDS(3));
    expect(f, TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS);
    forget_sent(f);
    app_aborts(f);
    forget_sent(f);
}

/* Likewise what duplicates had told of: with all taken for lost, none of it is out. */
static void a_probe_of_the_window_forgets_duplicates(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, false, 10);

    for (unsigned i = 0; i < 5; i++) {
        acks(f, 0);
    }
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->flight->dup_acks, 5);
    f->peer->window = 0;
    acks(f, 0);
    wait_ns(f, SECONDS(3));
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->flight->dup_acks, 0);
    forget_sent(f);
    app_aborts(f);
    forget_sent(f);
}

static uint32_t segments_sent(struct tcp_fixture *f)
{
    return (conn_of(f)->snd.nxt - conn_of(f)->snd.iss) / MSS;
}

/* A round trip behind a recovery nothing of it is left to be asked for with each ACK. */
static void behind_a_recovery_comes_rest(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    struct tcp_flight *flight;
    uint32_t out;

    send_segments(f, 60);
    forget_sent(f);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 10);
    flight = conn_of(f)->flight;
    assert_int_equal(flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
    wait_ns(f, RTT);
    acks(f, segments_sent(f));
    assert_int_equal(flight->recovery, TCP_RECOVERY_OPEN);
    assert_int_not_equal(flight->unrest, 0); /* a D-SACK may come */
    out = segments_sent(f);
    forget_sent(f);
    wait_ns(f, RTT);
    acks(f, out);
    assert_ptr_equal(conn_of(f)->flight, flight);
    assert_int_equal(flight->unrest, 0);
    forget_sent(f);
    app_aborts(f);
    forget_sent(f);
}

/* The echo is of a time before anything went again (RFC 3522 section 3.2).
 * Shows: RFC 3522 3.2a, 3.2b; RFC 4015 3.2a, 3.2b. */
static void timestamps_undo_a_timeout(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t sent_ts;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    (void)far_peer(state, false);
    conn_of(f)->rtt.rto_ns = EARLY;
    app_sends(f, 10 * STAMPED);
    sent_ts = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED)->ts_val;
    forget_sent(f);
    expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 4 * STAMPED, .ts_ecr = sent_ts);
    expect_as_before(f);
    assert_int_equal(f->tcp.counters.timeouts_undone, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * STAMPED, .ts_ecr = sent_ts);
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.retransmissions, 1);
}

/* Of an ACK of the repair the echo is the repair's.
 * Shows: RFC 3522 3.2c. */
static void timestamps_let_a_real_timeout_be(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    (void)far_peer(state, false);
    conn_of(f)->rtt.rto_ns = EARLY;
    app_sends(f, 10 * STAMPED);
    forget_sent(f);
    expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 4 * STAMPED);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_LOSS);
    assert_int_equal(f->tcp.counters.timeouts_undone, 0);
    forget_sent(f);
}

/* Reordered by more than RACK and the DupThresh allow for.
 * Shows: RFC 3522 3.2b. */
static void timestamps_undo_a_fast_recovery(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t sent_ts;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    (void)far_peer(state, true);
    app_sends(f, 10 * STAMPED);
    sent_ts = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED)->ts_val;
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = sent_ts,
               .sack = {{1 + STAMPED, 1 + 4 * STAMPED}});
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED);
    wait_ns(f, MS(5));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 4 * STAMPED, .ts_ecr = sent_ts);
    expect_as_before(f);
    assert_int_equal(f->tcp.counters.recoveries_undone, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * STAMPED, .ts_ecr = sent_ts);
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.retransmissions, 1);
}

/* RFC 3708: also when the recovery is over, as it mostly is by then.
 * Shows: RFC 3708 3a; RFC 4015 3.2b. */
static void a_dsack_undoes_a_fast_recovery(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, true, 40);

    wait_ns(f, RTT);
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    acks(f, 10); /* all but reordered */
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    assert_int_equal(conn_of(f)->cwnd, 5 * MSS);
    forget_sent(f);
    sacks(f, 10, 0, 1);
    expect_as_before(f);
    assert_int_equal(f->tcp.counters.recoveries_undone, 1);
    forget_sent(f);
}

/* A peer could have it undone and begun again with each ACK, and have all that is in flight
 * walked over each time: once for what is in flight is enough. */
static void a_fast_recovery_is_undone_once_for_a_flight(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    uint32_t told = 0;

    conn_of(f)->cwnd = 20 * MSS;
    send_segments(f, 20);
    forget_sent(f);
    wait_ns(f, RTT);
    sacks(f, 0, 10, 13);
    for (uint32_t end = 14; end <= 17; end++) { /* what went again was not needed, it says */
        uint32_t again = (uint32_t)f->tcp.counters.retransmissions;
        struct tcp_sack_block block = {1 + told * MSS, 1 + again * MSS};

        assert_in_range(again, told + 1, 10);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1,
                   .sack = {block, block, {1 + 10 * MSS, 1 + end * MSS}});
        told = again;
    }
    assert_int_equal(f->tcp.counters.recoveries_undone, 1);
    assert_int_equal(f->tcp.counters.fast_recoveries, 2);
    acks(f, 20);
    send_segments(f, 8); /* and once for the next */
    forget_sent(f);
    wait_ns(f, RTT);
    sacks(f, 20, 21, 25);
    sacks(f, 28, 20, 21);
    assert_int_equal(f->tcp.counters.recoveries_undone, 2);
    forget_sent(f);
}

/* Of two that went again one was needed.
 * Shows: RFC 3708 3b. */
static void a_dsack_of_a_part_undoes_nothing(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, true, 40);

    wait_ns(f, RTT);
    sacks(f, 0, 2, 6);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(1));
    sacks(f, 0, 2, 10);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    forget_sent(f);
    wait_ns(f, RTT);
    acks(f, 10);
    forget_sent(f);
    sacks(f, 10, 0, 1);
    assert_int_equal(f->tcp.counters.recoveries_undone, 0);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    forget_sent(f);
}

/* A duplicate of what went before that recovery began.
 * Shows: RFC 3708 3b. */
static void a_dsack_of_before_undoes_nothing(void **state)
{
    struct tcp_fixture *f = ten_in_flight(state, true, 40);

    wait_ns(f, RTT);
    acks(f, 5);
    forget_sent(f);
    sacks(f, 5, 6, 9);
    expect(f, TCP_ACK, .seq = 5001, .ack = 1, .bytes = MSS);
    forget_sent(f);
    acks(f, 10);
    sacks(f, 10, 0, 1);
    assert_int_equal(f->tcp.counters.recoveries_undone, 0);
    forget_sent(f);
}

/* RFC 9438 section 4.9: the cubic goes on where it was.
 * Shows: RFC 9438 4.9a. */
static void cubic_goes_on_where_it_was(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_cubic before = {
        .avoids = true, .epoch = 1, .w_max = 77 * MSS, .k = 5, .cwnd_prior = 70 * MSS};

    (void)far_peer(state, true);
    conn_of(f)->cc = &tcp_cc_cubic;
    conn_of(f)->cc_state.cubic = before;
    conn_of(f)->rtt.rto_ns = EARLY;
    send_segments(f, 30);
    expect_segments(f, 0, 10);
    without_probe(f);
    expect_after(f, EARLY, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->cc_state.cubic.w_max, 0);
    acks(f, 2);
    expect_as_before(f);
    assert_memory_equal(&conn_of(f)->cc_state.cubic, &before, sizeof before);
    forget_sent(f);
}

/* A SYN that went again for nothing does not cost the initial window (RFC 5681 section 3.1 has
 * one segment behind a lost one). */
static void a_needless_syn_costs_no_window(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    for (unsigned lost = 0; lost < 2; lost++) {
        uint32_t sent_ts;

        f->peer = &f->peers[lost];
        f->peer->timestamps = true;
        assert_int_equal(app_connects(f), TCP_OK);
        sent_ts = expect(f, TCP_SYN, .seq = 0)->ts_val;
        sent_ts += lost ? 1000 : 0;
        expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
        peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, .ts_ecr = sent_ts);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
        assert_int_equal(conn_of(f)->cwnd, lost ? STAMPED : 10 * STAMPED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(frto_undoes_a_needless_timeout),
        SCRIPT(frto_undoes_a_row_of_timeouts),
        SCRIPT(frto_asks_with_new_data_without_sack),
        SCRIPT(frto_lets_a_real_timeout_be),
        SCRIPT(without_new_data_a_timeout_goes_on),
        SCRIPT(timestamps_undo_a_timeout),
        SCRIPT(timestamps_let_a_real_timeout_be),
        SCRIPT(timestamps_undo_a_fast_recovery),
        SCRIPT(a_dsack_undoes_a_fast_recovery),
        SCRIPT(a_dsack_of_a_part_undoes_nothing),
        SCRIPT(a_dsack_of_before_undoes_nothing),
        SCRIPT(a_fast_recovery_is_undone_once_for_a_flight),
        SCRIPT(a_window_that_closes_behind_a_timeout_is_probed),
        SCRIPT(a_probe_of_the_window_forgets_duplicates),
        SCRIPT(behind_a_recovery_comes_rest),
        SCRIPT(cubic_goes_on_where_it_was),
        SCRIPT(a_needless_syn_costs_no_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
