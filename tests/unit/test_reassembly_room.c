/*
 * Goal:   a peer can make neither a frame nor a block nor a piece out of each byte
 *         without bound; and what has no room is refused without harm.
 * Method: the patterns that cost most, single bytes scattered or in falling order,
 *         to their bounds; then frames, pieces and blocks run out by name.
 */
#include "tcp/reassembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"
#include "tests/unit/reassembly_fixture.h"

/* Scattered single bytes: neither a frame nor a block each. */
static void ranges_are_bounded(void **state)
{
    (void)state;
    for (unsigned falling = 0; falling < 2; falling++) {
        struct reassembly_fixture f;
        struct run run = {2, 3};

        reassembly_open(&f, UINT32_MAX - 200, 32, 1024);
        for (unsigned i = 0; i < REASSEMBLY_RANGES_MAX; i++) {
            run.start = (uint16_t)(2 * (falling ? REASSEMBLY_RANGES_MAX - i : i + 1));
            run.end = (uint16_t)(run.start + 1);
            assert_int_equal(insert(&f, run, 0), REASSEMBLY_STORED);
            assert_true(reassembly_check(&f.reassembly, &f.room));
        }
        assert_int_equal(f.room.pool->used[FRAME_BUDGET_DATA], 1);
        assert_int_equal(f.reassembly.count, REASSEMBLY_RANGES_MAX);
        run = (struct run){1000, 1001};
        assert_int_equal(insert(&f, run, 0), REASSEMBLY_NO_ROOM);
        assert_int_equal(insert(&f, (struct run){4, 5}, 0), REASSEMBLY_DUPLICATE);
        assert_int_equal(insert(&f, (struct run){5, 6}, 0), REASSEMBLY_STORED); /* joins two */
        assert_int_equal(insert(&f, run, 0), REASSEMBLY_STORED);
        assert_int_equal(insert(&f, (struct run){1, 1100}, 0), REASSEMBLY_STORED);
        assert_int_equal(f.reassembly.count, 1);
        assert_int_equal(f.reassembly.bytes, 1099);
        assert_true(reassembly_check(&f.reassembly, &f.room));
        reassembly_close(&f);
    }
}

/* However its others went: none keeps the block of as many as there may be. */
static void one_range_keeps_a_small_block(void **state)
{
    static const char *const ways[] = {"delivered", "joined", "pruned"};
    const uint64_t smallest = 1u << BLOCKS_ORDER_MIN;

    (void)state;
    for (unsigned way = 0; way < COUNT_OF(ways); way++) {
        const uint16_t last = 2 * REASSEMBLY_RANGES_MAX;
        struct reassembly_fixture f;

        print_message("  %s\n", ways[way]);
        reassembly_open(&f, UINT32_MAX - 200, 32, 1024);
        for (uint16_t at = 2; at <= last; at = (uint16_t)(at + 2)) {
            assert_int_equal(insert(&f, (struct run){at, (uint16_t)(at + 1)}, 0),
                             REASSEMBLY_STORED);
        }
        assert_true(ARENA_BYTES - f.room.blocks->free_bytes > smallest);
        if (way == 0) {
            (void)reassembly_deliver(&f, f.base + last - 1);
        } else if (way == 1) {
            assert_int_equal(insert(&f, (struct run){1, last}, 0), REASSEMBLY_STORED);
        }
        while (way == 2 && f.reassembly.count > 1) {
            (void)reassembly_prune_top(&f.reassembly, &f.room);
        }
        assert_int_equal(f.reassembly.count, 1);
        assert_int_equal(ARENA_BYTES - f.room.blocks->free_bytes, smallest);
        assert_true(reassembly_check(&f.reassembly, &f.room));
        reassembly_close(&f);
    }
}

/* Falling order makes a piece of each byte: one connection may not have them all. */
static void pieces_are_bounded(void **state)
{
    struct reassembly_fixture f;
    uint16_t at = 4000;

    (void)state;
    reassembly_open(&f, UINT32_MAX - 2000, 32, 4096);
    while (insert(&f, (struct run){at, (uint16_t)(at + 1)}, 0) == REASSEMBLY_STORED) {
        at--;
    }
    assert_int_equal(f.reassembly.pieces,
                     REASSEMBLY_PIECES_MIN + f.reassembly.bytes / REASSEMBLY_BYTES_PER_PIECE);
    assert_true(f.reassembly.pieces < REASSEMBLY_PIECES_MIN + 4);
    assert_true(reassembly_check(&f.reassembly, &f.room));
    /* What is known is still told apart from what has no room. */
    assert_int_equal(insert(&f, (struct run){4000, 4001}, 0), REASSEMBLY_DUPLICATE);
    assert_int_equal(insert(&f, (struct run){5000, 6000}, 0), REASSEMBLY_NO_ROOM);
    (void)reassembly_prune_top(&f.reassembly, &f.room);
    assert_int_equal(insert(&f, (struct run){5000, 6000}, 0), REASSEMBLY_STORED);
    reassembly_close(&f);
}

static void shortages_refuse_without_harm(void **state)
{
    /* Two frames are the floor of the receive budget. */
    static const struct {
        const char *name;
        uint32_t frames;
        uint32_t pieces;
        struct run before[RUNS_MAX];
        struct run segment;
        enum reassembly_result result;
        struct run after[RUNS_MAX];
    } cases[] = {
        {"no frame at all", 2, 8, {{0, 0}}, {10, 20}, REASSEMBLY_NO_ROOM, {{0, 0}}},
        {"no frame for another range",
         3,
         8,
         {{10, 1010}},
         {2000, 3000},
         REASSEMBLY_NO_ROOM,
         {{10, 1010}}},
        {"no frame to extend", 3, 8, {{10, 1010}}, {1010, 2010}, REASSEMBLY_NO_ROOM, {{10, 1010}}},
        {"no frame to put before",
         3,
         8,
         {{1010, 2010}},
         {10, 1010},
         REASSEMBLY_NO_ROOM,
         {{1010, 2010}}},
        {"no piece at all", 8, 0, {{0, 0}}, {10, 20}, REASSEMBLY_NO_ROOM, {{0, 0}}},
        {"no piece for another range", 8, 1, {{10, 20}}, {30, 40}, REASSEMBLY_NO_ROOM, {{10, 20}}},
        {"no piece to extend", 8, 1, {{10, 1010}}, {1010, 2010}, REASSEMBLY_NO_ROOM, {{10, 1010}}},
        {"no piece to put before", 8, 1, {{20, 30}}, {10, 20}, REASSEMBLY_NO_ROOM, {{20, 30}}},
        {"before, but not behind",
         8,
         2,
         {{700, 1400}},
         {10, 2000},
         REASSEMBLY_STORED,
         {{10, 1400}}},
        {"one hole of two",
         8,
         2,
         {{10, 710}, {800, 1500}},
         {10, 2100},
         REASSEMBLY_STORED,
         {{10, 1500}}},
        {"a copy behind its neighbour needs nothing",
         3,
         1,
         {{10, 20}},
         {20, 30},
         REASSEMBLY_STORED,
         {{10, 30}}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reassembly_fixture f;

        reassembly_open(&f, UINT32_MAX - 1000, cases[i].frames, cases[i].pieces);
        for (unsigned j = 0; cases[i].before[j].end != 0; j++) {
            assert_int_equal(insert(&f, cases[i].before[j], 0), REASSEMBLY_STORED);
        }
        assert_int_equal(insert(&f, cases[i].segment, 0), cases[i].result);
        assert_ranges(&f, cases[i].after);
        reassembly_close(&f);
    }
}

static void want_of_blocks_refuses(void **state)
{
    struct reassembly_fixture f;
    void *all;

    (void)state;
    reassembly_open(&f, 0, 32, 64);
    all = blocks_take(f.room.blocks, BLOCKS_ORDER_MAX);
    assert_int_equal(insert(&f, (struct run){10, 20}, 0), REASSEMBLY_NO_ROOM);
    blocks_give(f.room.blocks, all, BLOCKS_ORDER_MAX);
    for (uint16_t i = 0; i < 8; i++) {
        assert_int_equal(
            insert(&f, (struct run){(uint16_t)(10 * i + 10), (uint16_t)(10 * i + 15)}, 0),
            REASSEMBLY_STORED);
    }
    for (unsigned order = BLOCKS_ORDER_MAX; order-- > BLOCKS_ORDER_MIN;) {
        (void)blocks_take(f.room.blocks, order);
    }
    assert_int_equal(f.room.blocks->free_bytes, 0);
    assert_int_equal(insert(&f, (struct run){100, 101}, 0), REASSEMBLY_NO_ROOM); /* the ninth */
    assert_int_equal(insert(&f, (struct run){15, 20}, 0), REASSEMBLY_STORED);    /* joins two */
    assert_int_equal(insert(&f, (struct run){100, 101}, 0), REASSEMBLY_STORED);
    reassembly_clear(&f.reassembly, &f.room);
    assert_int_equal(f.room.blocks->free_bytes, 1u << BLOCKS_ORDER_MIN);
    blocks_init(f.room.blocks, f.room.blocks->arena, ARENA_BYTES);
    reassembly_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_bounded),     cmocka_unit_test(one_range_keeps_a_small_block),
        cmocka_unit_test(pieces_are_bounded),     cmocka_unit_test(shortages_refuse_without_harm),
        cmocka_unit_test(want_of_blocks_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
