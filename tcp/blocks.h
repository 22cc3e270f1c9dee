/*
 * Power-of-two blocks out of one arena: long send queues and the ranges of
 * reassembly. A buddy allocator; no system call, O(orders). Memory is given at
 * init and stays the caller's; one thread.
 *
 * Invariant: a block of order n starts at a multiple of 2^n, and is either
 * given out, on the free list of its order, or part of a larger one; two free
 * buddies are always one block.
 */
#ifndef HEADRACE_TCP_BLOCKS_H
#define HEADRACE_TCP_BLOCKS_H

#include "datapath/list.h"

#include <stddef.h>
#include <stdint.h>

#define BLOCKS_ORDER_MIN 7u  /* 128 bytes */
#define BLOCKS_ORDER_MAX 20u /* 1 MiB */

struct tcp_blocks {
    uint8_t *arena;
    uint8_t *state; /* a byte per smallest block: see blocks.c */
    uint64_t arena_bytes;
    uint64_t free_bytes;
    struct list free[BLOCKS_ORDER_MAX + 1];
};

/* Bytes for an arena of `arena_bytes`, a multiple of the largest block. */
size_t blocks_memory_bytes(uint64_t arena_bytes);
void blocks_init(struct tcp_blocks *blocks, void *memory, uint64_t arena_bytes);

/* A block of 2^order bytes; a smaller order is raised to the smallest. NULL
 * when there is none. */
void *blocks_take(struct tcp_blocks *blocks, unsigned order);
/* `order` as it was taken. */
void blocks_give(struct tcp_blocks *blocks, void *block, unsigned order);
/* The upper half of a block larger than the smallest is given back. The lower stays where it is,
 * with what it holds, as a block of order - 1. */
void blocks_halve(struct tcp_blocks *blocks, void *block, unsigned order);

#endif
