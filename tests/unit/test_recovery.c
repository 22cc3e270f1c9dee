/*
 * Goal:   loss is found and repaired: by counting duplicate ACKs (RFC 5681, RFC 6582,
 *         RFC 3042) without SACK, by the timeout (RFC 6298) below that and RACK; the
 *         congestion window follows; and who does not answer is given up (RFC 9293
 *         section 3.8.3).
 * Method: scripts over one stack, with a round trip of 100 ms.
 */
#include "tests/unit/recovery_fixture.h"

static_assert(TCP_RTO_MAX_NS >= SECONDS(60), "RFC 6298 section 2.5");

/* RFC 3042: the first two let a segment go each; the third is a loss.
 * Shows: RFC 5681 3.2c, 3.2d, 3.2e, 3.2f; RFC 3042 2a, 2c, 2d; RFC 9937 5a, 6.1a. */
static void three_duplicate_acks_are_a_loss(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 20);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    acks(f, 0);
    expect_segments(f, 10, 11);
    acks(f, 0);
    expect_segments(f, 11, 12);
    acks(f, 0);
    expect_segments(f, 0, 1);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    /* RFC 9937: half of what is delivered, the one that was repaired counted; then as
     * much as keeps the pipe at ssthresh. */
    for (unsigned i = 0; i < 6; i++) {
        acks(f, 0);
        if (i == 2) {
            expect_segments(f, 12, 13);
        } else if (i == 5) {
            expect_segments(f, 13, 14);
        }
        expect_silence(f);
    }
    acks(f, 12); /* all that was sent before the loss */
    assert_int_equal(conn_of(f)->cwnd, 5 * MSS);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    expect_segments(f, 14, 17);
}

/* Of a peer without SACK: three duplicate ACKs have sent it again. */
static struct tcp_fixture *first_of_eight_lost(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    for (unsigned i = 0; i < 3; i++) {
        acks(f, 0);
    }
    expect_segments(f, 0, 1);
    return f;
}

/* RFC 6582 section 3.2: a partial ACK is a loss of the next, without three more.
 * Shows: RFC 6582 3.2b, 3.2c. */
static void a_partial_ack_repairs_the_next(void **state)
{
    struct tcp_fixture *f = first_of_eight_lost(state);

    wait_ns(f, RTT);
    acks(f, 3);
    expect_segments(f, 3, 4);
    wait_ns(f, RTT);
    acks(f, 8);
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    assert_int_equal(f->tcp.counters.retransmissions, 2);
}

/* A window that is taken back while a loss is repaired: the repair goes on with the partial
 * ACK that opens it.
 * Shows: RFC 9293 MUST-34. */
static void a_window_that_closes_in_recovery(void **state)
{
    struct tcp_fixture *f = first_of_eight_lost(state);

    f->peer->window = WINDOW_ZERO;
    for (unsigned i = 0; i < 4; i++) {
        acks(f, 0);
        expect_silence(f);
    }
    wait_ns(f, RTT);
    f->peer->window = 65535;
    acks(f, 3);
    expect_segments(f, 3, 4);
    wait_ns(f, RTT);
    acks(f, 8);
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.rto_expired, 0);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    assert_int_equal(f->tcp.counters.retransmissions, 2);
}

/* RFC 5681 section 2: what is not a duplicate ACK.
 * Shows: RFC 5681 2a. */
static void only_bare_acks_are_duplicates(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 5);
    expect_segments(f, 0, 5);
    for (uint32_t i = 0; i < 3; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i, .ack = 1, .bytes = 1); /* with text */
        expect(f, TCP_ACK, .seq = 5001, .ack = 2 + i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        peer_sends(f, TCP_ACK, .seq = 4, .ack = 1, .window = 60000 + i); /* another window */
    }
    expect_silence(f);
    assert_int_equal(conn_of(f)->flight->dup_acks, 0);
}

/* RFC 6298 section 5: doubled each time, everything is lost, one at a time.
 * Shows: RFC 9293 MUST-19; RFC 6298 5.2a, 5.4a, 5.5a, 5.6a; RFC 5681 3.1l; RFC 2525 2.4, 2.10,
 * 2.14. */
static void the_timeout_backs_off(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.mtu_probing = TCP_MTU_PROBING_OFF; /* else it looks like a black hole */
    (void)far_peer(state, false);
    send_segments(f, 3);
    expect_segments(f, 0, 3);
    for (unsigned i = 0; i < 4; i++) {
        expect_after(f, RTO << i, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
        assert_int_equal(conn_of(f)->cwnd, MSS);
        expect_silence(f);
    }
    assert_int_equal(conn_of(f)->ssthresh, 2 * MSS);
    acks(f, 1);
    expect_segments(f, 1, 3);
    acks(f, 3);
    expect_silence_for(f, SECONDS(60));
    assert_int_equal(f->tcp.counters.rto_expired, 4);
}

/* Duplicate ACKs after a timeout are of what it sent again (RFC 6582 section 3.2).
 * Shows: RFC 6582 3.2a; RFC 6675 5.1b. */
static void duplicates_after_a_timeout_are_no_new_loss(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 5);
    expect_segments(f, 0, 5);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 1);
    expect_segments(f, 1, 3);
    for (unsigned i = 0; i < 3; i++) {
        acks(f, 1);
    }
    assert_int_equal(f->tcp.counters.fast_recoveries, 0);
    forget_sent(f);
}

/* RFC 3465 section 2.3. Only the first was lost; that the others were there is no sign of
 * how much the path takes.
 * Shows: RFC 3465 2.3b. */
static void a_large_ack_after_a_timeout_opens_it_by_a_segment(void **state)
{
    static const uint32_t to[] = {8, 10}; /* short of the recovery point, and all */
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(to); i++) {
        f->peer = &f->peers[i];
        (void)far_peer(state, false);
        send_segments(f, 20);
        expect_segments(f, 0, 10);
        expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
        assert_int_equal(conn_of(f)->cwnd, MSS);
        wait_ns(f, RTT);
        acks(f, to[i]);
        assert_int_equal(conn_of(f)->cwnd, 2 * MSS);
        forget_sent(f);
        app_aborts(f);
        forget_sent(f);
    }
}

/* RFC 8985 section 6.3 and RFC 2018 section 8: a head that is SACKed still at the
 * timeout was dropped again by the peer.
 * Shows: RFC 8985 6.3b; RFC 2018 5b, 8a. */
static void a_peer_may_renege(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    wait_ns(f, RTT);
    acks(f, 1); /* but not what it had SACKed */
    expect_silence(f);
    assert_int_equal(conn_of(f)->flight->sendq.sacked_count, 3);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->flight->sendq.sacked_count, 0);
    acks(f, 2);
    expect_segments(f, 2, 4);
    acks(f, 4);
}

/* R1 asks the neighbour again, R2 gives up, and the application is told.
 * Shows: RFC 9293 MUST-20, SHLD-11; RFC 6298 2.5a. */
static void who_does_not_answer_is_given_up(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t begin_ns;

    f->settings.policy.mtu_probing = TCP_MTU_PROBING_OFF; /* else it looks like a black hole */
    (void)far_peer(state, false);
    begin_ns = f->now_ns;
    send_segments(f, 1);
    expect_segments(f, 0, 1);
    for (unsigned i = 0; i < TCP_R2_RETRANSMISSIONS; i++) {
        expect_after(f, min_u64(RTO << i, TCP_RTO_MAX_NS), TCP_ACK, .seq = 1, .ack = 1,
                     .bytes = MSS);
    }
    wait_ns(f, TCP_RTO_MAX_NS + MS(1));
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    assert_true(f->now_ns - begin_ns > SECONDS(100)); /* RFC 1122 section 4.2.3.5 */
}

/* MUST-36, MUST-37: a closed window is probed for as long as it is answered.
 * Shows: RFC 9293 MUST-35, MUST-36, MUST-37, SHLD-30; RFC 6429 4a; RFC 2525 2.12. */
static void a_closed_window_is_probed_for_ever(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    uint64_t wait = RTO;

    f->peer->window = WINDOW_ZERO;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    app_sends(f, 100);
    for (unsigned i = 0; i < 2 * TCP_R2_RETRANSMISSIONS; i++) {
        expect_after(f, wait, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
        wait = min_u64(2 * wait, TCP_RTO_MAX_NS);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        expect_silence(f);
    }
    assert_int_equal(f->tcp.counters.zero_window_probes, 2 * TCP_R2_RETRANSMISSIONS);
    f->peer->window = 65535;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 99);
    expect_after(f, RTO, TCP_ACK, .seq = 2, .ack = 1, .bytes = 99); /* no back-off is left */
}

/* A window that is closed over what is out is probed with the oldest alone, though the peer has
 * said that it has it, and the rest goes again once it opens.
 * Shows: RFC 9293 MUST-35. */
static void what_a_window_was_closed_over_waits(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned reneges = 0; reneges < 2; reneges++) {
        uint64_t sent;

        f->peer = &f->peers[reneges];
        (void)far_peer(state, true);
        send_segments(f, 8);
        expect_segments(f, 0, 8);
        f->peer->window = WINDOW_ZERO;
        if (reneges) {
            sacks(f, 0, 0, 1);
        } else {
            acks(f, 0);
        }
        for (unsigned i = 0; i < 4; i++) {
            expect_after(f, RTO << i, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
            acks(f, 0);
            expect_silence(f);
        }
        sent = f->tcp.counters.retransmissions;
        f->peer->window = 65535;
        acks(f, 1);
        expect_segments(f, 1, 8);
        assert_int_equal(f->tcp.counters.retransmissions, sent + 7);
        wait_ns(f, RTT);
        acks(f, 8);
        expect_silence(f);
    }
    assert_int_equal(f->tcp.counters.rto_expired, 0);
}

/* A byte that the closed window has refused goes again as soon as the window opens, and is
 * no loss of the path.
 * Shows: RFC 9293 MUST-35. */
static void a_refused_probe_goes_first(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned sack = 0; sack < 2; sack++) {
        uint32_t cwnd;

        f->peer = &f->peers[sack];
        (void)far_peer(state, sack);
        cwnd = conn_of(f)->cwnd;
        f->peer->window = WINDOW_ZERO;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        send_segments(f, 3);
        for (unsigned i = 0; i < 3; i++) {
            expect_after(f, RTO << i, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        }
        wait_ns(f, RTO << 2);
        f->peer->window = 65535;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
        expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = MSS - 1);
        expect_segments(f, 1, 3);
        wait_ns(f, RTT);
        acks(f, 3);
        assert_in_range(conn_of(f)->cwnd, cwnd, UINT32_MAX);
        assert_int_equal(conn_of(f)->ssthresh, UINT32_MAX);
    }
    assert_int_equal(f->tcp.counters.rto_expired, 0);
    assert_int_equal(f->tcp.counters.fast_recoveries, 0);
}

/* The window opens before the answer to the probe can be there: the peer will take it. */
static void a_probe_under_way_is_waited_for(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    f->peer->window = WINDOW_ZERO;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    send_segments(f, 3);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    wait_ns(f, RTT / 2);
    f->peer->window = 65535;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = MSS - 1);
    expect_segments(f, 1, 3);
    wait_ns(f, RTT);
    acks(f, 3);
    assert_int_equal(f->tcp.counters.retransmissions, 0);
}

/* No probes for an application that has gone (RFC 6429), nor a peer that has.
 * Shows: RFC 6429 4b. */
static void probes_that_nobody_waits_for_end(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned gone = 0; gone < 2; gone++) {
        unsigned probes = 0;

        f->peer = &f->peers[gone];
        f->peer->window = WINDOW_ZERO;
        establish(f);
        app_sends(f, 100);
        if (gone == 0) {
            app_closes(f);
        }
        while (f->peer->told.close == 0 && probes < 100) {
            wait_ns(f, SECONDS(1));
            if (conn_of(f) && f->tcp.counters.zero_window_probes > probes) {
                forget_sent(f);
                probes++;
                if (gone == 0) {
                    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
                }
            }
            forget_sent(f);
        }
        assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
        f->tcp.counters.zero_window_probes = 0;
    }
}

/* Nor for a peer that acknowledges a byte now and then: each is progress, and no timer counts. */
static void drops_that_nobody_waits_for_end(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t begin_ns, most_ns;

    establish(f);
    app_sends(f, 9 * MSS);
    forget_sent(f);
    begin_ns = f->now_ns;
    most_ns = SECONDS(9 * MSS / 1024 + 1) + (TCP_R2_RETRANSMISSIONS + 1) * TCP_RTO_MAX_NS;
    app_closes(f);
    forget_sent(f);
    for (uint32_t acked = 1; conn_of(f) && f->now_ns - begin_ns < 2 * most_ns; acked++) {
        wait_ns(f, SECONDS(50));
        forget_sent(f);
        if (conn_of(f)) {
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + acked);
            forget_sent(f);
        }
    }
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    assert_in_range(f->now_ns - begin_ns, most_ns / 2, most_ns + SECONDS(100));
}

/* Nor for a window that opens again and again and takes nothing: no timer would ever run out.
 * Shows: RFC 6429 4c. */
static void openings_that_nobody_waits_for_end(void **state)
{
    static const struct {
        const char *name;
        uint32_t window;
    } cases[] = {{"for all that is queued", 65535}, {"for too little to send", 10}};
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        f->peer->window = WINDOW_ZERO;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        app_sends(f, 2 * MSS);
        app_closes(f);
        for (unsigned n = 0; n < 200 && f->peer->told.close == 0; n++) {
            wait_ns(f, MS(50));
            forget_sent(f);
            f->peer->window = n & 1 ? WINDOW_ZERO : cases[i].window;
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
            forget_sent(f);
        }
        assert_int_equal(f->peer->told.close, 1);
        assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    }
}

/* The ACKs of one turn count as one: behind the first of them less is in flight than the window,
 * since nothing could be sent, and it limits all the same. What the application has not filled does
 * not grow.
 * Shows: RFC 5681 3.1a. */
static void acks_of_one_turn_all_count(void **state)
{
    static const struct {
        const char *name;
        uint32_t ssthresh; /* segments; 0: as it was */
        uint32_t sent;
        uint32_t cwnd; /* behind them */
    } cases[] = {
        {"slow start", 0, 10, 20},
        {"avoidance", 10, 10, 11},
        {"slow start, a few", 0, 3, 10},
        {"avoidance, a few", 10, 8, 10},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        far_peer(state, true);
        if (cases[i].ssthresh > 0) {
            conn_of(f)->ssthresh = cases[i].ssthresh * MSS;
        }
        send_segments(f, cases[i].sent);
        expect_segments(f, 0, cases[i].sent);
        for (uint32_t n = 1; n <= cases[i].sent; n++) {
            peer_queues(f, TCP_ACK, .seq = 1, .ack = 1 + n * MSS);
        }
        turn(f);
        assert_int_equal(conn_of(f)->cwnd, cases[i].cwnd * MSS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(three_duplicate_acks_are_a_loss),
        SCRIPT(a_partial_ack_repairs_the_next),
        SCRIPT(a_window_that_closes_in_recovery),
        SCRIPT(only_bare_acks_are_duplicates),
        SCRIPT(the_timeout_backs_off),
        SCRIPT(duplicates_after_a_timeout_are_no_new_loss),
        SCRIPT(a_large_ack_after_a_timeout_opens_it_by_a_segment),
        SCRIPT(a_peer_may_renege),
        SCRIPT(who_does_not_answer_is_given_up),
        SCRIPT(a_closed_window_is_probed_for_ever),
        SCRIPT(what_a_window_was_closed_over_waits),
        SCRIPT(a_refused_probe_goes_first),
        SCRIPT(a_probe_under_way_is_waited_for),
        SCRIPT(probes_that_nobody_waits_for_end),
        SCRIPT(drops_that_nobody_waits_for_end),
        SCRIPT(openings_that_nobody_waits_for_end),
        SCRIPT(acks_of_one_turn_all_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
