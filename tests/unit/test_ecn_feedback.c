/*
 * Goal:   with accurate ECN (RFC 9768) each end tells how many packets came with CE and how
 *         many bytes with each codepoint, soon enough that the count is not ambiguous; the
 *         other end believes it unless the handshake showed that something mangles it.
 *         DCTCP reduces by how much was marked (RFC 8257).
 * Method: scripts over one stack, with a round trip of 100 ms.
 */
#include "tests/unit/ecn_fixture.h"

#include "tcp/cc_dctcp.h"

/* Shows: RFC 9768 3.1.1c, 3.2.1a, 3.2.2.1c, 3.2.2.2b. */
static void a_client_tells_how_the_syn_ack_came(void **state)
{
    static const struct {
        const char *name;
        uint8_t field;
        uint16_t ace;
        uint8_t cep;
    } cases[] = {
        {"Not-ECT", ECN_NOT_ECT, ACE(2), 5},
        {"ECT(1)", ECN_ECT_1, ACE(3), 5},
        {"ECT(0)", ECN_ECT_0, ACE(4), 5},
        {"CE", ECN_CE, ACE(6), 6},
    };
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN | ACCURATE, .seq = 0);
        app_sends(f, 10); /* goes behind it, though it could carry it */
        peer_sends_syn(f, TCP_ACK | TCP_CWR, .seq = 0, .ack = 1, .tos = cases[i].field);
        expect(f, TCP_ACK | cases[i].ace, .seq = 1, .ack = 1, .accecn_kind = 172,
               .accecn_fields = 1, .accecn = {1});
        expect(f, TCP_ACK | ACE(cases[i].cep), .seq = 1, .ack = 1, .bytes = 10);
        /* The SYN-ACK once more: its ACK was lost. */
        peer_sends_syn(f, TCP_ACK | TCP_CWR, .seq = 0, .ack = 1, .tos = ECN_NOT_ECT);
        expect(f, TCP_ACK | ACE(2), .seq = 11, .ack = 1);
        /* And once more, marked: counted once, however many had it. */
        peer_sends_syn(f, TCP_ACK | TCP_CWR, .seq = 0, .ack = 1, .tos = ECN_CE);
        expect(f, TCP_ACK | ACE(6), .seq = 11, .ack = 1);
        assert_int_equal(conn_of(f)->ecn.cep, cases[i].cep);
        app_aborts(f);
        forget_sent(f);
    }
}

/* Shows: RFC 9768 3.2.2.1a, 3.2.2.1b, 3.2.2.3a, 3.2.2.4a. */
static void a_server_learns_how_the_syn_ack_came(void **state)
{
    static const struct {
        const char *name;
        uint16_t ace;
        bool ect;
        bool deaf;
    } cases[] = {
        {"cleared", ACE(0), false, true},         {"unused", ACE(1), true, false},
        {"Not-ECT", ACE(2), true, false},         {"made to ECT(1)", ACE(3), false, false},
        {"made to ECT(0)", ACE(4), false, false}, {"made to CE", ACE(6), false, false},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t cwnd;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        (void)accurate_with(state, cases[i].ace);
        assert_int_equal(ecn_text_field(conn_of(f)), cases[i].ect ? ECN_ECT_0 : ECN_NOT_ECT);
        send_segments(f, 2);
        forget_sent(f);
        cwnd = conn_of(f)->cwnd;
        /* Seven, since a CE on the SYN-ACK was counted already. */
        peer_sends(f, TCP_ACK | ACE(7), .seq = 1, .ack = 1 + 2 * MSS);
        assert_int_equal(conn_of(f)->cwnd < cwnd, !cases[i].deaf);
        app_aborts(f);
        forget_sent(f);
    }
}

/* Text that was lost behind the SYN-ACK, and what came after it: its ACE is a count.
 * Shows: RFC 9768 3.2.2.1d. */
static void a_last_ack_with_sack_blocks_counts(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    f->peer->sack = true;
    peer_sends_syn(f, ACCURATE, .seq = 0);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(3), .seq = 1, .ack = 1, .sack = {{101, 201}});
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(ecn_text_field(conn_of(f)), ECN_ECT_0);
}

/* Each count, and the change to CE at once; the second CE too.
 * Shows: RFC 9768 3.2.2a, 3.2.2.5a, 3.2.2.5b, 3.2.3a, 3.2.3c. */
static void marked_text_is_told_at_once(void **state)
{
    struct tcp_fixture *f = accurate(state);

    conn_of(f)->rcv.quick_acks = 0;
    text(f, 0, ECN_ECT_0);
    expect_silence(f); /* delayed like any other */
    text(f, 100, ECN_CE);
    expect(f, TCP_ACK | ACE(6), .seq = 1, .ack = 201, .accecn_kind = 172, .accecn_fields = 2,
           .accecn = {101, 100});
    text(f, 200, ECN_CE);
    expect_silence(f);
    text(f, 300, ECN_CE);
    expect(f, TCP_ACK | ACE(8), .seq = 1, .ack = 401, .accecn_kind = 172, .accecn_fields = 2,
           .accecn = {101, 300});
    text(f, 400, ECN_ECT_1);
    expect_after(f, TCP_DELAYED_ACK_NS, TCP_ACK | ACE(8), .seq = 1, .ack = 501, .accecn_kind = 172,
                 .accecn_fields = 3, .accecn = {101, 300, 101});
    app_sends(f, 10); /* text carries the count of packets, and no option */
    assert_int_equal(expect(f, TCP_ACK | ACE(8), .seq = 1, .ack = 501, .bytes = 10)->accecn_kind,
                     0);
}

/* What the connection had counted, the text with the FIN included.
 * Shows: RFC 9768 3.2.2a. */
static void time_wait_goes_on_telling(void **state)
{
    struct tcp_fixture *f = accurate(state);

    text(f, 0, ECN_CE);
    expect(f, TCP_ACK | ACE(6), .seq = 1, .ack = 101);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK | ACE(6), .seq = 1, .ack = 101);
    for (unsigned i = 0; i < 2; i++) {
        peer_sends(f, TCP_FIN | TCP_ACK | ACE_START, .seq = 101, .ack = 2, .bytes = 100,
                   .tos = ECN_CE);
        expect_state(f, TCP_TIME_WAIT);
        expect(f, TCP_ACK | ACE(7), .seq = 2, .ack = 202);
    }
}

/* With ECT(1) alone the other order says it in one field.
 * Shows: RFC 9768 3.2.3a. */
static void the_order_is_the_shorter(void **state)
{
    struct tcp_fixture *f = accurate(state);

    text(f, 0, ECN_ECT_1);
    expect(f, TCP_ACK | ACE_START, .seq = 1, .ack = 101, .accecn_kind = 174, .accecn_fields = 1,
           .accecn = {101});
}

/* Pure ACKs of a peer that marks them: each third.
 * Shows: RFC 9768 3.2.2.5a. */
static void marked_acks_are_told_now_and_then(void **state)
{
    struct tcp_fixture *f = accurate(state);

    for (unsigned i = 0; i < 6; i++) {
        peer_sends(f, TCP_ACK | ACE_START, .seq = 1, .ack = 1, .tos = ECN_CE);
        if (i % 3 == 2) {
            expect(f, TCP_ACK | ACE(5 + i + 1), .seq = 1, .ack = 1);
        }
        expect_silence(f);
    }
}

/* A burst of marks is cut before three bits can't tell it.
 * Shows: RFC 9768 3.2.2.5a. */
static void a_burst_of_marks_has_several_acks(void **state)
{
    struct tcp_fixture *f = accurate(state);

    for (uint32_t i = 0; i < 20; i++) {
        peer_queues(f, TCP_ACK | ACE_START, .seq = 1 + i * 100, .ack = 1, .bytes = 100,
                    .tos = ECN_CE);
    }
    turn(f);
    for (uint32_t told = 5; told <= 20; told += 5) {
        expect(f, TCP_ACK | ACE(5 + told), .seq = 1, .ack = 1 + told * 100);
    }
    expect_silence(f);
}

/* Lost segments are told of first: the option has what room two blocks leave.
 * Shows: RFC 9768 3.2.3.3e. */
static void sack_goes_before_the_option(void **state)
{
    struct tcp_fixture *f = accurate(state);

    for (uint32_t hole = 0; hole < 4; hole++) {
        text(f, 100 + hole * 200, hole == 3 ? ECN_CE : ECN_NOT_ECT);
        forget_sent(f);
    }
    text(f, 900, ECN_CE);
    expect(f, TCP_ACK | ACE(7), .seq = 1, .ack = 1, .accecn_kind = 172, .accecn_fields = 2,
           .accecn = {1, 200}, .sack = {{901, 1001}, {701, 801}});
}

/* Shows: RFC 9768 3.2.2.5c, 3.1.5a; RFC 3168 6.1.2a, 6.1.2b. */
static void what_is_told_reduces(void **state)
{
    struct tcp_fixture *f = accurate(state);

    send_segments(f, 60);
    expect(f, TCP_ACK | ACE_START, .seq = 1, .ack = 1, .bytes = MSS, .tos = ECN_ECT_0);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1 + MSS);
    assert_int_equal(f->tcp.counters.ecn_reductions, 0);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + 2 * MSS);
    assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    peer_sends(f, TCP_ACK | ACE(7), .seq = 1, .ack = 1 + 3 * MSS);
    assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    /* Never CWR: the flag is part of the count. */
    expect(f, TCP_ACK | ACE_START, .seq = 1 + 10 * MSS, .ack = 1, .bytes = MSS);
    forget_sent(f);
}

/* What was sent before the window was reduced may all be marked: it was answered. What is sent
 * behind that is another window.
 * Shows: RFC 3168 6.1.2b. */
static void marks_of_one_window_reduce_once(void **state)
{
    struct tcp_fixture *f = accurate(state);

    send_segments(f, 10);
    forget_sent(f);
    wait_ns(f, RTT);
    for (uint32_t i = 1; i <= 10; i++) {
        peer_sends(f, TCP_ACK | ACE(5 + i), .seq = 1, .ack = 1 + i * MSS);
    }
    assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    send_segments(f, 2);
    forget_sent(f);
    peer_sends(f, TCP_ACK | ACE(16), .seq = 1, .ack = 1 + 11 * MSS);
    assert_int_equal(f->tcp.counters.ecn_reductions, 2);
    forget_sent(f);
}

/* An ACK of many segments may hide that the count has gone round.
 * Shows: RFC 9768 3.2.2.5c, 3.2.3d. */
static void a_count_that_may_have_gone_round(void **state)
{
    static const struct {
        const char *name;
        uint8_t accecn_kind;
        uint8_t fields;
        uint32_t ceb;
        uint16_t ace;
        bool reduces;
    } cases[] = {
        {"no option passes, and nothing is told", 0, 0, 0, ACE_START, false},
        {"no option passes, and something is", 0, 0, 0, ACE(6), true},
        {"the option tells no byte", 172, 2, 0, ACE_START, false},
        {"the option tells bytes", 172, 2, 8 * MSS, ACE_START, true},
        {"an option that omits what has not moved", 172, 1, 0, ACE_START, false},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        (void)accurate(state);
        send_segments(f, 60);
        forget_sent(f);
        wait_ns(f, RTT);
        peer_sends(f, TCP_ACK | cases[i].ace, .seq = 1, .ack = 1 + 10 * MSS,
                   .accecn_kind = cases[i].accecn_kind, .accecn_fields = cases[i].fields,
                   .accecn = {1, cases[i].ceb});
        assert_int_equal(f->tcp.counters.ecn_reductions, cases[i].reduces);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
    }
}

/* Section 3.2.3.2.2: the SYN-ACK may be lost for its option, or for its flags.
 * Shows: RFC 9768 3.1.4b, 3.1.5g, 3.2.3.2.1b, 3.2.3.2.2a, 3.2.3.2.2b. */
static void a_syn_ack_without_an_answer_says_less(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    peer_sends_syn(f, ACCURATE, .seq = 0);
    assert_int_equal(expect(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1)->accecn_kind, 172);
    wait_ns(f, SECONDS(1) + MS(1));
    assert_int_equal(expect(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1)->accecn_kind, 0);
    expect_after(f, SECONDS(2) - MS(1), TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->ecn.mode, TCP_ECN_ACCURATE);
    assert_int_equal(ecn_text_field(conn_of(f)), ECN_NOT_ECT);
}

/* RFC 8257 section 3.2: ECE of an ACK is that of the segments it is for.
 * Shows: RFC 8257 3.2a, 3.2b. */
static void dctcp_echoes_each_change(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = &tcp_cc_dctcp;
    peer_sends_syn(f, TCP_CWR | TCP_ECE, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK | TCP_ECE, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    conn_of(f)->rcv.quick_acks = 0;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100, .tos = ECN_ECT_0);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100, .tos = ECN_CE);
    expect(f, TCP_ACK, .seq = 1, .ack = 101);
    expect(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 201);
    peer_sends(f, TCP_ACK, .seq = 201, .ack = 1, .bytes = 100, .tos = ECN_CE);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 301, .ack = 1, .bytes = 100, .tos = ECN_ECT_0);
    expect(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 301);
    expect(f, TCP_ACK, .seq = 1, .ack = 401);
}

/* Section 3.3: by half of alpha, which follows the share of marked bytes, window by window.
 * Shows: RFC 8257 3.3a, 3.3b, 4.2a. */
static void dctcp_reduces_by_how_much_was_marked(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t cwnd;

    f->settings.cc = &tcp_cc_dctcp;
    (void)accurate(state);
    assert_int_equal(conn_of(f)->cc_state.dctcp.alpha, DCTCP_ALPHA_ONE);
    conn_of(f)->cc_state.dctcp.alpha = DCTCP_ALPHA_ONE / 4;
    conn_of(f)->ssthresh = conn_of(f)->cwnd;
    send_segments(f, 60);
    forget_sent(f);
    conn_of(f)->cc_state.dctcp.window_end = conn_of(f)->snd.nxt;
    wait_ns(f, RTT);
    cwnd = conn_of(f)->cwnd;
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + MSS);
    assert_int_equal(conn_of(f)->ssthresh, cwnd - cwnd / 8);
    forget_sent(f);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + 5 * MSS);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + 10 * MSS);
    forget_sent(f);
    assert_int_equal(conn_of(f)->cc_state.dctcp.alpha, DCTCP_ALPHA_ONE / 4);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + 11 * MSS); /* the window is over */
    assert_in_range(conn_of(f)->cc_state.dctcp.alpha, DCTCP_ALPHA_ONE * 15 / 64,
                    DCTCP_ALPHA_ONE * 15 / 64 + DCTCP_ALPHA_ONE / 16 / 8);
    forget_sent(f);
}

/* Eight segments' worth of marks are counted across the end of 24 bits.
 * Shows: RFC 9768 3.2.2b. */
static void a_byte_counter_goes_round(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = &tcp_cc_dctcp;
    (void)accurate(state);
    conn_of(f)->ecn.ceb_told = 0xffffff;
    send_segments(f, 60);
    forget_sent(f);
    conn_of(f)->cc_state.dctcp.window_end = conn_of(f)->snd.nxt;
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE_START, .seq = 1, .ack = 1 + 10 * MSS, .accecn_kind = 172,
               .accecn_fields = 2, .accecn = {1, 8 * MSS - 1});
    assert_int_equal(conn_of(f)->cc_state.dctcp.bytes_marked, 8 * MSS);
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_client_tells_how_the_syn_ack_came),
        SCRIPT(a_server_learns_how_the_syn_ack_came),
        SCRIPT(a_last_ack_with_sack_blocks_counts),
        SCRIPT(marked_text_is_told_at_once),
        SCRIPT(time_wait_goes_on_telling),
        SCRIPT(the_order_is_the_shorter),
        SCRIPT(marked_acks_are_told_now_and_then),
        SCRIPT(a_burst_of_marks_has_several_acks),
        SCRIPT(sack_goes_before_the_option),
        SCRIPT(what_is_told_reduces),
        SCRIPT(marks_of_one_window_reduce_once),
        SCRIPT(a_count_that_may_have_gone_round),
        SCRIPT(a_syn_ack_without_an_answer_says_less),
        SCRIPT(a_byte_counter_goes_round),
        SCRIPT(dctcp_echoes_each_change),
        SCRIPT(dctcp_reduces_by_how_much_was_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
