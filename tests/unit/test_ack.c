/*
 * Goal:   when in-order text is acknowledged (tcp/ack.h; RFC 9293 section 3.8.6.3,
 *         RFC 5681 section 4.2): at once, held over a few turns, or delayed.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

static_assert(TCP_DELAYED_ACK_NS < MS(500), "RFC 9293 MUST-40");

#define HOLD TCP_ACK_HOLD_NS
#define NEARLY_HELD (TCP_ACK_HOLD_NS - 1)

/* After the start at which each segment is acknowledged at once. Where it ends. */
static uint32_t establish_quietly(struct tcp_fixture *f)
{
    establish(f);
    for (uint32_t i = 0; i < TCP_QUICK_ACKS; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + (i + 1) * MSS);
    }
    return 1 + TCP_QUICK_ACKS * MSS;
}

/* Full segments, each in a turn of its own, without an answer so far. The end. */
static uint32_t peer_sends_full(struct tcp_fixture *f, uint32_t seq, unsigned segments)
{
    for (unsigned i = 0; i < segments; i++) {
        expect_silence(f);
        peer_sends(f, TCP_ACK, .seq = seq + i * MSS, .ack = 1, .bytes = MSS);
    }
    return seq + segments * MSS;
}

/* RFC 9293 section 3.8.6.3.
 * Shows: RFC 9293 MUST-40, SHLD-18; RFC 5681 4.2a, 4.2c. */
static void an_ack_is_delayed_by_40_ms(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = peer_sends_full(f, establish_quietly(f), 1);

    expect_after(f, TCP_DELAYED_ACK_NS, TCP_ACK, .seq = 1, .ack = seq);
    expect_silence_for(f, SECONDS(1));
}

/* Shows: RFC 9293 SHLD-18. */
static void a_delayed_ack_rides_on_data(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = establish_quietly(f);

    peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 10);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = seq + 10, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = seq + 10, .ack = 101);
    expect_silence_for(f, SECONDS(1));
}

/* Shows: RFC 9293 SHLD-19; RFC 5681 4.2b. */
static void two_full_segments_are_held(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = peer_sends_full(f, establish_quietly(f), 1);

    wait_ns(f, MS(10));
    seq = peer_sends_full(f, seq, 1);
    assert_true(tcp_has_output(&f->tcp)); /* the worker does not fall asleep */
    expect_after(f, HOLD, TCP_ACK, .seq = 1, .ack = seq);
    assert_false(tcp_has_output(&f->tcp));
    expect_silence_for(f, SECONDS(1));
}

/* Two segments' worth, in whatever pieces. */
static void small_segments_count_by_bytes(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = establish_quietly(f);

    for (unsigned i = 0; i < 3; i++) {
        peer_sends(f, TCP_ACK, .seq = seq + i * 600, .ack = 1, .bytes = 600);
        expect_silence_for(f, MS(1));
    }
    peer_sends(f, TCP_ACK, .seq = seq + 1800, .ack = 1, .bytes = 600);
    expect_after(f, HOLD, TCP_ACK, .seq = 1, .ack = seq + 2400);
}

/* The hold is counted from the second segment, not anew from each. */
static void more_segments_do_not_prolong_it(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = peer_sends_full(f, establish_quietly(f), 2);

    wait_ns(f, NEARLY_HELD);
    seq = peer_sends_full(f, seq, 3);
    expect_after(f, 1, TCP_ACK, .seq = 1, .ack = seq);
}

static void so_many_segments_are_not_held(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = peer_sends_full(f, establish_quietly(f), TCP_ACK_EVERY_SEGMENTS);

    expect(f, TCP_ACK, .seq = 1, .ack = seq);
    assert_false(tcp_has_output(&f->tcp));
    expect_silence_for(f, SECONDS(1));
}

/* One ACK for a burst, but none of more than ack_every_segments: MUST-59 has one for all.
 * Shows: RFC 9293 MUST-58, MUST-59. */
static void a_burst_is_acknowledged_in_steps(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t every = TCP_ACK_EVERY_SEGMENTS * MSS;
    uint32_t seq = establish_quietly(f);

    for (uint32_t i = 0; i < 40; i++) {
        peer_queues(f, TCP_ACK, .seq = seq + i * MSS, .ack = 1, .bytes = MSS);
    }
    turn(f);
    for (uint32_t i = 1; i <= 40 / TCP_ACK_EVERY_SEGMENTS; i++) {
        expect(f, TCP_ACK, .seq = 1, .ack = seq + i * every);
    }
    expect_after(f, HOLD, TCP_ACK, .seq = 1, .ack = seq + 40 * MSS);
    assert_int_equal(f->peer->told.data, (TCP_QUICK_ACKS + 40) * MSS);
}

static void data_carries_what_is_held(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = peer_sends_full(f, establish_quietly(f), 3);

    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = seq, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 101);
    assert_false(tcp_has_output(&f->tcp));
    expect_silence_for(f, SECONDS(1));
}

/* Data that may not go yet (Nagle) carries nothing: the hold goes on. */
static void data_that_waits_carries_nothing(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq;

    f->settings.nodelay = false;
    seq = establish_quietly(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = seq, .bytes = 100);
    seq = peer_sends_full(f, seq, 2);
    app_sends(f, 100);
    expect_after(f, HOLD, TCP_ACK, .seq = 101, .ack = seq);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = seq, .bytes = 100);
}

/* What the peer waits for is not held.
 * Shows: RFC 9293 MAY-13; RFC 5681 3.2a, 4.2d. */
static void urgent_ones_go_at_once(void **state)
{
    static const struct {
        const char *name;
        struct seg seg; /* .seq counts from what was received */
        bool takes;     /* it is acknowledged */
    } cases[] = {
        {"out of order", {.flags = TCP_ACK, .seq = MSS, .bytes = 10}, false},
        {"a duplicate", {.flags = TCP_ACK, .seq = (uint32_t)-10, .bytes = 10}, false},
        {"FIN", {.flags = TCP_ACK | TCP_FIN, .bytes = 10}, true},
        {"a challenge", {.flags = TCP_SYN}, false},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct seg seg = cases[i].seg;
        uint32_t seq;

        f->peer = &f->peers[i];
        f->peer->sack = false;
        seq = peer_sends_full(f, establish_quietly(f), 2);
        seg.seq += seq;
        seg.ack = 1;
        peer_queue(f, &seg);
        turn(f);
        expect(f, TCP_ACK, .seq = 1, .ack = seq + (cases[i].takes ? seg.bytes + 1 : 0));
        if (tcp_has_output(&f->tcp)) {
            fail_msg("%s: still held", cases[i].name);
        }
    }
}

/* Who has lost something begins anew with a small window: as at the start.
 * Shows: RFC 5681 3.2b. */
static void after_a_loss_each_is_acknowledged(void **state)
{
    static const struct {
        const char *name;
        uint32_t at;    /* of the segment that tells of it, from what was received */
        uint32_t taken; /* of it, when the hole before it is filled */
    } cases[] = {
        {"a hole", MSS, MSS},
        {"sent again", (uint32_t)-MSS, 0},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t seq;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->sack = false;
        seq = establish_quietly(f);
        peer_sends(f, TCP_ACK, .seq = seq + cases[i].at, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = seq);
        for (unsigned n = 0; n < TCP_QUICK_ACKS; n++) {
            peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = MSS);
            seq += MSS + (n == 0 ? cases[i].taken : 0);
            expect(f, TCP_ACK, .seq = 1, .ack = seq);
        }
        seq = peer_sends_full(f, seq, 1);
        expect_after(f, TCP_DELAYED_ACK_NS, TCP_ACK, .seq = 1, .ack = seq);
    }
}

/* A peer that may have used up its window is not kept waiting. */
static void a_narrow_window_is_not_held(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq;

    f->settings.receive_buffer = 4096;
    seq = peer_sends_full(f, establish_quietly(f), 2);
    expect(f, TCP_ACK, .seq = 1, .ack = seq);
}

/* One that has no room for a second segment leaves nothing to wait for. */
static void a_window_of_one_segment_is_not_delayed(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq;

    f->settings.receive_buffer = MSS + MSS / 2;
    seq = establish_quietly(f);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = MSS / 2);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = seq + MSS / 2, .ack = 1, .bytes = MSS / 2);
    expect(f, TCP_ACK, .seq = 1, .ack = seq + MSS);
}

/* Shows: RFC 9293 SHLD-19; RFC 5681 4.2b. */
static void without_a_hold_each_second_goes_at_once(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq;

    f->config.ack_hold_ns = 0;
    seq = establish_quietly(f);
    for (unsigned i = 0; i < 3; i++) {
        seq = peer_sends_full(f, seq, 2);
        expect(f, TCP_ACK, .seq = 1, .ack = seq);
    }
}

static void each_is_held_from_its_own_time(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seqs[3];

    for (unsigned i = 0; i < COUNT_OF(seqs); i++) {
        f->peer = &f->peers[i];
        seqs[i] = establish_quietly(f);
    }
    for (unsigned i = 0; i < COUNT_OF(seqs); i++) {
        f->peer = &f->peers[i];
        seqs[i] = peer_sends_full(f, seqs[i], 2);
        wait_ns(f, HOLD / 4);
    }
    f->peer = &f->peers[0];
    expect_after(f, HOLD / 4, TCP_ACK, .seq = 1, .ack = seqs[0]);
    f->peer = &f->peers[1]; /* ends meanwhile */
    app_aborts(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = seqs[1]);
    f->peer = &f->peers[2];
    expect_after(f, HOLD / 2, TCP_ACK, .seq = 1, .ack = seqs[2]);
    expect_silence_for(f, SECONDS(1));
}

/* A port that is full when the time comes takes it as soon as it can. */
static void a_full_port_keeps_it(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = establish_quietly(f);

    f->tx_room = 0; /* from the next turn's end on */
    seq = peer_sends_full(f, seq, 2);
    expect_silence_for(f, MS(1));
    assert_true(tcp_has_output(&f->tcp));
    f->tx_room = 32;
    turn(f);
    expect_silence(f);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = seq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(an_ack_is_delayed_by_40_ms),
        SCRIPT(a_delayed_ack_rides_on_data),
        SCRIPT(two_full_segments_are_held),
        SCRIPT(small_segments_count_by_bytes),
        SCRIPT(more_segments_do_not_prolong_it),
        SCRIPT(so_many_segments_are_not_held),
        SCRIPT(a_burst_is_acknowledged_in_steps),
        SCRIPT(data_carries_what_is_held),
        SCRIPT(data_that_waits_carries_nothing),
        SCRIPT(urgent_ones_go_at_once),
        SCRIPT(after_a_loss_each_is_acknowledged),
        SCRIPT(a_narrow_window_is_not_held),
        SCRIPT(without_a_hold_each_second_goes_at_once),
        SCRIPT(a_window_of_one_segment_is_not_delayed),
        SCRIPT(each_is_held_from_its_own_time),
        SCRIPT(a_full_port_keeps_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
