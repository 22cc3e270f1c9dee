/*
 * Goal:   steps 1 to 4 of segment arrival (RFC 9293 section 3.10.7.4): the
 *         sequence check with its trimming and the zero window, PAWS (RFC 7323),
 *         RST and SYN by RFC 5961, and the limit of challenge ACKs.
 * Method: scripts over one stack; the edges of the window as tables, each case on
 *         a connection of its own.
 */
#include "tests/unit/tcp_fixture.h"

#define WINDOW 8192u /* no scale, so that the edges are exact */

static struct tcp_fixture *small_window(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = WINDOW;
    return f;
}

/* A peer of its own for each case, all of them on ESTABLISHED connections. */
static void establish_next(struct tcp_fixture *f, unsigned i)
{
    f->peer = &f->peers[i];
    establish(f);
}

/* Shows: RFC 9293 MUST-12; RFC 5961 3.2a, 3.2b, 3.2c. */
static void rst_needs_exact_sequence(void **state)
{
    static const struct {
        const char *name;
        uint32_t offset; /* SEG.SEQ - RCV.NXT */
        uint32_t bytes;
        enum tcp_state state;
        bool challenged;
    } cases[] = {
        {"left of the window", UINT32_MAX, 0, TCP_ESTABLISHED, false},
        {"exact", 0, 0, TCP_CLOSED, false},
        {"in the window", 1, 0, TCP_ESTABLISHED, true},
        {"last in the window", WINDOW - 1, 0, TCP_ESTABLISHED, true},
        {"right of the window", WINDOW, 0, TCP_ESTABLISHED, false},
        {"left, with text that reaches into the window", UINT32_MAX, 2, TCP_ESTABLISHED, true},
        {"far left, likewise", -999u, 1000, TCP_ESTABLISHED, true},
    };
    struct tcp_fixture *f = small_window(state);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        establish_next(f, i);
        peer_sends(f, TCP_RST, .seq = 1 + cases[i].offset, .bytes = cases[i].bytes);
        if (cases[i].challenged) {
            expect(f, TCP_ACK, .seq = 1, .ack = 1);
        }
        expect_silence(f);
        expect_state(f, cases[i].state);
        assert_int_equal(f->peer->told.close, cases[i].state == TCP_CLOSED);
    }
    assert_int_equal(f->peers[1].told.reason, TCP_REASON_RESET);
    assert_int_equal(f->tcp.counters.resets_in, 1);
    assert_int_equal(f->tcp.counters.challenge_acks, 4);
    assert_int_equal(f->tcp.counters.out_of_window, 2);
}

/* MUST-11: a passive open goes back to LISTEN without a word.
 * Shows: RFC 9293 MUST-11. */
static void rst_in_syn_received_goes_back_to_listen(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_RST, .seq = 1);
    expect_silence(f);
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->peer->told.close, 0);
    assert_int_equal(f->tcp.listeners[f->listener].half_open, 0);
    establish(f);
}

/* Shows: RFC 9293 MUST-11. */
static void rst_in_simultaneous_open_is_refusal(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_RST, .seq = 1);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_REFUSED);
}

/* RFC 5961 section 4.2: irrespective of the sequence number.
 * Shows: RFC 5961 4.2a, 4.2b. */
static void syn_is_challenged_wherever_it_lies(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq;
        uint32_t bytes;
        uint16_t flags;
    } cases[] = {
        {"the old one", 0, 0, 0},
        {"the old one, of an active open", 0, 0, TCP_ACK},
        {"at RCV.NXT", 1, 0, 0},
        {"at RCV.NXT, its ACK plausible", 1, 0, TCP_ACK},
        {"likewise, with text", 1, 10, TCP_ACK},
        {"in the window", 100, 0, 0},
        {"right of the window", 1 + WINDOW, 0, 0},
        {"left, with text that reaches into the window", 0, 10, TCP_ACK},
    };
    struct tcp_fixture *f = small_window(state);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        establish_next(f, i);
        peer_sends(f, TCP_SYN | cases[i].flags, .seq = cases[i].seq, .ack = 1,
                   .bytes = cases[i].bytes);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
        expect_state(f, TCP_ESTABLISHED);
        assert_int_equal(f->tcp.counters.challenge_acks, i + 1);
        assert_int_equal(f->peer->told.data, 0);
    }
}

/* A peer that has filled the window and lost all of it has no other number for its ACKs.
 * Shows: RFC 9293 3.4b. */
static void an_ack_at_the_right_edge_is_taken(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq;
        uint32_t una;
    } cases[] = {
        {"last in the window", WINDOW, 101},
        {"at the edge", 1 + WINDOW, 101},
        {"beyond", 2 + WINDOW, 1},
    };
    struct tcp_fixture *f = small_window(state);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        establish_next(f, i);
        app_sends(f, 100);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
        peer_sends(f, TCP_ACK, .seq = cases[i].seq, .ack = 101);
        assert_int_equal(conn_of(f)->snd.una - conn_of(f)->snd.iss, cases[i].una);
        forget_sent(f);
    }
}

/* RFC 5961 section 7; the limit is each connection's own (CVE-2016-5696).
 * Shows: RFC 5961 7a, 7b, 7c. */
static void challenge_acks_are_limited(void **state)
{
    struct tcp_fixture *f = *state;

    establish_next(f, 1);
    establish_next(f, 0);
    wait_ns(f, SECONDS(2));
    for (unsigned i = 0; i < TCP_CHALLENGE_PER_PERIOD; i++) {
        peer_sends(f, TCP_RST, .seq = 2);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
    }
    peer_sends(f, TCP_RST, .seq = 2);
    peer_sends(f, TCP_SYN, .seq = 0);
    expect_silence(f);
    assert_int_equal(f->tcp.counters.challenge_acks_limited, 2);
    f->peer = &f->peers[1];
    peer_sends(f, TCP_RST, .seq = 2);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    f->peer = &f->peers[0];
    wait_ns(f, MS(TCP_CHALLENGE_PERIOD_MS));
    peer_sends(f, TCP_RST, .seq = 2);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
}

/* The table of section 3.4, rows with a window. RCV.NXT is 1001.
 * Shows: RFC 9293 3.4b, 3.5.2c, 3.10.7.4b. */
static void segments_are_trimmed_to_the_window(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq;
        uint32_t bytes;
        uint16_t fin;
        uint32_t taken; /* bytes */
        uint32_t ack;
        struct tcp_sack_block sack;
    } cases[] = {
        {"nothing, left", 1000, 0, 0, 0, 1001, {0, 0}},
        {"all old", 501, 500, 0, 0, 1001, {501, 1001}},
        {"all old, and its FIN", 501, 499, TCP_FIN, 0, 1001, {501, 1001}},
        {"half old", 501, 1000, 0, 500, 1501, {0, 0}},
        {"half old, and a FIN", 501, 1000, TCP_FIN, 500, 1502, {0, 0}},
        {"right of the window", 1001 + WINDOW, 1, 0, 0, 1001, {0, 0}},
        {"the last byte", 1000 + WINDOW, 1, 0, 0, 1001, {1000 + WINDOW, 1001 + WINDOW}},
        {"across the right edge", 1000 + WINDOW, 5, 0, 0, 1001, {1000 + WINDOW, 1001 + WINDOW}},
    };
    struct tcp_fixture *f = small_window(state);

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        establish_next(f, i);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1000);
        expect(f, TCP_ACK, .seq = 1, .ack = 1001, .window = WINDOW);
        peer_sends(f, TCP_ACK | cases[i].fin, .seq = cases[i].seq, .ack = 1,
                   .bytes = cases[i].bytes);
        expect(f, TCP_ACK, .seq = 1, .ack = cases[i].ack, .sack = {cases[i].sack});
        assert_int_equal(f->peer->told.data, 1000 + cases[i].taken);
        assert_int_equal(f->peer->told.eof, cases[i].ack == 1502);
    }
}

/* Shows: RFC 9293 3.4b. */
static void a_fin_behind_the_right_edge_is_cut_off(void **state)
{
    struct tcp_fixture *f = small_window(state);

    establish(f);
    app_pauses(f);
    for (uint32_t seq = 1; seq < 1 + 8 * MSS; seq += MSS) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = seq + MSS, .window = WINDOW - (seq + MSS - 1));
    }
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 8001, .ack = 1, .bytes = 192);
    expect(f, TCP_ACK, .seq = 1, .ack = 8193, .window = WINDOW_ZERO);
    expect_state(f, TCP_ESTABLISHED);
    app_resumes(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 8193, .window = WINDOW);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 8193, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 8194);
    expect_state(f, TCP_CLOSE_WAIT);
    assert_int_equal(f->peer->told.data, 8192);
}

static void fill_window(struct tcp_fixture *f)
{
    app_pauses(f);
    for (uint32_t seq = 1; seq < 1 + WINDOW; seq += WINDOW / 8) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = WINDOW / 8);
    }
    forget_sent(f);
}

/* MUST-66, and MUST-8 of the persist: what can't be taken is answered.
 * Shows: RFC 9293 MUST-66, MAY-8. */
static void zero_window_takes_ack_and_rst_but_no_text(void **state)
{
    struct tcp_fixture *f = small_window(state);

    establish(f);
    assert_int_equal(app_sends(f, 100), 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    fill_window(f);
    for (unsigned probe = 0; probe < 20; probe++) { /* without limit */
        peer_sends(f, TCP_ACK, .seq = 1 + WINDOW, .ack = 1, .bytes = 1);
        expect(f, TCP_ACK, .seq = 101, .ack = 1 + WINDOW, .window = WINDOW_ZERO);
    }
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1 + WINDOW, .ack = 101, .bytes = 10);
    expect(f, TCP_ACK, .seq = 101, .ack = 1 + WINDOW, .window = WINDOW_ZERO);
    assert_int_equal(f->peer->told.sent, 100);
    expect_state(f, TCP_ESTABLISHED);
    peer_sends(f, TCP_ACK, .seq = 2 + WINDOW, .ack = 101); /* not exact: not acceptable */
    expect(f, TCP_ACK, .seq = 101, .ack = 1 + WINDOW, .window = WINDOW_ZERO);
    peer_sends(f, TCP_RST, .seq = 2 + WINDOW);
    expect_silence(f);
    peer_sends(f, TCP_RST, .seq = 1 + WINDOW);
    assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
}

static void a_repeated_syn_gets_the_syn_ack_again(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
}

/* Else one that repeats its SYN faster than that would keep what is half open for ever. */
static void repeated_syns_hold_no_half_open_connection(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.r2_syn_ack = 2;
    peer_sends_syn(f, 0, .seq = 0);
    forget_sent(f);
    for (unsigned i = 0; i < 9; i++) { /* 1 + 2 + 4 s */
        expect_state(f, TCP_SYN_RECEIVED);
        wait_ns(f, MS(700));
        peer_sends_syn(f, 0, .seq = 0);
        forget_sent(f);
    }
    wait_ns(f, SECONDS(1));
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->tcp.listeners[f->listener].half_open, 0);
}

static struct tcp_fixture *with_timestamps(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    for (unsigned i = 0; i < PEERS; i++) {
        f->peers[i].timestamps = true;
    }
    return f;
}

/* RFC 7323 section 5.3, R1: RST is exempt, a missing one is dropped in silence.
 * Shows: RFC 7323 3.2d, 3.2e, 5.3a, 5.3c. */
static void paws_drops_old_timestamps(void **state)
{
    struct tcp_fixture *f = with_timestamps(state);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .ts_val = 6000);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .ts_ecr = 6000);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .ts_val = 5999);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .ts_ecr = 6000);
    assert_int_equal(f->tcp.counters.paws_dropped, 1);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .no_timestamps = true);
    expect_silence(f);
    assert_int_equal(f->tcp.counters.no_timestamp_dropped, 1);
    assert_int_equal(f->peer->told.data, 10);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .ts_val = 6000);
    expect(f, TCP_ACK, .seq = 1, .ack = 21, .ts_ecr = 6000);
    peer_sends(f, TCP_RST, .seq = 21, .ts_val = 1);
    expect_state(f, TCP_CLOSED);
}

/* Or what is no reset could have all that comes behind it dropped.
 * Shows: RFC 7323 3.2i. */
static void a_rst_sets_no_timestamp(void **state)
{
    struct tcp_fixture *f = with_timestamps(state);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .ts_val = 6000);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .ts_ecr = 6000);
    peer_sends(f, TCP_RST | TCP_ACK, .seq = 6, .ack = 1, .bytes = 10, .ts_val = 9000);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .ts_ecr = 6000);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .ts_val = 6001);
    expect(f, TCP_ACK, .seq = 1, .ack = 21, .ts_ecr = 6001);
    assert_int_equal(f->peer->told.data, 20);
}

/* Section 5.5: after 24 days the sign of the difference says nothing; what comes
 * then is the new TS.Recent.
 * Shows: RFC 7323 5.5a. */
static void paws_trusts_no_timestamp_after_24_days(void **state)
{
    struct tcp_fixture *f = with_timestamps(state);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .ts_val = 6000);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .ts_ecr = 6000);
    wait_ns(f, TCP_PAWS_IDLE_NS - (1ull << TCP_AGE_SHIFT));
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .ts_val = 5999);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    wait_ns(f, 2ull << TCP_AGE_SHIFT);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .ts_val = 5000);
    expect(f, TCP_ACK, .seq = 1, .ack = 21, .ts_ecr = 5000);
    peer_sends(f, TCP_ACK, .seq = 21, .ack = 1, .bytes = 10, .ts_val = 4999);
    expect(f, TCP_ACK, .seq = 1, .ack = 21, .ts_ecr = 5000);
}

/* R3: what an ACK echoes is of the segment that it is about.
 * Shows: RFC 7323 4.3a, 4.3c. */
static void ts_recent_is_of_the_last_ack(void **state)
{
    struct tcp_fixture *f = with_timestamps(state);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .ts_val = 7000); /* out of order */
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = 5000, .sack = {{11, 21}});
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .ts_val = 6500);
    expect(f, TCP_ACK, .seq = 1, .ack = 21, .ts_ecr = 6500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(rst_needs_exact_sequence),
        SCRIPT(rst_in_syn_received_goes_back_to_listen),
        SCRIPT(rst_in_simultaneous_open_is_refusal),
        SCRIPT(syn_is_challenged_wherever_it_lies),
        SCRIPT(an_ack_at_the_right_edge_is_taken),
        SCRIPT(challenge_acks_are_limited),
        SCRIPT(segments_are_trimmed_to_the_window),
        SCRIPT(a_fin_behind_the_right_edge_is_cut_off),
        SCRIPT(zero_window_takes_ack_and_rst_but_no_text),
        SCRIPT(a_repeated_syn_gets_the_syn_ack_again),
        SCRIPT(repeated_syns_hold_no_half_open_connection),
        SCRIPT(paws_drops_old_timestamps),
        SCRIPT(a_rst_sets_no_timestamp),
        SCRIPT(paws_trusts_no_timestamp_after_24_days),
        SCRIPT(ts_recent_is_of_the_last_ack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
