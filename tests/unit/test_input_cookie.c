/*
 * Goal:   beyond the limit of half-open connections a SYN is answered with a cookie, of which
 *         nothing is kept; its ACK, with or without text, makes the connection that the SYN
 *         asked for, and nothing else does (RFC 4987 section 3.6).
 * Method: scripts over one stack; the peer drops, changes and repeats what it sends.
 */
#include "tcp/syncookie.h"
#include "tests/unit/tcp_fixture.h"

#define STEP_NS (1ull << SYNCOOKIE_STEP_SHIFT)

/* One peer fills the queue; the script's comes next. */
static void fill_queue(struct tcp_fixture *f)
{
    f->half_open_max = 1;
    f->syn_cookies = TCP_COOKIES_WHEN_FULL;
    f->peer = &f->peers[7];
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->peer = &f->peers[0];
}

/* Shows: RFC 4987 3.6a. */
static void nothing_is_kept_until_the_ack(void **state)
{
    struct tcp_fixture *f = *state;

    fill_queue(f);
    for (unsigned i = 0; i < 3; i++) {
        peer_sends_syn(f, 0, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1, .window = 65535,
               .mss = f->v6 ? 1440 : 1460);
    }
    assert_int_equal(f->tcp.counters.syn_cookies_sent, 3);
    assert_int_equal(f->tcp.conns.used, 1);
    assert_int_equal(f->tcp.half_open, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_silence(f);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->tcp.counters.syn_cookies_accepted, 1);
    assert_int_equal(f->tcp.counters.opened_passive, 1);
    assert_int_equal(f->tcp.half_open, 1);
    /* Without timestamps no scale and no SACK. */
    assert_false(tcp_conn_has(conn_of(f), TCP_CONN_SACK_OK | TCP_CONN_WSCALE));
    assert_int_equal(conn_of(f)->snd.mss, 536); /* of 1000 */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 101);
    app_sends(f, 600);
    expect(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 536);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 537);
    expect(f, TCP_ACK, .seq = 537, .ack = 101, .bytes = 64);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 601);
    assert_int_equal(f->peer->told.sent, 600);
}

/* Shows: RFC 4987 3.6b. */
static void timestamps_remember_the_options(void **state)
{
    static const struct {
        const char *name;
        uint8_t wscale; /* 0: no option */
        bool sack;
    } cases[] = {
        {"scale and SACK", WSCALE(7), true},
        {"scale", WSCALE(14), false},
        {"a scale of 0", WSCALE(0), false},
        {"SACK", 0, true},
        {"neither", 0, false},
    };
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    f->peers[7].timestamps = true;
    fill_queue(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const struct seg *answer;
        const struct tcp_conn *conn;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->timestamps = true;
        f->peer->wscale = cases[i].wscale;
        f->peer->sack = cases[i].sack;
        f->peer->mss = 1460;
        peer_sends_syn(f, 0, .seq = 0);
        answer = expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1, .timestamps = true);
        assert_int_equal(answer->wscale, cases[i].wscale ? WSCALE(3) : 0);
        assert_int_equal(answer->sack_permitted, cases[i].sack);
        wait_ns(f, MS(100));
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 1000);
        expect_silence(f);
        conn = conn_of(f);
        assert_int_equal(conn->state, TCP_ESTABLISHED);
        assert_int_equal(tcp_conn_has(conn, TCP_CONN_SACK_OK), cases[i].sack);
        assert_int_equal(tcp_conn_has(conn, TCP_CONN_WSCALE), cases[i].wscale != 0);
        assert_true(tcp_conn_has(conn, TCP_CONN_TIMESTAMPS));
        assert_int_equal(conn->snd.wscale, cases[i].wscale & 0x7f);
        assert_int_equal(conn->snd.wnd, 1000 << (cases[i].wscale & 0x7f));
        assert_int_equal(conn->snd.mss, (f->v6 ? 1440 : 1460) - 12);
        assert_int_equal(conn->rtt.srtt_ns, 0); /* the SYN-ACK's timestamp is no time */
    }
}

/* Our timestamps never run backwards, or the peer would drop what follows. */
static void timestamps_go_on(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t of_cookie, of_data;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    fill_queue(f);
    peer_sends_syn(f, 0, .seq = 0);
    of_cookie = expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1)->ts_val;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    app_sends(f, 10);
    of_data = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10)->ts_val;
    assert_in_range(of_data - of_cookie, 0, 127);
}

/* The bare ACK was lost: the first text does as well. */
static void text_with_the_ack_is_delivered(void **state)
{
    struct tcp_fixture *f = *state;

    fill_queue(f);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 300);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 301, .ack = 1, .bytes = 200);
    expect(f, TCP_ACK, .seq = 1, .ack = 502);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->peer->told.data, 500);
    assert_int_equal(f->peer->told.eof, 1);
    expect_state(f, TCP_CLOSE_WAIT);
}

/* The bare ACK was lost and the first text with it: what follows is no reason for a reset. */
static void text_from_further_on_waits_for_the_first(void **state)
{
    struct tcp_fixture *f = *state;

    fill_queue(f);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 301, .ack = 1, .bytes = 200);
    expect_silence(f);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 501, .ack = 1, .bytes = 100);
    expect_silence(f);
    assert_int_equal(f->tcp.conns.used, 1); /* fill_queue's */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 300);
    expect(f, TCP_ACK, .seq = 1, .ack = 301);
    assert_int_equal(f->peer->told.data, 300);
}

static void what_is_no_cookie_is_reset(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq, ack;
        uint64_t later_ns;
        unsigned failed;
    } cases[] = {
        {"another acknowledgement", 1, 9, 0, 1},
        {"another sequence number", 2, 1, 0, 1},
        {"half the sequence space away", 1, 0x80000001, 0, 1},
        {"after the time of all cookies", 1, 1, 2 * STEP_NS, 0},
    };
    struct tcp_fixture *f = *state;
    unsigned failed = 0;

    f->syn_cookies = TCP_COOKIES_ALWAYS;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        peer_sends_syn(f, 0, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        wait_ns(f, cases[i].later_ns);
        peer_sends(f, TCP_ACK, .seq = cases[i].seq, .ack = cases[i].ack);
        expect(f, TCP_RST, .seq = cases[i].ack);
        failed += cases[i].failed;
        assert_int_equal(f->tcp.counters.syn_cookies_failed, failed);
    }
    assert_int_equal(f->tcp.conns.used, 0);
    assert_int_equal(f->tcp.counters.syn_cookies_accepted, 0);
}

/* A cookie that nobody has sent lately is not even looked at: guessing is for nothing.
 * Shows: RFC 4987 3.6c. */
static void none_is_taken_unless_some_were_sent(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    struct syncookie_of of = {.base = isn_make(f->config.secret + 2, &tuple, 0),
                              .irs = f->peer->iss};

    f->syn_cookies = TCP_COOKIES_WHEN_FULL;
    fixture_open(f);
    of.now_ns = f->now_ns;
    f->peer->irs = syncookie_make(f->config.secret + 2, &of, 1460);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_RST, .seq = 1);
    f->tcp.listeners[f->listener].cookie_ns = f->now_ns; /* the same one, then */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_silence(f);
    expect_state(f, TCP_ESTABLISHED);
}

/* The timestamp belongs to it: one from another time, or of another connection, does not. */
static void a_wrong_timestamp_is_reset(void **state)
{
    static const int32_t off_ms[] = {1000, -200000, 1 << 30};
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    f->syn_cookies = TCP_COOKIES_ALWAYS;
    for (unsigned i = 0; i < COUNT_OF(off_ms); i++) {
        f->peer = &f->peers[i];
        f->peer->timestamps = true;
        peer_sends_syn(f, 0, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1,
                   .ts_ecr = f->peer->ts_heard + (uint32_t)off_ms[i]);
        expect(f, TCP_RST, .seq = 1);
    }
    assert_int_equal(f->tcp.counters.syn_cookies_failed, COUNT_OF(off_ms));
}

/* A flood leaves the half-open queue full all the time; who answers comes in.
 * Shows: RFC 4987 3a. */
static void who_is_there_comes_in_under_a_flood(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.connections_max = 8;
    f->half_open_max = 4;
    f->syn_cookies = TCP_COOKIES_WHEN_FULL;
    f->peers[7].iss = 12345;
    for (unsigned i = 0; i < 1000; i++) {
        f->peer = &f->peers[7];
        f->peer->port = (uint16_t)(1000 + i); /* nobody is there */
        peer_sends_syn(f, 0, .seq = 0);
        (void)expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        if (i % 300 == 299) {
            f->peer = &f->peers[i / 300];
            establish(f);
        }
    }
    assert_int_equal(f->tcp.half_open, 4);
    assert_int_equal(f->tcp.conns.used, 4 + 3);
    assert_int_equal(f->tcp.counters.syn_cookies_sent, 1000 - 4 + 3);
    assert_int_equal(f->tcp.counters.syn_cookies_accepted, 3);
    assert_int_equal(f->tcp.counters.dropped_half_open, 0);
    f->peer = &f->peers[7];
    for (unsigned i = 0; i < 4; i++) {
        f->peer->port = (uint16_t)(1000 + i);
        peer_sends(f, TCP_RST, .seq = 1);
    }
}

/* The worker's limit is for all listeners together.
 * Shows: RFC 4987 3b. */
static void the_limit_of_the_worker_counts(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.half_open_max = 1;
    f->syn_cookies = TCP_COOKIES_WHEN_FULL;
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(f->tcp.counters.syn_cookies_sent, 0);
    f->peer = &f->peers[0];
    establish(f);
    assert_int_equal(f->tcp.counters.syn_cookies_accepted, 1);
}

/* No memory for what a cookie brings back: no answer, and the peer tries once more. */
static void without_memory_the_ack_is_ignored(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.connections_max = 1;
    fill_queue(f);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_silence(f);
    assert_int_equal(f->tcp.counters.dropped_no_memory, 1);
    f->peer = &f->peers[7];
    peer_sends(f, TCP_RST, .seq = 1);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 50);
    expect(f, TCP_ACK, .seq = 1, .ack = 51);
    assert_int_equal(f->peer->told.data, 50);
}

/* No room in the port: the SYN comes again. */
static void a_full_port_sends_none(void **state)
{
    struct tcp_fixture *f = *state;

    f->syn_cookies = TCP_COOKIES_ALWAYS;
    f->tx_room = 0;
    turn(f);
    peer_sends_syn(f, 0, .seq = 0);
    expect_silence(f);
    assert_int_equal(f->tcp.counters.syn_cookies_sent, 0);
    f->tx_room = 32;
    turn(f);
    establish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(nothing_is_kept_until_the_ack),
        SCRIPT(timestamps_remember_the_options),
        SCRIPT(timestamps_go_on),
        SCRIPT(text_with_the_ack_is_delivered),
        SCRIPT(text_from_further_on_waits_for_the_first),
        SCRIPT(what_is_no_cookie_is_reset),
        SCRIPT(none_is_taken_unless_some_were_sent),
        SCRIPT(a_wrong_timestamp_is_reset),
        SCRIPT_V4(who_is_there_comes_in_under_a_flood),
        SCRIPT(the_limit_of_the_worker_counts),
        SCRIPT(without_memory_the_ack_is_ignored),
        SCRIPT(a_full_port_sends_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
