/*
 * Goal:   TCP Fast Open (RFC 7413), server and client: who asks gets a cookie; text of a SYN
 *         with a good one is delivered at once and answered before the handshake is over; what
 *         is not good, too much or lost on the way becomes an ordinary handshake.
 * Method: scripts over one stack, the test being the other side.
 */
#include "tests/unit/fastopen_fixture.h"
#include "tests/unit/net_packets.h"

static void serve(struct tcp_fixture *f, uint32_t max)
{
    fixture_open(f);
    pending_of(f)->max = max;
}

/* What the server gives this client. */
static struct seg with_cookie(struct tcp_fixture *f, struct seg seg)
{
    struct tcp_tuple tuple = tuple_of(f);

    seg.fast_open = true;
    seg.cookie_bytes = FAST_OPEN_COOKIE_BYTES;
    fast_open_cookie(&f->tcp.fast_open.keys[0], &tuple, seg.cookie);
    return seg;
}

/* Shows: RFC 7413 4.1.2b, 4.1.2a. */
static void a_request_is_given_a_cookie(void **state)
{
    struct tcp_fixture *f = *state;
    struct seg granted;

    serve(f, 8);
    granted = with_cookie(f, SEG(TCP_SYN | TCP_ACK, .seq = 0, .ack = 1));
    peer_sends_syn(f, 0, .seq = 0, .bytes = 100, .fast_open = true);
    (void)expect_now(f, &granted, HERE); /* its text is not taken */
    peer_sends_syn(f, 0, .seq = 0, .bytes = 100, .fast_open = true);
    (void)expect_now(f, &granted, HERE); /* once more, with the cookie */
    assert_int_equal(f->peer->told.open, 0);
    assert_int_equal(pending_of(f)->count, 0);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
}

/* Without a limit of its own a listener has none. */
static void it_is_off_by_default(void **state)
{
    struct tcp_fixture *f = *state;
    struct seg syn;

    fixture_open(f);
    syn = with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 100));
    peer_send_syn(f, syn);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(f->tcp.counters.fast_open_accepted, 0);
}

/* Shows: RFC 7413 2a, 4.2.2c. */
static void text_of_a_syn_is_delivered_and_answered(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    f->echoes = true;
    f->app.data = echo;
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 100)));
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->peer->told.data, 100);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 100);
    expect_silence(f);
    expect_state(f, TCP_SYN_RECEIVED);
    assert_int_equal(pending_of(f)->count, 1);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 101);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(pending_of(f)->count, 0);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->peer->told.sent, 100);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 101, .bytes = 50);
    expect(f, TCP_ACK, .seq = 101, .ack = 151, .bytes = 50);
    peer_sends(f, TCP_ACK, .seq = 151, .ack = 151);
}

/* The answer is bound by the window of the SYN and by the initial window. */
static void a_long_answer_keeps_to_the_windows(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10, .window = 2500)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    app_sends(f, 5000);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 11, .bytes = MSS);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 2001);
    expect(f, TCP_ACK, .seq = 2001, .ack = 11, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 3001, .ack = 11, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 4001, .ack = 11, .bytes = MSS);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 5001);
}

/* Ten segments of text: the SYN-ACK before them is none.
 * Shows: RFC 5681 3.1a. */
static void a_syn_ack_counts_for_no_segment(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.nodelay = true;
    serve(f, 8);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    for (uint32_t i = 0; i < 12; i++) {
        app_sends(f, 10);
        if (i < 10) {
            expect(f, TCP_ACK, .seq = 1 + 10 * i, .ack = 11, .bytes = 10);
        }
        expect_silence(f);
    }
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 11, .bytes = 20);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 121);
}

static void the_application_may_end_it_at_once(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    app_sends(f, 20);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 20);
    app_closes(f);
    expect(f, TCP_ACK | TCP_FIN, .seq = 21, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 22);
    expect_state(f, TCP_FIN_WAIT_2);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 11, .ack = 22);
    expect(f, TCP_ACK, .seq = 22, .ack = 12);
    expect_state(f, TCP_TIME_WAIT);
}

/* With too many promises out the first window is two segments: what is taken of the text is
 * passed on with the sum of that, which the fixture looks at. */
static void text_beyond_the_window_is_cut(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    f->echoes = true;
    f->app.data = echo;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->tcp.promise_limit = f->tcp.promised_bytes - 1;
    f->peer = &f->peers[1];
    f->peer->mss = 100;
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 300)));
    assert_int_equal(f->peer->told.data, 200);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 201);
    expect(f, TCP_ACK, .seq = 1, .ack = 201, .bytes = 100);
    expect(f, TCP_ACK, .seq = 101, .ack = 201, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 201, .ack = 201);
    expect_state(f, TCP_ESTABLISHED);
}

static void abort_it(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
}

static void an_abort_inside_open_takes_no_text(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    f->app.open = abort_it;
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_RST | TCP_ACK, .seq = f->iss, .ack = 1); /* which no SYN has told */
    assert_int_equal(f->peer->told.data, 0);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(pending_of(f)->count, 0);
}

/* A FIN that came along is not acknowledged, and comes again. */
static void a_fin_with_the_syn_comes_again(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN | TCP_FIN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 11, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 12);
    expect_state(f, TCP_CLOSE_WAIT);
}

/* The SYN-ACK and the answer are lost: the SYN-ACK goes again, and behind its ACK the answer,
 * which a peer without it can't have taken. The text is delivered once. */
static void a_lost_syn_ack_goes_again(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    f->echoes = true;
    f->app.data = echo;
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 10);
    peer_sends_syn(f, 0, .seq = 0); /* the client's SYN goes again without text */
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 10);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 11);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.data, 10);
    assert_int_equal(f->peer->told.open, 1);
}

/* Whoever has a cookie may be another than who has the address: until an ACK comes each repeat
 * of the SYN, and each timeout, is worth a SYN-ACK, and nothing of the answer. */
static void a_repeated_syn_is_worth_a_syn_ack(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.rates = true;
    serve(f, 8);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    app_sends(f, 20 * MSS);
    for (unsigned i = 0; i < 9; i++) { /* with the SYN the initial window */
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 11, .bytes = MSS);
    }
    expect_silence(f);
    for (unsigned i = 0; i < 3; i++) {
        peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
        expect_silence(f);
    }
    expect_after(f, SECONDS(1), TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = MSS); /* the window behind a lost SYN-ACK */
    forget_sent(f);
    app_aborts(f);
    forget_sent(f);
}

/* Shows: RFC 7413 2a, 4.2.2a, 4.1.2c. */
static void cookies_and_what_they_are_worth(void **state)
{
    static const struct {
        const char *name;
        unsigned keys_later; /* the key changes so often before the cookie comes back */
        uint8_t bytes;       /* of the cookie */
        bool changed, taken, granted;
    } cases[] = {
        {"a good one", 0, 8, false, true, false},
        {"of the older key", 1, 8, false, true, true},
        {"of the key before", 2, 8, false, false, true},
        {"another", 0, 8, true, false, true},
        {"one of a server that makes longer ones", 0, 16, false, false, true},
        {"the beginning of it", 0, 4, false, false, true},
    };
    struct tcp_fixture *f = *state;
    struct fast_open_key keys[8] = {0};
    unsigned count = 0;

    serve(f, 8);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct seg syn, answer;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        syn = with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10));
        syn.cookie_bytes = cases[i].bytes;
        syn.cookie[7] ^= cases[i].changed;
        for (unsigned k = 0; k < cases[i].keys_later; k++) {
            keys[1] = keys[0];
            keys[0].words[0] = ++count;
            tcp_fast_open_keys(&f->tcp, keys, count > 1 ? 2 : 1);
        }
        answer = SEG(TCP_SYN | TCP_ACK, .seq = 0, .ack = cases[i].taken ? 11 : 1);
        if (cases[i].granted) {
            answer = with_cookie(f, answer);
        }
        peer_send_syn(f, syn);
        (void)expect_now(f, &answer, HERE);
        assert_int_equal(f->peer->told.data, cases[i].taken ? 10 : 0);
    }
    assert_int_equal(f->tcp.counters.fast_open_accepted, 2);
    assert_int_equal(f->tcp.counters.fast_open_refused, 4);
    forget_sent(f);
}

/* A cookie is good for the address that it was made for. Shows: RFC 7413 4.1.2a. */
static void a_cookie_is_of_an_address(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    uint8_t cookies[4][FAST_OPEN_COOKIE_BYTES];
    struct fast_open_key key = {{3, 4}};

    fixture_open(f);
    fast_open_cookie(&key, &tuple, cookies[0]);
    tuple.remote.bytes[15] ^= 1;
    fast_open_cookie(&key, &tuple, cookies[1]);
    tuple.remote.bytes[15] ^= 1;
    tuple.local.bytes[15] ^= 1;
    fast_open_cookie(&key, &tuple, cookies[2]);
    tuple.local.bytes[15] ^= 1;
    key.words[0] ^= 1;
    fast_open_cookie(&key, &tuple, cookies[3]);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(cookies[i], cookies[j], FAST_OPEN_COOKIE_BYTES);
        }
    }
    key.words[0] ^= 1;
    tuple.remote_port++; /* but for all its ports */
    fast_open_cookie(&key, &tuple, cookies[1]);
    assert_memory_equal(cookies[0], cookies[1], FAST_OPEN_COOKIE_BYTES);
}

/* Servers of both kinds may stand behind one address: the values are those of a Linux kernel
 * with the key a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4 (tcp_fastopen_key). */
static void a_cookie_is_as_linux_makes_it(void **state)
{
    static const struct {
        const char *local, *remote;
        uint8_t cookie[FAST_OPEN_COOKIE_BYTES];
    } cases[] = {
        {"192.168.0.1", "192.0.2.1", {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb}},
        {"fd3d:a0b:17d6::1", "fd3d:fa7b:d17d::1", {0xc1, 0xd1, 0xe9, 0x74, 0x2a, 0x47, 0xa9, 0xbc}},
    };
    const struct fast_open_key key = {{0xb2b2b2b2a1a1a1a1u, 0xd4d4d4d4c3c3c3c3u}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_tuple tuple = {.local = addr_of(cases[i].local),
                                  .remote = addr_of(cases[i].remote)};
        uint8_t cookie[FAST_OPEN_COOKIE_BYTES];

        fast_open_cookie(&key, &tuple, cookie);
        assert_memory_equal(cookie, cases[i].cookie, sizeof cookie);
    }
}

/* Shows: RFC 7413 5.1a. */
static void pending_ones_are_bounded(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 2);
    for (unsigned i = 0; i < 4; i++) {
        bool taken = i < 2;

        f->peer = &f->peers[i];
        peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = taken ? 11 : 1);
        assert_int_equal(f->peer->told.open, taken);
    }
    assert_int_equal(f->tcp.counters.fast_open_refused, 2);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1);
    f->peer = &f->peers[4];
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
}

/* Whoever's address was used for it resets it: it counts on for a minute or two.
 * Shows: RFC 7413 5.1b. */
static void a_reset_one_is_counted_on(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 1);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    peer_sends(f, TCP_RST, .seq = 11);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
    for (unsigned i = 0; i < 3; i++) {
        struct fast_open_pending pending = *pending_of(f);
        static const struct {
            uint64_t later_ns;
            bool room;
        } cases[] = {{59 * NS_PER_S, false}, {61 * NS_PER_S, false}, {181 * NS_PER_S, true}};

        assert_int_equal(fast_open_has_room(&pending, f->now_ns + cases[i].later_ns),
                         cases[i].room);
    }
    f->peer = &f->peers[1];
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
}

/* Too many half-open connections: a SYN cookie, of which nothing is kept, nor of the text. */
static void a_full_queue_answers_with_a_syn_cookie(void **state)
{
    struct tcp_fixture *f = *state;

    f->syn_cookies = TCP_COOKIES_ALWAYS;
    serve(f, 8);
    peer_send_syn(f, with_cookie(f, SEG(TCP_SYN, .seq = 0, .bytes = 10)));
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    assert_int_equal(f->peer->told.data, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_request_is_given_a_cookie),
        SCRIPT(it_is_off_by_default),
        SCRIPT(text_of_a_syn_is_delivered_and_answered),
        SCRIPT(a_long_answer_keeps_to_the_windows),
        SCRIPT(a_syn_ack_counts_for_no_segment),
        SCRIPT(the_application_may_end_it_at_once),
        SCRIPT(text_beyond_the_window_is_cut),
        SCRIPT(an_abort_inside_open_takes_no_text),
        SCRIPT(a_fin_with_the_syn_comes_again),
        SCRIPT(a_lost_syn_ack_goes_again),
        SCRIPT(a_repeated_syn_is_worth_a_syn_ack),
        SCRIPT(cookies_and_what_they_are_worth),
        SCRIPT_V4(a_cookie_is_of_an_address),
        cmocka_unit_test(a_cookie_is_as_linux_makes_it),
        SCRIPT(pending_ones_are_bounded),
        SCRIPT(a_reset_one_is_counted_on),
        SCRIPT(a_full_queue_answers_with_a_syn_cookie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
