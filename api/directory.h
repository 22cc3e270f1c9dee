/*
 * The flow directory: which worker owns an accepted flow. Asked only when a segment
 * finds no connection on the worker where it landed; written only when a flow
 * begins and ends.
 *
 * An entry is one word: the worker, and all of the flow's keyed hash that the rest
 * has room for. It is a hint: two flows with the same 56 bits would at worst send a
 * segment to a worker that does not know it either, and answers for both.
 *
 * A flow stands in one of two buckets of a cache line each. Invariant: what one
 * worker has added, only that worker removes; a word is written by one compare
 * and exchange, or by its owner. Any thread reads. No lock, nothing is allocated
 * after the start; the memory is the directory's.
 */
#ifndef HEADRACE_API_DIRECTORY_H
#define HEADRACE_API_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIRECTORY_WORKERS_MAX 255u
#define DIRECTORY_SLOTS 8u

struct directory_bucket {
    uint64_t words[DIRECTORY_SLOTS];
} __attribute__((aligned(64)));

struct directory {
    struct directory_bucket *buckets; /* NULL before directory_open */
    uint64_t mask;
    size_t bytes;
};

/* Room for `flows_max` flows at most half full. 0 or -errno. */
int directory_open(struct directory *directory, uint64_t flows_max);
void directory_close(struct directory *directory);

/* False when both buckets are full: the flow is then found only on the queue of
 * its worker. Once per flow and life; the same flow may stand twice for a while. */
bool directory_add(struct directory *directory, uint64_t hash, unsigned worker);
/* Takes one entry of the flow away, if there is one. */
void directory_remove(struct directory *directory, uint64_t hash, unsigned worker);
/* The worker that owns the flow, or -1. */
int directory_find(const struct directory *directory, uint64_t hash);

#endif
