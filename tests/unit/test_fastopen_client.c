/*
 * Goal:   the client of TCP Fast Open (RFC 7413): it asks for a cookie, keeps it, sends what
 *         is queued with the SYN, sends again what the server does not take, and leaves a
 *         server alone to which such SYNs are lost.
 * Method: scripts over one stack, the test being the server.
 */
#include "tests/unit/fastopen_fixture.h"
#include "tests/unit/tcp_fixture_port.h"

#define COOKIE .fast_open = true, .cookie_bytes = 6, .cookie = {1, 2, 3, 4, 5, 6}

static void get_cookie(struct tcp_fixture *f)
{
    connect_and_send(f, 0, 0);
    expect(f, TCP_SYN, .seq = 0, .fast_open = true);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, COOKIE);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
}

/* Shows: RFC 7413 4.2.1a, 4.2.1b, 4.1.3a. */
static void a_cookie_is_asked_for_and_kept(void **state)
{
    struct tcp_fixture *f = *state;

    connect_and_send(f, 0, 100); /* without a cookie the text waits for the handshake */
    expect(f, TCP_SYN, .seq = 0, .fast_open = true);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, COOKIE);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->tcp.counters.fast_open_sent, 0);

    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->peer->told.sent, 100);
    assert_int_equal(f->tcp.counters.fast_open_sent, 1);
    assert_int_equal(f->tcp.counters.fast_open_taken, 1);
    assert_true(conn_of(f)->syn_data);
    app_sends(f, 50);
    expect(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 50);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 151);
}

/* Nobody asked for it. */
static void it_is_off_by_default(void **state)
{
    struct tcp_fixture *f = *state;

    assert_false(f->settings.fast_open);
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
}

/* Shows: RFC 7413 4.2.2b. */
static void what_the_server_does_not_take_goes_again(void **state)
{
    static const struct {
        const char *name;
        uint32_t ack; /* of the SYN-ACK */
    } cases[] = {{"nothing", 1}, {"half of it", 51}};
    struct tcp_fixture *f = *state;

    get_cookie(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        connect_and_send(f, 1 + i, 100);
        expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
        peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = cases[i].ack, COOKIE);
        expect(f, TCP_ACK, .seq = cases[i].ack, .ack = 1, .bytes = 101 - cases[i].ack);
        expect_silence(f);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
        assert_int_equal(f->peer->told.sent, 100);
        assert_int_equal(conn_of(f)->cwnd, 10 * MSS); /* it was no loss */
    }
    assert_int_equal(f->tcp.counters.fast_open_taken, 0);
}

/* And gives no new cookie: it has stopped, so that the next SYN asks. */
static void a_server_that_stopped_is_asked_anew(void **state)
{
    struct tcp_fixture *f = *state;

    get_cookie(f);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    connect_and_send(f, 2, 100);
    expect(f, TCP_SYN, .seq = 0, .fast_open = true);
}

/* A router has passed it on no further: what the server did not see it has not refused. */
static void a_syn_too_big_keeps_its_cookie(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < 3; i++) {
        f->peers[i].mss = 1400;
    }
    get_cookie(f);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 0, 1300);
    expect(f, TCP_SYN, .seq = 0);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    connect_and_send(f, 2, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
}

/* One segment goes with the SYN, options and text no longer than the server takes.
 * Shows: RFC 7413 4.1.3.2b. */
static void a_long_text_is_cut(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.nodelay = true;
    get_cookie(f);
    connect_and_send(f, 1, 3000);
    expect(f, TCP_SYN, .seq = 0, .bytes = MSS - 40, COOKIE);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = MSS - 39);
    expect(f, TCP_ACK, .seq = MSS - 39, .ack = 1, .bytes = MSS - 40);
    expect(f, TCP_ACK, .seq = 2 * MSS - 79, .ack = 1, .bytes = MSS - 40);
    expect(f, TCP_ACK, .seq = 3 * MSS - 119, .ack = 1, .bytes = 120);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3001);
}

static void a_fin_waits_for_the_handshake(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple;
    struct tcp_conn *conn;

    get_cookie(f);
    f->peer = &f->peers[1];
    tuple = tuple_of(f);
    assert_int_equal(tcp_connect(&f->tcp, &tuple, &f->settings, &conn), TCP_OK);
    assert_int_equal(tcp_send(conn, (const uint8_t[]){fixture_byte(true, 1)}, 1), 1);
    f->peer->told.queued = 1;
    assert_int_equal(tcp_shutdown(conn), TCP_OK);
    turn(f);
    expect(f, TCP_SYN, .seq = 0, .bytes = 1, COOKIE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 2);
    expect(f, TCP_ACK | TCP_FIN, .seq = 2, .ack = 1);
    expect_state(f, TCP_FIN_WAIT_1);
}

/* Shows: RFC 7413 6a, 4.1.3b. */
static void a_lost_syn_goes_again_without(void **state)
{
    struct tcp_fixture *f = *state;

    get_cookie(f);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    expect_after(f, SECONDS(2), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->peer->told.sent, 100);
    assert_int_equal(f->tcp.counters.fast_open_lost, 1);
    connect_and_send(f, 2, 100); /* not even asked, for an hour */
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    wait_ns(f, 3600 * NS_PER_S);
    connect_and_send(f, 3, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    wait_ns(f, 2 * 3600 * NS_PER_S - SECONDS(1)); /* lost again: two hours */
    connect_and_send(f, 4, 0);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends(f, TCP_RST | TCP_ACK, .seq = 0, .ack = 1);
    wait_ns(f, SECONDS(1));
    connect_and_send(f, 5, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101); /* now it is through */
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
    connect_and_send(f, 6, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
}

/* The SYN was not lost but its answer: the text was taken, and is not sent twice. */
static void a_late_answer_counts(void **state)
{
    struct tcp_fixture *f = *state;

    get_cookie(f);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
    expect_silence(f);
    assert_int_equal(f->peer->told.sent, 100);
    assert_int_equal(f->tcp.counters.fast_open_lost, 0); /* nor is the way to blame */
    connect_and_send(f, 2, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
}

/* Nobody else would have sent it one: the SYN that asked was not lost but its answer. */
static void a_late_cookie_is_kept(void **state)
{
    struct tcp_fixture *f = *state;

    connect_and_send(f, 0, 0);
    expect(f, TCP_SYN, .seq = 0, .fast_open = true);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, COOKIE);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->tcp.counters.fast_open_lost, 0);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
}

/* It has taken the cookie, and had no room for all of the text. */
static void a_server_that_takes_half_keeps_its_cookie(void **state)
{
    struct tcp_fixture *f = *state;

    get_cookie(f);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 51);
    expect(f, TCP_ACK, .seq = 51, .ack = 1, .bytes = 50);
    connect_and_send(f, 2, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
}

/* Shows: RFC 7413 4.1.1a. */
static void a_cookie_of_a_wrong_length_is_none(void **state)
{
    static const uint8_t lengths[] = {1, 2, 3, 5, 7, 15};
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(lengths); i++) {
        struct seg answer = {.flags = TCP_SYN | TCP_ACK, .ack = 1, .fast_open = true};

        answer.cookie_bytes = lengths[i];
        connect_and_send(f, i, 0);
        expect(f, TCP_SYN, .seq = 0, .fast_open = true); /* no cookie */
        peer_send_syn(f, answer);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
    }
}

/* Both sides open at once: the text waits, whatever was sent of it. */
static void a_simultaneous_open_sends_it_after(void **state)
{
    struct tcp_fixture *f = *state;

    get_cookie(f);
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.sent, 100);
}

/* What the server takes now counts, also where it gives no new cookie.
 * Shows: RFC 7413 4.1.3.2a, 4.1.3.2b. */
static void the_latest_mss_counts(void **state)
{
    struct tcp_fixture *f = *state;

    get_cookie(f);
    f->peers[1].mss = 500;
    connect_and_send(f, 1, 100);
    expect(f, TCP_SYN, .seq = 0, .bytes = 100, COOKIE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
    connect_and_send(f, 2, MSS);
    expect(f, TCP_SYN, .seq = 0, .bytes = 460, COOKIE); /* 40 of options */
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_cookie_is_asked_for_and_kept),
        SCRIPT(it_is_off_by_default),
        SCRIPT(what_the_server_does_not_take_goes_again),
        SCRIPT(a_server_that_stopped_is_asked_anew),
        SCRIPT(a_syn_too_big_keeps_its_cookie),
        SCRIPT(a_long_text_is_cut),
        SCRIPT(a_fin_waits_for_the_handshake),
        SCRIPT(a_lost_syn_goes_again_without),
        SCRIPT(a_late_answer_counts),
        SCRIPT(a_late_cookie_is_kept),
        SCRIPT(a_server_that_takes_half_keeps_its_cookie),
        SCRIPT(a_cookie_of_a_wrong_length_is_none),
        SCRIPT(a_simultaneous_open_sends_it_after),
        SCRIPT(the_latest_mss_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
