/*
 * Goal:   blocks never overlap, and what is given back becomes whole again: a
 *         take fails only when no aligned run of that size is free.
 * Method: named cases at the limits; then a seeded random order of takes, halvings and
 *         gives of all orders against a map of the arena's smallest blocks; misuse
 *         must abort.
 */
#include "tcp/blocks.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"

#define LARGEST (1u << BLOCKS_ORDER_MAX)
#define SMALLEST (1u << BLOCKS_ORDER_MIN)
#define ARENA (2u * LARGEST)
#define UNITS (ARENA / SMALLEST)
#define HELD_MAX 512u
#define STEPS 20000u

static void *open_blocks(struct tcp_blocks *blocks, uint64_t arena_bytes)
{
    void *memory = aligned_alloc(CACHE_LINE_BYTES, blocks_memory_bytes(arena_bytes));

    assert_non_null(memory);
    memset(memory, 0xff, blocks_memory_bytes(arena_bytes)); /* init needs no zeroes */
    blocks_init(blocks, memory, arena_bytes);
    return memory;
}

static void orders_at_the_limits(void **state)
{
    static const struct {
        const char *name;
        unsigned order;
        unsigned takes; /* until the arena is empty */
    } cases[] = {
        {"smaller than the smallest", 0, UNITS},
        {"just below the smallest", BLOCKS_ORDER_MIN - 1, UNITS},
        {"the smallest", BLOCKS_ORDER_MIN, UNITS},
        {"next", BLOCKS_ORDER_MIN + 1, UNITS / 2},
        {"half", BLOCKS_ORDER_MAX - 1, 4},
        {"the largest", BLOCKS_ORDER_MAX, 2},
        {"larger than the largest", BLOCKS_ORDER_MAX + 1, 0},
        {"absurd", 63, 0},
    };
    static void *taken[UNITS];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_blocks blocks;
        void *memory = open_blocks(&blocks, ARENA);
        unsigned takes = 0;

        while (takes < UNITS && (taken[takes] = blocks_take(&blocks, cases[i].order)) != NULL) {
            takes++;
        }
        assert_int_equal(takes, cases[i].takes);
        assert_null(blocks_take(&blocks, cases[i].order));
        assert_int_equal(blocks.free_bytes, takes > 0 ? 0 : ARENA);
        /* Back in an order of its own: every second one first. */
        for (unsigned j = 0; j < takes; j += 2) {
            blocks_give(&blocks, taken[j], cases[i].order);
        }
        for (unsigned j = 1; j < takes; j += 2) {
            blocks_give(&blocks, taken[j], cases[i].order);
        }
        assert_int_equal(blocks.free_bytes, ARENA);
        assert_non_null(blocks_take(&blocks, BLOCKS_ORDER_MAX));
        assert_non_null(blocks_take(&blocks, BLOCKS_ORDER_MAX));
        free(memory);
    }
}

static void an_empty_arena_has_none(void **state)
{
    struct tcp_blocks blocks;
    uint8_t nothing;

    (void)state;
    assert_int_equal(blocks_memory_bytes(0), 0);
    blocks_init(&blocks, &nothing, 0);
    assert_null(blocks_take(&blocks, BLOCKS_ORDER_MIN));
}

/* Who takes and gives back in turn must not walk through the arena. */
static void what_came_back_last_goes_out_first(void **state)
{
    struct tcp_blocks blocks;
    void *memory = open_blocks(&blocks, ARENA);
    void *block = blocks_take(&blocks, BLOCKS_ORDER_MIN);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        blocks_give(&blocks, block, BLOCKS_ORDER_MIN);
        assert_ptr_equal(blocks_take(&blocks, BLOCKS_ORDER_MIN), block);
    }
    free(memory);
}

struct held {
    uint8_t *block;
    unsigned order;
    uint8_t pattern;
};

struct model {
    struct held held[HELD_MAX];
    uint32_t count;
    uint64_t free_bytes;
    bool in_use[UNITS];
};

static unsigned true_order(unsigned order)
{
    return order < BLOCKS_ORDER_MIN ? BLOCKS_ORDER_MIN : order;
}

static bool has_run(const struct model *model, unsigned order)
{
    unsigned units = 1u << (true_order(order) - BLOCKS_ORDER_MIN);

    for (unsigned start = 0; start < UNITS; start += units) {
        unsigned free_units = 0;

        while (free_units < units && !model->in_use[start + free_units]) {
            free_units++;
        }
        if (free_units == units) {
            return true;
        }
    }
    return false;
}

static void mark(struct model *model, const struct tcp_blocks *blocks, const struct held *held,
                 bool in_use)
{
    uint64_t offset = (uint64_t)(held->block - blocks->arena);
    uint64_t bytes = 1ull << true_order(held->order);

    assert_int_equal(offset % bytes, 0);
    assert_true(offset + bytes <= ARENA);
    for (uint64_t unit = offset / SMALLEST; unit < (offset + bytes) / SMALLEST; unit++) {
        assert_int_equal(model->in_use[unit], !in_use);
        model->in_use[unit] = in_use;
    }
    model->free_bytes = in_use ? model->free_bytes - bytes : model->free_bytes + bytes;
}

static void take(struct model *model, struct tcp_blocks *blocks, unsigned order, uint8_t pattern)
{
    struct held held = {blocks_take(blocks, order), order, pattern};

    assert_int_equal(held.block != NULL, has_run(model, order));
    if (held.block == NULL) {
        return;
    }
    mark(model, blocks, &held, true);
    memset(held.block, pattern, 1u << true_order(order));
    model->held[model->count++] = held;
}

static void give(struct model *model, struct tcp_blocks *blocks, uint32_t which)
{
    struct held held = model->held[which];

    for (unsigned i = 0; i < 1u << true_order(held.order); i++) {
        if (held.block[i] != held.pattern) {
            fail_msg("a block of order %u was written into", held.order);
        }
    }
    mark(model, blocks, &held, false);
    blocks_give(blocks, held.block, held.order);
    model->held[which] = model->held[--model->count];
}

/* The upper half goes; what stands in the lower stays. */
static void halve(struct model *model, struct tcp_blocks *blocks, uint32_t which)
{
    struct held *held = &model->held[which];
    struct held upper = *held;

    if (true_order(held->order) == BLOCKS_ORDER_MIN) {
        return;
    }
    blocks_halve(blocks, held->block, held->order);
    held->order--;
    upper.order = held->order;
    upper.block += 1u << held->order;
    mark(model, blocks, &upper, false);
}

static void any_order_agrees_with_the_model(void **state)
{
    static struct model model;
    struct tcp_blocks blocks;
    struct random random;
    void *memory = open_blocks(&blocks, ARENA);

    (void)state;
    random_init(&random, 5);
    model.free_bytes = ARENA;
    for (unsigned step = 0; step < STEPS; step++) {
        bool fill = random_chance(&random, step / 1000 % 2 ? 350000 : 650000);

        if (fill && model.count < HELD_MAX) {
            /* Small ones often, so that they split the large ones. */
            unsigned most = random_chance(&random, 50000) ? BLOCKS_ORDER_MAX : 14;

            take(&model, &blocks, (unsigned)random_below(&random, most - 4) + 5,
                 (uint8_t)random_next(&random));
        } else if (model.count > 0 && random_chance(&random, 300000)) {
            halve(&model, &blocks, (uint32_t)random_below(&random, model.count));
        } else if (model.count > 0) {
            give(&model, &blocks, (uint32_t)random_below(&random, model.count));
        }
        assert_int_equal(blocks.free_bytes, model.free_bytes);
    }
    while (model.count > 0) {
        give(&model, &blocks, (uint32_t)random_below(&random, model.count));
    }
    assert_int_equal(blocks.free_bytes, ARENA);
    assert_non_null(blocks_take(&blocks, BLOCKS_ORDER_MAX));
    assert_non_null(blocks_take(&blocks, BLOCKS_ORDER_MAX));
    free(memory);
}

struct misuse {
    struct tcp_blocks blocks;
    uint8_t *low; /* two buddies of 256 bytes */
    uint8_t *high;
};

static void give_both(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_give(&misuse->blocks, misuse->low, 8);
    blocks_give(&misuse->blocks, misuse->high, 8);
}

static void give_low_twice(void *ctx)
{
    struct misuse *misuse = ctx;

    give_both(misuse);
    blocks_give(&misuse->blocks, misuse->low, 8);
}

/* Its state byte lies inside a larger free block by then. */
static void give_high_twice(void *ctx)
{
    struct misuse *misuse = ctx;

    give_both(misuse);
    blocks_give(&misuse->blocks, misuse->high, 8);
}

static void give_as_larger(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_give(&misuse->blocks, misuse->low, 9);
}

static void give_as_smaller(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_give(&misuse->blocks, misuse->low, 7);
}

static void give_the_middle(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_give(&misuse->blocks, misuse->low + 8, 8);
}

static void give_a_stranger(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_give(&misuse->blocks, misuse->blocks.arena + ARENA, 8);
}

static void halve_as_larger(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_halve(&misuse->blocks, misuse->low, 9);
}

static void halve_the_smallest(void *ctx)
{
    struct misuse *misuse = ctx;

    blocks_halve(&misuse->blocks, blocks_take(&misuse->blocks, BLOCKS_ORDER_MIN), BLOCKS_ORDER_MIN);
}

static void misuse_aborts(void **state)
{
    struct misuse misuse;
    void *memory = open_blocks(&misuse.blocks, ARENA);

    (void)state;
    misuse.low = blocks_take(&misuse.blocks, 8);
    misuse.high = blocks_take(&misuse.blocks, 8);
    assert_ptr_equal(misuse.high, misuse.low + 256);
    assert_false(aborts(give_both, &misuse));
    assert_true(aborts(give_low_twice, &misuse));
    assert_true(aborts(give_high_twice, &misuse));
    assert_true(aborts(give_as_larger, &misuse));
    assert_true(aborts(give_as_smaller, &misuse));
    assert_true(aborts(give_the_middle, &misuse));
    assert_true(aborts(give_a_stranger, &misuse));
    assert_true(aborts(halve_as_larger, &misuse));
    assert_true(aborts(halve_the_smallest, &misuse));
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_at_the_limits),
        cmocka_unit_test(an_empty_arena_has_none),
        cmocka_unit_test(what_came_back_last_goes_out_first),
        cmocka_unit_test(any_order_agrees_with_the_model),
        cmocka_unit_test(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
