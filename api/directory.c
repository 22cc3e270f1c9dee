#include "api/directory.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

/* The low byte is the worker, from 1, so that an empty word is nobody's. */
#define OWNER_MASK 0xffu

int directory_open(struct directory *directory, uint64_t flows_max)
{
    uint64_t buckets = 2;

    while (buckets * DIRECTORY_SLOTS < 2 * flows_max) {
        buckets *= 2;
    }
    directory->bytes = buckets * sizeof *directory->buckets;
    directory->mask = buckets - 1;
    /* Untouched pages cost nothing. */
    directory->buckets = mmap(NULL, directory->bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (directory->buckets == MAP_FAILED) {
        directory->buckets = NULL;
        return -errno;
    }
    (void)madvise(directory->buckets, directory->bytes, MADV_DONTFORK);
    return 0;
}

void directory_close(struct directory *directory)
{
    if (directory->buckets) {
        (void)munmap(directory->buckets, directory->bytes);
        directory->buckets = NULL;
    }
}

static uint64_t make_word(uint64_t hash, unsigned worker)
{
    assert(worker < DIRECTORY_WORKERS_MAX);
    return (hash & ~(uint64_t)OWNER_MASK) | (worker + 1u);
}

/* The two buckets come from halves of the hash that differ, by a multiplication
 * (Knuth's 64-bit constant) so that a crowded first one says nothing of the second. */
static struct directory_bucket *bucket_of(const struct directory *directory, uint64_t hash,
                                          unsigned which)
{
    uint64_t at = which == 0 ? hash >> 8 : (hash * 0x9e3779b97f4a7c15u) >> 24;

    return &directory->buckets[at & directory->mask];
}

static unsigned count_empty(const struct directory_bucket *bucket)
{
    unsigned empty = 0;

    for (unsigned i = 0; i < DIRECTORY_SLOTS; i++) {
        empty += __atomic_load_n(&bucket->words[i], __ATOMIC_RELAXED) == 0;
    }
    return empty;
}

/* Puts `to` in the place of one `from`; false when there is none. */
static bool exchange(struct directory_bucket *bucket, uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < DIRECTORY_SLOTS; i++) {
        uint64_t seen = from;

        if (__atomic_load_n(&bucket->words[i], __ATOMIC_RELAXED) == from &&
            __atomic_compare_exchange_n(&bucket->words[i], &seen, to, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

bool directory_add(struct directory *directory, uint64_t hash, unsigned worker)
{
    struct directory_bucket *first = bucket_of(directory, hash, 0);
    struct directory_bucket *second = bucket_of(directory, hash, 1);
    uint64_t word = make_word(hash, worker);

    if (count_empty(second) > count_empty(first)) {
        struct directory_bucket *emptier = second;

        second = first;
        first = emptier;
    }
    return exchange(first, 0, word) || exchange(second, 0, word);
}

void directory_remove(struct directory *directory, uint64_t hash, unsigned worker)
{
    uint64_t word = make_word(hash, worker);

    if (!exchange(bucket_of(directory, hash, 0), word, 0)) {
        (void)exchange(bucket_of(directory, hash, 1), word, 0);
    }
}

int directory_find(const struct directory *directory, uint64_t hash)
{
    for (unsigned which = 0; which < 2; which++) {
        const struct directory_bucket *bucket = bucket_of(directory, hash, which);

        for (unsigned i = 0; i < DIRECTORY_SLOTS; i++) {
            uint64_t word = __atomic_load_n(&bucket->words[i], __ATOMIC_ACQUIRE);

            if (word != 0 && ((word ^ hash) & ~(uint64_t)OWNER_MASK) == 0) {
                return (int)(word & OWNER_MASK) - 1;
            }
        }
    }
    return -1;
}
