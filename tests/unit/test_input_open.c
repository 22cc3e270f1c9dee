/*
 * Goal:   segment arrival in LISTEN and SYN-SENT (RFC 9293 sections 3.10.7.2 and
 *         3.10.7.3) and for TIME-WAIT entries (RFC 9293 section 3.10.7.4, RFC 6191,
 *         RFC 1337).
 * Method: scripts over one stack; flags and numbers as tables.
 */
#include "tests/unit/tcp_fixture.h"

/* Shows: RFC 9293 3.10.7.2a. */
static void listen_answers_by_flags(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint16_t answer; /* 0: none */
    } cases[] = {
        {"RST", TCP_RST, 0},
        {"RST and ACK", TCP_RST | TCP_ACK, 0},
        {"RST and SYN", TCP_RST | TCP_SYN, 0},
        {"ACK", TCP_ACK, TCP_RST},
        {"SYN and ACK", TCP_SYN | TCP_ACK, TCP_RST},
        {"nothing", 0, TCP_RST | TCP_ACK},
        {"FIN", TCP_FIN, TCP_RST | TCP_ACK},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        bool ack = (cases[i].flags & TCP_ACK) != 0;

        print_message("  %s\n", cases[i].name);
        peer_sends(f, cases[i].flags, .seq = 0, .ack = 500);
        if (cases[i].answer) {
            expect(f, cases[i].answer, .seq = ack ? 500 : 0,
                   .ack = ack ? 0 : (cases[i].flags & TCP_FIN) != 0);
        }
        expect_silence(f);
    }
    assert_int_equal(f->tcp.conns.used, 0);
}

/* Text with a SYN is not taken before the handshake is over: it comes again.
 * Shows: RFC 9293 3.5b. */
static void text_of_a_syn_is_not_acknowledged(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0, .bytes = 100);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends_syn(f, 0, .seq = 0, .bytes = 100); /* ours was lost */
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->peer->told.data, 100);
}

/* Shows: RFC 4987 3a. */
static void half_open_connections_are_bounded(void **state)
{
    struct tcp_fixture *f = *state;

    f->half_open_max = 1;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    expect_silence(f);
    assert_int_equal(f->tcp.counters.dropped_half_open, 1);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    f->peer = &f->peers[1];
    establish(f);
}

static void a_syn_without_memory_is_dropped(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.connections_max = 2;
    f->config.flights_max = 1;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0); /* no flight */
    expect_silence(f);
    assert_int_equal(f->tcp.listeners[f->listener].half_open, 1);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    f->peer = &f->peers[1];
    establish(f);
    f->peer = &f->peers[2];
    peer_sends_syn(f, 0, .seq = 0); /* no connection */
    expect_silence(f);
    assert_int_equal(f->tcp.counters.dropped_no_memory, 2);
}

/* Shows: RFC 9293 MUST-14, MUST-67, SHLD-5, MAY-3, 3.5a. */
static void an_active_open(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0, .window = 65535, .mss = f->v6 ? 1440 : 1460, .wscale = WSCALE(3),
           .sack_permitted = true);
    expect_state(f, TCP_SYN_SENT);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .window = 32768);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(f->tcp.counters.opened_active, 1);
}

/* RFC 7323 section 2.2: the window of a SYN is never scaled.
 * Shows: RFC 7323 2.2c. */
static void the_window_of_a_syn_ack_is_not_scaled(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->wscale = WSCALE(7);
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, .window = 2000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->snd.wnd, 2000);
    app_sends(f, 5000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2001, .window = 3000 >> 7);
    assert_int_equal(conn_of(f)->snd.wnd, 3000 >> 7 << 7);
    forget_sent(f);
}

/* Figure 8: both SYNs cross; MUST-10.
 * Shows: RFC 9293 MUST-10. */
static void a_simultaneous_open(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->wscale = WSCALE(7);
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, 0, .seq = 0, .window = 2000);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_state(f, TCP_SYN_RECEIVED);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1, .window = 2000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.open, 1);
    assert_int_equal(conn_of(f)->snd.wnd, 2000);
}

/* The other side may end it with a plain ACK as well, and the SYN-ACK may be lost. */
static void a_simultaneous_open_ends_with_a_plain_ack(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_after(f, SECONDS(1), TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->tcp.counters.opened_active, 1);
}

/* Shows: RFC 9293 3.5.2b, 3.10.7.3a. */
static void syn_sent_answers_by_flags(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint32_t ack;
        bool reset; /* our answer */
        enum tcp_state then;
    } cases[] = {
        {"an old ACK", TCP_ACK, 0, true, TCP_SYN_SENT},
        {"an ACK of what was not sent", TCP_SYN | TCP_ACK, 2, true, TCP_SYN_SENT},
        {"a good ACK alone", TCP_ACK, 1, false, TCP_SYN_SENT},
        {"a FIN", TCP_FIN, 0, false, TCP_SYN_SENT},
        {"a RST without ACK", TCP_RST, 0, false, TCP_SYN_SENT},
        {"a RST with an old ACK", TCP_RST | TCP_ACK, 0, false, TCP_SYN_SENT},
        {"a RST with a good ACK", TCP_RST | TCP_ACK, 1, false, TCP_CLOSED},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN, .seq = 0);
        peer_sends(f, cases[i].flags, .seq = 0, .ack = cases[i].ack);
        if (cases[i].reset) {
            expect(f, TCP_RST, .seq = cases[i].ack);
            expect(f, TCP_SYN, .seq = 0);
        }
        expect_silence(f);
        expect_state(f, cases[i].then);
    }
    assert_int_equal(f->peer->told.reason, TCP_REASON_REFUSED);
    assert_int_equal(f->peer->told.close, 1);
}

/* RFC 9293 section 3.5.1: the RST ends what the peer remembers of a connection before, and
 * the SYN after it finds nothing in its way. Once: whoever goes on answering so gets a RST
 * each time, and the SYN by its timer.
 * Shows: RFC 9293 3.5.1a. */
static void a_syn_follows_the_reset_of_an_old_connection_once(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends(f, TCP_ACK, .seq = 700, .ack = 4711);
    expect(f, TCP_RST, .seq = 4711);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends(f, TCP_ACK, .seq = 700, .ack = 4711);
    expect(f, TCP_RST, .seq = 4711);
    expect_silence(f);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
}

static void text_and_fin_behind_a_syn_ack_are_taken(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK | TCP_FIN, .seq = 0, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 102);
    expect_state(f, TCP_CLOSE_WAIT);
    assert_int_equal(f->peer->told.data, 100);
    assert_int_equal(f->peer->told.eof, 1);
}

/* As of any segment: what goes beyond the window that the SYN told comes again, and its FIN. */
static void text_behind_a_syn_ack_is_held_to_the_window(void **state)
{
    static const struct {
        uint32_t bytes, taken;
        bool fin;
    } cases[] = {{99, 99, true}, {100, 100, false}, {101, 100, false}, {1000, 100, false}};
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = 100;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        f->peer = &f->peers[i];
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN, .seq = 0, .window = 100);
        peer_sends_syn(f, TCP_ACK | TCP_FIN, .seq = 0, .ack = 1, .bytes = cases[i].bytes);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + cases[i].taken + cases[i].fin);
        expect_state(f, cases[i].fin ? TCP_CLOSE_WAIT : TCP_ESTABLISHED);
        assert_int_equal(f->peer->told.data, cases[i].taken);
    }
}

static void abort_inside(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
}

static void abort_data(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    (void)slice;
    tcp_abort(conn);
}

static void an_abort_inside_open_takes_nothing_more(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.open = abort_inside;
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK | TCP_FIN, .seq = 0, .ack = 1, .bytes = 100);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.data, 0);
    f->app = (struct app_hooks){.data = abort_data};
    f->peer = &f->peers[1];
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK | TCP_FIN, .seq = 0, .ack = 1, .bytes = 100);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->peer->told.eof, 0);
}

/* Closed by us first, with both FINs acknowledged. Ours was 1, theirs too. */
static void to_time_wait(struct tcp_fixture *f)
{
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    f->peer->told = (struct told){0};
}

/* Shows: RFC 9293 3.10.7.4i; RFC 1337 3a. */
static void time_wait_answers_what_is_not_a_plain_ack(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint32_t seq;
        uint32_t bytes;
        bool answered;
        enum tcp_state then;
    } cases[] = {
        {"the last ACK", TCP_ACK, 2, 0, false, TCP_TIME_WAIT},
        {"an old ACK", TCP_ACK, 1, 0, true, TCP_TIME_WAIT},
        {"old text", TCP_ACK, 1, 1, true, TCP_TIME_WAIT},
        {"the FIN", TCP_FIN | TCP_ACK, 1, 0, true, TCP_TIME_WAIT},
        {"an old SYN", TCP_SYN, 2, 0, true, TCP_TIME_WAIT},
        {"a RST that is not exact", TCP_RST, 1, 0, false, TCP_TIME_WAIT},
        {"a RST that is exact", TCP_RST, 2, 0, false, TCP_CLOSED},
    };
    struct tcp_fixture *f = *state;

    to_time_wait(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        peer_sends(f, cases[i].flags, .seq = cases[i].seq, .ack = 2, .bytes = cases[i].bytes);
        if (cases[i].answered) {
            expect(f, TCP_ACK, .seq = 2, .ack = 2);
        }
        expect_silence(f);
        expect_state(f, cases[i].then);
    }
}

/* Shows: RFC 9293 MUST-13. */
static void a_repeated_fin_restarts_2msl(void **state)
{
    struct tcp_fixture *f = *state;

    to_time_wait(f);
    wait_ns(f, TCP_TIME_WAIT_NS - MS(1));
    expect_state(f, TCP_TIME_WAIT);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    wait_ns(f, TCP_TIME_WAIT_NS - MS(1));
    expect_state(f, TCP_TIME_WAIT);
    wait_ns(f, MS(1));
    expect_state(f, TCP_CLOSED);
}

/* RFC 6191 by timestamps, RFC 9293 MAY-2 by numbers; RCV.NXT is 2. Our own numbers
 * go on behind those of the connection before.
 * Shows: RFC 9293 SHLD-4, MAY-2; RFC 6191 2a, 2b, 2c, 2d, 2e. */
static void a_new_syn_reopens_time_wait(void **state)
{
    static const struct {
        const char *name;
        bool timestamps;
        uint16_t flags;
        uint32_t ts; /* less TS.Recent */
        uint32_t seq;
        bool reopens;
    } cases[] = {
        {"newer number", false, 0, 0, 3, true},
        {"the same number", false, 0, 0, 2, false},
        {"newer number, with ACK", false, TCP_ACK, 0, 3, false},
        {"newer timestamp", true, 0, 1, 1, true},
        {"the same timestamp, newer number", true, 0, 0, 3, true},
        {"the same timestamp and number", true, 0, 0, 2, false},
        {"older timestamp, newer number", true, 0, UINT32_MAX, 3, false},
    };
    struct tcp_fixture *f = *state;
    uint32_t irs;

    f->settings.timestamps = true;
    f->config.timewaits_max = 8;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct seg syn = SEG(TCP_SYN | cases[i].flags, .seq = cases[i].seq, .ack = 2,
                             .ts_val = 5000 + cases[i].ts);

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->timestamps = cases[i].timestamps;
        to_time_wait(f);
        irs = f->peer->irs;
        peer_send_syn(f, syn);
        if (cases[i].reopens) {
            expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = cases[i].seq + 1);
            assert_true(seq_gt(f->peer->irs, irs + 2));
        } else {
            expect(f, TCP_ACK, .seq = 2, .ack = 2);
        }
        expect_state(f, cases[i].reopens ? TCP_SYN_RECEIVED : TCP_TIME_WAIT);
    }
    assert_int_equal(f->tcp.counters.time_wait_reused, 3);
}

static void nobody_listens_so_time_wait_stays(void **state)
{
    struct tcp_fixture *f = *state;

    to_time_wait(f);
    tcp_unlisten(&f->tcp, f->listener);
    peer_sends(f, TCP_SYN, .seq = 1000);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
}

/* A SYN that can't be taken takes nothing away. */
static void too_many_half_open_so_time_wait_stays(void **state)
{
    struct tcp_fixture *f = *state;

    f->half_open_max = 1;
    to_time_wait(f);
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_SYN, .seq = 1000);
    expect_silence(f);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->tcp.counters.dropped_half_open, 1);
    assert_int_equal(f->tcp.counters.time_wait_reused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(listen_answers_by_flags),
        SCRIPT(text_of_a_syn_is_not_acknowledged),
        SCRIPT(half_open_connections_are_bounded),
        SCRIPT(a_syn_without_memory_is_dropped),
        SCRIPT(an_active_open),
        SCRIPT(the_window_of_a_syn_ack_is_not_scaled),
        SCRIPT(a_simultaneous_open),
        SCRIPT(a_simultaneous_open_ends_with_a_plain_ack),
        SCRIPT(syn_sent_answers_by_flags),
        SCRIPT(a_syn_follows_the_reset_of_an_old_connection_once),
        SCRIPT(text_and_fin_behind_a_syn_ack_are_taken),
        SCRIPT(text_behind_a_syn_ack_is_held_to_the_window),
        SCRIPT(an_abort_inside_open_takes_nothing_more),
        SCRIPT(time_wait_answers_what_is_not_a_plain_ack),
        SCRIPT(a_repeated_fin_restarts_2msl),
        SCRIPT(a_new_syn_reopens_time_wait),
        SCRIPT(nobody_listens_so_time_wait_stays),
        SCRIPT(too_many_half_open_so_time_wait_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
