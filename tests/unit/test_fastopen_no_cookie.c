/*
 * Goal:   TCP Fast Open without cookies, server and client: text of any SYN is taken, and goes
 *         with the first one already; nobody is asked for a cookie or given one; the bound of
 *         pending connections, SYN cookies and the ways back to an ordinary handshake are those
 *         of Fast Open with cookies; it is off by default.
 * Method: scripts over one stack, the test being the other side.
 */
#include "tests/unit/fastopen_fixture.h"
#include "tests/unit/tcp_fixture_port.h"

#define COOKIE .fast_open = true, .cookie_bytes = 6, .cookie = {1, 2, 3, 4, 5, 6}
#define CUT (MSS - 40) /* what fits into a SYN, to a server whose largest segment is known */

static void serve(struct tcp_fixture *f, uint32_t max)
{
    f->settings.fast_open_no_cookie = true;
    fixture_open(f);
    pending_of(f)->max = max;
}

/* Whatever the SYN has of the option, nothing of it is looked at, and nothing given: as Linux. */
static void text_of_any_syn_is_taken(void **state)
{
    static const struct {
        const char *name;
        struct seg syn;
        bool early; /* the application is told of it before the handshake is over */
    } cases[] = {
        {"text alone", {.flags = TCP_SYN, .bytes = 100}, true},
        {"text, and a cookie of somebody else", {.flags = TCP_SYN, .bytes = 100, COOKIE}, true},
        {"text, and a request", {.flags = TCP_SYN, .bytes = 100, .fast_open = true}, true},
        {"a request alone", {.flags = TCP_SYN, .fast_open = true}, true},
        {"an ordinary one", {.flags = TCP_SYN}, false},
    };
    struct tcp_fixture *f = *state;

    serve(f, COUNT_OF(cases));
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t next = 1 + cases[i].syn.bytes;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        peer_send_syn(f, cases[i].syn);
        assert_int_equal(f->peer->told.open, cases[i].early);
        assert_int_equal(f->peer->told.data, cases[i].syn.bytes);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = next);
        assert_int_equal(pending_of(f)->count, cases[i].early);
        peer_sends(f, TCP_ACK, .seq = next, .ack = 1);
        expect_state(f, TCP_ESTABLISHED);
        assert_int_equal(f->peer->told.open, 1);
        assert_int_equal(pending_of(f)->count, 0);
    }
    assert_int_equal(f->tcp.counters.fast_open_accepted, 4);
    assert_int_equal(f->tcp.counters.fast_open_refused, 0);
}

static void it_is_answered_before_the_handshake_is_over(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 8);
    f->echoes = true;
    f->app.data = echo;
    peer_sends_syn(f, 0, .seq = 0, .bytes = 100);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 100);
    expect_silence(f);
    expect_state(f, TCP_SYN_RECEIVED);
    peer_sends_syn(f, 0, .seq = 0, .bytes = 100); /* once more: a SYN-ACK, and nothing else */
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 101);
    expect_silence(f);
    assert_int_equal(f->peer->told.data, 100);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 101);
    expect_state(f, TCP_ESTABLISHED);
}

/* A listener with Fast Open, but not without cookies; and one that has none at all. */
static void it_is_off_by_default(void **state)
{
    struct tcp_fixture *f = *state;

    assert_false(f->settings.fast_open_no_cookie);
    fixture_open(f);
    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        pending_of(f)->max = i == 0 ? 8 : 0;
        f->tcp.listeners[f->listener].settings.fast_open_no_cookie = i == 1;
        peer_sends_syn(f, 0, .seq = 0, .bytes = 100);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        assert_int_equal(f->peer->told.open, 0);
    }
    assert_int_equal(f->tcp.counters.fast_open_accepted, 0);
}

/* Those of addresses that reset what they have not asked for count on.
 * Shows: RFC 7413 5.1a, 5.1b. */
static void pending_ones_are_bounded(void **state)
{
    struct tcp_fixture *f = *state;

    serve(f, 2);
    for (unsigned i = 0; i < 4; i++) {
        bool taken = i < 2;

        f->peer = &f->peers[i];
        peer_sends_syn(f, 0, .seq = 0, .bytes = 10);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = taken ? 11 : 1);
        assert_int_equal(f->peer->told.open, taken);
        if (taken) {
            peer_sends(f, TCP_RST, .seq = 11);
            assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
        }
    }
    assert_int_equal(f->tcp.counters.fast_open_refused, 2);
    wait_ns(f, 3 * FAST_OPEN_RESET_NS);
    forget_sent(f);
    f->peer = &f->peers[4];
    peer_sends_syn(f, 0, .seq = 0, .bytes = 10);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
}

static void a_full_queue_answers_with_a_syn_cookie(void **state)
{
    struct tcp_fixture *f = *state;

    f->syn_cookies = TCP_COOKIES_ALWAYS;
    serve(f, 8);
    peer_sends_syn(f, 0, .seq = 0, .bytes = 10);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(f->peer->told.open, 0);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    assert_int_equal(f->peer->told.data, 10);
}

static void connect_without(struct tcp_fixture *f, unsigned peer, uint32_t bytes)
{
    f->settings.fast_open_no_cookie = true;
    connect_and_send(f, peer, bytes);
}

static void the_first_syn_has_text(void **state)
{
    struct tcp_fixture *f = *state;

    connect_without(f, 0, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100); /* and no option */
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.sent, 100);
    assert_true(conn_of(f)->syn_data);
    assert_int_equal(f->tcp.counters.fast_open_sent, 1);
    assert_int_equal(f->tcp.counters.fast_open_taken, 1);
}

/* Both are asked for: the one without the other is no Fast Open. */
static void alone_it_is_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.fast_open_no_cookie = true;
    assert_int_equal(app_connects(f), TCP_OK);
    app_sends(f, 100);
    expect(f, TCP_SYN, .seq = 0);
    expect_silence(f);
}

/* A cookie that nobody has asked for is not kept, and one of before not sent, nor forgotten. */
static void cookies_are_left_alone(void **state)
{
    struct tcp_fixture *f = *state;

    connect_without(f, 0, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101, COOKIE);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);

    f->settings.fast_open_no_cookie = false;
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .fast_open = true); /* it asks, having none */
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, COOKIE);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);

    connect_without(f, 2, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);

    f->settings.fast_open_no_cookie = false;
    connect_and_send(f, 3, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    forget_sent(f);
}

/* What a server takes at most is learnt without a cookie, too; before, it is what the path takes.
 * Shows: RFC 7413 4.1.3.2a, 4.1.3.2b. */
static void text_is_cut_to_what_the_server_takes(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t path = f->v6 ? 1400 : 1420; /* of 1500, less the headers and 40 of options */

    f->settings.nodelay = true;
    connect_without(f, 0, 3000);
    expect(f, TCP_SYN, .seq = 0, .bytes = path);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1 + path);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3001);
    connect_without(f, 1, 3000);
    expect(f, TCP_SYN, .seq = 0, .bytes = CUT);
    forget_sent(f);
}

/* It goes again at once, and the next SYN has text all the same: nothing tells such a server from
 * one whose pending connections are at their bound.
 * Shows: RFC 7413 4.2.2b. */
static void what_the_server_does_not_take_goes_again(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        connect_without(f, i, 100);
        expect(f, TCP_SYN, .seq = 0, .bytes = 100);
        peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
        expect_silence(f);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
        assert_int_equal(f->peer->told.sent, 100);
        assert_int_equal(conn_of(f)->cwnd, 10 * MSS); /* it was no loss */
    }
    assert_int_equal(f->tcp.counters.fast_open_taken, 0);
}

/* Shows: RFC 7413 6a, 4.1.3b. */
static void a_lost_syn_goes_again_without(void **state)
{
    struct tcp_fixture *f = *state;

    connect_without(f, 0, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->tcp.counters.fast_open_lost, 1);
    connect_without(f, 1, 100); /* for an hour */
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    wait_ns(f, 3600 * NS_PER_S);
    connect_without(f, 2, 2000);
    expect(f, TCP_SYN, .seq = 0, .bytes = f->v6 ? 1400 : 1420); /* what was lost told no size */
    forget_sent(f);
}

/* A SYN without text is one as any other: that it is lost tells nothing of those with text. */
static void an_ordinary_syn_may_be_lost(void **state)
{
    struct tcp_fixture *f = *state;

    connect_without(f, 0, 0);
    expect(f, TCP_SYN, .seq = 0);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->tcp.counters.fast_open_lost, 0);
    connect_without(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100);
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(text_of_any_syn_is_taken),
        SCRIPT(it_is_answered_before_the_handshake_is_over),
        SCRIPT(it_is_off_by_default),
        SCRIPT(pending_ones_are_bounded),
        SCRIPT(a_full_queue_answers_with_a_syn_cookie),
        SCRIPT(the_first_syn_has_text),
        SCRIPT(alone_it_is_nothing),
        SCRIPT(cookies_are_left_alone),
        SCRIPT(text_is_cut_to_what_the_server_takes),
        SCRIPT(what_the_server_does_not_take_goes_again),
        SCRIPT(a_lost_syn_goes_again_without),
        SCRIPT(an_ordinary_syn_may_be_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
