/*
 * Packets waiting for their time: a bounded binary heap, the earliest first;
 * of those due at the same time, the one that was pushed first.
 *
 * The entries are the caller's memory. Never grows.
 */
#ifndef HEADRACE_DATAPATH_WIRE_HEAP_H
#define HEADRACE_DATAPATH_WIRE_HEAP_H

#include "datapath/port.h"

#include <stdint.h>

struct wire_heap_entry {
    uint64_t due_ns;
    uint64_t order; /* set by wire_heap_push */
    struct port_packet packet;
    uint32_t check; /* the caller's */
};

struct wire_heap {
    struct wire_heap_entry *entries; /* `capacity` of them */
    uint32_t capacity;
    uint32_t count;
    uint64_t pushed;
};

/* The caller has seen count < capacity. */
void wire_heap_push(struct wire_heap *heap, struct wire_heap_entry entry);

/* Takes the earliest off; the caller has seen count > 0. */
struct wire_heap_entry wire_heap_pop(struct wire_heap *heap);

/* When the earliest is due; UINT64_MAX when there is none. */
static inline uint64_t wire_heap_due_ns(const struct wire_heap *heap)
{
    return heap->count > 0 ? heap->entries[0].due_ns : UINT64_MAX;
}

static inline bool wire_heap_is_due(const struct wire_heap *heap, uint64_t now_ns)
{
    return heap->count > 0 && heap->entries[0].due_ns <= now_ns;
}

#endif
