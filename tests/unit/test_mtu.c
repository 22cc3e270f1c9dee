/*
 * Goal:   tcp/mtu.h finds out what a path takes (RFC 4821): a probe goes when it is worth it,
 *         what becomes of it is understood, a black hole is left, a lowered estimate is tried
 *         again (RFC 1191).
 * Method: scripts over one stack, with a peer that takes all that the link does. The whole of
 *         a search is in test_mtu_search.c.
 */
#include "tests/unit/tcp_fixture.h"

#include "tcp/cc.h"

/* Full segments with what both ends take, and those with which a search begins. */
static uint32_t most(const struct tcp_fixture *f)
{
    return f->v6 ? 1440 : 1460;
}

static uint32_t base(const struct tcp_fixture *f)
{
    return f->v6 ? 1220 : 984;
}

static struct tcp_fixture *prepare(void **state, enum tcp_mtu_probing probing)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = &tcp_cc_newreno; /* its windows are easy to count */
    f->settings.policy.mtu_probing = probing & 3u;
    f->settings.nodelay = true;
    f->peer->mss = 1460;
    return f;
}

/* A handshake with a round trip of 100 ms. */
static void open_far(struct tcp_fixture *f)
{
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    wait_ns(f, MS(100));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_silence(f);
}

/* A probe of all that both ends take, made of two of the segments that are queued: behind it
 * goes what is left of the second, then as many as the initial window takes. Returns the end. */
static uint32_t send_probe(struct tcp_fixture *f)
{
    const struct seg *seg;

    open_far(f);
    assert_int_equal(conn_of(f)->snd.mss, base(f));
    app_sends(f, 20000);
    seg = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = most(f));
    assert_int_equal(seg->ip_bytes, 1500);
    expect(f, TCP_ACK, .seq = 1 + most(f), .ack = 1, .bytes = 2 * base(f) - most(f));
    for (uint32_t i = 2; i < 10; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * base(f), .ack = 1, .bytes = base(f));
    }
    expect_silence(f);
    return 1 + 10 * base(f);
}

/* Shows: RFC 4821 7.3a, 7.6a. */
static void a_probe_that_arrives_raises_the_size(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);
    uint32_t nxt = send_probe(f);
    uint32_t queued;

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + most(f));
    assert_int_equal(conn_of(f)->snd.mss, most(f));
    forget_sent(f); /* what was queued in small segments goes in small segments */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = nxt);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 20001);
    queued = f->peer->told.queued;
    app_sends(f, 2 * most(f));
    expect(f, TCP_ACK, .seq = 1 + queued, .ack = 1, .bytes = most(f));
    expect(f, TCP_ACK, .seq = 1 + queued + most(f), .ack = 1, .bytes = most(f));
    assert_int_equal(f->tcp.counters.mtu_probes, 1);
}

/* Known from a SACK block too, before SND.UNA is there. */
static void a_probe_that_is_sacked_has_arrived(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);
    uint32_t first;

    establish(f);
    app_sends(f, base(f));
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = base(f));
    first = 1 + base(f);
    app_sends(f, 10000);
    expect(f, TCP_ACK, .seq = first, .ack = 1, .bytes = most(f));
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{first, first + most(f)}});
    assert_int_equal(conn_of(f)->snd.mss, most(f));
    forget_sent(f);
}

/* The window stays, and what the probe carried goes again at once in segments of before.
 * Shows: RFC 4821 7.6b. */
static void a_lost_probe_is_no_congestion(void **state)
{
    static const bool has_sack[] = {true, false};

    for (unsigned i = 0; i < COUNT_OF(has_sack); i++) {
        struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);
        uint32_t cwnd;

        f->peer->sack = has_sack[i];
        (void)send_probe(f);
        cwnd = conn_of(f)->cwnd;
        wait_ns(f, MS(100));
        for (uint32_t n = 1; n <= 3; n++) {
            forget_sent(f);
            peer_sends(
                f, TCP_ACK, .seq = 1, .ack = 1,
                .sack = {{has_sack[i] ? 1 + most(f) : 0, has_sack[i] ? 1 + (n + 1) * base(f) : 0}});
        }
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = base(f));
        expect(f, TCP_ACK, .seq = 1 + base(f), .ack = 1, .bytes = most(f) - base(f));
        assert_int_equal(conn_of(f)->cwnd, cwnd);
        assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
        assert_int_equal(conn_of(f)->mtu.high, most(f) - 1);
        assert_int_equal(conn_of(f)->snd.mss, base(f));
        assert_int_equal(f->tcp.counters.fast_recoveries, 0);
        forget_sent(f);
        (void)start_over(state);
    }
}

/* Found by RACK's timer when fewer than three segments tell of it. */
static void a_lost_probe_is_found_by_its_time(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);
    uint32_t cwnd;

    (void)send_probe(f);
    wait_ns(f, MS(100));
    cwnd = conn_of(f)->cwnd;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1 + most(f), 1 + 2 * base(f)}});
    forget_sent(f);
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                 .bytes = base(f));
    assert_int_equal(conn_of(f)->cwnd, cwnd);
    assert_int_equal(f->tcp.counters.mtu_probes_lost, 1);
    assert_int_equal(f->tcp.counters.fast_recoveries, 0);
    forget_sent(f);
}

/* Others are lost with it: then it tells nothing of its size, and the loss is answered. */
static void a_probe_lost_among_others_tells_nothing(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);
    uint32_t nxt = send_probe(f);
    uint32_t cwnd = conn_of(f)->cwnd;

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1 + 2 * base(f), nxt}});
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = base(f));
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    assert_true(conn_of(f)->ssthresh < cwnd);
    assert_int_equal(conn_of(f)->mtu.high, most(f));
    assert_false(conn_of(f)->flight->mtu_probe_out);
    assert_int_equal(f->tcp.counters.mtu_probes_lost, 0);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = nxt);
    assert_int_equal(conn_of(f)->snd.mss, base(f)); /* what arrived came in pieces */
    forget_sent(f);
}

/* Nothing at all is answered: the timer runs out, which is congestion, and the size is not
 * tried again soon. */
static void a_probe_that_ends_in_a_timeout_has_failed(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);

    f->peer->sack = false;
    (void)send_probe(f);
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                 .bytes = base(f));
    assert_int_equal(conn_of(f)->cwnd, base(f));
    assert_int_equal(conn_of(f)->mtu.high, most(f) - 1);
}

/* RFC 4821 section 7.4: when its loss could not be told from others, none goes. */
static void no_probe_goes_when_it_is_not_worth_it(void **state)
{
    static const struct {
        const char *name;
        uint32_t bytes;  /* to send */
        uint16_t window; /* of the peer */
        uint32_t cwnd;
        enum frame_pressure pressure;
        bool probes;
    } cases[] = {
        {"worth it", 8000, 65535, 20000, FRAME_NORMAL, true},
        {"too little to send", 4000, 65535, 20000, FRAME_NORMAL, false},
        {"too small a window", 8000, 4000, 20000, FRAME_NORMAL, false},
        {"too small a congestion window", 8000, 65535, 4000, FRAME_NORMAL, false},
        {"short of frames", 8000, 65535, 20000, FRAME_PRESSURE, false},
    };
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->mss = 1460;
        f->peer->window = cases[i].window;
        establish(f);
        conn_of(f)->cwnd = cases[i].cwnd;
        press(f, cases[i].pressure);
        app_sends(f, cases[i].bytes);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = cases[i].probes ? most(f) : base(f));
        forget_sent(f);
        press(f, FRAME_NORMAL);
        app_aborts(f);
        forget_sent(f);
    }
}

/* A full window has room for a probe when several ACKs have come: until then nothing else
 * goes. */
static void room_is_made_for_a_probe(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);

    open_far(f);
    conn_of(f)->ssthresh = 4 * base(f);
    conn_of(f)->cwnd = 4 * base(f); /* not worth a probe */
    app_sends(f, 20000);
    for (uint32_t i = 0; i < 4; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * base(f), .ack = 1, .bytes = base(f));
    }
    conn_of(f)->cwnd = 5 * base(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 60000);
    expect_silence(f); /* there is room for one of the others */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + base(f));
    expect(f, TCP_ACK, .seq = 1 + 4 * base(f), .ack = 1, .bytes = most(f));
    forget_sent(f);
}

/* A segment goes R1 times without an answer: smaller ones go, then the smallest.
 * Shows: RFC 4821 7.7a. */
static void a_black_hole_makes_segments_small(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_AFTER_BLACK_HOLE);
    uint32_t least = f->v6 ? base(f) : 536;

    f->settings.policy.r1 = 5;
    f->peer->sack = false; /* no tail loss probes */
    establish(f);
    app_sends(f, 5 * most(f));
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = most(f));
    forget_sent(f);
    for (unsigned i = 1; i < 5; i++) {
        expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                     .bytes = most(f));
    }
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                 .bytes = base(f));
    assert_int_equal(f->tcp.counters.black_holes, 1);
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = least);
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = least);
    assert_int_equal(f->tcp.counters.black_holes, f->v6 ? 1 : 2);
    assert_int_equal(conn_of(f)->mtu.high, most(f)); /* the search begins there */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + least);
    expect(f, TCP_ACK, .seq = 1 + least, .ack = 1,
           .bytes = f->v6 ? most(f) - least : base(f) - least);
    forget_sent(f);
}

static void what_is_no_black_hole(void **state)
{
    static const struct {
        const char *name;
        enum tcp_mtu_probing probing;
        uint32_t bytes;
        bool neighbour_is_gone;
    } cases[] = {
        {"probing is off", TCP_MTU_PROBING_OFF, 1400, false},
        {"small segments", TCP_MTU_PROBING_AFTER_BLACK_HOLE, 500, false},
        {"no neighbour", TCP_MTU_PROBING_AFTER_BLACK_HOLE, 1400, true},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_fixture *f = prepare(state, cases[i].probing);

        print_message("  %s\n", cases[i].name);
        establish(f);
        app_sends(f, cases[i].bytes);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = cases[i].bytes);
        if (cases[i].neighbour_is_gone) {
            neighbour_at(&f->net.neighbours, conn_of(f)->path.neighbour)->state = NEIGHBOUR_FAILED;
        }
        while (conn_of(f)->retransmissions < 6) {
            wait_ns(f, conn_of(f)->rexmit_ns - f->now_ns + MS(1));
            forget_sent(f);
        }
        assert_int_equal(conn_of(f)->snd.mss, most(f));
        assert_int_equal(f->tcp.counters.black_holes, 0);
        (void)start_over(state);
    }
}

/* All that is queued goes, and is acknowledged. */
static void let_all_go(struct tcp_fixture *f)
{
    for (unsigned i = 0; tcp_conn_queued(conn_of(f)) > 0; i++) {
        assert_true(i < 1000);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = conn_of(f)->snd.nxt - f->peer->irs);
        forget_sent(f);
    }
}

/* ICMP lowers the estimate; ten minutes later more is tried: by a probe, or, when those are
 * off, by all.
 * Shows: RFC 1191 6.3a. */
static void a_lowered_estimate_is_tried_again(void **state)
{
    static const enum tcp_mtu_probing modes[] = {TCP_MTU_PROBING_OFF,
                                                 TCP_MTU_PROBING_AFTER_BLACK_HOLE};

    for (unsigned i = 0; i < COUNT_OF(modes); i++) {
        struct tcp_fixture *f = prepare(state, modes[i]);
        uint32_t low = f->v6 ? 1240 : 1260;
        uint32_t sent;

        establish(f);
        app_sends(f, most(f));
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = most(f));
        icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, 1300);
        forget_sent(f);
        sent = 1 + most(f);
        let_all_go(f);
        wait_ns(f, SECONDS(598));
        app_sends(f, 8000);
        expect(f, TCP_ACK, .seq = sent, .ack = 1, .bytes = low);
        forget_sent(f);
        sent += 8000;
        let_all_go(f);
        wait_ns(f, SECONDS(3));
        app_sends(f, 8000);
        if (modes[i] != TCP_MTU_PROBING_OFF) {
            expect(f, TCP_ACK, .seq = sent, .ack = 1, .bytes = most(f));
            assert_int_equal(conn_of(f)->snd.mss, low);
            assert_int_equal(f->tcp.counters.mtu_probes, 1);
        }
        forget_sent(f);
        sent += 8000;
        let_all_go(f);
        app_sends(f, most(f));
        expect(f, TCP_ACK, .seq = sent, .ack = 1, .bytes = most(f));
        assert_int_equal(conn_of(f)->path.mtu, 1500);
        (void)start_over(state);
    }
}

/* ICMP of a SYN: it goes again at once, and says that less is taken, with a limit of ours or
 * without. */
static void a_syn_heeds_icmp(void **state)
{
    static const uint16_t limits[] = {0, 1400};

    for (unsigned i = 0; i < COUNT_OF(limits); i++) {
        struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_AFTER_BLACK_HOLE);
        uint32_t headers = f->v6 ? 60 : 40;

        f->settings.mss_max = limits[i];
        assert_int_equal(app_connects(f), TCP_OK);
        assert_int_equal(expect(f, TCP_SYN, .seq = 0)->mss, limits[i] > 0 ? limits[i] : most(f));
        icmp_says(f, NET_ICMP_FRAG_NEEDED, 0, 1300);
        assert_int_equal(expect(f, TCP_SYN, .seq = 0)->mss, 1300 - headers);
        peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
        app_sends(f, 2000);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1300 - headers);
        forget_sent(f);
        (void)start_over(state);
    }
}

/* What both ends agreed on outlasts the path's estimate: nothing larger goes when more is tried,
 * and nothing smaller than it tells of a smaller path. */
static void a_limit_of_ours_is_no_estimate(void **state)
{
    static const enum tcp_mtu_probing modes[] = {TCP_MTU_PROBING_OFF,
                                                 TCP_MTU_PROBING_AFTER_BLACK_HOLE};

    for (unsigned i = 0; i < COUNT_OF(modes); i++) {
        struct tcp_fixture *f = prepare(state, modes[i]);

        f->settings.mss_max = 500;
        establish(f);
        assert_int_equal(conn_of(f)->flags & TCP_CONN_MTU_LOW, 0);
        app_sends(f, 1000);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 500);
        expect(f, TCP_ACK, .seq = 501, .ack = 1, .bytes = 500);
        icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, 1300); /* which a segment of 500 has not met */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001);
        wait_ns(f, SECONDS(TCP_MTU_RAISE_S + 1));
        app_sends(f, 4000);
        for (uint32_t j = 0; j < 8; j++) {
            expect(f, TCP_ACK, .seq = 1001 + 500 * j, .ack = 1, .bytes = 500);
        }
        assert_int_equal(f->tcp.counters.mtu_probes, 0);
        (void)start_over(state);
    }
}

/* A router answers a probe: only that goes again, the search goes on with what it said; and
 * what quotes nothing in flight is not believed.
 * Shows: RFC 4821 10.4a. */
static void icmp_tells_of_a_probe(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_ALWAYS);
    uint32_t told = f->v6 ? 1340 : 1360; /* of a path of 1,400 */
    uint32_t nxt = send_probe(f);
    uint32_t cwnd = conn_of(f)->cwnd;

    icmp_says(f, NET_ICMP_FRAG_NEEDED, nxt + 1, 1300);
    expect_silence(f);
    assert_int_equal(conn_of(f)->mtu.high, most(f));
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, 1400);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = base(f));
    expect(f, TCP_ACK, .seq = 1 + base(f), .ack = 1, .bytes = most(f) - base(f));
    expect_silence(f);
    assert_int_equal(conn_of(f)->cwnd, cwnd);
    assert_int_equal(conn_of(f)->snd.mss, base(f));
    assert_int_equal(conn_of(f)->mtu.high, told);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = nxt);
    expect(f, TCP_ACK, .seq = nxt, .ack = 1, .bytes = told);
    forget_sent(f);
    icmp_says(f, NET_ICMP_FRAG_NEEDED, nxt, 1450); /* never up */
    assert_int_equal(conn_of(f)->mtu.high, told);
    forget_sent(f);
}

/* What was queued in segments of before needs no gathering, is cut when it is longer, and a FIN
 * stays at the end. Each cut makes a record more, and is counted. */
static void a_probe_is_cut_from_a_long_segment(void **state)
{
    struct tcp_fixture *f = prepare(state, TCP_MTU_PROBING_AFTER_BLACK_HOLE);
    uint32_t told = f->v6 ? 1340 : 1360; /* of a path of 1,400 */
    uint32_t nxt;
    uint32_t tail;

    establish(f);
    app_sends(f, most(f));
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = most(f));
    f->peer->window = WINDOW_ZERO;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    f->peer->window = 65535;
    forget_sent(f);
    app_sends(f, 9 * most(f)); /* queued in segments of now */
    assert_int_equal(app_shuts_down(f), TCP_OK);
    tail = conn_of(f)->flight->sendq.tail;
    expect_silence(f);
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, 1300);
    forget_sent(f);
    conn_of(f)->mtu_s = (uint16_t)(conn_of(f)->mtu_s - TCP_MTU_RAISE_S);
    conn_of(f)->cwnd = 4 * most(f); /* as slow start will have it */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + most(f));
    expect(f, TCP_ACK, .seq = 1 + most(f), .ack = 1, .bytes = most(f));
    assert_int_equal(f->tcp.counters.mtu_probes, 1);
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 1 + most(f), 1400);
    forget_sent(f);
    nxt = conn_of(f)->snd.nxt - f->peer->irs;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = nxt);
    expect(f, TCP_ACK, .seq = nxt, .ack = 1, .bytes = told);
    assert_int_equal(f->tcp.counters.mtu_probes, 2);
    assert_int_equal(f->tcp.counters.splits, conn_of(f)->flight->sendq.tail - tail);
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_probe_that_arrives_raises_the_size),
        SCRIPT(a_probe_that_is_sacked_has_arrived),
        SCRIPT(a_lost_probe_is_no_congestion),
        SCRIPT(a_lost_probe_is_found_by_its_time),
        SCRIPT(a_probe_lost_among_others_tells_nothing),
        SCRIPT(a_probe_that_ends_in_a_timeout_has_failed),
        SCRIPT(no_probe_goes_when_it_is_not_worth_it),
        SCRIPT(room_is_made_for_a_probe),
        SCRIPT(a_black_hole_makes_segments_small),
        SCRIPT(what_is_no_black_hole),
        SCRIPT(a_lowered_estimate_is_tried_again),
        SCRIPT(a_syn_heeds_icmp),
        SCRIPT(a_limit_of_ours_is_no_estimate),
        SCRIPT(icmp_tells_of_a_probe),
        SCRIPT(a_probe_is_cut_from_a_long_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
