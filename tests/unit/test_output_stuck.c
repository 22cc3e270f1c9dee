/*
 * Goal:   output that waits for a frame, or for a place in the send queue, neither stops others nor
 *         keeps the worker awake nor waits for ever (tcp/output.c, tcp/transmit.c, tcp/rexmit.c).
 * Method: scripts over one stack whose frames or blocks the test takes away.
 */
#include "tests/unit/tcp_fixture.h"

#include <string.h>

static void take_control_frames(struct tcp_fixture *f, uint32_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        frames[i] = frame_take(&f->pool, FRAME_BUDGET_CONTROL, FRAME_APP);
    }
}

/* What has no frame is tried again in each turn, and does not stop others. */
static void what_is_stuck_does_not_stop_others(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t frames[16];

    f->peer = &f->peers[1];
    establish(f);
    f->peer = &f->peers[0];
    establish(f);
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    take_control_frames(f, frames, 16);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10); /* not taken: an ACK is due */
    turn(f);
    expect_silence(f);
    assert_true(f->tcp.counters.output_no_frame > 1);
    assert_true(tcp_has_output(&f->tcp));
    frame_drop(&f->pool, frames[0], FRAME_APP);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    for (unsigned i = 1; i < 16; i++) {
        frame_drop(&f->pool, frames[i], FRAME_APP);
    }
}

/* Two segments, longer than the peer's window, in a pool without another data frame: the first
 * has been cut and sent. */
static void send_without_frames(struct tcp_fixture *f)
{
    f->peer->window = 900;
    f->settings.nodelay = true;
    fixture_open(f);
    establish(f);
    f->tx_room = 0; /* queued, but not served */
    turn(f);
    app_sends(f, 2000);
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    f->tx_room = 32;
    turn(f);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 900);
}

/* What came is answered, though the text that could go with the ACK waits for a frame. */
static void what_is_stuck_acknowledges(void **state)
{
    struct tcp_fixture *f = *state;

    send_without_frames(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 901);
    expect(f, TCP_ACK, .seq = 901, .ack = 1, .bytes = 100);
    assert_true(tcp_has_output(&f->tcp)); /* the second does not fit the window */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 901, .bytes = 10); /* not taken: an ACK is due */
    expect(f, TCP_ACK, .seq = 1001, .ack = 1);
    press(f, FRAME_NORMAL);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 900);
}

/* Each block begins with where the one before is. */
static void *take_blocks(struct tcp_fixture *f)
{
    void *taken = NULL;
    void *block;

    fixture_open(f);
    while ((block = blocks_take(&f->tcp.blocks, 0)) != NULL) {
        memcpy(block, &taken, sizeof taken);
        taken = block;
    }
    return taken;
}

static void give_blocks(struct tcp_fixture *f, void *taken)
{
    while (taken != NULL) {
        void *block = taken;

        memcpy(&taken, block, sizeof taken);
        blocks_give(&f->tcp.blocks, block, 0);
    }
}

/* A FIN that finds no room in the queue goes later; what comes meanwhile is answered. */
static void a_fin_without_room_holds_nothing_up(void **state)
{
    struct tcp_fixture *f = *state;
    void *blocks;

    f->settings.nodelay = true;
    f->peer->window = 900;
    establish(f);
    blocks = take_blocks(f);
    app_sends(f, 2000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 900);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 2000);
    expect(f, TCP_ACK, .seq = 901, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 1000);
    assert_int_equal(app_shuts_down(f), TCP_OK); /* the last place is for a cut */
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .window = 2000);
    expect(f, TCP_ACK, .seq = 2001, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1001, .window = 2000);
    expect(f, TCP_ACK | TCP_FIN, .seq = 2001, .ack = 11);
    give_blocks(f, blocks);
}

/* Text takes no place of the queue that a cut needs: a window that stays closed is probed, and one
 * that is smaller than a segment gets its piece, also of a queue that is full. Else the loss of
 * one update of the window would be the end.
 * Shows: RFC 9293 MUST-36. */
static void a_full_queue_is_cut(void **state)
{
    static const struct {
        const char *name;
        uint32_t window;
    } cases[] = {
        {"a probe", WINDOW_ZERO},
        {"a piece", 60},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        bool piece = cases[i].window == 60;
        uint32_t bytes = piece ? 60 : 1;
        void *blocks;

        print_message("  %s\n", cases[i].name);
        f->peer->mss = TCP_MSS_MIN;
        f->peer->window = cases[i].window;
        establish(f);
        blocks = take_blocks(f);
        f->tx_room = 0; /* queued, but not served */
        turn(f);
        (void)app_sends(f, 10 * TCP_MSS_MIN);
        assert_int_equal(sendq_count(&conn_of(f)->flight->sendq), 2);
        f->tx_room = 32;
        turn(f);
        turn(f);
        if (!piece) {
            expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
        } else {
            expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 60);
        }
        assert_false(tcp_has_output(&f->tcp));
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + bytes, .window = 2 * TCP_MSS_MIN);
        forget_sent(f);
        give_blocks(f, blocks);
        f = start_over(state);
    }
}

/* A split needs a frame: the oldest text finds one when send queues have all there are for
 * data, and what follows goes when it is acknowledged. */
static void a_full_pool_sends_the_oldest_text(void **state)
{
    struct tcp_fixture *f = *state;

    send_without_frames(f);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 901);
    expect(f, TCP_ACK, .seq = 901, .ack = 1, .bytes = 100); /* the tail, where it was */
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001); /* with its frame the next one is cut */
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 900);
    press(f, FRAME_NORMAL);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1901);
    expect(f, TCP_ACK, .seq = 1901, .ack = 1, .bytes = 100);
}

/* A window that is closed, text behind it, and no frame for a piece of it: no data frame, and so
 * few for control that they are left to ACKs. */
static void get_stuck(struct tcp_fixture *f)
{
    f->peer->window = WINDOW_ZERO;
    establish(f);
    app_sends(f, 2 * MSS);
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    for (unsigned i = 0; i < f->pool.floor[FRAME_BUDGET_CONTROL] / 2; i++) {
        (void)frame_take(&f->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);
    }
    expect_silence(f);
}

static void give_a_frame(struct tcp_fixture *f)
{
    press(f, FRAME_CRITICAL);
}

/* What others hold may come back in minutes: the worker does not look for it turn after turn, but
 * in a while. */
static void who_waits_for_frames_lets_the_worker_sleep(void **state)
{
    struct tcp_fixture *f = *state;

    get_stuck(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 900);
    assert_true(tcp_has_output(&f->tcp)); /* a completion may bring one at once */
    f->now_ns += TCP_COMPLETIONS_NS;
    turn(f);
    assert_false(tcp_has_output(&f->tcp));
    assert_true(tcp_next_deadline(&f->tcp) <= f->now_ns + TCP_SQUEEZE_RECHECK_NS);
    expect_silence_for(f, 4 * TCP_SQUEEZE_RECHECK_NS);
    give_a_frame(f);
    f->now_ns += TCP_SQUEEZE_RECHECK_NS + MS(1);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 900);
    press(f, FRAME_NORMAL);
}

/* An ACK that goes does not take the look at the frames with it. */
static void an_ack_leaves_the_look_at_frames(void **state)
{
    struct tcp_fixture *f = *state;

    get_stuck(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = 900);
    f->now_ns += TCP_COMPLETIONS_NS;
    turn(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .window = 900); /* not taken */
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    f->now_ns += TCP_COMPLETIONS_NS;
    turn(f);
    assert_false(tcp_has_output(&f->tcp));
    give_a_frame(f);
    f->now_ns += TCP_SQUEEZE_RECHECK_NS + MS(1);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 900);
    press(f, FRAME_NORMAL);
}

/* The timer of a closed window runs on, and R2 and the bound of who was left are kept, when
 * its probes can't be made. */
static void who_waits_for_frames_in_vain_is_given_up(void **state)
{
    static const struct {
        const char *name;
        uint32_t window;
        uint32_t user_timeout_ms;
    } cases[] = {
        {"a closed window", WINDOW_ZERO, 0},
        {"a window for a piece", 900, 0},
        {"with a user timeout", WINDOW_ZERO, 1000},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t rto_ns;

        print_message("  %s\n", cases[i].name);
        f->settings.policy.r2 = 3;
        f->settings.policy.user_timeout_ms = cases[i].user_timeout_ms;
        get_stuck(f);
        rto_ns = conn_of(f)->rtt.rto_ns;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = cases[i].window);
        expect_silence_for(f, 14 * rto_ns);
        assert_int_equal(f->peer->told.close, 0);
        assert_int_equal(f->peer->told.trouble, 0); /* the path is not to blame */
        expect_silence_for(f, 3 * rto_ns);
        assert_int_equal(f->peer->told.close, 1);
        assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
        press(f, FRAME_NORMAL);
        f = start_over(state);
    }
}

/* Nobody was silent meanwhile: what goes at last goes by an RTO that is not backed off. */
static void what_was_stuck_is_not_backed_off(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t rto_ns;

    get_stuck(f);
    rto_ns = conn_of(f)->rtt.rto_ns;
    expect_silence_for(f, 20 * rto_ns);
    assert_true(conn_of(f)->snd.backoff >= 3);
    give_a_frame(f);
    f->now_ns += TCP_SQUEEZE_RECHECK_NS + MS(1);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    assert_int_equal(conn_of(f)->retransmissions, 0);
    press(f, FRAME_NORMAL);
    expect_after(f, rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(what_is_stuck_does_not_stop_others),
        SCRIPT(what_is_stuck_acknowledges),
        SCRIPT(a_fin_without_room_holds_nothing_up),
        SCRIPT(a_full_queue_is_cut),
        SCRIPT(a_full_pool_sends_the_oldest_text),
        SCRIPT(who_waits_for_frames_lets_the_worker_sleep),
        SCRIPT(an_ack_leaves_the_look_at_frames),
        SCRIPT(who_waits_for_frames_in_vain_is_given_up),
        SCRIPT(what_was_stuck_is_not_backed_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
