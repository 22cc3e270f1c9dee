/*
 * Goal:   the wire carries packets unchanged and in order when it is perfect,
 *         does to them exactly what an impairment says when it is not, and
 *         loses no frame either way.
 * Method: numbered packets with a pattern go through one impairment at a time;
 *         the rates are compared with what was asked for, with room for chance
 *         (the seed is fixed). A soak changes everything at random and, at the
 *         end, finds each packet accounted for and each frame at home.
 */
#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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

static void open_wire(struct fixture *f, uint64_t seed)
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

static void close_wire(struct fixture *f)
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
static uint8_t pattern(uint32_t number, uint32_t at)
{
    uint32_t byte = at < 4 ? number >> 8 * at : (number * 2654435761u >> 24) + at;

    return (uint8_t)byte;
}

/* Sends a numbered packet; the sender lets go of it at once, as one that does
 * not keep it for retransmission. */
static uint32_t send_packet(struct fixture *f, unsigned side, uint32_t length)
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

static void look_at(struct fixture *f, const struct port *port, const struct port_packet *packet)
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

static unsigned receive_all(struct fixture *f, unsigned side)
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
static void run(struct fixture *f, uint32_t count)
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

static void perfect_wire_carries_all(void **state)
{
    static const uint32_t lengths[] = {4, 5, 60, 64, 65, 1000, 1514, 1518};
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        for (size_t i = 0; i < COUNT_OF(lengths); i++) {
            uint32_t frame = send_packet(&f, side, lengths[i]);

            assert_int_equal(frame_record(&f.pool[side], frame)->holders, FRAME_KERNEL_TX);
            port_flush(wire_port(&f.wire, side));
            assert_int_equal(frame_record(&f.pool[side], frame)->holders, 0);
            assert_int_equal(wire_arrived(&f.wire, 1 - side), 1);
            assert_int_equal(receive_all(&f, 1 - side), 1);
        }
        assert_int_equal(f.wire.end[side].counts[WIRE_DELIVERED], COUNT_OF(lengths));
        assert_int_equal(wire_port(&f.wire, 1 - side)->counters.rx_packets, COUNT_OF(lengths));
        assert_int_equal(wire_port(&f.wire, 1 - side)->counters.rx_bytes,
                         wire_port(&f.wire, side)->counters.tx_bytes);
    }
    assert_int_equal(f.misplaced + f.damaged, 0);
    send_packet(&f, 0, 1519); /* longer than the wire */
    port_flush(wire_port(&f.wire, 0));
    assert_int_equal(f.wire.end[0].counts[WIRE_TOO_LONG], 1);
    assert_int_equal(receive_all(&f, 1), 0);
    assert_true(wire_next_ns(&f.wire) == UINT64_MAX);
    close_wire(&f);
}

/* A full burst is submitted by port_send itself, and the completions are seen
 * at the next flush. */
static void bursts_submit_themselves(void **state)
{
    struct fixture f;
    struct port *port;
    uint32_t frames[PORT_BURST];

    (void)state;
    open_wire(&f, 1);
    port = wire_port(&f.wire, 0);
    for (uint32_t i = 0; i < PORT_BURST; i++) {
        frames[i] = send_packet(&f, 0, LENGTH);
    }
    assert_int_equal(port->tx_count, 0);
    assert_int_equal(wire_arrived(&f.wire, 1), PORT_BURST);
    assert_int_equal(port->tx_room, 128 - PORT_BURST);
    send_packet(&f, 0, LENGTH);
    assert_true(frame_is_held_by(&f.pool[0], frames[0], FRAME_KERNEL_TX));
    port_reap(port);
    assert_false(frame_is_held_by(&f.pool[0], frames[0], FRAME_KERNEL_TX));
    assert_int_equal(port->tx_room, 127); /* the one not yet submitted */
    close_wire(&f);                       /* which takes it back */
}

static void receive_offset_is_the_tests_choice(void **state)
{
    static const uint16_t offsets[] = {0, 1, 256, 258, 2048 - 4};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        open_wire(&f, 1);
        wire_destroy(&f.wire);
        f.config.end[0].rx_offset = offsets[i];
        assert_int_equal(wire_init(&f.wire, &f.config), 0);
        send_packet(&f, 1, 4);
        send_packet(&f, 1, 1500);
        port_flush(wire_port(&f.wire, 1));
        assert_int_equal(receive_all(&f, 0), offsets[i] + 1500 <= 2048 ? 2 : 1);
        close_wire(&f);
    }
}

static void chances_are_what_was_asked(void **state)
{
    static const struct {
        const char *name;
        struct wire_impairment impairment;
        enum wire_event event;
        uint32_t least, most; /* of 4,000 packets */
    } cases[] = {
        {"no loss", {.delay_ns = 1}, WIRE_LOST, 0, 0},
        {"loss of 3%", {.loss_ppm = 30000}, WIRE_LOST, 90, 150},
        {"loss of all", {.loss_ppm = 1000000}, WIRE_LOST, 4000, 4000},
        {"duplication", {.duplicate_ppm = 100000}, WIRE_DUPLICATED, 340, 460},
        {"late duplicates",
         {.duplicate_ppm = 100000, .reorder_ns = 50000},
         WIRE_DUPLICATED,
         340,
         460},
        {"reordering", {.reorder_ppm = 50000, .reorder_ns = 20000}, WIRE_REORDERED, 150, 250},
        {"corruption", {.corrupt_ppm = 100000}, WIRE_CORRUPTED, 340, 460},
        {"link down", {.down = true}, WIRE_DOWN, 4000, 4000},
        {"starved", {.receiver_starved = true}, WIRE_STARVED, 4000, 4000},
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const uint64_t *counts;

        open_wire(&f, 7);
        wire_impair(&f.wire, 0, &cases[i].impairment);
        run(&f, 4000);
        counts = f.wire.end[0].counts;
        if (counts[cases[i].event] < cases[i].least || counts[cases[i].event] > cases[i].most) {
            fail_msg("%s: %u", cases[i].name, (unsigned)counts[cases[i].event]);
        }
        assert_int_equal(counts[WIRE_SENT] + counts[WIRE_DUPLICATED],
                         counts[WIRE_DELIVERED] + counts[WIRE_LOST] + counts[WIRE_DOWN] +
                             counts[WIRE_STARVED]);
        assert_int_equal(f.received, counts[WIRE_DELIVERED]);
        assert_int_equal(f.damaged > 0, counts[WIRE_CORRUPTED] > 0);
        assert_int_equal(f.misplaced > 0, cases[i].impairment.reorder_ns > 0);
        assert_int_equal(f.wire.end[0].completed, 4000);
        close_wire(&f);
    }
}

/* Plain ones'-complement sum of 16-bit words, as RFC 1071 has it. */
static uint32_t plain_sum(const uint8_t *bytes, uint32_t length)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum % 0xffff;
}

static void corruption_is_always_noticed_by_a_sum(void **state)
{
    const struct wire_impairment always = {.corrupt_ppm = 1000000};
    struct wire_link link;

    (void)state;
    wire_link_init(&link, 3);
    wire_link_impair(&link, &always);
    for (uint32_t round = 0; round < 20000; round++) {
        uint8_t before[64];
        uint8_t after[64];
        uint32_t length = 1 + round % 64;
        uint32_t first = UINT32_MAX;
        uint32_t last = 0;

        for (uint32_t i = 0; i < length; i++) {
            before[i] = after[i] = (uint8_t)random_next(&link.random);
        }
        assert_true(wire_link_corrupt(&link, after, length));
        for (uint32_t bit = 0; bit < length * 8; bit++) {
            if (((before[bit / 8] ^ after[bit / 8]) >> bit % 8 & 1) != 0) {
                first = min_u32(first, bit);
                last = bit;
            }
        }
        assert_true(first != UINT32_MAX && last - first < 15);
        assert_int_not_equal(plain_sum(before, length), plain_sum(after, length));
    }
}

static void delay_is_exact(void **state)
{
    const struct wire_impairment slow = {.delay_ns = 5000};
    const struct wire_impairment none = {0};
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    wire_impair(&f.wire, 0, &slow);
    send_packet(&f, 0, LENGTH);
    port_flush(wire_port(&f.wire, 0));
    assert_int_equal(wire_next_ns(&f.wire), START_NS + 5000);
    wire_advance(&f.wire, START_NS + 4999);
    assert_int_equal(wire_arrived(&f.wire, 1), 0);
    wire_impair(&f.wire, 0, &none); /* must not let the next overtake */
    send_packet(&f, 0, LENGTH);
    port_flush(wire_port(&f.wire, 0));
    assert_int_equal(wire_arrived(&f.wire, 1), 0);
    wire_advance(&f.wire, START_NS + 5000);
    assert_int_equal(receive_all(&f, 1), 2);
    assert_int_equal(f.misplaced, 0);
    close_wire(&f);
}

static void jitter_keeps_the_order(void **state)
{
    const struct wire_impairment shaky = {.delay_ns = 1000, .jitter_ns = 30000};
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    wire_impair(&f.wire, 0, &shaky);
    run(&f, 1000);
    assert_int_equal(f.received, 1000);
    assert_int_equal(f.misplaced, 0);
    close_wire(&f);
}

/* 100 bytes at 10 MB/s take 10 us; ten fit into the queue behind the one that
 * is being sent. */
static void rate_spaces_and_the_queue_overflows(void **state)
{
    const struct wire_impairment thin = {.rate_bytes_per_s = 10000000, .queue_bytes = 1100};
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    wire_impair(&f.wire, 0, &thin);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t start_ns = f.wire.now_ns;

        for (unsigned i = 0; i < 15; i++) {
            send_packet(&f, 0, LENGTH);
            port_flush(wire_port(&f.wire, 0));
        }
        for (unsigned i = 1; i <= 11; i++) {
            wire_advance(&f.wire, start_ns + i * 10000ull - 1);
            assert_int_equal(receive_all(&f, 1), 0);
            wire_advance(&f.wire, start_ns + i * 10000ull);
            assert_int_equal(receive_all(&f, 1), 1);
            port_flush(wire_port(&f.wire, 0));
        }
        assert_true(wire_next_ns(&f.wire) == UINT64_MAX);
    }
    assert_int_equal(f.wire.end[0].counts[WIRE_QUEUE_FULL], 12);
    close_wire(&f);
}

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

struct log {
    uint64_t hash;
    uint32_t events[WIRE_EVENT_COUNT];
    uint64_t last_ns;
};

static void note(void *ctx, const struct wire_sight *sight)
{
    struct log *log = ctx;

    assert_true(sight->now_ns >= log->last_ns);
    log->last_ns = sight->now_ns;
    log->events[sight->event]++;
    log->hash = (log->hash ^ sight->now_ns ^ (uint64_t)sight->event << 56 ^
                 (uint64_t)sight->from << 48 ^ plain_sum(sight->bytes, sight->length) << 16) *
                0x100000001b3ull;
}

static void random_impairment(struct random *random, struct wire_impairment *impairment)
{
    *impairment = (struct wire_impairment){
        .loss_ppm = (uint32_t)random_below(random, 2) * 50000,
        .duplicate_ppm = (uint32_t)random_below(random, 2) * 50000,
        .corrupt_ppm = (uint32_t)random_below(random, 2) * 50000,
        .reorder_ppm = (uint32_t)random_below(random, 2) * 50000,
        .reorder_ns = random_below(random, 100000),
        .delay_ns = random_below(random, 2) * 20000,
        .jitter_ns = random_below(random, 2) * 20000,
        .rate_bytes_per_s = random_below(random, 2) * 50000000,
        .queue_bytes = 5000,
        .completion_delay_ns = random_below(random, 2) * 100000,
        .completions_stalled = random_below(random, 8) == 0,
        .down = random_below(random, 8) == 0,
        .receiver_starved = random_below(random, 8) == 0,
    };
    if (random_below(random, 4) == 0) {
        *impairment = (struct wire_impairment){0};
    }
}

/* One seed of everything at once; returns what the tap saw. */
static struct log soak(uint64_t seed)
{
    struct log log = {0};
    struct random random;
    struct fixture f;

    random_init(&random, seed);
    open_wire(&f, seed);
    wire_tap(&f.wire, &(struct wire_tap){note, &log});
    for (unsigned step = 0; step < 2000; step++) {
        unsigned side = (unsigned)random_below(&random, WIRE_ENDS);
        struct port *port = wire_port(&f.wire, side);
        struct wire_impairment impairment;

        if (random_below(&random, 100) == 0) {
            random_impairment(&random, &impairment);
            wire_impair(&f.wire, side, &impairment);
        }
        for (uint64_t i = random_below(&random, 8); i > 0 && port->tx_room > 0; i--) {
            if (port->pool->free_count > port->pool->reserved) {
                send_packet(&f, side, (uint32_t)(4 + random_below(&random, 1515)));
            }
        }
        port_flush(port);
        receive_all(&f, side);
        wire_advance(&f.wire, f.wire.now_ns + random_below(&random, 10000));
        assert_true(frame_pool_check(&f.pool[0]) && frame_pool_check(&f.pool[1]));
    }
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        assert_int_equal(f.wire.end[side].tx_rewritten, 0);
    }
    wire_advance(&f.wire, UINT64_MAX);
    receive_all(&f, 0);
    receive_all(&f, 1);
    assert_int_equal(log.events[WIRE_SENT], f.sent);
    assert_int_equal(log.events[WIRE_SENT] + log.events[WIRE_DUPLICATED],
                     log.events[WIRE_DELIVERED] + log.events[WIRE_LOST] +
                         log.events[WIRE_QUEUE_FULL] + log.events[WIRE_DOWN] +
                         log.events[WIRE_STARVED] + log.events[WIRE_TOO_LONG] +
                         log.events[WIRE_FLIGHT_FULL]);
    assert_int_equal(f.received, log.events[WIRE_DELIVERED]);
    close_wire(&f);
    return log;
}

static void a_seed_replays_and_nothing_leaks(void **state)
{
    uint64_t previous = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct log first = soak(seed);
        struct log again = soak(seed);

        assert_true(first.hash == again.hash);
        assert_true(first.hash != previous);
        previous = first.hash;
    }
}

static void init_refuses_inconsistency(void **state)
{
    struct wire_config cases[8];
    static const char *const names[COUNT_OF(cases)] = {
        "no pool",         "lent is no power of two", "floor not above lent",
        "nothing to send", "offset beyond",           "nothing on the way",
        "no packet",       "packets too long",
    };
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    wire_destroy(&f.wire);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cases[i] = f.config;
    }
    cases[0].end[1].pool = NULL;
    cases[1].end[1].lent_frames = 48;
    cases[2].end[1].lent_frames = 128;
    cases[3].end[0].tx_packets_max = 0;
    cases[4].end[0].rx_offset = 2048;
    cases[5].flight_packets_max = 0;
    cases[6].packet_bytes_max = 0;
    cases[7].packet_bytes_max = 65536;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (wire_init(&f.wire, &cases[i]) != -1) {
            fail_msg("accepted: %s", names[i]);
        }
    }
    /* A pool whose receive frames somebody else has: what was lent comes back. */
    while (frame_take(&f.pool[1], FRAME_BUDGET_RECEIVE, FRAME_WORKER) != FRAME_NONE) {
    }
    assert_int_equal(wire_init(&f.wire, &f.config), -1);
    assert_int_equal(f.pool[0].free_count, f.pool[0].count);
    for (uint32_t i = 0; i < f.pool[1].count; i++) {
        if (frame_is_held_by(&f.pool[1], f.pool[1].first + i, FRAME_WORKER)) {
            frame_drop(&f.pool[1], f.pool[1].first + i, FRAME_WORKER);
        }
    }
    close_wire(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_wire_carries_all),
        cmocka_unit_test(bursts_submit_themselves),
        cmocka_unit_test(receive_offset_is_the_tests_choice),
        cmocka_unit_test(chances_are_what_was_asked),
        cmocka_unit_test(corruption_is_always_noticed_by_a_sum),
        cmocka_unit_test(delay_is_exact),
        cmocka_unit_test(jitter_keeps_the_order),
        cmocka_unit_test(rate_spaces_and_the_queue_overflows),
        cmocka_unit_test(completions_come_late_and_in_any_order),
        cmocka_unit_test(stalled_completions_fill_the_ring),
        cmocka_unit_test(rewriting_a_held_packet_is_noticed),
        cmocka_unit_test(receiver_runs_out_of_lent_frames),
        cmocka_unit_test(receive_stops_when_nothing_can_replace),
        cmocka_unit_test(a_seed_replays_and_nothing_leaks),
        cmocka_unit_test(init_refuses_inconsistency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
