/*
 * Goal:   the option of accurate ECN (RFC 9768 section 3.2.3) goes with text that leaves room
 *         for it, and before text that does not when marks have to be told; where it is
 *         missed the worst is taken; marks on SYN and SYN-ACK halve the first window. With the
 *         policy that has none, none goes, and the peer's is not looked at.
 * Method: scripts over one stack, with a round trip of 100 ms.
 */
#include "tests/unit/ecn_fixture.h"

/* Text of the peer is answered with as much. */
static void answers_text(struct tcp_fixture *f, uint32_t at, uint8_t field)
{
    conn_of(f)->rcv.quick_acks = 0;
    peer_queues(f, TCP_ACK | ACE_START, .seq = 1 + at, .ack = 1 + at, .bytes = 100, .tos = field);
    assert_int_equal(app_sends(f, 100), 100);
}

/* Shows: RFC 9768 3.2.3.3a, 3.2.3.3d. */
static void small_text_carries_the_option(void **state)
{
    struct tcp_fixture *f = accurate(state);

    answers_text(f, 0, ECN_ECT_0);
    expect(f, TCP_ACK | ACE(5), .seq = 1, .ack = 101, .bytes = 100, .accecn_kind = 172,
           .accecn_fields = 1, .accecn = {101});
    answers_text(f, 100, ECN_CE);
    expect(f, TCP_ACK | ACE(6), .seq = 101, .ack = 201, .bytes = 100, .accecn_kind = 172,
           .accecn_fields = 2, .accecn = {101, 100});
    answers_text(f, 200, ECN_NOT_ECT); /* no counter has moved */
    assert_int_equal(expect(f, TCP_ACK | ACE(6), .seq = 201, .ack = 301, .bytes = 100)->accecn_kind,
                     0);
    answers_text(f, 300, ECN_ECT_1);
    expect(f, TCP_ACK | ACE(6), .seq = 301, .ack = 401, .bytes = 100, .accecn_kind = 172,
           .accecn_fields = 3, .accecn = {101, 100, 101});
    /* What goes again tells what there is now, and has no room that it may count on. */
    answers_text(f, 400, ECN_ECT_0);
    forget_sent(f);
    wait_ns(f, RTT * 2 + TCP_PEER_DELAYED_ACK_NS);
    conn_of(f)->ecn.flags |= TCP_ECN_TELL_BYTES;
    assert_int_equal(expect(f, TCP_ACK | ACE(6), .seq = 401, .ack = 501, .bytes = 100)->accecn_kind,
                     0);
    forget_sent(f);
}

/* The room of a segment is what it was: all of it is text, one byte less than the option needs.
 * Shows: RFC 9768 3.2.3.3a. */
static void no_segment_grows_beyond_the_path(void **state)
{
    static const struct {
        const char *name;
        uint32_t bytes;
        bool timestamps;
        uint8_t kind;
    } cases[] = {
        {"full", MSS, false, 0},
        {"a byte too long", MSS - 7, false, 0},
        {"just fits", MSS - 8, false, 172},
        {"with timestamps, too long", MSS - 12 - 7, true, 0},
        {"with timestamps, just fits", MSS - 12 - 8, true, 172},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->settings.timestamps = cases[i].timestamps;
        f->peer->timestamps = cases[i].timestamps;
        (void)accurate(state);
        conn_of(f)->rcv.quick_acks = 0;
        text(f, 0, ECN_ECT_0);
        app_sends(f, cases[i].bytes);
        assert_int_equal(
            expect(f, TCP_ACK | ACE(5), .seq = 1, .ack = 101, .bytes = cases[i].bytes)->accecn_kind,
            cases[i].kind);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
    }
}

/* Shows: RFC 9768 3.2.3.3b. */
static void marks_are_told_before_full_text(void **state)
{
    struct tcp_fixture *f = accurate(state);

    send_segments(f, 20);
    expect_segments_ace(f, 0, 10);
    conn_of(f)->rcv.quick_acks = 0;
    /* Text of the peer as ECT(0): the next text acknowledges it, and need not tell more. */
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1 + MSS, .bytes = 100, .tos = ECN_ECT_0);
    assert_int_equal(
        expect(f, TCP_ACK | ACE(5), .seq = 1 + 10 * MSS, .ack = 101, .bytes = MSS)->accecn_kind, 0);
    expect(f, TCP_ACK | ACE(5), .seq = 1 + 11 * MSS, .ack = 101, .bytes = MSS);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 101, .ack = 1 + 2 * MSS, .bytes = 100, .tos = ECN_CE);
    expect(f, TCP_ACK | ACE(6), .seq = 1 + 12 * MSS, .ack = 201, .accecn_kind = 172,
           .accecn_fields = 2, .accecn = {101, 100});
    expect(f, TCP_ACK | ACE(6), .seq = 1 + 12 * MSS, .ack = 201, .bytes = MSS);
    expect(f, TCP_ACK | ACE(6), .seq = 1 + 13 * MSS, .ack = 201, .bytes = MSS);
    expect_silence(f);
}

/* Eight segments may hide eight marks: they are acknowledged with the counts of bytes.
 * Shows: RFC 9768 3.2.3.3c. */
static void many_segments_are_not_left_to_text(void **state)
{
    struct tcp_fixture *f = accurate(state);

    send_segments(f, 20);
    expect_segments_ace(f, 0, 10);
    conn_of(f)->rcv.quick_acks = 0;
    for (uint32_t i = 0; i < 8; i++) {
        peer_queues(f, TCP_ACK | ACE(5), .seq = 1 + i * MSS, .ack = 1 + (i == 7) * MSS,
                    .bytes = MSS, .tos = ECN_ECT_0);
    }
    turn(f);
    expect(f, TCP_ACK | ACE(5), .seq = 1 + 10 * MSS, .ack = 1 + 8 * MSS, .accecn_kind = 172,
           .accecn_fields = 1, .accecn = {1 + 8 * MSS});
    expect(f, TCP_ACK | ACE(5), .seq = 1 + 10 * MSS, .ack = 1 + 8 * MSS, .bytes = MSS);
    forget_sent(f);
}

/* The ACK of the SYN-ACK may be lost, and nobody would know.
 * Shows: RFC 9768 3.2.3.2.1c, 3.2.3.2.1d. */
static void the_first_text_of_a_client_tells_once_more(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    assert_int_equal(app_connects(f), TCP_OK);
    assert_int_equal(expect(f, TCP_SYN | ACCURATE, .seq = 0)->accecn_kind, 0);
    peer_sends_syn(f, TCP_ACK | TCP_CWR, .seq = 0, .ack = 1);
    expect(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1, .accecn_kind = 172, .accecn_fields = 1,
           .accecn = {1});
    app_sends(f, 10);
    expect(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1, .bytes = 10, .accecn_kind = 172,
           .accecn_fields = 1, .accecn = {1});
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 11);
    app_sends(f, 10);
    assert_int_equal(expect(f, TCP_ACK | ACE(5), .seq = 11, .ack = 1, .bytes = 10)->accecn_kind, 0);
}

static uint32_t heard_marked;

static void each_mark(struct tcp_conn *conn, uint32_t bytes, uint32_t ce_bytes)
{
    (void)conn;
    (void)bytes;
    heard_marked = ce_bytes;
}

/* What congestion control is told of marks. */
static void listen_to_marks(struct tcp_conn *conn)
{
    static struct tcp_cc_ops listening;

    listening = tcp_cc_newreno;
    listening.each_mark = each_mark;
    conn->cc = &listening;
}

/* Who had options once may have lost the ACK with the one that matters. One that acknowledges many
 * segments and says that nothing was marked is believed: so it is on a path that clears the field.
 * Shows: RFC 9768 3.2.2.5.2a. */
static void an_option_of_before_is_no_answer(void **state)
{
    static const struct {
        const char *name;
        uint32_t segments;
        uint16_t ace;
        uint32_t marked;
    } cases[] = {
        {"seven segments can't have gone round", 7, ACE(6), 1},
        {"eight can't either, of which one is told", 8, ACE(6), 1},
        {"nine may have", 9, ACE(6), 9},
        {"nothing is told of nine", 9, ACE(5), 0},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        listen_to_marks(conn_of(accurate(state)));
        send_segments(f, 60);
        forget_sent(f);
        wait_ns(f, RTT);
        peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1 + MSS, .accecn_kind = 172,
                   .accecn_fields = 2, .accecn = {1 + MSS, 0});
        forget_sent(f);
        peer_sends(f, TCP_ACK | cases[i].ace, .seq = 1, .ack = 1 + (1 + cases[i].segments) * MSS);
        assert_int_equal(f->tcp.counters.ecn_reductions, cases[i].marked > 0);
        assert_int_equal(heard_marked, cases[i].marked * MSS);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
    }
}

/* What went again goes without ECT, so that the ACK of the hole may have no option: what it
 * acknowledges was SACKed, and told of, before. */
static void a_hole_that_is_filled_tells_nothing_twice(void **state)
{
    struct tcp_fixture *f = accurate(state);

    listen_to_marks(conn_of(f));
    send_segments(f, 10);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1, .sack = {{1 + MSS, 1 + 10 * MSS}});
    forget_sent(f);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + 10 * MSS);
    assert_int_equal(heard_marked, MSS);
    forget_sent(f);
}

/* Shows: RFC 9768 3.2.2.2d. */
static void a_mark_on_the_handshake_halves_the_first_window(void **state)
{
    static const struct {
        const char *name;
        uint16_t told;
        uint32_t segments;
    } cases[] = {
        {"as it went", ACE(2), 10},
        {"made to ECT(0)", ACE(4), 10},
        {"marked", ACE(6), 5},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        (void)accurate_with(state, cases[i].told);
        assert_int_equal(conn_of(f)->cwnd, cases[i].segments * MSS);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);

        f->settings.cc = &tcp_cc_newreno;
        f->settings.ecn = TCP_ECN_ACCURATE;
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN | ACCURATE, .seq = 0);
        peer_sends_syn(f, TCP_ACK | cases[i].told, .seq = 0, .ack = 1);
        assert_int_equal(conn_of(f)->cwnd, cases[i].segments * MSS);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
    }
}

/* Timestamps, two blocks and three counters are more than a header has room for.
 * Shows: RFC 9768 3.2.3.3e, 3.2.3.3f. */
static void what_does_not_fit_is_left_out_whole(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    (void)accurate(state);
    text(f, 100, ECN_ECT_0);
    expect(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1, .accecn_kind = 172, .accecn_fields = 1,
           .accecn = {101}, .sack = {{101, 201}});
    text(f, 300, ECN_ECT_1);
    assert_int_equal(
        expect(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1, .sack = {{301, 401}, {101, 201}})
            ->accecn_kind,
        0);
    text(f, 200, ECN_ECT_0); /* one block is left */
    expect(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1, .accecn_kind = 172, .accecn_fields = 3,
           .accecn = {201, 0, 101}, .sack = {{101, 401}});
}

/* What the counters begin with is the peer's affair: only what they grow by counts, and an
 * option of a SYN does not.
 * Shows: RFC 9768 3.2.3.2.1a, 3.2.3.2.4a. */
static void any_first_count_is_taken(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = &tcp_cc_newreno;
    f->settings.ecn = TCP_ECN_ACCURATE;
    f->peer->sack = true;
    peer_sends_syn(f, ACCURATE, .seq = 0, .accecn_kind = 172, .accecn_fields = 2,
                   .accecn = {1, 99999});
    expect(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1, .accecn_kind = 172, .accecn_fields = 1,
               .accecn = {777});
    send_segments(f, 20);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1 + 2 * MSS, .accecn_kind = 172,
               .accecn_fields = 2, .accecn = {777 + 2 * MSS, 0});
    assert_int_equal(f->tcp.counters.ecn_reductions, 0);
    assert_int_equal(ecn_text_field(conn_of(f)), ECN_ECT_0);
    forget_sent(f);
}

#define expect_without(...) assert_int_equal(expect(__VA_ARGS__)->accecn_kind, 0)

/* Marks are told by ACE alone, in every kind of segment. */
static void a_server_can_be_without_the_option(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    f->settings.policy.ecn_option = false;
    for (unsigned cookies = 0; cookies < 2; cookies++) {
        f->syn_cookies = cookies ? TCP_COOKIES_ALWAYS : TCP_COOKIES_NEVER;
        peer_sends_syn(f, ACCURATE, .seq = 0);
        expect_without(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1);
        assert_int_equal(conn_of(f)->ecn.mode, TCP_ECN_ACCURATE);
        conn_of(f)->rcv.quick_acks = 0;
        answers_text(f, 0, ECN_CE);
        expect_without(f, TCP_ACK | ACE(6), .seq = 1, .ack = 101, .bytes = 100);
        text(f, 100, ECN_CE);
        text(f, 200, ECN_CE);
        expect_without(f, TCP_ACK | ACE(8), .seq = 101, .ack = 301);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
        f->settings.ecn = TCP_ECN_ACCURATE;
        f->settings.policy.ecn_option = false;
    }
}

static void a_client_can_be_without_the_option(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    f->settings.policy.ecn_option = false;
    assert_int_equal(app_connects(f), TCP_OK);
    expect_without(f, TCP_SYN | ACCURATE, .seq = 0);
    peer_sends_syn(f, TCP_ACK | TCP_CWR, .seq = 0, .ack = 1, .tos = ECN_ECT_0);
    expect_without(f, TCP_ACK | ACE(4), .seq = 1, .ack = 1);
    app_sends(f, 10);
    expect_without(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1, .bytes = 10);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 11);
}

/* What the peer counts does not count: the worst of what ACE may mean is taken, and bytes that
 * nothing explains are not looked at. */
static void an_option_is_ignored_by_who_has_none(void **state)
{
    static const struct {
        const char *name;
        uint16_t ace;
        uint32_t ceb;
        uint32_t marked; /* segments */
    } cases[] = {
        {"a byte of ten segments", ACE(6), 1, 9},
        {"eight segments, of which ACE says nothing", ACE(5), 8 * MSS, 0},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->settings.policy.ecn_option = false;
        f->settings.cc = &tcp_cc_newreno;
        f->settings.ecn = TCP_ECN_ACCURATE;
        f->peer->sack = true;
        peer_sends_syn(f, ACCURATE, .seq = 0);
        forget_sent(f);
        wait_ns(f, RTT);
        peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1);
        listen_to_marks(conn_of(f));
        send_segments(f, 60);
        forget_sent(f);
        wait_ns(f, RTT);
        peer_sends(f, TCP_ACK | cases[i].ace, .seq = 1, .ack = 1 + 10 * MSS, .accecn_kind = 172,
                   .accecn_fields = 2, .accecn = {1, cases[i].ceb});
        assert_int_equal(f->tcp.counters.ecn_reductions, cases[i].marked > 0);
        assert_int_equal(heard_marked, cases[i].marked * MSS);
        assert_int_equal(ecn_text_field(conn_of(f)), ECN_ECT_0);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
    }
}

static void switch_option(struct tcp_fixture *f, bool on)
{
    struct tcp_policy policy = *tcp_conn_policy(conn_of(f));

    policy.ecn_option = on;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
}

/* Off, nothing is told, also of what there was to tell; on again, all is, and what the peer counted
 * in between, be it half of what the counter holds, is no news. */
static void the_option_is_switched_while_open(void **state)
{
    struct tcp_fixture *f = accurate(state);

    conn_of(f)->rcv.quick_acks = 0;
    listen_to_marks(conn_of(f));
    text(f, 0, ECN_ECT_0);
    switch_option(f, false);
    wait_ns(f, TCP_DELAYED_ACK_NS + MS(1));
    expect_without(f, TCP_ACK | ACE(5), .seq = 1, .ack = 101);
    peer_queues(f, TCP_ACK | ACE(5), .seq = 101, .ack = 1, .bytes = 100, .tos = ECN_CE);
    assert_int_equal(app_sends(f, 100), 100);
    expect_without(f, TCP_ACK | ACE(6), .seq = 1, .ack = 201, .bytes = 100);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 201, .ack = 101, .accecn_kind = 172, .accecn_fields = 2,
               .accecn = {1, 0x900000});
    switch_option(f, true);
    assert_int_equal(app_sends(f, 200), 200);
    expect(f, TCP_ACK | ACE(6), .seq = 101, .ack = 201, .bytes = 200, .accecn_kind = 172,
           .accecn_fields = 2, .accecn = {101, 100});
    peer_sends(f, TCP_ACK | ACE(6), .seq = 201, .ack = 301, .accecn_kind = 172, .accecn_fields = 2,
               .accecn = {1, 0x900000 + 50});
    assert_int_equal(heard_marked, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(small_text_carries_the_option),
        SCRIPT(no_segment_grows_beyond_the_path),
        SCRIPT(marks_are_told_before_full_text),
        SCRIPT(many_segments_are_not_left_to_text),
        SCRIPT(the_first_text_of_a_client_tells_once_more),
        SCRIPT(an_option_of_before_is_no_answer),
        SCRIPT(a_hole_that_is_filled_tells_nothing_twice),
        SCRIPT(a_mark_on_the_handshake_halves_the_first_window),
        SCRIPT(what_does_not_fit_is_left_out_whole),
        SCRIPT(any_first_count_is_taken),
        SCRIPT(a_server_can_be_without_the_option),
        SCRIPT(a_client_can_be_without_the_option),
        SCRIPT(an_option_is_ignored_by_who_has_none),
        SCRIPT(the_option_is_switched_while_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
