/*
 * The neighbours of a worker: link-layer addresses of both families, with the
 * states of RFC 4861 section 7.3.2, which serve ARP as well (RFC 1122 section
 * 2.3.2.1 wants stale entries flushed).
 *
 * A path is an entry's index and generation; an entry that was reused has
 * another generation, so a stale path is recognised. Whoever waits for an
 * answer stands on the entry's list of waiters; packets without a connection
 * wait in a short queue, each frame held by FRAME_APP until it goes.
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
 * 2.3.2.2: at least one. */
#define NEIGHBOUR_QUEUE_MAX 4u

enum neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_INCOMPLETE, /* asked, no answer yet */
    NEIGHBOUR_REACHABLE,  /* confirmed not long ago */
    NEIGHBOUR_STALE,      /* usable; to be confirmed when used */
    NEIGHBOUR_PROBE,      /* usable; asked again */
    NEIGHBOUR_FAILED,     /* nobody answered; asked again when needed */
    NEIGHBOUR_STATIC,     /* configured: no timer */
    NEIGHBOUR_STATE_COUNT,
};

struct neighbour {
    struct ip_addr addr;
    struct mac_addr mac;
    uint8_t state;    /* enum neighbour_state */
    uint8_t requests; /* sent without an answer */
    uint16_t generation;
    uint16_t queued;
    uint64_t deadline_ns; /* of the state; UINT64_MAX: none */
    uint64_t used_ns;     /* for choosing whom to forget */
    struct list waiters;
    struct port_packet queue[NEIGHBOUR_QUEUE_MAX];
};

struct neighbours {
    struct neighbour *entries;
    uint16_t count_max;
    uint16_t used;        /* entries below this index have been used */
    uint64_t deadline_ns; /* the earliest of all, or earlier */
};

/* `entries`: count_max of them, zeroed, outliving the table. */
void neighbours_init(struct neighbours *table, struct neighbour *entries, uint16_t count_max);

/* The entry of an address, or NEIGHBOUR_NONE. A search over all: paths keep the
 * index. */
uint16_t neighbour_find(const struct neighbours *table, const struct ip_addr *addr);

/* The entry of an address, made if there is none. The least recently used entry
 * without waiters makes place; NEIGHBOUR_NONE when there is none. Frames queued
 * on a forgotten entry are dropped by the caller before: see net.c. */
uint16_t neighbour_get(struct neighbours *table, const struct ip_addr *addr, uint64_t now_ns);

static inline struct neighbour *neighbour_at(const struct neighbours *table, uint16_t index)
{
    assert(index < table->count_max);
    return &table->entries[index];
}

/* Its link-layer address can be used now. */
static inline bool neighbour_is_usable(const struct neighbour *neighbour)
{
    return neighbour->state == NEIGHBOUR_REACHABLE || neighbour->state == NEIGHBOUR_STALE ||
           neighbour->state == NEIGHBOUR_PROBE || neighbour->state == NEIGHBOUR_STATIC;
}

/* Sets the deadline of a state. */
void neighbour_set_deadline(struct neighbours *table, struct neighbour *neighbour,
                            uint64_t deadline_ns);

#endif
