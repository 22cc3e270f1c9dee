/*
 * Goal:   a value is found under its hash for as long as it is in the table, also
 *         when many share a bucket, a tag or both, and a search that finds nothing
 *         is short and ends.
 * Method: named patterns of hashes, from even to all the same, filled to the last
 *         entry, searched and emptied in random order against a model; then a
 *         seeded random order of inserts and removes. An empty table must look
 *         as it did at first: a count that stays behind would make every later
 *         search longer.
 */
#include "tcp/table.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"

#define ENTRIES 1000u
#define STEPS 30000u

static void *open_table(struct table *table, uint32_t entries_max)
{
    size_t bytes = table_memory_bytes(entries_max);
    void *memory = aligned_alloc(CACHE_LINE_BYTES, bytes);

    assert_non_null(memory);
    memset(memory, 0, bytes);
    table_init(table, memory, entries_max);
    return memory;
}

/* How often a search for `hash` comes upon `value`. */
static unsigned times_found(const struct table *table, uint64_t hash, uint32_t value)
{
    struct table_cursor cursor = table_seek(table, hash);
    unsigned times = 0;
    uint32_t found;

    while ((found = table_next(&cursor)) != TABLE_NONE) {
        times += found == value;
    }
    assert_int_equal(table_next(&cursor), TABLE_NONE); /* and stays so */
    return times;
}

/* Cache lines that a search for `hash` touches when no candidate is right. */
static unsigned lines_of_search(const struct table *table, uint64_t hash)
{
    struct table_cursor cursor = table_seek(table, hash);

    while (table_next(&cursor) != TABLE_NONE) {
    }
    return table->mask - cursor.left + 1;
}

static void assert_like_new(const struct table *table)
{
    assert_int_equal(table->count, 0);
    for (uint32_t i = 0; i <= table->mask; i++) {
        assert_int_equal(table->buckets[i].passed, 0);
        assert_int_equal(table->buckets[i].used, 0);
    }
}

static uint64_t even_hash(struct random *random)
{
    return random_next(random);
}

static uint64_t same_bucket(struct random *random)
{
    return random_next(random) & ~0xffffffffull;
}

static uint64_t last_bucket(struct random *random)
{
    return random_next(random) | 0xffffffffull; /* what passes on goes round to the first */
}

static uint64_t same_tag(struct random *random)
{
    return random_next(random) & 0xffffffffull;
}

static uint64_t few_tags(struct random *random)
{
    return random_next(random) & 0x3ffffffffull;
}

static uint64_t all_the_same(struct random *random)
{
    (void)random;
    return 0x123456789abcdef0ull;
}

static void shuffle(uint32_t *order, uint32_t count, struct random *random)
{
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)random_below(random, i);
        uint32_t other = order[i - 1];

        order[i - 1] = order[j];
        order[j] = other;
    }
}

static void any_pattern_fills_and_empties(void **state)
{
    static const struct {
        const char *name;
        uint64_t (*hash)(struct random *random);
        uint32_t entries;
    } cases[] = {
        {"even", even_hash, ENTRIES},
        {"even, a single bucket", even_hash, 4},
        {"a single entry", even_hash, 1},
        {"all in one bucket", same_bucket, ENTRIES},
        {"all in the last bucket", last_bucket, ENTRIES},
        {"the same tag", same_tag, ENTRIES},
        {"four tags", few_tags, ENTRIES},
        {"the same hash", all_the_same, ENTRIES},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static uint64_t hashes[ENTRIES];
        static uint32_t order[ENTRIES];
        uint32_t entries = cases[i].entries;
        struct random random;
        struct table table;
        void *memory = open_table(&table, entries);

        random_init(&random, i);
        for (uint32_t j = 0; j < entries; j++) {
            hashes[j] = cases[i].hash(&random);
            table_prefetch(&table, hashes[j]);
            assert_int_equal(times_found(&table, hashes[j], j), 0);
            assert_true(table_insert(&table, hashes[j], j));
        }
        assert_false(table_insert(&table, hashes[0], entries)); /* full */
        assert_int_equal(table.count, entries);
        for (uint32_t j = 0; j < entries; j++) {
            assert_int_equal(times_found(&table, hashes[j], j), 1);
        }
        shuffle(order, entries, &random);
        for (uint32_t j = 0; j < entries; j++) {
            uint32_t next = order[(j + 1) % entries];

            table_remove(&table, hashes[order[j]], order[j]);
            assert_int_equal(times_found(&table, hashes[order[j]], order[j]), 0);
            if (j + 1 < entries) {
                assert_int_equal(times_found(&table, hashes[next], next), 1);
            }
        }
        assert_like_new(&table);
        free(memory);
    }
}

static void a_table_for_none_takes_none(void **state)
{
    struct table table;
    void *memory = open_table(&table, 0);

    (void)state;
    assert_int_equal(times_found(&table, 7, 7), 0);
    assert_false(table_insert(&table, 7, 7));
    free(memory);
}

/* The caller tells kinds of values apart by a bit: the table has no opinion. */
static void values_are_any_but_none(void **state)
{
    static const uint32_t values[] = {0, 1, 1u << 31, 1u << 31 | 1, UINT32_MAX - 1};
    struct table table;
    void *memory = open_table(&table, COUNT_OF(values));

    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_true(table_insert(&table, 42, values[i]));
    }
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_int_equal(times_found(&table, 42, values[i]), 1);
        table_remove(&table, 42, values[i]);
        assert_int_equal(times_found(&table, 42, values[i]), 0);
    }
    assert_like_new(&table);
    free(memory);
}

/* The fullest that a table gets: just as many entries as its buckets are for. */
static void searches_stay_short_when_full(void **state)
{
    const uint32_t entries = 4096 * 4;
    const unsigned searches = 100000;
    uint64_t lines = 0;
    struct random random;
    struct table table;
    void *memory = open_table(&table, entries);

    (void)state;
    random_init(&random, 11);
    for (uint32_t i = 0; i < entries; i++) {
        assert_true(table_insert(&table, random_next(&random), i));
    }
    for (unsigned i = 0; i < searches; i++) {
        lines += lines_of_search(&table, random_next(&random));
    }
    assert_true(lines < searches * 11ull / 10);
    free(memory);
}

static void any_order_agrees_with_the_model(void **state)
{
    static struct {
        bool in;
        uint64_t hash;
    } model[ENTRIES + 1];
    uint32_t count = 0;
    struct random random;
    struct table table;
    void *memory = open_table(&table, ENTRIES);

    (void)state;
    random_init(&random, 12);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t value = (uint32_t)random_below(&random, COUNT_OF(model));
        bool insert = random_chance(&random, step / 3000 % 2 ? 200000 : 800000);

        if (insert && !model[value].in) {
            /* Half of them crowd into a few buckets, some with equal tags. */
            uint64_t hash = random_next(&random);

            model[value].hash = random_chance(&random, 500000) ? hash & 0x300000007ull : hash;
            model[value].in = table_insert(&table, model[value].hash, value);
            assert_int_equal(model[value].in, count < ENTRIES);
            count += model[value].in;
        } else if (!insert && model[value].in) {
            table_remove(&table, model[value].hash, value);
            model[value].in = false;
            count--;
        }
        assert_int_equal(times_found(&table, model[value].hash, value), model[value].in);
        assert_int_equal(table.count, count);
    }
    for (uint32_t value = 0; value < COUNT_OF(model); value++) {
        assert_int_equal(times_found(&table, model[value].hash, value), model[value].in);
        if (model[value].in) {
            table_remove(&table, model[value].hash, value);
        }
    }
    assert_like_new(&table);
    free(memory);
}

static void remove_what_is_not_in(void *ctx)
{
    table_remove(ctx, 5, 6);
}

static void remove_what_is_in(void *ctx)
{
    table_remove(ctx, 5, 5);
}

static void insert_none(void *ctx)
{
    (void)table_insert(ctx, 5, TABLE_NONE);
}

static void misuse_aborts(void **state)
{
    struct table table;
    void *memory = open_table(&table, ENTRIES);

    (void)state;
    assert_true(table_insert(&table, 5, 5));
    assert_false(aborts(remove_what_is_in, &table));
    assert_true(aborts(remove_what_is_not_in, &table));
    assert_true(aborts(insert_none, &table));
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pattern_fills_and_empties),
        cmocka_unit_test(a_table_for_none_takes_none),
        cmocka_unit_test(values_are_any_but_none),
        cmocka_unit_test(searches_stay_short_when_full),
        cmocka_unit_test(any_order_agrees_with_the_model),
        cmocka_unit_test(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
