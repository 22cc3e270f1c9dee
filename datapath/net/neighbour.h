/*
 * The neighbours of a worker: link-layer addresses of both families, with the
 * states of RFC 4861 section 7.3.2, which serve ARP as well (RFC 1122 section
 * 2.3.2.1 wants old entries flushed or confirmed).
 *
 * A path is an entry's index and generation; an entry that was reused has
 * another generation, so a stale path is recognised. Whoever waits for an
 * answer stands on the entry's list of waiters; packets without a connection
 * wait in a short queue, each frame held by FRAME_SENDQ.
 *
 * Invariants: an entry with waiters, and a configured one, keep their place;
 * the table's deadline is never later than the earliest of an entry.
 *
 * Owner: the worker's `struct net`. Memory is given at init; one thread.
 */
#ifndef HEADRACE_DATAPATH_NET_NEIGHBOUR_H
#define HEADRACE_DATAPATH_NET_NEIGHBOUR_H

#include "datapath/list.h"
#include "datapath/net/addr.h"
#include "datapath/port.h"

#include <stdbool.h>
#include <stdint.h>

#define NEIGHBOUR_NONE UINT16_MAX

/* Packets without a connection that wait for one neighbour. RFC 1122 section
 * 2.3.2.2: at least one, the latest. */
#define NEIGHBOUR_QUEUE_MAX 4u
/* The same for all neighbours: spoofed sources must not collect our frames. */
#define NEIGHBOUR_QUEUED_TOTAL_MAX 64u

/* In order: from STALE on the link-layer address can be used, from DELAY on it
 * can be used without doing anything about it. */
enum neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_FAILED,     /* nobody answered, or nobody was asked; asked when needed */
    NEIGHBOUR_INCOMPLETE, /* asked, no answer yet */
    NEIGHBOUR_STALE,      /* to be confirmed when it is used */
    NEIGHBOUR_DELAY,      /* used: the upper layer may confirm it before we ask */
    NEIGHBOUR_PROBE,      /* asked again */
    NEIGHBOUR_REACHABLE,  /* confirmed not long ago */
    NEIGHBOUR_STATIC,     /* configured: no timer */
    NEIGHBOUR_STATE_COUNT,
};

struct neighbour {
    struct ip_addr addr;
    struct mac_addr mac;
    uint8_t state;    /* enum neighbour_state */
    uint8_t requests; /* sent without an answer */
    uint32_t generation;
    uint16_t queued;
    uint16_t bucket;      /* first entry of the hash bucket that has this entry's index */
    uint16_t next;        /* in the bucket of `addr` */
    uint64_t deadline_ns; /* of the state; UINT64_MAX: none */
    uint64_t used_ns;     /* for choosing whom to forget */
    struct list waiters;
    struct port_packet queue[NEIGHBOUR_QUEUE_MAX];
};

struct neighbours {
    struct neighbour *entries;
    uint16_t count_max;
    uint16_t used;        /* entries below this index have been used */
    uint16_t bucket_mask; /* buckets are a power of two, at most count_max */
    uint16_t queued_total;
    uint16_t hand;      /* where the next victim is looked for */
    uint64_t newest_ns; /* the latest time that anybody told */
    uint64_t deadline_ns;
};

/* `entries`: count_max of them, at least one, outliving the table. */
void neighbours_init(struct neighbours *table, struct neighbour *entries, uint16_t count_max);

/* The entry of an address, or NEIGHBOUR_NONE. */
uint16_t neighbour_find(const struct neighbours *table, const struct ip_addr *addr);

/* The place for a new entry: an unused one, or of the next sixteen the one that is least
 * dear, so that an invented address costs no walk over the table; those that are configured do
 * not count. First go those that never answered, so that a flood of them does not drive out the
 * gateway; then the least recently used. NEIGHBOUR_NONE when each of the sixteen is waited for,
 * and when most are waited for and the others have answered: places that a flood holds are not
 * made more at their cost. */
uint16_t neighbour_victim(struct neighbours *table);

/* The place gets a new address, a new generation, and the state FAILED: nobody
 * was asked yet. Its queue is empty, and nobody waits. */
void neighbour_assign(struct neighbours *table, uint16_t index, const struct ip_addr *addr);

static inline struct neighbour *neighbour_at(const struct neighbours *table, uint16_t index)
{
    assert(index < table->count_max);
    return &table->entries[index];
}

/* Its link-layer address can be used now. */
static inline bool neighbour_is_usable(const struct neighbour *neighbour)
{
    return neighbour->state >= NEIGHBOUR_STALE;
}

static inline void neighbour_touch(struct neighbours *table, struct neighbour *neighbour,
                                   uint64_t now_ns)
{
    neighbour->used_ns = now_ns;
    table->newest_ns = now_ns;
}

static inline void neighbour_set_deadline(struct neighbours *table, struct neighbour *neighbour,
                                          uint64_t deadline_ns)
{
    neighbour->deadline_ns = deadline_ns;
    if (deadline_ns < table->deadline_ns) {
        table->deadline_ns = deadline_ns;
    }
}

#endif
