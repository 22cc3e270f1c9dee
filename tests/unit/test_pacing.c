/*
 * Goal:   a paced connection sends at its rate in bursts of two segments and more, none early
 *         and none late by more than a tick of the fine wheel; turns of the worker that come
 *         late cost no rate; and what is not paced is not held up (tcp/pacing.h).
 * Method: scripts over one stack with a peer at a round trip of 100 ms, whose window of ten
 *         segments of 1,000 bytes makes 200 bytes a millisecond in slow start.
 */
#include "tcp/pacing.h"

#include "tests/unit/recovery_fixture.h"

#define BURST 2u          /* segments */
#define BURST_SPAN MS(10) /* of the initial window for a round trip, twice as fast */
#define ROUNDING_NS 100u  /* of a rate, in a burst */

static struct tcp_fixture *paced_peer(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.pacing = true;
    return far_peer(state, true);
}

static const struct tcp_pacing *pacing_of(struct tcp_fixture *f)
{
    return &f->tcp.pacer.places[conn_of(f)->index];
}

/* However many turns are due before: only then a turn. */
static void skip_to(struct tcp_fixture *f, uint64_t at_ns)
{
    f->now_ns = at_ns;
    turn(f);
}

/* Turns whenever one is due, until something goes. */
static void run_until_sent(struct tcp_fixture *f)
{
    uint64_t before = f->tcp.counters.segments_out;

    while (f->tcp.counters.segments_out == before) {
        assert_true(tcp_next_deadline(&f->tcp) != UINT64_MAX);
        skip_to(f, max_u64(tcp_next_deadline(&f->tcp), f->now_ns));
    }
}

/* Two segments go at that time, not earlier, and later by a fine tick at most. */
static void expect_burst_at(struct tcp_fixture *f, uint64_t due_ns, uint32_t first)
{
    run_until_sent(f);
    assert_in_range(f->now_ns, due_ns, due_ns + ROUNDING_NS + PACING_TICK_NS);
    expect_segments(f, first, first + BURST);
}

static void a_window_is_spread_over_the_round_trip(void **state)
{
    struct tcp_fixture *f = paced_peer(state);
    uint64_t start_ns;

    send_segments(f, 10);
    start_ns = f->now_ns;
    expect_segments(f, 0, BURST);
    for (uint32_t first = BURST; first < 10; first += BURST) {
        expect_burst_at(f, start_ns + first / BURST * BURST_SPAN, first);
    }
    assert_int_equal(f->tcp.pacer.waiting, 0);
}

/* Without it all goes at once, and no timer is armed. */
static void others_are_not_paced(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 10);
    expect_segments(f, 0, 10);
    assert_int_equal(f->tcp.pacer.waiting, 0);
}

/* Linux's factors. */
static void the_rate_follows_the_window(void **state)
{
    static const struct {
        const char *name;
        uint32_t cwnd, ssthresh;
        uint64_t span_ns; /* of two segments */
    } cases[] = {
        {"slow start", 10000, UINT32_MAX, MS(10)},
        {"its last half", 10000, 20000, 2000 * RTT / 12000},
        {"avoidance", 10000, 10000, 2000 * RTT / 12000},
        {"a window of one", 1000, 1000, 2000 * RTT / 1200},
        {"twice the window", 20000, UINT32_MAX, MS(5)},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_fixture *f;
        uint64_t sent_ns;

        print_message("  %s\n", cases[i].name);
        (void)start_over(state);
        f = paced_peer(state);
        conn_of(f)->cwnd = cases[i].cwnd;
        conn_of(f)->ssthresh = cases[i].ssthresh;
        send_segments(f, BURST + 1);
        sent_ns = f->now_ns;
        expect_segments(f, 0, min_u32(cases[i].cwnd / MSS, BURST));
        assert_in_range(pacing_of(f)->next_ns - sent_ns,
                        cases[i].span_ns * min_u32(cases[i].cwnd / MSS, BURST) / BURST,
                        cases[i].span_ns + MS(1) / 10);
    }
}

/* Draft-ietf-ccwg-bbr-06, "Send Quantum". */
static void a_burst_is_a_millisecond(void **state)
{
    static const struct {
        const char *name;
        uint64_t bytes_per_s;
        uint32_t least, most;
    } cases[] = {
        {"two segments at least", 1, 2 * MSS, 2 * MSS},
        {"10 Mbit/s", 1250000, 2 * MSS, 2 * MSS},
        {"100 Mbit/s", 12500000, 12500, 13200},
        {"64 KiB at the most", 1250000000, 65536, 65536},
    };
    struct tcp_fixture *f = paced_peer(state);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t rate = (cases[i].bytes_per_s << TCP_RATE_SHIFT) / NS_PER_S;

        print_message("  %s\n", cases[i].name);
        f->tcp.pacer.places[conn_of(f)->index].rate = rate;
        assert_in_range(pacing_quantum(conn_of(f)), cases[i].least, cases[i].most);
    }
}

/* Bursts keep to the time table; of more than one that is missed one is made up for. */
static void a_late_turn_costs_no_rate(void **state)
{
    static const struct {
        const char *name;
        uint64_t late_ns;
        uint64_t next_ns; /* the second burst, from the first */
        uint64_t third_ns;
    } cases[] = {
        {"in time", 0, MS(10), MS(20)},
        {"half a burst", MS(5), MS(5), MS(15)},
        {"a burst and a half", MS(15), 0, MS(10)},
        {"six bursts", MS(60), 0, MS(10)},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const uint64_t slack_ns = 3 * (PACING_TICK_NS + ROUNDING_NS);
        struct tcp_fixture *f;
        uint64_t sent_ns;

        print_message("  %s\n", cases[i].name);
        (void)start_over(state);
        f = paced_peer(state);
        send_segments(f, 10);
        expect_segments(f, 0, BURST);
        skip_to(f, f->now_ns + BURST_SPAN + cases[i].late_ns + ROUNDING_NS + PACING_TICK_NS);
        sent_ns = f->now_ns;
        expect_segments(f, BURST, 2 * BURST);
        run_until_sent(f);
        assert_in_range(f->now_ns - sent_ns + slack_ns, cases[i].next_ns,
                        cases[i].next_ns + 2 * slack_ns);
        expect_segments(f, 2 * BURST, 3 * BURST);
        run_until_sent(f);
        assert_in_range(f->now_ns - sent_ns + slack_ns, cases[i].third_ns,
                        cases[i].third_ns + 2 * slack_ns);
        forget_sent(f);
    }
}

/* Silence earns nothing. */
static void after_a_pause_one_burst_goes(void **state)
{
    struct tcp_fixture *f = paced_peer(state);

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    wait_ns(f, RTT);
    acks(f, 1);
    wait_ns(f, MS(50));
    send_segments(f, 6);
    expect_segments(f, 1, 1 + BURST);
    forget_sent(f);
}

static void an_ack_is_not_held_up(void **state)
{
    struct tcp_fixture *f = paced_peer(state);

    send_segments(f, 4);
    expect_segments(f, 0, BURST);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1 + BURST * MSS, .ack = 1 + MSS);
    assert_int_equal(f->tcp.pacer.waiting, 1);
    run_until_sent(f);
    expect(f, TCP_ACK, .seq = 1 + 2 * MSS, .ack = 1 + MSS, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1 + 3 * MSS, .ack = 1 + MSS, .bytes = MSS);
}

/* What is lost goes at the rate, too; and waiting for it is no reason for a probe. */
static void repairs_are_paced(void **state)
{
    struct tcp_fixture *f = paced_peer(state);

    send_segments(f, 10);
    while (conn_of(f)->snd.nxt - conn_of(f)->snd.una < 10 * MSS) {
        forget_sent(f);
        run_until_sent(f);
    }
    forget_sent(f);
    wait_ns(f, MS(60));
    sacks(f, 0, 6, 10);
    while (f->tcp.counters.retransmissions < 3) {
        uint64_t before = f->tcp.counters.retransmissions;

        forget_sent(f);
        run_until_sent(f);
        assert_in_range(f->tcp.counters.retransmissions - before, 1, BURST);
    }
    forget_sent(f);
    assert_int_equal(f->tcp.counters.tlp_sent, 0);
    assert_int_equal(f->tcp.counters.rto_expired, 0);
}

/* But a timeout does not wait: R2 would count what has not gone. */
static void a_timeout_waits_for_no_release(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.tail_probes = false;
    (void)paced_peer(state);
    send_segments(f, 1);
    expect_segments(f, 0, 1);
    f->tcp.pacer.places[conn_of(f)->index].next_ns = f->now_ns + SECONDS(100);
    send_segments(f, 1);
    expect_silence(f);
    assert_true(pacing_is_waiting(conn_of(f)));
    skip_to(f, conn_of(f)->rexmit_ns + MS(1));
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.rto_expired, 1);
}

/* With nothing in flight only the pacer keeps it from being forgotten, and nobody takes it for
 * a window that is too small. */
static void nothing_else_waits_with_it(void **state)
{
    struct tcp_fixture *f = paced_peer(state);

    conn_of(f)->cwnd = MSS;
    conn_of(f)->ssthresh = MSS;
    send_segments(f, 4);
    expect_segments(f, 0, 1);
    conn_of(f)->cwnd = 4 * MSS;
    acks(f, 1); /* at once: the round trip has become none */
    forget_sent(f);
    while (f->tcp.pacer.waiting == 1) {
        assert_int_not_equal(conn_of(f)->rexmit_timer, TCP_TIMER_OVERRIDE);
        run_until_sent(f);
        forget_sent(f);
    }
    assert_false(sendq_has_unsent(&conn_of(f)->flight->sendq));
}

static void it_ends_with_the_policy(void **state)
{
    struct tcp_fixture *f = paced_peer(state);
    struct tcp_policy policy = f->settings.policy;

    send_segments(f, 10);
    expect_segments(f, 0, BURST);
    policy.pacing = false;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    assert_int_equal(f->tcp.pacer.waiting, 0);
    turn(f);
    expect_segments(f, BURST, 10);
    policy.pacing = true; /* and begins with it */
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    wait_ns(f, MS(10));
    acks(f, 10);
    send_segments(f, 10);
    expect_segments(f, 10, 10 + BURST);
    forget_sent(f);
}

static void it_ends_with_the_connection(void **state)
{
    struct tcp_fixture *f = paced_peer(state);

    send_segments(f, 10);
    expect_segments(f, 0, BURST);
    assert_int_equal(f->tcp.pacer.waiting, 1);
    app_aborts(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1 + BURST * MSS, .ack = 1);
    assert_int_equal(f->tcp.pacer.waiting, 0);
    wait_ns(f, SECONDS(1));
    assert_int_equal(tcp_next_deadline(&f->tcp), UINT64_MAX);
}

/* The fine wheel has stood still for as long as nobody waited. */
static void the_wheel_begins_again_after_hours(void **state)
{
    struct tcp_fixture *f = paced_peer(state);
    uint64_t sent_ns;

    wait_ns(f, SECONDS(10000));
    conn_of(f)->last_send_ns = 0; /* no restart of the window */
    send_segments(f, 4);
    sent_ns = f->now_ns;
    expect_segments(f, 0, BURST);
    expect_burst_at(f, sent_ns + BURST_SPAN, BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_window_is_spread_over_the_round_trip),
        SCRIPT(others_are_not_paced),
        SCRIPT(the_rate_follows_the_window),
        SCRIPT(a_burst_is_a_millisecond),
        SCRIPT(a_late_turn_costs_no_rate),
        SCRIPT(after_a_pause_one_burst_goes),
        SCRIPT(an_ack_is_not_held_up),
        SCRIPT(repairs_are_paced),
        SCRIPT(a_timeout_waits_for_no_release),
        SCRIPT(nothing_else_waits_with_it),
        SCRIPT(it_ends_with_the_policy),
        SCRIPT(it_ends_with_the_connection),
        SCRIPT(the_wheel_begins_again_after_hours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
