#include "tcp/table.h"

#include <string.h>

#define BUCKET_FULL ((1u << TABLE_BUCKET_ENTRIES) - 1)

/* Of seven: a search that finds nothing touches 1.09 lines when the table is as
 * full as it gets. With five it would be 1.36 (tests/unit/test_table.c, 2026-11). */
static const uint32_t entries_per_bucket = 4;

static uint32_t buckets_for(uint32_t entries_max)
{
    uint32_t buckets = 1;

    while ((uint64_t)buckets * entries_per_bucket < entries_max) {
        buckets *= 2;
    }
    return buckets;
}

size_t table_memory_bytes(uint32_t entries_max)
{
    return (size_t)buckets_for(entries_max) * sizeof(struct table_bucket);
}

void table_init(struct table *table, void *memory, uint32_t entries_max)
{
    /* Written, zeroes over zeroes: hashes touch all of it soon, and a first touch of a
     * huge page is milliseconds of a turn. */
    memset(memory, 0, table_memory_bytes(entries_max));
    table->buckets = memory;
    table->mask = buckets_for(entries_max) - 1;
    table->count = 0;
    table->count_max = entries_max;
}

bool table_insert(struct table *table, uint64_t hash, uint32_t value)
{
    uint32_t at = table_home(table, hash);
    struct table_bucket *bucket = &table->buckets[at];
    unsigned entry;

    assert(value != TABLE_NONE);
    if (table->count == table->count_max) {
        return false;
    }
    while (bucket->used == BUCKET_FULL) {
        bucket->passed++;
        at = (at + 1) & table->mask;
        bucket = &table->buckets[at];
    }
    entry = (unsigned)__builtin_ctz(~bucket->used);
    bucket->used |= 1u << entry;
    bucket->tags[entry] = table_tag(hash);
    bucket->values[entry] = value;
    table->count++;
    return true;
}

static bool take_out(struct table_bucket *bucket, uint32_t tag, uint32_t value)
{
    for (uint32_t left = table_candidates(bucket, tag); left != 0; left &= left - 1) {
        unsigned entry = (unsigned)__builtin_ctz(left);

        if (bucket->values[entry] == value) {
            bucket->used &= ~(1u << entry);
            return true;
        }
    }
    return false;
}

void table_remove(struct table *table, uint64_t hash, uint32_t value)
{
    uint32_t at = table_home(table, hash);

    while (!take_out(&table->buckets[at], table_tag(hash), value)) {
        assert(table->buckets[at].passed > 0);
        table->buckets[at].passed--;
        at = (at + 1) & table->mask;
    }
    table->count--;
}
