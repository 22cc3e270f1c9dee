/*
 * Goal:   what may be sent, and when (tcp/output.c): Nagle (RFC 9293 section
 *         3.7.4), the congestion window, the edge of the peer's window and silly
 *         windows (3.8.6.2.1), the FIN at the edge, turns between connections, and
 *         what waits for room in the port. What waits for memory is test_output_stuck.c's.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

/* Shows: RFC 9293 SHLD-7, MUST-60, MUST-61, SHLD-28, MAY-16. */
static void nagle_holds_the_last_small_segment(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK | TCP_PSH, .seq = 1, .ack = 1, .bytes = 10);
    app_sends(f, 20);
    app_sends(f, 30);
    expect_silence(f);
    app_sends(f, 990); /* fills a segment */
    expect(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = MSS);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 10);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11); /* that was the small one */
    expect(f, TCP_ACK, .seq = 1011, .ack = 1, .bytes = 40);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1011);
    app_sends(f, 5);
    expect_silence(f);
    app_shuts_down(f); /* the end of the stream is not held */
    expect(f, TCP_FIN | TCP_ACK, .seq = 1051, .ack = 1, .bytes = 5);
}

/* The end of a write does not wait for its full segments, nor does one of another, but each small
 * one for that before. */
static void full_segments_hold_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, MSS + 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK | TCP_PSH, .seq = 1 + MSS, .ack = 1, .bytes = 10);
    app_sends(f, MSS + 20);
    expect(f, TCP_ACK, .seq = 11 + MSS, .ack = 1, .bytes = MSS);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + MSS);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11 + MSS);
    expect(f, TCP_ACK | TCP_PSH, .seq = 11 + 2 * MSS, .ack = 1, .bytes = 20);
}

/* Shows: RFC 9293 MUST-17. */
static void nodelay_is_a_setting(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.nodelay = true;
    establish(f);
    for (uint32_t i = 0; i < 3; i++) {
        app_sends(f, 10);
        expect(f, TCP_ACK, .seq = 1 + 10 * i, .ack = 1, .bytes = 10);
    }
}

/* RFC 6928: ten segments; then as much as is acknowledged, and as much again.
 * Shows: RFC 5681 3.1a; RFC 6928 2a. */
static void the_congestion_window_bounds_the_flight(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 100 * MSS);
    for (uint32_t i = 0; i < 10; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 2 * MSS);
    for (uint32_t i = 10; i < 14; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect_silence(f);
}

/* Shows: RFC 7323 2.4c; RFC 9293 MUST-38. */
static void the_window_bounds_the_flight(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->window = 2500;
    establish(f);
    app_sends(f, 5000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect_silence(f); /* 500 of room are no segment */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001);
    expect(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
}

/* Section 3.8.6.2.1: a piece goes when it fills half the largest window, or after
 * the override timer.
 * Shows: RFC 9293 MUST-38. */
static void a_piece_fills_half_the_largest_window(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->window = 900;
    establish(f);
    app_sends(f, 2000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 900);
    assert_int_equal(f->tcp.counters.splits, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 901, .window = 450);
    expect(f, TCP_ACK, .seq = 901, .ack = 1, .bytes = 100); /* to the end of the record */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001, .window = 449);
    expect_after(f, TCP_SWS_OVERRIDE_NS, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 449);
}

/* Shows: RFC 9293 MUST-38. */
static void the_override_starts_anew_when_the_window_grows(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->window = 1000;
    establish(f);
    app_sends(f, 2000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1000);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001, .window = 100);
    expect_silence_for(f, MS(150));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001, .window = 1000);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 1000);
}

/* Text that the window takes is not held back by a FIN that it does not. */
static void a_fin_behind_the_edge_comes_off(void **state)
{
    static const struct {
        const char *name;
        uint32_t bytes;
        uint32_t window; /* that opens */
    } cases[] = {
        {"text fills the window", 100, 100},
        {"a full segment fills the window", MSS, MSS},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t end = 1 + cases[i].bytes;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->window = WINDOW_ZERO;
        establish(f);
        app_sends(f, cases[i].bytes);
        app_shuts_down(f);
        expect_silence(f);
        conn_of(f)->snd.wnd_max = 65535; /* so that a piece would be silly */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = cases[i].window);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = cases[i].bytes);
        expect_silence(f);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = end, .window = 1);
        expect(f, TCP_FIN | TCP_ACK, .seq = end, .ack = 1);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = end + 1);
        expect_state(f, TCP_FIN_WAIT_2);
    }
}

static void a_probe_of_one_byte_leaves_the_fin(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->window = WINDOW_ZERO;
    establish(f);
    app_sends(f, 1);
    app_shuts_down(f);
    expect_silence(f);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_after(f, 2 * conn_of(f)->rtt.rto_ns, TCP_FIN | TCP_ACK, .seq = 2, .ack = 1);
}

/* Connections take turns; none waits for all of another's window. */
static void turns_are_taken(void **state)
{
    struct tcp_fixture *f = *state;

    f->tx_room = 64;
    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        establish(f);
        conn_of(f)->cwnd = 40 * MSS;
    }
    for (unsigned i = 0; i < 2; i++) { /* both on the list before either is served */
        static const uint8_t data[1] = {0x9e};

        f->peer = &f->peers[i];
        assert_int_equal(tcp_send(conn_of(f), data, 1), 1);
        f->peer->told.queued = 1;
    }
    turn(f);
    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    }
    f->tx_room = 20; /* the quantum of 16, and 4 of the next */
    turn(f);
    app_sends(f, 30 * MSS);
    for (uint32_t i = 0; i < 20; i++) {
        expect(f, TCP_ACK, .seq = 2 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect_silence(f);
    turn(f);
    for (uint32_t i = 20; i < 29; i++) {
        expect(f, TCP_ACK, .seq = 2 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect(f, TCP_ACK, .seq = 2 + 29 * MSS, .ack = 1, .bytes = MSS);
}

static void a_full_port_leaves_the_ack_for_the_next_turn(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    f->tx_room = 0;
    turn(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect_silence(f);
    f->tx_room = 1;
    turn(f);
    expect_silence(f);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
}

/* Text behind the SYN in one burst, to be reported as duplicates: the SYN-ACK carries the
 * acknowledgement, and a pure ACK before it would be of a connection that its reader has
 * not heard of. */
static void nothing_goes_before_the_syn_ack(void **state)
{
    struct tcp_fixture *f = *state;
    struct seg syn = syn_of(f->peer, (struct seg){.flags = TCP_SYN});

    peer_queue(f, &syn);
    peer_queues(f, TCP_ACK, .seq = 0, .bytes = 1);
    peer_queues(f, TCP_ACK, .seq = 0, .bytes = 1); /* reports go one by one */
    turn(f);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 2, .sack = {{0, 1}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(nagle_holds_the_last_small_segment),
        SCRIPT(full_segments_hold_nothing),
        SCRIPT(nodelay_is_a_setting),
        SCRIPT(the_congestion_window_bounds_the_flight),
        SCRIPT(the_window_bounds_the_flight),
        SCRIPT(a_piece_fills_half_the_largest_window),
        SCRIPT(the_override_starts_anew_when_the_window_grows),
        SCRIPT(a_fin_behind_the_edge_comes_off),
        SCRIPT(a_probe_of_one_byte_leaves_the_fin),
        SCRIPT(turns_are_taken),
        SCRIPT(a_full_port_leaves_the_ack_for_the_next_turn),
        SCRIPT(nothing_goes_before_the_syn_ack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
