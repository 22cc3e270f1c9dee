/*
 * Goal:   the calls of an application (RFC 9293 section 3.9.1): listen, shutdown,
 *         close and abort in each state, pause and resume.
 * Method: scripts over one stack; arguments and states as tables.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/net_packets.h"

static void listen_checks_its_arguments(void **state)
{
    static const struct {
        const char *name;
        const char *address[2]; /* NULL: any */
        uint16_t port;
        uint32_t half_open_max;
        int result;
    } cases[] = {
        {"port 0", {NULL, NULL}, 0, 1, TCP_ERR_ARGUMENT},
        {"no half-open connection", {NULL, NULL}, 81, 0, TCP_ERR_ARGUMENT},
        {"not our address", {"10.0.0.9", "2001:db8::9"}, 81, 1, TCP_ERR_ADDRESS},
        {"in use", {NULL, NULL}, LOCAL_PORT, 1, TCP_ERR_IN_USE},
        {"the same port on one address", {"10.0.0.1", "2001:db8::1"}, LOCAL_PORT, 1, TCP_OK},
        {"that once more", {"10.0.0.1", "2001:db8::1"}, LOCAL_PORT, 1, TCP_ERR_IN_USE},
        {"another port", {NULL, NULL}, 81, 1, TCP_OK},
    };
    struct tcp_fixture *f = *state;

    fixture_open(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const char *address = cases[i].address[f->v6];
        struct tcp_listener listener = {.port = cases[i].port,
                                        .half_open_max = cases[i].half_open_max,
                                        .connections_max = 1,
                                        .settings = f->settings};
        uint32_t index = UINT32_MAX;

        print_message("  %s\n", cases[i].name);
        if (address) {
            listener.address = addr_of(address);
        }
        assert_int_equal(tcp_listen(&f->tcp, &listener, &index), cases[i].result);
        assert_int_equal(index != UINT32_MAX, cases[i].result == TCP_OK);
    }
}

/* Entries are used again, but not while half-open connections count on them.
 * Shows: RFC 9293 MUST-41. */
static void listeners_are_bounded_and_used_again(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_listener listener = {
        .port = 100, .half_open_max = 1, .connections_max = 1, .settings = tcp_settings_default};
    uint32_t index = 0;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    tcp_unlisten(&f->tcp, f->listener);
    for (unsigned i = 1; i < TCP_LISTENERS_MAX; i++) {
        assert_int_equal(tcp_listen(&f->tcp, &listener, &index), TCP_OK);
        assert_int_not_equal(index, f->listener);
        listener.port++;
    }
    assert_int_equal(tcp_listen(&f->tcp, &listener, &index), TCP_ERR_NO_MEMORY);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1); /* goes on, though nobody listens */
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(tcp_listen(&f->tcp, &listener, &index), TCP_OK);
    assert_int_equal(index, f->listener);
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_RST | TCP_ACK, .seq = 0 - f->peer->irs, .ack = 1);
}

static void the_very_address_goes_before_any(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_listener listener = {.port = LOCAL_PORT,
                                    .half_open_max = 1,
                                    .connections_max = UINT32_MAX,
                                    .settings = tcp_settings_default,
                                    .app = f};
    uint32_t index;

    listener.address = f->local;
    fixture_open(f);
    assert_int_equal(tcp_listen(&f->tcp, &listener, &index), TCP_OK);
    establish(f);
    assert_ptr_equal(conn_of(f)->app, f);
    tcp_unlisten(&f->tcp, index);
    f->peer = &f->peers[1];
    establish(f);
    assert_null(conn_of(f)->app);
}

/* Shows: RFC 9293 3.6a. */
static void half_close_goes_both_ways(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(app_shuts_down(f), TCP_ERR_STATE);
    assert_int_equal(app_sends(f, 1), TCP_ERR_STATE);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_FIN_WAIT_2);
    expect_silence_for(f, SECONDS(2 * TCP_FIN_WAIT_2_S)); /* nobody closed: no timeout */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2, .bytes = 1000);
    expect(f, TCP_ACK, .seq = 2, .ack = 1001);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1001, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 1002);
    assert_int_equal(f->peer->told.data, 1000);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);

    f->peer = &f->peers[1];
    establish(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 2);
    app_sends(f, 1000);
    expect(f, TCP_ACK, .seq = 1, .ack = 2, .bytes = 1000);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 1001);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1001, .ack = 2);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 1002);
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->peer->told.sent, 1000);
}

/* Section 3.10.4: the FIN waits for ESTABLISHED, then it is FIN-WAIT-1.
 * Shows: RFC 9293 3.10.4a. */
static void shutdown_while_opening_waits_for_the_handshake(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(app_sends(f, 100), 100);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect_state(f, TCP_FIN_WAIT_1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 102);
    expect(f, TCP_ACK, .seq = 102, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);

    f->peer = &f->peers[1]; /* the SYNs cross */
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    app_closes(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_FIN_WAIT_1);
    assert_int_equal(f->peer->told.open, 0); /* nobody is there to be told */
}

/* Shows: RFC 9293 3.10.4a, 3.10.5a. */
static void close_and_abort_in_syn_sent_are_silent(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN, .seq = 0);
        if (i == 0) {
            app_closes(f);
        } else {
            app_aborts(f);
        }
        expect_silence(f);
        expect_state(f, TCP_CLOSED);
        assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);
    }
}

static void twice(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
    tcp_abort(conn);
    tcp_close(conn);
    tcp_resume(conn);
    assert_int_equal(tcp_shutdown(conn), TCP_ERR_STATE);
    assert_int_equal(tcp_send(conn, "", 1), TCP_ERR_STATE);
    tcp_set_nodelay(conn, true);
}

/* Within the turn in which it ended a connection can be asked for anything. */
static void calls_after_the_end_do_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    f->app.eof = twice;
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 2);
    expect_silence(f);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);
}

/* RFC 2525 section 2.17.
 * Shows: RFC 9293 SHLD-3, MAY-1; RFC 2525 2.17. */
static void close_with_unread_data_resets(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_pauses(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    app_closes(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 11);
    assert_int_equal(f->peer->told.reason, TCP_REASON_UNREAD);
}

static void close_with_a_fin(struct tcp_fixture *f, unsigned i)
{
    f->peer = &f->peers[i];
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_FIN_WAIT_1);
}

/* A quarter of the places is for those that somebody reads. Who waits for nobody is not in
 * the way of others, and is not reset. */
static void those_that_are_left_are_bounded(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.connections_max = 4;
    for (unsigned i = 0; i < 3; i++) {
        close_with_a_fin(f, i);
    }
    f->peer = &f->peers[3];
    establish(f);
    app_pauses(f);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    app_closes(f);
    expect_silence(f);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->tcp.counters.orphans_reset, 0);

    f->peer = &f->peers[4];
    establish(f);
    app_closes(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_NO_MEMORY);
    assert_int_equal(f->tcp.counters.orphans_reset, 1);

    f->peer = &f->peers[0];
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    close_with_a_fin(f, 5);
}

/* What nobody waits for gives way where frames are critical: when it would go again, or a closed
 * window be asked. No level alone ends it, and what an application still has stays. */
static void what_is_left_gives_way_when_frames_are_critical(void **state)
{
    static const struct {
        const char *name;
        enum frame_pressure level;
        bool closed;      /* by the application */
        bool shut;        /* the peer's window */
        uint32_t rst_seq; /* 0: it goes on */
    } cases[] = {
        {"critical", FRAME_CRITICAL, true, false, 102},
        {"critical, window closed", FRAME_CRITICAL, true, true, 101},
        {"critical, but not closed", FRAME_CRITICAL, false, false, 0},
        {"pressure", FRAME_PRESSURE, true, false, 0},
    };
    struct tcp_fixture *f = *state;

    f->settings.sack = false; /* no tail loss probe comes first */
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        app_sends(f, 100);
        if (cases[i].shut) {
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .window = WINDOW_ZERO);
            app_sends(f, 100);
        }
        if (cases[i].closed) {
            app_closes(f);
        }
        forget_sent(f);
        press(f, cases[i].level);
        expect_silence(f);
        wait_ns(f, conn_of(f)->rexmit_ns - f->now_ns + MS(1));
        if (cases[i].rst_seq != 0) {
            expect(f, TCP_RST | TCP_ACK, .seq = cases[i].rst_seq, .ack = 1);
            assert_int_equal(f->peer->told.reason, TCP_REASON_NO_MEMORY);
        }
        assert_int_equal(f->peer->told.close, cases[i].rst_seq != 0);
        press(f, FRAME_NORMAL);
        forget_sent(f);
    }
    assert_int_equal(f->tcp.counters.orphans_pruned, 2);
}

static void close_twice_is_close(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    app_closes(f);
    expect_silence(f);
    expect_state(f, TCP_FIN_WAIT_1);
}

/* RFC 9293 section 3.6.1: once nobody reads, a peer that never closes is left. */
static void fin_wait_2_ends_when_the_application_has_closed(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        establish(f);
        if (i == 0) {
            app_closes(f);
        } else {
            assert_int_equal(app_shuts_down(f), TCP_OK);
        }
        expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
        expect_state(f, TCP_FIN_WAIT_2);
        if (i == 1) {
            wait_ns(f, SECONDS(5));
            app_closes(f);
        }
        wait_ns(f, SECONDS(TCP_FIN_WAIT_2_S) - MS(1));
        expect_state(f, TCP_FIN_WAIT_2);
        wait_ns(f, MS(2));
        expect_state(f, TCP_CLOSED);
        assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
    }
}

/* Nor does it wait for ever for a port that takes nothing: it is a FIN that has not gone, behind
 * which no other timer runs. */
static void what_is_left_ends_with_a_full_port_too(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.rto.max_ns = SECONDS(1);
    f->settings.policy.r2 = 3;
    f->settings.policy.keepalive = true;
    establish(f);
    expect_silence_for(f, SECONDS(10)); /* until the wheel has nothing but the keepalive */
    f->tx_room = 0;                     /* from the next turn's end on */
    turn(f);
    app_closes(f);
    wait_ns(f, SECONDS(4));
    expect_state(f, TCP_FIN_WAIT_1);
    wait_ns(f, SECONDS(1));
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    f->tx_room = 32;
}

/* The FIN goes on the last segment that was not sent, and is not lost for want of
 * a flight. */
static void a_fin_without_memory_is_owed(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.flights_max = 1;
    establish(f);
    f->peer = &f->peers[1];
    establish(f);
    app_sends(f, 100); /* has the only flight */
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    f->peer = &f->peers[0];
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect_silence(f);
    expect_state(f, TCP_FIN_WAIT_1);
    assert_int_equal(app_sends(f, 1), TCP_ERR_STATE);
    f->peer = &f->peers[1];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_true(tcp_has_output(&f->tcp));
    turn(f);
    f->peer = &f->peers[0];
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_FIN_WAIT_2);
}

/* Told before the acknowledgement of the SYN is taken. */
static void sees_text_unacked(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    assert_int_equal(tcp_unacked(conn), 50);
}

/* SYN and FIN stand in the queue, and nobody gave them to be sent. */
static void unacked_is_text_alone(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.open = sees_text_unacked;
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(tcp_unacked(conn_of(f)), 0);
    app_sends(f, 50);
    assert_int_equal(tcp_unacked(conn_of(f)), 50);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 50);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_ACK | TCP_FIN, .seq = 51, .ack = 1);
    assert_int_equal(tcp_unacked(conn_of(f)), 50);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 21);
    assert_int_equal(tcp_unacked(conn_of(f)), 30);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 51);
    assert_int_equal(tcp_unacked(conn_of(f)), 0);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 52);
    assert_int_equal(tcp_unacked(conn_of(f)), 0);
}

/* After 2^32 bytes the oldest has the number of the SYN, which has long been acknowledged. */
static void unacked_is_text_when_the_numbers_went_round(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    conn_of(f)->snd.iss = conn_of(f)->snd.una;
    app_sends(f, 50);
    assert_int_equal(tcp_unacked(conn_of(f)), 50);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    assert_int_equal(tcp_unacked(conn_of(f)), 50);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 51);
    conn_of(f)->snd.iss = conn_of(f)->snd.una; /* and of a FIN alone */
    assert_int_equal(tcp_unacked(conn_of(f)), 0);
    forget_sent(f);
}

/* Shows: RFC 9293 MUST-17, SHLD-7. */
static void nodelay_lets_go_what_nagle_held(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    app_sends(f, 100);
    expect_silence(f);
    tcp_set_nodelay(conn_of(f), true);
    turn(f);
    expect(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 201, .ack = 1, .bytes = 100);
    tcp_set_nodelay(conn_of(f), false);
    app_sends(f, 100);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 301);
    expect(f, TCP_ACK, .seq = 301, .ack = 1, .bytes = 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(listen_checks_its_arguments),
        SCRIPT(listeners_are_bounded_and_used_again),
        SCRIPT(the_very_address_goes_before_any),
        SCRIPT(half_close_goes_both_ways),
        SCRIPT(shutdown_while_opening_waits_for_the_handshake),
        SCRIPT(close_and_abort_in_syn_sent_are_silent),
        SCRIPT(calls_after_the_end_do_nothing),
        SCRIPT(close_with_unread_data_resets),
        SCRIPT(those_that_are_left_are_bounded),
        SCRIPT(what_is_left_gives_way_when_frames_are_critical),
        SCRIPT(close_twice_is_close),
        SCRIPT(fin_wait_2_ends_when_the_application_has_closed),
        SCRIPT(what_is_left_ends_with_a_full_port_too),
        SCRIPT(a_fin_without_memory_is_owed),
        SCRIPT(unacked_is_text_alone),
        SCRIPT(unacked_is_text_when_the_numbers_went_round),
        SCRIPT(nodelay_lets_go_what_nagle_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
