/*
 * Goal:   the fifth step of segment arrival (RFC 9293 section 3.10.7.4): which ACKs
 *         are acceptable, what they acknowledge, the window and the round-trip time
 *         that they tell, and what becomes of our FIN; and what the options of a SYN
 *         settle.
 * Method: scripts over one stack; ranges and options as tables.
 */
#include "tests/unit/tcp_fixture.h"

/* A peer with these options opens; the full segment that it gets then, in both
 * families, tells what was settled.
 * Shows: RFC 9293 MUST-14, MUST-15, MUST-16; RFC 2525 2.18; RFC 7323 6a. */
static void mss_is_clamped(void **state)
{
    static const struct {
        const char *name;
        uint16_t mss; /* of the SYN; 0: none */
        bool timestamps;
        uint16_t mtu;
        uint32_t bytes[2]; /* of a full segment */
    } cases[] = {
        {"none: the default (MUST-15)", 0, false, 1500, {536, 1220}},
        {"tiny: the floor", 1, false, 1500, {TCP_MSS_MIN, TCP_MSS_MIN}},
        {"small", 600, false, 1500, {600, 600}},
        {"small, less the timestamps (MUST-16)", 600, true, 1500, {588, 588}},
        {"large: the path", 65535, false, 1500, {1460, 1440}},
        {"large, and a small path", 65535, true, 1300, {1248, 1228}},
        {"larger than a frame", 65535, false, 9000, {2048 - 152, 2048 - 152}},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t bytes = cases[i].bytes[f->v6];

        print_message("  %s\n", cases[i].name);
        f->settings.timestamps = cases[i].timestamps;
        f->mtu = cases[i].mtu;
        f->peer->mss = cases[i].mss;
        f->peer->timestamps = cases[i].timestamps;
        establish(f);
        assert_int_equal(app_sends(f, 2000), 2000);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = bytes);
        forget_sent(f);
        f = start_over(state);
    }
}

/* And the MSS that is told does not depend on them.
 * Shows: RFC 7323 2.2a, 2.2d, 3.2a, 6a; RFC 2018 4b. */
static void options_need_both_sides(void **state)
{
    static const struct {
        const char *name;
        bool ours;
        bool theirs;
    } cases[] = {{"both", true, true}, {"only ours", true, false}, {"only theirs", false, true}};
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        bool both = cases[i].ours && cases[i].theirs;
        const struct seg *got;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->settings.sack = cases[i].ours;
        f->settings.timestamps = cases[i].ours;
        f->settings.window_scale = cases[i].ours;
        fixture_open(f);
        f->tcp.listeners[f->listener].settings = f->settings;
        f->peer->sack = cases[i].theirs;
        f->peer->timestamps = cases[i].theirs;
        f->peer->wscale = cases[i].theirs ? WSCALE(3) : 0;
        peer_sends_syn(f, 0, .seq = 0);
        got = expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1, .mss = f->v6 ? 1440 : 1460);
        assert_int_equal(got->sack_permitted, both);
        assert_int_equal(got->timestamps, both);
        assert_int_equal(got->wscale, both ? WSCALE(3) : 0); /* 256 KiB */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10);
        got = both ? expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{11, 21}})
                   : expect(f, TCP_ACK, .seq = 1, .ack = 1);
        assert_int_equal(got->timestamps, both);
        assert_int_equal(conn_of(f)->snd.wnd, both ? 65535 << 3 : 65535);
    }
}

/* RFC 7323 section 2.3: a shift above 14 is 14; section 2.2: not for a SYN.
 * Shows: RFC 7323 2.3a, 2.2c. */
static void window_scale_is_14_at_the_most(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->wscale = WSCALE(15);
    peer_sends_syn(f, 0, .seq = 0, .window = 100);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 2);
    assert_int_equal(conn_of(f)->snd.wnd, 2 << 14);
}

/* Shows: RFC 9293 3.5.2b, 3.10.7.4d. */
static void syn_received_wants_the_ack_of_its_syn(void **state)
{
    static const struct {
        const char *name;
        uint32_t ack;
        bool good;
    } cases[] = {{"old", 0, false}, {"beyond", 2, false}, {"right", 1, true}};
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, 0, .seq = 1);
    expect_silence(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = cases[i].ack);
        if (!cases[i].good) {
            expect(f, TCP_RST, .seq = cases[i].ack);
        }
        expect_state(f, cases[i].good ? TCP_ESTABLISHED : TCP_SYN_RECEIVED);
    }
    assert_int_equal(f->tcp.counters.opened_passive, 1);
}

/* RFC 5961 section 5.2.
 * Shows: RFC 9293 MAY-12; RFC 5961 5.2a, 5.2b. */
static void acks_have_a_range(void **state)
{
    static const struct {
        const char *name;
        uint32_t offset; /* SEG.ACK - SND.UNA; 100 bytes are out */
        uint32_t window; /* told before, after the handshake's 65535 */
        bool challenged;
        uint32_t sent;
    } cases[] = {
        {"older than any window", 0u - 65536, 65535, true, 0},
        {"as old as the largest window", 0u - 65535, 65535, false, 0},
        {"older than any, and it has shrunk", 0u - 65536, 1000, true, 0},
        {"as old as the largest, and it has shrunk", 0u - 65535, 1000, false, 0},
        {"old", UINT32_MAX, 65535, false, 0},
        {"nothing new", 0, 65535, false, 0},
        {"a part", 40, 65535, false, 40},
        {"all", 100, 65535, false, 100},
        {"more than was sent", 101, 65535, true, 0},
        {"half the space away", 1u << 31, 65535, true, 0},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        establish(f);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = cases[i].window);
        assert_int_equal(conn_of(f)->snd.wnd, cases[i].window);
        app_sends(f, 100);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + cases[i].offset);
        if (cases[i].challenged) {
            expect(f, TCP_ACK, .seq = 101, .ack = 1);
        }
        expect_silence(f);
        assert_int_equal(f->peer->told.sent, cases[i].sent);
        f = start_over(state);
    }
}

/* Shows: RFC 9293 3.10.7.4e. */
static void a_segment_without_ack_is_dropped(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, 0, .seq = 1, .bytes = 10);
    peer_sends(f, TCP_FIN, .seq = 1);
    expect_silence(f);
    assert_int_equal(f->peer->told.data, 0);
}

/* Only the newest segment tells the window: SND.WL1, SND.WL2, and nothing from an
 * ACK older than SND.UNA.
 * Shows: RFC 9293 3.10.7.4f. */
static void the_window_is_told_by_the_newest_segment(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq;
        uint32_t ack;
        uint32_t wnd;
    } cases[] = {
        {"newer", 11, 101, 5000},
        {"older by SEQ", 10, 101, 9000},
        {"the same SEQ and ACK", 11, 101, 5000},
        {"the same SEQ, older ACK", 11, 100, 9000},
        {"newer SEQ, older ACK", 12, 100, 9000},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        app_sends(f, 200);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 200);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 10, .window = 9000);
        expect(f, TCP_ACK, .seq = 201, .ack = 11);
        peer_sends(f, TCP_ACK, .seq = 11, .ack = 101, .window = 9000);
        peer_sends(f, TCP_ACK, .seq = cases[i].seq, .ack = cases[i].ack, .window = 5000);
        assert_int_equal(conn_of(f)->snd.wnd, cases[i].wnd);
        forget_sent(f);
    }
}

/* SYN and FIN are not the application's; nor does the count depend on where in the
 * sequence space it is. */
static void only_data_is_told_as_sent(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 300);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 300);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 301);
    assert_int_equal(f->peer->told.sent, 300);
    conn_of(f)->snd.iss = conn_of(f)->snd.una; /* as after 4 GiB */
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 301, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 401);
    assert_int_equal(f->peer->told.sent, 400);
    app_sends(f, 50);
    expect(f, TCP_ACK, .seq = 401, .ack = 1, .bytes = 50);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_ACK | TCP_FIN, .seq = 451, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 452);
    assert_int_equal(f->peer->told.sent, 450);
}

static void a_writer_is_woken_when_a_third_is_free(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.send_buffer = 4096;
    establish(f);
    assert_int_equal(app_sends(f, 5000), 4096);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 4001, .ack = 1, .bytes = 96);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001);
    assert_int_equal(f->peer->told.writable, 0);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2001);
    assert_int_equal(f->peer->told.writable, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 4001);
    assert_int_equal(f->peer->told.writable, 1);
}

/* RFC 6298 section 3: a segment sent twice gives no sample, unless timestamps tell
 * which one was answered.
 * Shows: RFC 9293 MUST-18; RFC 6298 3b, 5.5a. */
static void karn(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t srtt_ns;
    uint64_t rto_ns;

    f->settings.timestamps = true;
    f->settings.sack = false; /* no probe before the RTO */
    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        f->peer->timestamps = i == 1;
        establish(f);
        assert_int_equal(conn_of(f)->rtt.srtt_ns, 1);
        wait_ns(f, SECONDS(2));
        app_sends(f, 100);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
        wait_ns(f, MS(5));
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
        assert_in_range(conn_of(f)->rtt.srtt_ns, MS(5) / 8, MS(5) / 8 + 1);
        srtt_ns = conn_of(f)->rtt.srtt_ns;
        rto_ns = conn_of(f)->rtt.rto_ns;
        app_sends(f, 100);
        expect(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
        expect_after(f, rto_ns, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
        wait_ns(f, MS(10));
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 201);
        assert_int_equal(conn_of(f)->rtt.srtt_ns > srtt_ns, i == 1);
        /* Without a sample the RTO stays backed off, or a path that is slower than
         * it would be retransmitted to for ever. */
        rto_ns = i == 1 ? conn_of(f)->rtt.rto_ns : 2 * rto_ns;
        app_sends(f, 100);
        expect(f, TCP_ACK, .seq = 201, .ack = 1, .bytes = 100);
        expect_after(f, rto_ns, TCP_ACK, .seq = 201, .ack = 1, .bytes = 100);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 301);
    }
}

/* Shows: RFC 9293 3.6b, 3.10.7.4g. */
static void fin_acked_moves_on(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_FIN_WAIT_2);

    f->peer = &f->peers[1]; /* simultaneous close */
    establish(f);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_CLOSING);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);

    f->peer = &f->peers[2];
    establish(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_CLOSE_WAIT);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_LAST_ACK);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
}

static void abort_from(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
}

/* The application may end a connection from inside any call. */
static void an_abort_inside_a_call_ends_the_segment(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.open = abort_from;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.data, 0);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);

    f->app = (struct app_hooks){.sent = abort_from};
    f->peer = &f->peers[1];
    establish(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 100);
    expect(f, TCP_RST | TCP_ACK, .seq = 101, .ack = 1);
    assert_int_equal(f->peer->told.data, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(mss_is_clamped),
        SCRIPT(options_need_both_sides),
        SCRIPT(window_scale_is_14_at_the_most),
        SCRIPT(syn_received_wants_the_ack_of_its_syn),
        SCRIPT(acks_have_a_range),
        SCRIPT(a_segment_without_ack_is_dropped),
        SCRIPT(the_window_is_told_by_the_newest_segment),
        SCRIPT(only_data_is_told_as_sent),
        SCRIPT(a_writer_is_woken_when_a_third_is_free),
        SCRIPT(karn),
        SCRIPT(fin_acked_moves_on),
        SCRIPT(an_abort_inside_a_call_ends_the_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
