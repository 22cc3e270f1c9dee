/*
 * The table of a worker: the hash of a tuple to a number. One cache line per
 * bucket, seven entries of a 32-bit tag and a value, so a look-up touches one
 * line and, but for one chance in 2^32 a neighbour, only the connection that it
 * looks for.
 *
 * No tombstones: a bucket counts the entries that found it full and passed on,
 * and a search passes on for as long as that is not zero. Memory is given at
 * init, for at most 4/7 of load; one thread.
 */
#ifndef HEADRACE_TCP_TABLE_H
#define HEADRACE_TCP_TABLE_H

#include <assert.h>
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX
#define TABLE_BUCKET_ENTRIES 7u

struct table_bucket {
    uint32_t passed; /* entries whose home is here or before and that stand behind */
    uint32_t used;   /* a bit per entry */
    uint32_t tags[TABLE_BUCKET_ENTRIES];
    uint32_t values[TABLE_BUCKET_ENTRIES];
};

static_assert(sizeof(struct table_bucket) == 64, "one cache line");

struct table {
    struct table_bucket *buckets;
    uint32_t mask;
    uint32_t count;
    uint32_t count_max;
};

/* Where a search stands. */
struct table_cursor {
    const struct table *table;
    uint32_t bucket;
    uint32_t tag;
    uint32_t candidates; /* entries of the bucket with the tag, still to be seen */
    uint32_t left;       /* buckets still to be seen: no search goes round for ever */
};

size_t table_memory_bytes(uint32_t entries_max);
/* `memory` is aligned to a cache line, and touched all over. */
void table_init(struct table *table, void *memory, uint32_t entries_max);

/* False when the table is full. The pair may not be in it; the value may not be
 * TABLE_NONE. */
bool table_insert(struct table *table, uint64_t hash, uint32_t value);
/* The pair must be in it. */
void table_remove(struct table *table, uint64_t hash, uint32_t value);

static inline uint32_t table_home(const struct table *table, uint64_t hash)
{
    return (uint32_t)hash & table->mask;
}

static inline uint32_t table_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static inline void table_prefetch(const struct table *table, uint64_t hash)
{
    __builtin_prefetch(&table->buckets[table_home(table, hash)]);
}

#ifdef __SSE2__ /* every x86-64 */
static inline uint32_t table_candidates(const struct table_bucket *bucket, uint32_t tag)
{
    const __m128i wanted = _mm_set1_epi32((int)tag);
    /* Entries 0 to 3, and 3 to 6. */
    __m128i low = _mm_loadu_si128((const __m128i_u *)&bucket->tags[0]);
    __m128i high = _mm_loadu_si128((const __m128i_u *)&bucket->tags[3]);
    int found = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(low, wanted)));

    found |= _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(high, wanted))) << 3;
    return (uint32_t)found & bucket->used;
}
#else
static inline uint32_t table_candidates(const struct table_bucket *bucket, uint32_t tag)
{
    uint32_t found = 0;

    for (unsigned i = 0; i < TABLE_BUCKET_ENTRIES; i++) {
        found |= (uint32_t)(bucket->tags[i] == tag) << i;
    }
    return found & bucket->used;
}
#endif

static inline struct table_cursor table_seek(const struct table *table, uint64_t hash)
{
    struct table_cursor cursor = {table, table_home(table, hash), table_tag(hash), 0, table->mask};

    cursor.candidates = table_candidates(&table->buckets[cursor.bucket], cursor.tag);
    return cursor;
}

/* The first value with the hash's tag in its home bucket, or TABLE_NONE: most often
 * what a search will find. For fetching ahead. */
static inline uint32_t table_peek(const struct table *table, uint64_t hash)
{
    const struct table_bucket *bucket = &table->buckets[table_home(table, hash)];
    uint32_t candidates = table_candidates(bucket, table_tag(hash));

    return candidates ? bucket->values[__builtin_ctz(candidates)] : TABLE_NONE;
}

/* The next value with the hash's tag, or TABLE_NONE. Values of other tuples are
 * possible: the caller compares. */
static inline uint32_t table_next(struct table_cursor *cursor)
{
    const struct table_bucket *bucket = &cursor->table->buckets[cursor->bucket];

    while (cursor->candidates == 0) {
        if (bucket->passed == 0 || cursor->left == 0) {
            return TABLE_NONE;
        }
        cursor->left--;
        cursor->bucket = (cursor->bucket + 1) & cursor->table->mask;
        bucket = &cursor->table->buckets[cursor->bucket];
        cursor->candidates = table_candidates(bucket, cursor->tag);
    }
    {
        unsigned entry = (unsigned)__builtin_ctz(cursor->candidates);

        cursor->candidates &= cursor->candidates - 1;
        return bucket->values[entry];
    }
}

#endif
