/*
 * Packets that landed on another worker than their flow's owner cross to it: a
 * ring from each worker to each other one, one producer, one consumer, so that the
 * order within a flow is kept. A full ring drops and counts, never blocks.
 *
 * Who holds the frame: the giver, as FRAME_CROSSING, until the taker has said that
 * it has copied the packet; then the giver reaps it. The taker's copy is a frame
 * of its own, so the records and budgets of a pool stay one thread's.
 */
#ifndef HEADRACE_API_CROSSING_H
#define HEADRACE_API_CROSSING_H

#include "datapath/frame.h"
#include "datapath/net/packet.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CROSSING_SLOTS 256u

struct crossing {
    _Alignas(64) atomic_uint written; /* the giver's */
    unsigned reaped;                  /* the giver's: frames before it are home */
    _Alignas(64) atomic_uint read;    /* the taker's: packets before it are copied */
    struct packet slots[CROSSING_SLOTS];
};

/* The giver: true, and FRAME_CROSSING has joined the holders of the packet's frame,
 * or false when the ring is full. */
bool crossing_give(struct crossing *ring, struct frame_pool *pool, const struct packet *packet);

/* The giver: drops the frames of what was taken since. */
void crossing_reap(struct crossing *ring, struct frame_pool *pool);

/* The taker: the next packet, copied into a frame of `pool` which FRAME_WORKER
 * holds. 1: *packet is it; 0: nothing waits; -1: one was lost for want of a frame. */
int crossing_take(struct crossing *ring, struct frame_pool *pool, struct packet *packet);

#endif
