/*
 * Goal:   segments are written as they must be (tcp/emit.c): header, options, window
 *         and RST; nothing is written into a frame that the kernel still holds; and
 *         what has no frame waits or is left out.
 * Method: scripts over one stack, whose port can keep the frames of what is sent.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/tcp_fixture_port.h"

/* Shows: RFC 9293 MUST-48, MUST-49, SHLD-22; RFC 1122 3.2.1.7c. */
static void headers_carry_the_settings(void **state)
{
    struct tcp_fixture *f = *state;
    const struct seg *got;

    f->settings.tos = 0x88;
    f->settings.ttl = 7;
    establish(f);
    app_sends(f, 10);
    got = expect(f, TCP_ACK | TCP_PSH, .seq = 1, .ack = 1, .bytes = 10);
    assert_int_equal(got->tos, 0x88);
    assert_int_equal(got->ttl, 7);
    assert_int_equal(got->ip_bytes, (f->v6 ? 60 : 40) + 10);
}

/* Shows: RFC 7323 3.2b, 3.2c, 5.4a. */
static void timestamps_are_in_every_segment(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t ts_val;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    peer_sends_syn(f, 0, .seq = 0);
    ts_val = expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1, .ts_ecr = 5000)->ts_val;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    wait_ns(f, MS(77));
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .ts_val = ts_val + 77);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 10);
    expect(f, TCP_ACK, .seq = 11, .ack = 11, .ts_ecr = 5077);
    app_shuts_down(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 11, .ack = 11, .timestamps = true);
    app_aborts(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 12, .ack = 11, .timestamps = true);
}

/* Four blocks, or three beside timestamps; the newest first (RFC 2018 section 4).
 * Shows: RFC 2018 3b, 4d. */
static void sack_blocks_fill_the_room(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        f->settings.timestamps = i == 1;
        fixture_open(f);
        f->tcp.listeners[f->listener].settings = f->settings;
        f->peer->timestamps = i == 1;
        establish(f);
        for (uint32_t seq = 101; seq < 1001; seq += 200) {
            peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 100);
            if (seq < 901) {
                forget_sent(f);
            }
        }
        if (i == 0) {
            expect(f, TCP_ACK, .seq = 1, .ack = 1,
                   .sack = {{901, 1001}, {701, 801}, {501, 601}, {301, 401}});
        } else {
            expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{901, 1001}, {701, 801}, {501, 601}});
        }
    }
}

/* A segment that the kernel has not sent yet is on its way; one that stays there
 * longer is sent from a copy. */
static void a_frame_that_the_kernel_holds_is_not_written(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t rto_ns;

    f->settings.sack = false;
    establish(f);
    rto_ns = conn_of(f)->rtt.rto_ns;
    f->hold_completions = true;
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect_silence_for(f, rto_ns + MS(1));
    assert_int_equal(f->tcp.counters.held_by_kernel, 1);
    expect_after(f, 2 * rto_ns - MS(1), TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_int_equal(f->tcp.counters.copied_for_retransmission, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101); /* before either completion */
    assert_int_equal(f->peer->told.sent, 100);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
    f->hold_completions = false;
    turn(f);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
}

/* Reaping finds the completion that is there already. */
static void a_completion_is_looked_for(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.sack = false;
    establish(f);
    f->hold_completions = true;
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    f->hold_completions = false;
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_int_equal(f->tcp.counters.held_by_kernel, 0);
}

static void a_copy_waits_for_a_frame(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t rto_ns;

    f->settings.sack = false;
    establish(f);
    rto_ns = conn_of(f)->rtt.rto_ns;
    f->hold_completions = true;
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    wait_ns(f, rto_ns + MS(1));
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    expect_silence_for(f, 2 * rto_ns);
    assert_true(tcp_has_output(&f->tcp));
    press(f, FRAME_NORMAL);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
}

static void without_a_control_frame(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t frames[16];

    establish(f);
    f->peer = &f->peers[1]; /* to TIME-WAIT */
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    for (unsigned i = 0; i < COUNT_OF(frames); i++) {
        frames[i] = frame_take(&f->pool, FRAME_BUDGET_CONTROL, FRAME_APP);
    }
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2); /* this waits */
    expect_silence(f);
    f->peer = &f->peers[2];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1); /* not answered */
    expect_silence(f);
    f->peer = &f->peers[3];
    peer_sends_syn(f, 0, .seq = 0); /* this waits, too */
    expect_silence(f);
    f->peer = &f->peers[0];
    app_aborts(f); /* without a word */
    expect_silence(f);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);
    for (unsigned i = 0; i < COUNT_OF(frames); i++) {
        frame_drop(&f->pool, frames[i], FRAME_APP);
    }
    turn(f);
    f->peer = &f->peers[1];
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    f->peer = &f->peers[3];
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
}

/* RFC 9293 section 3.5.2: nobody answers a RST.
 * Shows: RFC 9293 3.5.2a. */
static void a_rst_is_never_answered(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends(f, TCP_RST | TCP_ACK, .seq = 5, .ack = 5);
    peer_sends(f, TCP_RST, .seq = 5);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 5, .ack = 5, .bytes = 10);
    expect(f, TCP_RST, .seq = 5, .ack = 0);
    assert_int_equal(f->tcp.counters.resets_out, 1);
}

/* Beyond the window that the peer closed it would take neither (RFC 9293 section
 * 3.10.7.4: with RCV.WND = 0 only SEG.SEQ = RCV.NXT). */
static void acks_and_resets_stay_within_a_window_that_a_probe_left(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    f->peer->window = WINDOW_ZERO;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    app_sends(f, 10);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    peer_sends(f, TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1 + 2 * MSS);
    app_aborts(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1 + 2 * MSS);
}

/* A report of a duplicate goes in an ACK of its own before text; with reports off there is none,
 * and the text is answer enough. */
static void without_dsack_text_is_the_answer(void **state)
{
    for (unsigned off = 0; off < 2; off++) {
        struct tcp_fixture *f = *state;

        f->settings.policy.dsack = !off;
        f->peer->sack = true;
        establish(f);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .window = WINDOW_ZERO);
        expect(f, TCP_ACK, .seq = 1, .ack = 11);
        assert_int_equal(app_sends(f, 1), 1);
        peer_queues(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
        peer_sends(f, TCP_ACK, .seq = 11, .ack = 1);
        if (!off) {
            expect(f, TCP_ACK, .seq = 1, .ack = 11, .sack = {{1, 11}});
        }
        expect(f, TCP_ACK, .seq = 1, .ack = 11, .bytes = 1);
        expect_silence(f);
        (void)start_over(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(acks_and_resets_stay_within_a_window_that_a_probe_left),
        SCRIPT(headers_carry_the_settings),
        SCRIPT(timestamps_are_in_every_segment),
        SCRIPT(sack_blocks_fill_the_room),
        SCRIPT(a_frame_that_the_kernel_holds_is_not_written),
        SCRIPT(a_completion_is_looked_for),
        SCRIPT(a_copy_waits_for_a_frame),
        SCRIPT(without_a_control_frame),
        SCRIPT(a_rst_is_never_answered),
        SCRIPT(without_dsack_text_is_the_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
