/*
 * The four rings that an AF_XDP socket shares with the kernel, each with one
 * producer and one consumer. We produce into FILL and TX: reserve, write,
 * submit. We consume from RX and COMPLETION: peek, read, release.
 *
 * Invariants: indices only grow (modulo 2^32) and are masked when used;
 * producer - consumer is never above the size. Our own index is kept in
 * `cached_own`, and is ahead of the shared one by what is reserved or peeked;
 * `cached_other` is the other side's index as last seen, so that the cache line
 * which the kernel writes is read only when that does not suffice.
 *
 * The memory is the socket's mapping. One thread per ring.
 */
#ifndef HEADRACE_DATAPATH_XDP_RING_H
#define HEADRACE_DATAPATH_XDP_RING_H

#include "datapath/util.h"
#include "datapath/xdp/abi.h"

#include <assert.h>

struct xsk_ring {
    uint32_t cached_own;
    uint32_t cached_other;
    uint32_t mask;
    uint32_t size;
    uint32_t *producer;
    uint32_t *consumer;
    uint32_t *flags;
    union {
        struct xdp_desc *packets; /* RX, TX */
        uint64_t *addresses;      /* FILL, COMPLETION */
        void *descriptors;
    };
};

/* Over a mapping whose parts are where the kernel says. `size` is a power of two. */
void xsk_ring_init(struct xsk_ring *ring, void *map, const struct xdp_ring_offset *offset,
                   uint32_t size);

/* Places that the producer can fill, at least `want` if there are. */
static inline uint32_t xsk_ring_room(struct xsk_ring *ring, uint32_t want)
{
    uint32_t room = ring->size - (ring->cached_own - ring->cached_other);

    if (room < want) {
        /* Acquire: what the kernel read of a slot happened before it moved its
         * index, so we may overwrite the slot after we have seen that. */
        ring->cached_other = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
        room = ring->size - (ring->cached_own - ring->cached_other);
    }
    return room;
}

/* The caller has seen room for `count`. The first index; write to the slots
 * [index, index + count), then submit as many. */
static inline uint32_t xsk_ring_reserve(struct xsk_ring *ring, uint32_t count)
{
    uint32_t index = ring->cached_own;

    assert(ring->size - (index - ring->cached_other) >= count);
    ring->cached_own += count;
    return index;
}

/* Once a batch: everything that was reserved becomes visible to the kernel. */
static inline void xsk_ring_submit(struct xsk_ring *ring)
{
    /* Release: the descriptors, and the packets that they point to, are written
     * before the index that lets the kernel read them. */
    __atomic_store_n(ring->producer, ring->cached_own, __ATOMIC_RELEASE);
}

/* Something is filled that was not released yet; for a ring that we consume from. */
static inline bool xsk_ring_has_more(const struct xsk_ring *ring)
{
    /* Relaxed: a hint, for whoever waits. A peek follows, and orders what it reads. */
    return __atomic_load_n(ring->producer, __ATOMIC_RELAXED) != ring->cached_own;
}

/* Filled slots, up to `want`; the first is *index. Release as many as were used. */
static inline uint32_t xsk_ring_peek(struct xsk_ring *ring, uint32_t want, uint32_t *index)
{
    uint32_t filled = ring->cached_other - ring->cached_own;

    if (filled < want) {
        /* Acquire: the descriptors, and the packets that they point to, are read
         * after the index that says they are there. */
        ring->cached_other = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
        filled = ring->cached_other - ring->cached_own;
    }
    *index = ring->cached_own;
    return min_u32(filled, want);
}

/* The consumer's slots go back to the kernel, once a batch. */
static inline void xsk_ring_release(struct xsk_ring *ring, uint32_t count)
{
    assert(ring->cached_other - ring->cached_own >= count);
    ring->cached_own += count;
    /* Release: we have read the slots before the kernel may overwrite them. */
    __atomic_store_n(ring->consumer, ring->cached_own, __ATOMIC_RELEASE);
}

/* Submitted and not yet taken by the kernel; for a ring that we produce into. */
static inline uint32_t xsk_ring_untaken(struct xsk_ring *ring)
{
    /* Acquire, as in xsk_ring_room, of whose work this saves a part. */
    ring->cached_other = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
    return ring->cached_own - ring->cached_other;
}

static inline bool xsk_ring_needs_wakeup(const struct xsk_ring *ring)
{
    /* Relaxed: a hint. The kernel sets it before it looks at the ring a last
     * time, and we look at it again at every turn. */
    return (__atomic_load_n(ring->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP) != 0;
}

#endif
