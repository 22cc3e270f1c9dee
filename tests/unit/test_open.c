/*
 * Goal:   the active open (RFC 9293 section 3.9.1.1): whom it may be to, which
 *         local address and port it takes (RFC 6056), and what it does without
 *         memory; the first window of both opens.
 * Method: calls with tuples as a table; scripts for the rest.
 */
#include "tests/unit/tcp_fixture.h"

#include "tcp/isn.h"
#include "tcp/timewait_table.h"
#include "tests/unit/net_packets.h"

static int connects(struct tcp_fixture *f, const struct tcp_tuple *tuple, struct tcp_conn **conn)
{
    fixture_open(f);
    return tcp_connect(&f->tcp, tuple, &f->settings, conn);
}

/* Shows: RFC 9293 MUST-46; RFC 1122 3.2.1.3c. */
static void a_tuple_is_one_host_and_one_of_ours(void **state)
{
    static const struct {
        const char *name;
        const char *local[2]; /* NULL: any */
        const char *remote[2];
        uint16_t remote_port;
        int result;
    } cases[] = {
        {"port 0", {NULL, NULL}, {"10.0.0.2", "2001:db8::2"}, 0, TCP_ERR_ADDRESS},
        {"a group (MUST-46)", {NULL, NULL}, {"224.0.0.1", "ff02::1"}, 1, TCP_ERR_ADDRESS},
        {"nobody", {NULL, NULL}, {"0.0.0.0", "::"}, 1, TCP_ERR_ADDRESS},
        {"loopback", {NULL, NULL}, {"127.0.0.1", "::1"}, 1, TCP_ERR_ADDRESS},
        {"not our address",
         {"10.0.0.3", "2001:db8::3"},
         {"10.0.0.2", "2001:db8::2"},
         1,
         TCP_ERR_ADDRESS},
        {"no route", {NULL, NULL}, {"11.0.0.2", "2001:db9::2"}, 1, TCP_ERR_ROUTE},
        {"no route, from our address",
         {"10.0.0.1", "2001:db8::1"},
         {"11.0.0.2", "2001:db9::2"},
         1,
         TCP_ERR_ROUTE},
        {"ourselves", {NULL, NULL}, {"10.0.0.1", "2001:db8::1"}, 1, TCP_ERR_ROUTE},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const char *local = cases[i].local[f->v6];
        struct tcp_tuple tuple = {.remote = addr_of(cases[i].remote[f->v6]),
                                  .remote_port = cases[i].remote_port};
        struct tcp_conn *conn = NULL;

        print_message("  %s\n", cases[i].name);
        if (local) {
            tuple.local = addr_of(local);
        }
        assert_int_equal(connects(f, &tuple, &conn), cases[i].result);
        assert_null(conn);
    }
    assert_int_equal(f->tcp.conns.used, 0);
}

/* Shows: RFC 6056 3.1a. */
static void a_port_is_taken_once(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    struct tcp_conn *conn;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(connects(f, &tuple, &conn), TCP_ERR_IN_USE);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(connects(f, &tuple, &conn), TCP_ERR_IN_USE);
    wait_ns(f, TCP_TIME_WAIT_NS);
    f->peer->told = (struct told){0};
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
}

/* RFC 6056: the whole range before any port is refused, and for each peer.
 * Shows: RFC 9293 MUST-44; RFC 6056 3.1b. */
static void ephemeral_ports_use_up_their_range(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    struct tcp_conn *conn;
    unsigned seen = 0;

    f->config.port_first = 65530;
    f->config.port_count = 6;
    tuple.local = (struct ip_addr){.halves = {0, 0}};
    tuple.local_port = 0;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(connects(f, &tuple, &conn), TCP_OK);
        assert_in_range(conn->tuple.local_port, 65530, 65535);
        assert_true(ip_addr_equal(&conn->tuple.local, &f->local));
        seen |= 1u << (conn->tuple.local_port - 65530);
        f->peers[i].port = tuple.remote_port;
        f->peers[i].local_port = conn->tuple.local_port;
    }
    assert_int_equal(seen, 0x3f);
    assert_int_equal(connects(f, &tuple, &conn), TCP_ERR_IN_USE);
    assert_true(f->tcp.no_port.until_ns == UINT64_MAX); /* nobody looks again until one ends */
    assert_int_equal(connects(f, &tuple, &conn), TCP_ERR_IN_USE);
    tcp_conn_abandon(conn);
    assert_int_equal(connects(f, &tuple, &conn), TCP_OK);
    assert_int_equal(conn->tuple.local_port, f->peers[5].local_port);
    tuple.remote_port++;
    assert_int_equal(connects(f, &tuple, &conn), TCP_OK);
    f->peers[6].port = tuple.remote_port;
    f->peers[6].local_port = conn->tuple.local_port;
    turn(f);
    forget_sent(f);
}

/* Hash and counter may be any numbers: the search goes round the range also where
 * their sum passes 2^32.
 * Shows: RFC 6056 3.1b, 3.3.3a. */
static void the_search_for_a_port_misses_none(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    struct tcp_conn *conn;
    unsigned seen = 0;

    f->config.port_first = 65530;
    f->config.port_count = 6;
    tuple.local_port = 0;
    fixture_open(f);
    for (unsigned i = 0; i < 6; i++) {
        f->tcp.port_next = UINT32_MAX - 2 - isn_port_offset(f->tcp.secret, &tuple);
        assert_int_equal(connects(f, &tuple, &conn), TCP_OK);
        seen |= 1u << (conn->tuple.local_port - 65530);
        f->peers[i].port = tuple.remote_port;
        f->peers[i].local_port = conn->tuple.local_port;
    }
    assert_int_equal(seen, 0x3f);
    turn(f);
    forget_sent(f);
}

/* Of one port: opened, and closed by us. */
static void through_time_wait(struct tcp_fixture *f, struct tcp_tuple *tuple, bool timestamps)
{
    struct tcp_conn *conn;

    f->config.port_first = 65530;
    f->config.port_count = 1;
    f->settings.timestamps = timestamps;
    f->peer->timestamps = timestamps;
    tuple->local_port = 0;
    assert_int_equal(connects(f, tuple, &conn), TCP_OK);
    f->peer->local_port = conn->tuple.local_port;
    turn(f);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(connects(f, tuple, &conn), TCP_ERR_IN_USE);
}

/* RFC 6191: with timestamps, and a second later, behind the numbers of the old one.
 * Shows: RFC 6191 2e. */
static void a_port_in_time_wait_is_taken_again(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    struct tcp_conn *conn;
    uint32_t snd_nxt;

    through_time_wait(f, &tuple, true);
    wait_ns(f, TCP_TIME_WAIT_REUSE_NS - 1);
    assert_int_equal(connects(f, &tuple, &conn), TCP_ERR_IN_USE);
    wait_ns(f, 1);
    /* As if much had been sent: the clock of the ISN alone would fall behind. */
    snd_nxt = timewait_at(&f->tcp.timewait, timewait_oldest(&f->tcp.timewait))->snd_nxt += 1u << 30;
    f->peer->told = (struct told){0};
    assert_int_equal(connects(f, &tuple, &conn), TCP_OK);
    assert_true(seq_gt(conn->snd.iss, snd_nxt));
    assert_int_equal(timewait_count(&f->tcp.timewait), 0);
    assert_int_equal(f->tcp.counters.time_wait_reused, 1);
    turn(f);
    forget_sent(f);
}

static void without_timestamps_it_waits(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple = tuple_of(f);
    struct tcp_conn *conn;

    through_time_wait(f, &tuple, false);
    wait_ns(f, TCP_TIME_WAIT_NS - 1);
    assert_int_equal(connects(f, &tuple, &conn), TCP_ERR_IN_USE);
    wait_ns(f, 1);
    f->peer->told = (struct told){0};
    assert_int_equal(connects(f, &tuple, &conn), TCP_OK);
    assert_int_equal(f->tcp.counters.time_wait_reused, 0);
    turn(f);
    forget_sent(f);
}

static void an_open_without_memory_leaves_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.connections_max = 2;
    f->config.flights_max = 1;
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    f->peer = &f->peers[1];
    assert_int_equal(app_connects(f), TCP_ERR_NO_MEMORY); /* no flight */
    assert_int_equal(f->tcp.conns.used, 1);
    f->peer = &f->peers[0];
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    f->peer = &f->peers[1];
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    f->peer = &f->peers[2];
    assert_int_equal(app_connects(f), TCP_ERR_NO_MEMORY); /* no connection */
    assert_int_equal(f->peer->told.close, 0);
}

/* MUST-20, and R2 of MUST-23: at least three minutes.
 * Shows: RFC 9293 MUST-22, MUST-23; RFC 6298 2.1a; RFC 2525 2.7. */
static void a_syn_is_repeated_and_given_up(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t begin_ns;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    begin_ns = f->now_ns;
    for (unsigned i = 0; i < TCP_R2_SYN_RETRANSMISSIONS; i++) {
        expect_after(f, min_u64(SECONDS(1) << i, TCP_RTO_MAX_NS), TCP_SYN, .seq = 0);
    }
    wait_ns(f, TCP_RTO_MAX_NS + MS(1));
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    assert_true(f->now_ns - begin_ns > SECONDS(180));
}

/* Shows: RFC 4987 3.3a. */
static void a_syn_ack_is_repeated_and_given_up(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    for (unsigned i = 0; i < TCP_R2_SYN_ACK_RETRANSMISSIONS; i++) {
        expect_after(f, SECONDS(1) << i, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    }
    wait_ns(f, SECONDS(33));
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->peer->told.close, 0);
    assert_int_equal(f->tcp.listeners[f->listener].half_open, 0);
}

/* With too many promises out, or few frames, the first window is two segments. */
static void the_first_window_is_squeezed(void **state)
{
    static const struct {
        const char *name;
        enum frame_pressure level;
        bool promised;
        uint32_t window[2]; /* passive, active: its MSS is a guess yet */
    } cases[] = {
        {"normal", FRAME_NORMAL, false, {65535, 65535}},
        {"pressure", FRAME_PRESSURE, false, {2 * MSS, 2880}},
        {"critical", FRAME_CRITICAL, false, {2 * MSS, 2880}},
        {"too many promises", FRAME_NORMAL, true, {2 * MSS, 2880}},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t limit;

        print_message("  %s\n", cases[i].name);
        fixture_open(f);
        press(f, cases[i].level);
        limit = f->tcp.promise_limit;
        f->tcp.promise_limit = cases[i].promised ? f->tcp.promised_bytes - 1 : limit;
        f->peer = &f->peers[2 * i];
        peer_sends_syn(f, 0, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1, .window = cases[i].window[0]);
        f->peer = &f->peers[2 * i + 1];
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN, .seq = 0, .window = cases[i].window[1]);
        f->tcp.promise_limit = limit;
    }
}

/* RFC 9293 section 3.10.2: what is sent before ESTABLISHED is queued, and goes with the ACK of
 * the SYN-ACK, or behind the passive end's handshake. */
static void what_is_sent_before_goes_when_it_is_open(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(app_sends(f, 1500), 1500);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 440); /* cut as the path was */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1441);
    expect(f, TCP_ACK, .seq = 1441, .ack = 1, .bytes = 60);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1501);
    assert_int_equal(f->peer->told.sent, 1500);
}

/* A SYN that is lost takes nothing of the queue with it. */
static void a_lost_syn_leaves_the_queue(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(app_sends(f, 300), 300);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 300);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 301);
    assert_int_equal(f->peer->told.sent, 300);
}

/* What is refused before the connection is open is told behind on_open, not when frames are back.
 */
static void writable_follows_open(void **state)
{
    struct tcp_fixture *f = *state;
    char byte = 0;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    press(f, FRAME_CRITICAL);
    assert_int_equal(tcp_send(conn_of(f), &byte, 1), TCP_ERR_NO_MEMORY);
    press(f, FRAME_NORMAL);
    wait_ns(f, MS(60));
    assert_int_equal(f->peer->told.open, 0);
    assert_int_equal(f->peer->told.writable, 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->peer->told.writable, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(writable_follows_open),
        SCRIPT(a_tuple_is_one_host_and_one_of_ours),
        SCRIPT(a_port_is_taken_once),
        SCRIPT(ephemeral_ports_use_up_their_range),
        SCRIPT(the_search_for_a_port_misses_none),
        SCRIPT(a_port_in_time_wait_is_taken_again),
        SCRIPT(without_timestamps_it_waits),
        SCRIPT(an_open_without_memory_leaves_nothing),
        SCRIPT(a_syn_is_repeated_and_given_up),
        SCRIPT(a_syn_ack_is_repeated_and_given_up),
        SCRIPT(the_first_window_is_squeezed),
        SCRIPT(what_is_sent_before_goes_when_it_is_open),
        SCRIPT(a_lost_syn_leaves_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
