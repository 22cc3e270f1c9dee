/*
 * Two pools joined by a wire, and numbered packets with a pattern that go through
 * it: what the tests of the wire share. Included by each of them once, after
 * <cmocka.h>. The test owns the fixture, between open_wire() and close_wire(), which
 * finds each frame at home.
 */
#ifndef HEADRACE_TESTS_UNIT_WIRE_FIXTURE_H
#define HEADRACE_TESTS_UNIT_WIRE_FIXTURE_H

#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/wire/wire.h"

#include <string.h>

#define LENT 64u
#define TX_OFFSET 200u
#define LENGTH 100u
#define START_NS 1000u

struct fixture {
    struct frame_pool pool[WIRE_ENDS];
    struct wire_config config;
    struct wire wire;
    uint32_t sent;
    uint32_t received;
    uint32_t misplaced; /* received with a smaller number than one before */
    uint32_t damaged;
    uint32_t highest;
};

static inline void open_wire(struct fixture *f, uint64_t seed)
{
    const struct frame_pool_config pools[WIRE_ENDS] = {
        {.count = 512, .chunk_bytes = 2048, .floor = {LENT + PORT_BURST, 8, 32}},
        {.first = 7, .count = 300, .chunk_bytes = 4096, .floor = {LENT + PORT_BURST, 8, 32}},
    };

    *f = (struct fixture){.config = wire_config_default};
    f->config.seed = seed;
    f->config.now_ns = START_NS;
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        assert_int_equal(wire_pool_create(&f->pool[side], &pools[side]), 0);
        f->config.end[side].pool = &f->pool[side];
        f->config.end[side].lent_frames = LENT;
        f->config.end[side].tx_packets_max = 128;
    }
    assert_int_equal(wire_init(&f->wire, &f->config), 0);
}

static inline void close_wire(struct fixture *f)
{
    wire_destroy(&f->wire);
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        assert_true(frame_pool_check(&f->pool[side]));
        assert_int_equal(f->pool[side].free_count, f->pool[side].count);
        wire_pool_destroy(&f->pool[side]);
    }
}

/* The number itself, then bytes that depend on all of its bits (Knuth's
 * multiplicative hash), so that a damaged number is noticed too. */
static inline uint8_t pattern(uint32_t number, uint32_t at)
{
    uint32_t byte = at < 4 ? number >> 8 * at : (number * 2654435761u >> 24) + at;

    return (uint8_t)byte;
}

/* Sends a numbered packet; the sender lets go of it at once, as one that does
 * not keep it for retransmission. */
static inline uint32_t send_packet(struct fixture *f, unsigned side, uint32_t length)
{
    struct port *port = wire_port(&f->wire, side);
    uint32_t frame = frame_take(port->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);

    assert_int_not_equal(frame, FRAME_NONE);
    for (uint32_t i = 0; i < length; i++) {
        frame_data(port->pool, frame)[TX_OFFSET + i] = pattern(f->sent, i);
    }
    port_send(port, frame, TX_OFFSET, (uint16_t)length);
    frame_drop(port->pool, frame, FRAME_WORKER);
    f->sent++;
    return frame;
}

static inline void look_at(struct fixture *f, const struct port *port,
                           const struct port_packet *packet)
{
    const uint8_t *bytes = frame_data(port->pool, packet->frame) + packet->offset;
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    for (uint32_t i = 0; i < packet->length; i++) {
        if (bytes[i] != pattern(number, i)) {
            f->damaged++;
            return;
        }
    }
    if (number < f->highest) {
        f->misplaced++;
    }
    f->highest = max_u32(f->highest, number);
}

static inline unsigned receive_all(struct fixture *f, unsigned side)
{
    struct port *port = wire_port(&f->wire, side);
    struct port_packet burst[PORT_BURST];
    unsigned total = 0;
    unsigned count;

    while ((count = port_receive(port, burst, PORT_BURST)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            const struct frame *record = frame_record(port->pool, burst[i].frame);

            assert_int_equal(record->holders, FRAME_WORKER);
            assert_int_equal(record->budget, FRAME_BUDGET_RECEIVE);
            assert_int_equal(record->fill_end, burst[i].offset + burst[i].length);
            assert_int_equal(burst[i].offset, f->config.end[side].rx_offset);
            look_at(f, port, &burst[i]);
            frame_drop(port->pool, burst[i].frame, FRAME_WORKER);
        }
        total += count;
    }
    f->received += total;
    return total;
}

/* `count` packets a microsecond apart, from end 0; then all that is on the way. */
static inline void run(struct fixture *f, uint32_t count)
{
    uint64_t next_ns;

    for (uint32_t i = 0; i < count; i++) {
        send_packet(f, 0, LENGTH);
        port_flush(wire_port(&f->wire, 0));
        wire_advance(&f->wire, f->wire.now_ns + NS_PER_US);
        port_flush(wire_port(&f->wire, 0));
        receive_all(f, 1);
    }
    while ((next_ns = wire_next_ns(&f->wire)) != UINT64_MAX) {
        wire_advance(&f->wire, max_u64(next_ns, f->wire.now_ns));
        port_flush(wire_port(&f->wire, 0));
        receive_all(f, 1);
    }
}

/* Plain ones'-complement sum of 16-bit words, as RFC 1071 has it. */
static inline uint32_t plain_sum(const uint8_t *bytes, uint32_t length)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum % 0xffff;
}

#endif
