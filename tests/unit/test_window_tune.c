/*
 * Goal:   the receive buffer grows with what the peer sends in a round trip, while the
 *         application reads all of it, up to the policy's most and out of what is promised to
 *         nobody; the peer is told of it, and it never shrinks. With too much promised a window
 *         is earned by what came.
 * Method: one round of a sender at a round trip of 100 ms, as a table, and senders in slow
 *         start: one that is never held up by the window, one whose window was squeezed.
 */
#include "tests/unit/recovery_fixture.h"

#define BUFFER 16384u

static void peer_sends_segment(struct tcp_fixture *f, uint32_t index)
{
    peer_sends(f, TCP_ACK, .seq = 1 + index * MSS, .ack = 1, .bytes = MSS);
}

static void a_round_says_how_much_is_wanted(void **state)
{
    static const struct {
        const char *name;
        uint32_t most, segments, wait_ms, buffer;
        uint32_t spare; /* of the budget; 0: all */
        enum frame_pressure pressure;
        bool pauses;
    } cases[] = {
        {"four times what came", 1u << 20, 11, 101, 44000, 0, FRAME_NORMAL, false},
        {"the most", 32000, 11, 101, 32000, 0, FRAME_NORMAL, false},
        {"less than a quarter", 1u << 20, 4, 101, BUFFER, 0, FRAME_NORMAL, false},
        {"not allowed to", 0, 11, 101, BUFFER, 0, FRAME_NORMAL, false},
        {"allowed less than it has", 8192, 11, 101, BUFFER, 0, FRAME_NORMAL, false},
        {"before the round ends", 1u << 20, 11, 99, BUFFER, 0, FRAME_NORMAL, false},
        {"over two round trips", 1u << 20, 11, 201, BUFFER, 0, FRAME_NORMAL, false},
        {"what is left of the budget", 1u << 20, 11, 101, BUFFER + 5000, 5000, FRAME_NORMAL, false},
        {"frames are short", 1u << 20, 11, 101, BUFFER, 0, FRAME_PRESSURE, false},
        {"nobody reads", 1u << 20, 11, 101, BUFFER, 0, FRAME_NORMAL, true},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_fixture *f = *state;
        uint64_t limit;

        print_message("  %s\n", cases[i].name);
        f->settings.receive_buffer = BUFFER;
        f->settings.policy.receive_buffer_max = cases[i].most;
        (void)far_peer(state, true);
        for (uint32_t segment = 0; segment + 1 < cases[i].segments; segment++) {
            peer_sends_segment(f, segment);
        }
        forget_sent(f);
        if (cases[i].pauses) {
            tcp_pause(conn_of(f));
        }
        wait_ns(f, MS(cases[i].wait_ms));
        press(f, cases[i].pressure);
        limit = f->tcp.promise_limit;
        if (cases[i].spare != 0) { /* behind the segment, which keeps a part of what is promised */
            f->tcp.promise_limit =
                TCP_PROMISE_FACTOR * (f->tcp.promised_bytes - MSS + cases[i].spare);
        }
        peer_sends_segment(f, cases[i].segments - 1);
        f->tcp.promise_limit = limit;
        assert_int_equal(conn_of(f)->rcv.buffer, cases[i].buffer);
        forget_sent(f);
        press(f, FRAME_NORMAL);
        (void)start_over(state);
    }
}

/* A window that may grow far is told in units that a small buffer has many of. */
static void a_small_buffer_that_may_grow_is_told(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = 4096;
    f->settings.policy.receive_buffer_max = 1u << 30;
    (void)far_peer(state, true);
    for (uint32_t segment = 0; segment < 8; segment++) {
        peer_sends_segment(f, segment);
        assert_int_not_equal(expect(f, TCP_ACK, .seq = 1, .ack = 1 + (segment + 1) * MSS)->window,
                             0);
    }
}

/* It sends twice as much in each round trip, and the window that it was told last is wider. */
static void slow_start_is_not_held_up(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t sent = 0;
    uint32_t window = BUFFER;

    f->frames = 2048;
    f->settings.receive_buffer = BUFFER;
    f->settings.policy.receive_buffer_max = 1u << 20;
    (void)far_peer(state, true);
    for (unsigned round = 0; round < 5; round++) {
        uint32_t segments = 8u << round;

        assert_true(segments * MSS <= window);
        for (uint32_t i = 0; i < segments; i++) {
            peer_queues(f, TCP_ACK, .seq = 1 + (sent + i) * MSS, .ack = 1, .bytes = MSS);
            turn(f);
            forget_sent(f);
            wait_ns(f, RTT / segments);
            forget_sent(f); /* what was held */
        }
        sent += segments;
        window = conn_of(f)->rcv.edge - conn_of(f)->rcv.nxt;
    }
    assert_true(window >= 4 * 64 * MSS); /* the last round is not looked at yet */
    assert_true(f->tcp.promised_bytes >= window);
}

static uint32_t window_of(struct tcp_fixture *f)
{
    return conn_of(f)->rcv.edge - conn_of(f)->rcv.nxt;
}

/* With more promised than the limit a window of two segments stays that, whatever ACKs go, until
 * the application has been given as much as more; and the limit is looked at anew each time. */
static void a_squeezed_window_is_earned(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t limit;
    uint32_t sent = 0;

    establish(f); /* somebody has promises */
    limit = f->tcp.promise_limit;
    f->tcp.promise_limit = f->tcp.promised_bytes - 1;
    f->peer = &f->peers[1];
    establish(f);
    assert_int_equal(window_of(f), 2 * MSS);
    for (; sent < 2; sent++) {
        peer_sends(f, TCP_ACK, .seq = 1 + sent, .ack = 1, .bytes = 1);
        forget_sent(f);
    }
    assert_true(window_of(f) <= 2 * MSS);
    for (unsigned rounds = 0; rounds < 4; rounds++) {
        uint32_t segments = (window_of(f) + 1) / MSS; /* two bytes went before them */

        assert_true(segments >= 2u << (rounds / 2));
        for (uint32_t i = 0; i < segments; i++) {
            peer_sends(f, TCP_ACK, .seq = 1 + sent, .ack = 1, .bytes = MSS);
            forget_sent(f);
            sent += MSS;
            assert_true(window_of(f) < max_u32(2 * MSS, sent) + 8); /* a unit of the scale */
        }
        wait_ns(f, MS(50));
        forget_sent(f);
    }
    assert_true(window_of(f) + 2 * MSS >= sent);
    f->tcp.promise_limit = limit;
    peer_sends(f, TCP_ACK, .seq = 1 + sent, .ack = 1, .bytes = MSS);
    forget_sent(f);
    wait_ns(f, MS(50));
    forget_sent(f);
    assert_true(window_of(f) + MSS >= TCP_RECEIVE_BUFFER_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_round_says_how_much_is_wanted),
        SCRIPT(a_small_buffer_that_may_grow_is_told),
        SCRIPT(slow_start_is_not_held_up),
        SCRIPT(a_squeezed_window_is_earned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
