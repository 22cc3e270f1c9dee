/*
 * What one worker hears of neighbours and all must know: an ARP packet lands on
 * one queue only. A ring from each worker to each other one, one producer, one
 * consumer; a full ring drops, since ARP asks again.
 */
#ifndef HEADRACE_API_RUMOUR_H
#define HEADRACE_API_RUMOUR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RUMOUR_SLOTS 64u
#define RUMOUR_BYTES 28u /* of an ARP packet */

struct rumour_ring {
    _Alignas(64) atomic_uint written; /* the teller's */
    _Alignas(64) atomic_uint read;    /* the hearer's */
    uint8_t slots[RUMOUR_SLOTS][RUMOUR_BYTES];
};

/* False when the ring is full. */
bool rumour_tell(struct rumour_ring *ring, const uint8_t *arp);
/* False when there is nothing. */
bool rumour_hear(struct rumour_ring *ring, uint8_t *arp);

#endif
