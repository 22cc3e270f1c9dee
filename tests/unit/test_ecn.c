/*
 * Goal:   both ends of a connection agree on a kind of ECN, or on none (RFC 3168 section 6.1.1,
 *         RFC 9768 section 3.1); classic ECN echoes until it is answered, and reduces once in
 *         a round trip; only new text is ECT.
 * Method: scripts over one stack, tables of what SYN and SYN-ACK say.
 */
#include "tests/unit/recovery_fixture.h"

#define NONE 0
#define CLASSIC (TCP_CWR | TCP_ECE)
#define ACCURATE (TCP_AE | TCP_CWR | TCP_ECE)

static void end_it(struct tcp_fixture *f)
{
    app_aborts(f);
    forget_sent(f);
}

/* What the counters tell of the only connection that there was. */
static void expect_agreed(const struct tcp_fixture *f, enum tcp_ecn_mode mode)
{
    assert_int_equal(f->tcp.counters.ecn_classic, mode == TCP_ECN_CLASSIC);
    assert_int_equal(f->tcp.counters.ecn_accurate, mode == TCP_ECN_ACCURATE);
}

/* Shows: RFC 9293 SHLD-8; RFC 3168 6.1.1b, 6.1.1c; RFC 9768 3.1.1b, 3.1.2a, 3.1.2b, 3.1.3a,
 * 3.2.2.2a. */
static void a_listener_agrees_to_what_is_asked(void **state)
{
    static const struct {
        const char *name;
        uint8_t most;
        uint16_t syn, syn_ack;
        uint8_t tos;
        uint8_t mode;
    } cases[] = {
        {"off, asked for nothing", TCP_ECN_OFF, NONE, NONE, 0, TCP_ECN_OFF},
        {"off, asked for classic", TCP_ECN_OFF, CLASSIC, NONE, 0, TCP_ECN_OFF},
        {"off, asked for accurate", TCP_ECN_OFF, ACCURATE, NONE, 0, TCP_ECN_OFF},
        {"classic, asked for nothing", TCP_ECN_CLASSIC, NONE, NONE, 0, TCP_ECN_OFF},
        {"classic, asked for classic", TCP_ECN_CLASSIC, CLASSIC, TCP_ECE, 0, TCP_ECN_CLASSIC},
        {"classic, asked for accurate", TCP_ECN_CLASSIC, ACCURATE, TCP_ECE, 0, TCP_ECN_CLASSIC},
        {"classic, half asked", TCP_ECN_CLASSIC, TCP_ECE, NONE, 0, TCP_ECN_OFF},
        {"accurate, asked for nothing", TCP_ECN_ACCURATE, NONE, NONE, 0, TCP_ECN_OFF},
        {"accurate, asked for classic", TCP_ECN_ACCURATE, CLASSIC, TCP_ECE, 0, TCP_ECN_CLASSIC},
        {"accurate", TCP_ECN_ACCURATE, ACCURATE, TCP_CWR, ECN_NOT_ECT, TCP_ECN_ACCURATE},
        {"accurate, as ECT(1)", TCP_ECN_ACCURATE, ACCURATE, CLASSIC, ECN_ECT_1, TCP_ECN_ACCURATE},
        {"accurate, as ECT(0)", TCP_ECN_ACCURATE, ACCURATE, TCP_AE, ECN_ECT_0, TCP_ECN_ACCURATE},
        {"accurate, as CE", TCP_ECN_ACCURATE, ACCURATE, TCP_AE | TCP_CWR, ECN_CE, TCP_ECN_ACCURATE},
        {"reserved: AE", TCP_ECN_ACCURATE, TCP_AE, TCP_CWR, 0, TCP_ECN_ACCURATE},
        {"reserved: ECE", TCP_ECN_ACCURATE, TCP_ECE, TCP_CWR, 0, TCP_ECN_ACCURATE},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->settings.ecn = cases[i].most;
        peer_sends_syn(f, cases[i].syn, .seq = 0, .tos = cases[i].tos);
        assert_int_equal(expect(f, TCP_SYN | TCP_ACK | cases[i].syn_ack, .seq = 0, .ack = 1)->tos,
                         0);
        assert_int_equal(conn_of(f)->ecn.mode, cases[i].mode);
        assert_true(cases[i].mode != TCP_ECN_ACCURATE || conn_of(f)->ecn.cep == 5);
        expect_agreed(f, TCP_ECN_OFF); /* a half-open one is no connection yet */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        expect_agreed(f, cases[i].mode);
        end_it(f);
        f = start_over(state);
    }
}

/* Shows: RFC 3168 6.1.1a, 6.1.1d, 6.1b; RFC 9768 3.1.1a, 3.1.2a, 3.1.2b, 3.1.3a, 3.1.5b. */
static void a_client_takes_what_it_is_given(void **state)
{
    static const struct {
        const char *name;
        uint8_t most;
        uint16_t syn, syn_ack;
        uint8_t mode;
        bool ect;
    } cases[] = {
        {"nothing asked, ECE", TCP_ECN_OFF, NONE, TCP_ECE, TCP_ECN_OFF, false},
        {"classic", TCP_ECN_CLASSIC, CLASSIC, TCP_ECE, TCP_ECN_CLASSIC, true},
        {"classic, refused", TCP_ECN_CLASSIC, CLASSIC, NONE, TCP_ECN_OFF, false},
        {"classic, reflected", TCP_ECN_CLASSIC, CLASSIC, CLASSIC, TCP_ECN_OFF, false},
        {"accurate", TCP_ECN_ACCURATE, ACCURATE, TCP_CWR, TCP_ECN_ACCURATE, true},
        {"accurate, mangled to ECT(1)", TCP_ECN_ACCURATE, ACCURATE, CLASSIC, TCP_ECN_ACCURATE,
         false},
        {"accurate, mangled to ECT(0)", TCP_ECN_ACCURATE, ACCURATE, TCP_AE, TCP_ECN_ACCURATE,
         false},
        {"accurate, reserved", TCP_ECN_ACCURATE, ACCURATE, TCP_AE | TCP_ECE, TCP_ECN_ACCURATE,
         true},
        {"accurate, classic only", TCP_ECN_ACCURATE, ACCURATE, TCP_ECE, TCP_ECN_CLASSIC, true},
        {"accurate, refused", TCP_ECN_ACCURATE, ACCURATE, NONE, TCP_ECN_OFF, false},
        {"accurate, reflected", TCP_ECN_ACCURATE, ACCURATE, ACCURATE, TCP_ECN_OFF, false},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->settings.ecn = cases[i].most;
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN | cases[i].syn, .seq = 0);
        peer_sends_syn(f, TCP_ACK | cases[i].syn_ack, .seq = 0, .ack = 1);
        forget_sent(f); /* the ACK: test_accecn */
        assert_int_equal(conn_of(f)->ecn.mode, cases[i].mode);
        expect_agreed(f, cases[i].mode);
        app_sends(f, 100);
        assert_int_equal(ecn_text_field(conn_of(f)), cases[i].ect ? ECN_ECT_0 : ECN_NOT_ECT);
        end_it(f);
        f = start_over(state);
    }
}

/* A path that drops such SYNs, or a host that is silent to them.
 * Shows: RFC 3168 6.1.1.1a; RFC 9768 3.1.4a. */
static void a_syn_without_an_answer_goes_without_flags(void **state)
{
    static const struct {
        uint8_t most;
        uint16_t flags[4];
    } cases[] = {
        {TCP_ECN_CLASSIC, {CLASSIC, NONE, NONE, NONE}},
        {TCP_ECN_ACCURATE, {ACCURATE, ACCURATE, NONE, NONE}},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        f->peer = &f->peers[i];
        f->settings.ecn = cases[i].most;
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN | cases[i].flags[0], .seq = 0);
        for (unsigned n = 1; n < COUNT_OF(cases[i].flags); n++) {
            expect_after(f, SECONDS(1) << (n - 1), TCP_SYN | cases[i].flags[n], .seq = 0);
        }
        end_it(f);
    }
}

/* A peer at a round trip of 100 ms, with classic ECN. */
static struct tcp_fixture *classic(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = &tcp_cc_newreno;
    f->settings.ecn = TCP_ECN_ACCURATE;
    f->peer->sack = true;
    peer_sends_syn(f, CLASSIC, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK | TCP_ECE, .seq = 0, .ack = 1);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    return f;
}

/* Shows: RFC 3168 6.1.3a, 6.1.3b, 6.1.3d. */
static void marks_are_echoed_until_they_are_answered(void **state)
{
    struct tcp_fixture *f = classic(state);

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .tos = ECN_ECT_0);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .tos = ECN_CE);
    expect(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 21);
    peer_sends(f, TCP_ACK, .seq = 21, .ack = 1, .bytes = 10, .tos = ECN_ECT_0);
    expect(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 31);
    app_sends(f, 10); /* text too */
    expect(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 31, .bytes = 10);
    peer_sends(f, TCP_ACK | TCP_CWR, .seq = 31, .ack = 11, .bytes = 10, .tos = ECN_CE);
    expect(f, TCP_ACK | TCP_ECE, .seq = 11, .ack = 41); /* answered, and marked anew */
    peer_sends(f, TCP_ACK | TCP_CWR, .seq = 41, .ack = 11, .bytes = 10, .tos = ECN_ECT_0);
    expect(f, TCP_ACK, .seq = 11, .ack = 51);
}

/* Shows: RFC 3168 6.1.2a, 6.1.2b, 6.1.2c, 6.1.2e, 6.1a. */
static void an_echo_reduces_once_in_a_round_trip(void **state)
{
    struct tcp_fixture *f = classic(state);

    send_segments(f, 60);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS)->tos,
                         ECN_ECT_0);
    }
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + MSS);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    expect(f, TCP_ACK | TCP_CWR, .seq = 1 + 10 * MSS, .ack = 1, .bytes = MSS);
    /* What was sent before the peer knew tells nothing new. */
    for (uint32_t i = 2; i <= 10; i++) {
        peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + i * MSS);
    }
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    assert_int_equal(conn_of(f)->cwnd, 5 * MSS);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    expect_segments(f, 11, 15); /* four for nine: rate reduction */
    assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + 11 * MSS); /* it has our CWR */
    assert_int_equal(f->tcp.counters.ecn_reductions, 2);
    assert_int_equal(f->tcp.counters.retransmissions, 0);
    forget_sent(f);
}

/* What passed our CWR may have had no mark, nor anything in the 2 GiB behind it: then its end
 * lies ahead again, and says nothing of this round trip. */
static void an_echo_reduces_however_long_after(void **state)
{
    struct tcp_fixture *f = classic(state);

    send_segments(f, 2);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + 2 * MSS);
    send_segments(f, 2);
    assert_true(expect(f, TCP_ACK | TCP_CWR, .seq = 1 + 2 * MSS, .ack = 1, .bytes = MSS) != NULL);
    forget_sent(f);
    wait_ns(f, RTT);
    acks(f, 4);
    assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    conn_of(f)->ecn.cwr_end -= 1u << 31; /* as 2 GiB later */
    send_segments(f, 2);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + 6 * MSS);
    assert_int_equal(f->tcp.counters.ecn_reductions, 2);
}

/* Shows: RFC 3168 6.1.4a, 6.1.5a, 6.1.6a. */
static void only_new_text_is_ect(void **state)
{
    struct tcp_fixture *f = classic(state);

    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    assert_int_equal(expect(f, TCP_ACK, .seq = 1, .ack = 11)->tos, 0);
    app_sends(f, 100);
    assert_int_equal(expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 100)->tos, ECN_ECT_0);
    wait_ns(f, RTT * 2 + TCP_PEER_DELAYED_ACK_NS); /* a repetition */
    assert_int_equal(expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 100)->tos, 0);
    f->peer->window = WINDOW_ZERO;
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 101);
    app_sends(f, 100);
    wait_ns(f, SECONDS(1));
    assert_int_equal(expect(f, TCP_ACK, .seq = 101, .ack = 11, .bytes = 1)->tos, 0);
    forget_sent(f);
}

/* A mark and a loss in one round trip are one sign of congestion.
 * Shows: RFC 3168 6.1.2b. */
static void a_loss_among_marks_is_not_answered_again(void **state)
{
    struct tcp_fixture *f = classic(state);

    send_segments(f, 60);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + MSS);
    forget_sent(f);
    sacks(f, 1, 2, 6);
    assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    expect(f, TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS);
    forget_sent(f);
}

/* Nothing was lost, but something was marked meanwhile: the reduction was needless for the one, and
 * is the answer to the other, in recovery and behind it.
 * Shows: RFC 4015 3.2c. */
static void marks_keep_what_a_needless_recovery_took(void **state)
{
    for (unsigned late = 0; late < 2; late++) {
        struct tcp_fixture *f = classic(state);

        send_segments(f, 60);
        expect_segments(f, 0, 10);
        wait_ns(f, RTT);
        sacks(f, 0, 1, 4);
        forget_sent(f);
        assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
        peer_sends(f, TCP_ACK | (late ? 0 : TCP_ECE), .seq = 1, .ack = 1 + 4 * MSS);
        peer_sends(f, TCP_ACK | (late ? TCP_ECE : 0), .seq = 1, .ack = 1 + 10 * MSS);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * MSS, .sack = {{1, 1 + MSS}});
        assert_int_equal(f->tcp.counters.recoveries_undone, 1);
        assert_in_range(conn_of(f)->cwnd, 5 * MSS, 6 * MSS);
        assert_int_equal(conn_of(f)->ssthresh, 5 * MSS);
        forget_sent(f);
        (void)start_over(state);
    }
}

/* What a tail loss probe repaired reduces the window, too: the peer is told.
 * Shows: RFC 3168 6.1.2c. */
static void a_loss_that_a_probe_repaired_is_told(void **state)
{
    struct tcp_fixture *f = classic(state);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    expect_after(f, 2 * RTT, TCP_ACK, .seq = 1 + 7 * MSS, .ack = 1, .bytes = MSS);
    send_segments(f, 1);
    expect_segments(f, 8, 9);
    acks(f, 9);
    assert_true(conn_of(f)->ssthresh < 6 * MSS);
    send_segments(f, 1);
    expect(f, TCP_ACK | TCP_CWR, .seq = 1 + 9 * MSS, .ack = 1, .bytes = MSS);
}

/* Who asks for both kinds can't be understood.
 * Shows: RFC 9768 3.1.5c, 3.1.5d, 3.1.5g, 3.1.5i. */
static void a_syn_that_contradicts_itself_is_reset(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    peer_sends_syn(f, ACCURATE, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1);
    peer_sends_syn(f, NONE, .seq = 0); /* only fallen back */
    expect(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1);
    assert_int_equal(ecn_text_field(conn_of(f)), ECN_NOT_ECT);
    peer_sends_syn(f, CLASSIC, .seq = 0);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
    assert_null(conn_of(f));
}

/* Those that went before the first that arrives are told of by none.
 * Shows: RFC 9768 3.1.4d, 3.1.5f. */
static void the_latest_syn_is_told(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    peer_sends_syn(f, ACCURATE, .seq = 0, .tos = ECN_CE);
    expect(f, TCP_SYN | TCP_ACK | TCP_AE | TCP_CWR, .seq = 0, .ack = 1);
    peer_sends_syn(f, ACCURATE, .seq = 0, .tos = ECN_ECT_0);
    expect(f, TCP_SYN | TCP_ACK | TCP_AE, .seq = 0, .ack = 1);
}

/* Who has not asked at first is asked for nothing, whatever comes later.
 * Shows: RFC 9768 3.1.5c, 3.1.5h, 3.1.5j. */
static void a_server_without_ecn_stays_so(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    peer_sends_syn(f, NONE, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends_syn(f, ACCURATE, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .tos = ECN_ECT_0);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    app_sends(f, 10);
    assert_int_equal(expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 10)->tos, ECN_NOT_ECT);
    assert_int_equal(conn_of(f)->ecn.mode, TCP_ECN_OFF);
}

/* What is not acceptable tells nothing of the path: anybody may have sent it.
 * Shows: RFC 3168 6.1.5b, 5a, 6.1.3c. */
static void which_marks_count(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq;
        uint8_t tos;
        bool echoed;
    } cases[] = {
        {"beyond the window", 1 + 65536, ECN_CE, false},
        {"of before", 1u - 100, ECN_CE, false},
        {"ECT(0)", 1, ECN_ECT_0, false},
        {"ECT(1)", 1, ECN_ECT_1, false},
        {"Not-ECT", 1, ECN_NOT_ECT, false},
        {"next", 1, ECN_CE, true},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        (void)classic(state);
        peer_sends(f, TCP_ACK, .seq = cases[i].seq, .ack = 1, .bytes = 10, .tos = cases[i].tos);
        forget_sent(f);
        conn_of(f)->rcv.quick_acks = 0;
        /* The ACK of two segments, whichever of them had CE. */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100, .tos = ECN_ECT_0);
        app_sends(f, 10);
        expect(f, TCP_ACK | (cases[i].echoed ? TCP_ECE : 0), .seq = 1, .ack = 101, .bytes = 10);
        end_it(f);
        f = start_over(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_listener_agrees_to_what_is_asked),
        SCRIPT(a_client_takes_what_it_is_given),
        SCRIPT(a_syn_without_an_answer_goes_without_flags),
        SCRIPT(marks_are_echoed_until_they_are_answered),
        SCRIPT(an_echo_reduces_once_in_a_round_trip),
        SCRIPT(an_echo_reduces_however_long_after),
        SCRIPT(only_new_text_is_ect),
        SCRIPT(a_loss_among_marks_is_not_answered_again),
        SCRIPT(marks_keep_what_a_needless_recovery_took),
        SCRIPT(a_loss_that_a_probe_repaired_is_told),
        SCRIPT(a_syn_that_contradicts_itself_is_reset),
        SCRIPT(the_latest_syn_is_told),
        SCRIPT(a_server_without_ecn_stays_so),
        SCRIPT(which_marks_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
