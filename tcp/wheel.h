/*
 * The timer wheel of a worker: hierarchical, a tick of 2^16 ns (65.536 us),
 * O(1) to arm and cancel (Varghese and Lauck 1987).
 *
 * An entry never expires early; late by at most a tick, when wheel_advance is
 * called in time. Moving a deadline to later stores a number: the entry finds
 * its new slot when the old one comes due. Moving it to earlier files it anew.
 *
 * Owner of an entry: whoever embeds it. One thread. Pure: time is an argument.
 */
#ifndef HEADRACE_TCP_WHEEL_H
#define HEADRACE_TCP_WHEEL_H

#include "datapath/list.h"

#include <stdint.h>

#define WHEEL_TICK_SHIFT 16u
#define WHEEL_SLOT_BITS 6u
#define WHEEL_SLOTS (1u << WHEEL_SLOT_BITS)
/* Seven levels of 64 slots cover 2^42 ticks: nine years. */
#define WHEEL_LEVELS 7u

struct wheel_entry {
    struct list_link link;
    uint64_t due_ns;     /* when it is to expire */
    uint64_t filed_tick; /* the tick that its slot stands for: at most that of due_ns */
};

struct wheel {
    uint64_t tick; /* every slot before this one has been seen */
    uint64_t occupied[WHEEL_LEVELS];
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);

static inline void wheel_entry_init(struct wheel_entry *entry)
{
    list_link_init(&entry->link);
}

/* Arms or re-arms. A deadline that has passed expires within a tick; armed inside
 * `expire`, in the same advance, as far as its budget goes. */
void wheel_arm(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_ns);
void wheel_cancel(struct wheel *wheel, struct wheel_entry *entry);

static inline bool wheel_is_armed(const struct wheel_entry *entry)
{
    return list_link_is_on(&entry->link);
}

/* Calls `expire` for at most `budget` entries that are due; they are off the
 * wheel then. Any entry may be armed or cancelled inside. */
void wheel_advance(struct wheel *wheel, uint64_t now_ns,
                   void (*expire)(struct wheel_entry *entry, void *ctx), void *ctx,
                   unsigned budget);

/* When wheel_advance has something to do next: never later than the next expiry. It
 * may be for nothing, where an entry was cancelled or moved. UINT64_MAX: never. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif
