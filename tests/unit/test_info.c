/*
 * Goal:   an application is told of a connection what is so (headrace/info.h), also one that was
 *         compiled with a shorter or longer structure.
 * Method: the public call on connections of a stack in virtual time: numbers at steps of a
 *         script.
 */
#include "api/convert.h"
#include "tcp/cc.h"
#include "tests/unit/tcp_fixture.h"

#include <headrace/ecn.h>
#include <headrace/info.h>

static struct hr_conn_info info_of(struct tcp_fixture *f)
{
    struct hr_conn_info info;

    assert_int_equal(hr_conn_get_info(conn_outer(conn_of(f)), &info, sizeof info), sizeof info);
    return info;
}

static void what_was_agreed_on(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    f->peer->wscale = WSCALE(3);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    info = info_of(f);
    assert_int_equal(info.state, HR_STATE_SYN_RECEIVED);
    assert_false(info.sack || info.timestamps || info.window_scale);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    info = info_of(f);
    assert_int_equal(info.state, HR_STATE_ESTABLISHED);
    assert_true(info.passive && info.sack && info.timestamps && info.window_scale);
    assert_int_equal(info.send_wscale, 3);
    assert_int_equal(info.receive_wscale, conn_of(f)->rcv.wscale);
    assert_int_equal(info.send_mss, MSS - 12);
    assert_int_equal(info.path_mtu, 1500);
    assert_int_equal(info.min_rtt_ns, info.srtt_ns);
    assert_string_equal(info.congestion_control, "cubic");
    assert_int_equal(info.ecn, HR_ECN_OFF);
    assert_int_equal(info.ssthresh, UINT32_MAX);
    assert_string_equal(hr_state_name(info.state), "ESTABLISHED");
    assert_string_equal(hr_state_name((enum hr_state)1000), "?");

    f->peer = &f->peers[1];
    f->peer->sack = false;
    f->peer->timestamps = false;
    f->peer->wscale = 0;
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    info = info_of(f);
    assert_false(info.passive || info.sack || info.timestamps || info.window_scale);
}

static void what_was_sent(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    f->settings.sack = false;
    establish(f);
    info = info_of(f);
    assert_int_equal(info.sent_ns, f->now_ns - conn_of(f)->last_send_ns);
    assert_int_equal(info.bytes_acked, 0);
    assert_int_equal(info.segments_in, 1);  /* the SYN made it */
    assert_int_equal(info.segments_out, 1); /* the SYN-ACK */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 2500);
    app_sends(f, 4000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    info = info_of(f);
    assert_int_equal(info.send_queue, 4000);
    assert_int_equal(info.unsent, 2000);
    assert_int_equal(info.in_flight, 2000);
    assert_int_equal(info.unacked_segments, 2);
    assert_int_equal(info.send_window, 2500);
    assert_int_equal(info.segments_out, 3);
    assert_int_equal(info.retransmissions_in_row, 0);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    info = info_of(f);
    assert_int_equal(info.recovery, HR_RECOVERY_LOSS);
    assert_int_equal(info.backoff, 1);
    assert_int_equal(info.retransmissions_in_row, 1);
    assert_int_equal(info.retransmissions, 1);
    assert_int_equal(info.bytes_retransmitted, MSS);
    assert_int_equal(info.in_flight, MSS);
    assert_int_equal(info.lost, MSS);
    assert_int_equal(info.cwnd, MSS);
    assert_int_equal(info.retransmitting, 1);
    assert_int_equal(info.bytes_sent, 3 * MSS);
    assert_int_equal(info.rto_ns, 2 * conn_of(f)->rtt.rto_ns);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2001, .window = WINDOW_ZERO);
    wait_ns(f, MS(7));
    info = info_of(f);
    assert_int_equal(info.bytes_acked, 2000);
    assert_int_equal(info.send_queue, 2000);
    assert_int_equal(info.unsent, 2000);
    assert_int_equal(info.in_flight, 0);
    assert_in_range(info.heard_ms, 6, 8);
}

static void what_came(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    app_pauses(f);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 50);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 161, .ack = 1, .bytes = 30);
    forget_sent(f);
    info = info_of(f);
    assert_int_equal(info.bytes_received, 150);
    assert_int_equal(info.receive_queue, 50);
    assert_int_equal(info.out_of_order, 30);
    assert_int_equal(info.receive_mss, 100);
    assert_int_equal(info.segments_in, 4);
    assert_int_equal(info.receive_window, conn_of(f)->rcv.edge - conn_of(f)->rcv.nxt);
    app_resumes(f);
    info = info_of(f);
    assert_int_equal(info.receive_queue, 0);
    assert_int_equal(info.bytes_received, 150);
}

static void what_was_reported(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    establish(f);
    app_sends(f, 3 * MSS);
    for (unsigned i = 0; i < 3; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}});
    info = info_of(f);
    assert_int_equal(info.sacked, MSS);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3001, .sack = {{2001, 3001}});
    info = info_of(f);
    assert_int_equal(info.dsacks, 1);
    forget_sent(f);
}

/* DupThresh segments behind it have arrived: lost, sent again, and mended. */
static void what_was_lost(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    forget_sent(f);
    wait_ns(f, MS(100));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    app_sends(f, 5 * MSS);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 3001}});
    assert_int_equal(info_of(f).recovery, HR_RECOVERY_OPEN);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 5001}});
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(info_of(f).recovery, HR_RECOVERY_FAST);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 5001);
    assert_int_equal(info_of(f).recovery, HR_RECOVERY_OPEN);
}

/* The first measurement R: a variation of R / 2 (RFC 6298 section 2.2). */
static void how_the_round_trip_varies(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(info_of(f).rttvar_ns, 0);
    wait_ns(f, MS(100));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(info_of(f).srtt_ns, MS(100));
    assert_int_equal(info_of(f).rttvar_ns, MS(50));
}

static void what_was_asked_in_vain(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.keepalive = true;
    f->settings.policy.keepalive_idle_s = 10;
    f->settings.policy.keepalive_gap_s = 1;
    establish(f);
    assert_int_equal(info_of(f).keepalives, 0);
    expect_after(f, SECONDS(10), TCP_ACK, .seq = 0, .ack = 1);
    expect_after(f, SECONDS(1), TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(info_of(f).keepalives, 2);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(info_of(f).keepalives, 0);
}

static struct slice kept;

static void keep(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    assert_true(tcp_data_retain(conn, slice, &kept));
}

static void what_is_kept(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.data = keep;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    assert_int_equal(info_of(f).retained, 100);
    tcp_data_release(conn_of(f), &kept);
    assert_int_equal(info_of(f).retained, 0);
    turn(f);
    forget_sent(f);
}

/* The peer's SYN with a cookie and ten bytes, then one without. */
static void what_came_with_the_syn(void **state)
{
    struct tcp_fixture *f = *state;
    struct seg syn = SEG(TCP_SYN, .seq = 0, .bytes = 10, .fast_open = true,
                         .cookie_bytes = FAST_OPEN_COOKIE_BYTES);
    struct tcp_tuple tuple = tuple_of(f);

    fixture_open(f);
    f->tcp.listeners[f->listener].fast_open.max = 8;
    fast_open_cookie(&f->tcp.fast_open.keys[0], &tuple, syn.cookie);
    peer_send_syn(f, syn);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1);
    assert_true(info_of(f).syn_data);
    f->peer = &f->peers[1];
    establish(f);
    assert_false(info_of(f).syn_data);
}

/* A round trip of 100 ms: what paces, what was delivered, what held it up. */
static void how_fast_it_goes(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    f->settings.policy.rates = true;
    f->settings.policy.pacing = true;
    f->settings.send_buffer = 4 * MSS;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    wait_ns(f, MS(100));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    wait_ns(f, MS(100)); /* idle: counts for nothing */
    info = info_of(f);
    assert_int_equal(info.busy_ns, 0);
    assert_int_equal(info.delivery_rate, 0);
    app_sends(f, 2 * MSS);
    forget_sent(f);
    wait_ns(f, MS(100));
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2001);
    info = info_of(f);
    /* Paced: two segments in the round trip, and in what the second waited for. */
    assert_in_range(info.delivery_rate, 19000, 20000);
    assert_true(info.delivery_app_limited);
    assert_in_range(info.pacing_rate, 190000, 210000); /* two windows of 10,000 for each of them */
    assert_in_range(info.busy_ns, MS(100), MS(101));
    assert_int_equal(info.window_limited_ns + info.send_buffer_limited_ns, 0);
    assert_int_equal(info.bytes_sent, 2 * MSS);
}

/* Each in turn, 100 ms long. */
static void what_holds_it_up(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    f->settings.policy.rates = true;
    f->settings.send_buffer = 4096;
    f->settings.nodelay = true;
    establish(f);
    app_sends(f, 5000); /* of which 4,096 are taken, and all go */
    assert_int_equal(f->peer->told.queued, 4096);
    forget_sent(f);
    wait_ns(f, MS(30));
    forget_sent(f);
    info = info_of(f);
    assert_in_range(info.send_buffer_limited_ns, MS(30), MS(31));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 4097, .window = 500);
    app_sends(f, 3000);
    forget_sent(f);
    wait_ns(f, MS(20));
    forget_sent(f);
    info = info_of(f);
    assert_in_range(info.send_buffer_limited_ns, MS(30), MS(31));
    assert_in_range(info.window_limited_ns, MS(20), MS(21));
    assert_in_range(info.busy_ns, MS(50), MS(52));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 4097, .window = 20000);
    forget_sent(f);
    wait_ns(f, MS(10));
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 7097, .window = 20000);
    forget_sent(f);
    wait_ns(f, MS(10));
    info = info_of(f);
    assert_in_range(info.window_limited_ns, MS(20), MS(21));
    assert_in_range(info.busy_ns, MS(60), MS(63));
}

/* Only while rates are: what had text, what the peer has, when text came. */
static void what_had_text(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    info = info_of(f);
    assert_int_equal(info.data_segments_in + info.segments_delivered, 0);
    assert_int_equal(info.received_ns, UINT64_MAX);

    f = start_over(state);
    f->settings.policy.rates = true;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    info = info_of(f);
    assert_int_equal(info.data_segments_in + info.data_segments_out, 0);
    assert_int_equal(info.segments_delivered, 1); /* the SYN-ACK */
    assert_int_equal(info.received_ns, UINT64_MAX);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    wait_ns(f, MS(7));
    app_sends(f, 3 * MSS);
    forget_sent(f);
    assert_int_equal(info_of(f).data_segments_out, 3);
    peer_sends(f, TCP_ACK, .seq = 201, .ack = 1, .sack = {{2001, 3001}});
    forget_sent(f);
    info = info_of(f);
    assert_int_equal(info.data_segments_in, 2);
    assert_int_equal(info.segments_delivered, 2);
    assert_in_range(info.received_ns, MS(7), MS(8));
    while (info_of(f).retransmissions < 2) { /* what is not SACKed goes again */
        wait_ns(f, MS(10));
        forget_sent(f);
    }
    info = info_of(f);
    assert_int_equal(info.data_segments_out, 3 + info.retransmissions);
    peer_sends(f, TCP_ACK, .seq = 201, .ack = 3001);
    assert_int_equal(info_of(f).segments_delivered, 4);
}

static void what_our_syn_told(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    assert_int_equal(expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1)->mss, f->v6 ? 1440 : 1460);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(info_of(f).advertised_mss, f->v6 ? 1440 : 1460);
    assert_int_equal(info_of(f).receive_buffer, f->settings.receive_buffer);

    f = start_over(state);
    f->settings.mss_max = 700;
    assert_int_equal(app_connects(f), TCP_OK);
    assert_int_equal(expect(f, TCP_SYN, .seq = 0)->mss, 700);
    assert_int_equal(info_of(f).advertised_mss, 700);
    app_aborts(f);

    f = start_over(state);
    f->settings.mss_max = 700;
    f->syn_cookies = TCP_COOKIES_ALWAYS;
    peer_sends_syn(f, 0, .seq = 0);
    assert_int_equal(expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1)->mss, 700);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(info_of(f).advertised_mss, 700);
}

/* One in SYN-RECEIVED has none yet: in its place stands that of another. */
static void what_a_model_says(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    f->settings.cc = &tcp_cc_bbr;
    peer_sends_syn(f, 0, .seq = 0);
    forget_sent(f);
    assert_int_equal(info_of(f).bbr_pacing_gain, 0);
    wait_ns(f, MS(100));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    app_sends(f, 4 * MSS);
    forget_sent(f);
    for (unsigned i = 0; i < 10; i++) {
        wait_ns(f, MS(10));
        forget_sent(f);
    }
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 4001);
    info = info_of(f);
    assert_int_equal(info.bbr_pacing_gain, 277); /* of Startup, in percent */
    assert_int_equal(info.bbr_cwnd_gain, 200);
    assert_in_range(info.bbr_bandwidth, 35000, 40000);
    assert_in_range(info.bbr_min_rtt_ns, MS(90), MS(101)); /* the last were paced */

    f = start_over(state);
    f->settings.cc = &tcp_cc_dctcp;
    establish(f);
    info = info_of(f);
    assert_int_equal(info.dctcp_alpha, 1u << 20);
    assert_int_equal(info.bbr_min_rtt_ns + info.bbr_bandwidth + info.bbr_cwnd_gain, 0);
    conn_of(f)->cc_state.dctcp.bytes_acked = 3000;
    conn_of(f)->cc_state.dctcp.bytes_marked = 1000;
    info = info_of(f);
    assert_int_equal(info.dctcp_bytes_acked, 3000);
    assert_int_equal(info.dctcp_bytes_marked, 1000);
}

/* Accurate ECN counts what arrived with each mark. */
static void what_was_marked(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_conn_info info;

    establish(f);
    conn_of(f)->ecn.mode = TCP_ECN_ACCURATE;
    conn_of(f)->ecn.ceb = 300;
    conn_of(f)->ecn.e0b = 1 + 1000;
    conn_of(f)->ecn.e1b = 1;
    info = info_of(f);
    conn_of(f)->ecn.mode = TCP_ECN_OFF;
    assert_int_equal(info.ecn_ce_bytes, 300);
    assert_int_equal(info.ecn_ect0_bytes, 1000);
    assert_int_equal(info.ecn_ect1_bytes, 0);
}

/* Of an older or a newer program. */
static void the_size_is_the_callers(void **state)
{
    struct tcp_fixture *f = *state;
    struct {
        struct hr_conn_info info;
        uint8_t behind[16];
    } larger;
    const struct hr_conn *conn;

    establish(f);
    conn = conn_outer(conn_of(f));
    memset(&larger, 0xff, sizeof larger);
    assert_int_equal(hr_conn_get_info(conn, &larger.info, sizeof larger), sizeof larger.info);
    for (unsigned i = 0; i < sizeof larger.behind; i++) {
        assert_int_equal(larger.behind[i], 0);
    }
    memset(&larger, 0xff, sizeof larger);
    assert_int_equal(hr_conn_get_info(conn, &larger.info, sizeof larger.info.state),
                     sizeof larger.info.state);
    assert_int_equal(larger.info.state, HR_STATE_ESTABLISHED);
    assert_int_equal(larger.info.trouble, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(what_was_agreed_on),        SCRIPT(what_was_sent),           SCRIPT(what_came),
        SCRIPT(how_fast_it_goes),          SCRIPT(what_holds_it_up),        SCRIPT(what_was_marked),
        SCRIPT(what_was_reported),         SCRIPT(the_size_is_the_callers), SCRIPT(what_had_text),
        SCRIPT(what_our_syn_told),         SCRIPT(what_a_model_says),       SCRIPT(what_was_lost),
        SCRIPT(how_the_round_trip_varies), SCRIPT(what_was_asked_in_vain),  SCRIPT(what_is_kept),
        SCRIPT(what_came_with_the_syn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
