/*
 * Goal:   the wire carries packets unchanged and in order when it is perfect, and
 *         does to them exactly what an impairment says when it is not.
 * Method: numbered packets with a pattern go through one impairment at a time;
 *         the rates are compared with what was asked for, with room for chance
 *         (the seed is fixed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/wire_fixture.h"

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
        {"losses in runs of 1 to 5", {.loss_ppm = 30000, .loss_run = 4}, WIRE_LOST, 250, 430},
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

/* Half of the time words change places, so that no sum can tell. */
static void scrambling_hides_from_sums(void **state)
{
    const struct wire_impairment always = {.scramble_ppm = 1000000};
    struct wire_link link;
    uint32_t unnoticed = 0;
    uint32_t changed = 0;

    (void)state;
    wire_link_init(&link, 3);
    wire_link_impair(&link, &always);
    for (uint32_t round = 0; round < 20000; round++) {
        uint8_t before[96];
        uint8_t after[96];
        uint32_t length = 14 + round % 82;

        for (uint32_t i = 0; i < length; i++) {
            before[i] = after[i] = (uint8_t)random_next(&link.random);
        }
        assert_int_equal(wire_link_scramble(&link, after, length), length >= 18);
        assert_memory_equal(before, after, 14); /* what leads it to the other end */
        if (memcmp(before, after, length) != 0) {
            changed++;
            unnoticed += plain_sum(before, length) == plain_sum(after, length);
        }
    }
    assert_true(changed > 15000 && unnoticed > 6000 && unnoticed < 12000);
}

/* As rate_spaces_and_the_queue_overflows: a packet waits behind those of 100 bytes before it. */
static void a_long_queue_marks(void **state)
{
    static const uint8_t ect[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0x45, 2,
                                  0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,    0,
                                  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50};
    static const struct {
        const char *name;
        struct wire_impairment impairment;
        uint32_t marked; /* of ten at once */
    } cases[] = {
        {"never", {.rate_bytes_per_s = 10000000, .queue_bytes = 1100}, 0},
        {"behind 300 bytes",
         {.rate_bytes_per_s = 10000000, .queue_bytes = 1100, .mark_bytes = 300},
         6},
        {"always", {.mark_ppm = 1000000}, 10},
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct port *port;

        open_wire(&f, 1);
        port = wire_port(&f.wire, 0);
        wire_impair(&f.wire, 0, &cases[i].impairment);
        for (unsigned packet = 0; packet < 10; packet++) {
            uint32_t frame = frame_take(port->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);

            memset(frame_data(port->pool, frame) + TX_OFFSET, 0, LENGTH);
            memcpy(frame_data(port->pool, frame) + TX_OFFSET, ect, sizeof ect);
            port_send(port, frame, TX_OFFSET, LENGTH);
            frame_drop(port->pool, frame, FRAME_WORKER);
        }
        port_flush(port);
        if (f.wire.end[0].counts[WIRE_MARKED] != cases[i].marked) {
            fail_msg("%s: %u", cases[i].name, (unsigned)f.wire.end[0].counts[WIRE_MARKED]);
        }
        close_wire(&f);
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

static void a_narrow_path_drops_what_is_long(void **state)
{
    const struct wire_impairment narrow = {.packet_bytes_max = 600};
    static const uint32_t lengths[] = {4, 599, 600, 601, 1514, 1519};
    struct fixture f;

    (void)state;
    open_wire(&f, 1);
    wire_impair(&f.wire, 0, &narrow);
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        send_packet(&f, 0, lengths[i]);
        port_flush(wire_port(&f.wire, 0));
        assert_int_equal(receive_all(&f, 1), lengths[i] <= 600);
        port_flush(wire_port(&f.wire, 0));
    }
    assert_int_equal(f.wire.end[0].counts[WIRE_TOO_LONG], 3);
    assert_int_equal(f.wire.end[0].completed, COUNT_OF(lengths));
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
        cmocka_unit_test(scrambling_hides_from_sums),
        cmocka_unit_test(a_long_queue_marks),
        cmocka_unit_test(delay_is_exact),
        cmocka_unit_test(jitter_keeps_the_order),
        cmocka_unit_test(a_narrow_path_drops_what_is_long),
        cmocka_unit_test(rate_spaces_and_the_queue_overflows),
        cmocka_unit_test(init_refuses_inconsistency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
