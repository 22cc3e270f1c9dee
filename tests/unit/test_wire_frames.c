/*
 * Goal:   the wire deals with frames as AF_XDP does: completions late and in any
 *         order, a packet that the kernel holds is not to be written to, and a
 *         receiver without frames loses packets, not frames.
 * Method: one shortage or lateness at a time, down to the frame that feels it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/wire_fixture.h"

static void completions_come_late_and_in_any_order(void **state)
{
    const struct wire_impairment late = {.delay_ns = 1000, .completion_delay_ns = 1000000};
    uint32_t frames[32];
    uint32_t inversions = 0;
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    wire_impair(&f.wire, 0, &late);
    for (uint32_t i = 0; i < 32; i++) {
        frames[i] = send_packet(&f, 0, LENGTH);
    }
    port_flush(wire_port(&f.wire, 0));
    wire_advance(&f.wire, START_NS + 1000);
    assert_int_equal(receive_all(&f, 1), 32); /* the ACK could come now */
    assert_true(f.wire.end[0].completed < 8);
    while (wire_next_ns(&f.wire) != UINT64_MAX) {
        wire_advance(&f.wire, wire_next_ns(&f.wire));
        port_reap(wire_port(&f.wire, 0));
        for (uint32_t i = 0; i + 1 < 32; i++) {
            inversions += frame_is_held_by(&f.pool[0], frames[i], FRAME_KERNEL_TX) &&
                          !frame_is_held_by(&f.pool[0], frames[i + 1], FRAME_KERNEL_TX);
        }
    }
    assert_true(f.wire.now_ns <= START_NS + 1000 + 1000000);
    assert_true(inversions > 0);
    assert_int_equal(f.wire.end[0].completed, 32);
    assert_int_equal(f.wire.end[0].tx_rewritten, 0);
    close_wire(&f);
}

static void stalled_completions_fill_the_ring(void **state)
{
    const struct wire_impairment stalled = {.completions_stalled = true};
    const struct wire_impairment none = {0};
    struct fixture f;
    struct port *port;

    (void)state;
    open_wire(&f, 1);
    port = wire_port(&f.wire, 0);
    send_packet(&f, 0, LENGTH);
    port->ops->submit(port); /* its completion is there already, but not reaped */
    wire_impair(&f.wire, 0, &stalled);
    for (uint32_t i = 1; i < 128; i++) {
        assert_int_equal(port->tx_room, 128 - i);
        send_packet(&f, 0, LENGTH);
        port_flush(port);
        receive_all(&f, 1);
    }
    assert_int_equal(port->tx_room, 0);
    wire_advance(&f.wire, START_NS + NS_PER_S);
    port_flush(port);
    assert_int_equal(port->tx_room, 0);
    assert_true(wire_next_ns(&f.wire) == UINT64_MAX);
    wire_impair(&f.wire, 0, &none);
    port_flush(port);
    assert_int_equal(port->tx_room, 128);
    assert_int_equal(f.received, 128);
    close_wire(&f);
}

static void rewriting_a_held_packet_is_noticed(void **state)
{
    const struct wire_impairment late = {.completion_delay_ns = 1000};
    static const struct {
        const char *name;
        uint32_t at; /* in the chunk */
        uint32_t length;
        uint64_t noticed;
    } cases[] = {
        {"before", TX_OFFSET - 1, 100, 0},         {"first byte", TX_OFFSET, 100, 1},
        {"in the middle", TX_OFFSET + 50, 100, 1}, {"last byte", TX_OFFSET + 99, 100, 1},
        {"behind", TX_OFFSET + 100, 100, 0},       {"odd last byte", TX_OFFSET + 100, 101, 1},
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t frame;

        open_wire(&f, 1);
        wire_impair(&f.wire, 0, &late);
        frame = send_packet(&f, 0, cases[i].length);
        port_flush(wire_port(&f.wire, 0));
        frame_data(&f.pool[0], frame)[cases[i].at] ^= 1;
        wire_advance(&f.wire, START_NS + 1000);
        port_reap(wire_port(&f.wire, 0));
        if (f.wire.end[0].tx_rewritten != cases[i].noticed) {
            fail_msg("%s", cases[i].name);
        }
        close_wire(&f);
    }
}

/* More arrive than frames are lent before the receiver turns. */
static void receiver_runs_out_of_lent_frames(void **state)
{
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    for (uint32_t i = 0; i < LENT + 10; i++) {
        send_packet(&f, 0, LENGTH);
        port_flush(wire_port(&f.wire, 0));
    }
    assert_int_equal(f.wire.end[0].counts[WIRE_STARVED], 10);
    assert_int_equal(receive_all(&f, 1), LENT);
    send_packet(&f, 0, LENGTH);
    port_flush(wire_port(&f.wire, 0));
    assert_int_equal(receive_all(&f, 1), 1);
    close_wire(&f);
}

/* All frames but the receive floor are gone, and the worker sits on what it
 * received: the port stops handing in, without losing what has arrived. */
static void receive_stops_when_nothing_can_replace(void **state)
{
    struct port_packet burst[PORT_BURST];
    struct port_packet more[PORT_BURST];
    struct fixture f;
    struct port *port;

    (void)state;
    open_wire(&f, 1);
    port = wire_port(&f.wire, 1);
    while (frame_take(port->pool, FRAME_BUDGET_DATA, FRAME_APP) != FRAME_NONE) {
    }
    for (uint32_t i = 0; i < LENT; i++) {
        send_packet(&f, 0, LENGTH);
        port_flush(wire_port(&f.wire, 0));
    }
    assert_int_equal(port_receive(port, burst, PORT_BURST), PORT_BURST);
    assert_false(frame_keep(port->pool, burst[0].frame));
    send_packet(&f, 0, LENGTH);
    port_flush(wire_port(&f.wire, 0));
    assert_int_equal(port_receive(port, more, PORT_BURST), 0);
    assert_int_equal(port->counters.rx_starved, 1);
    assert_int_equal(wire_arrived(&f.wire, 1), 1);
    frame_drop(port->pool, burst[0].frame, FRAME_WORKER);
    assert_int_equal(port_receive(port, more, PORT_BURST), 1);
    frame_drop(port->pool, more[0].frame, FRAME_WORKER);
    for (unsigned i = 1; i < PORT_BURST; i++) {
        frame_drop(port->pool, burst[i].frame, FRAME_WORKER);
    }
    for (uint32_t i = 0; i < port->pool->count; i++) {
        if (frame_is_held_by(port->pool, port->pool->first + i, FRAME_APP)) {
            frame_drop(port->pool, port->pool->first + i, FRAME_APP);
        }
    }
    close_wire(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completions_come_late_and_in_any_order),
        cmocka_unit_test(stalled_completions_fill_the_ring),
        cmocka_unit_test(rewriting_a_held_packet_is_noticed),
        cmocka_unit_test(receiver_runs_out_of_lent_frames),
        cmocka_unit_test(receive_stops_when_nothing_can_replace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
