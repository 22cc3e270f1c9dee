/*
 * Pieces: received bytes that wait, each a slice and a link. The
 * receive queue and reassembly are chains of them. A piece holds its frame with
 * FRAME_REASSEMBLY.
 *
 * Small payloads do not hold frames: they are copied behind the piece before
 * them, and where that makes one run of bytes, the two become one piece.
 */
#ifndef HEADRACE_TCP_PIECE_H
#define HEADRACE_TCP_PIECE_H

#include "datapath/slice.h"
#include "tcp/slab.h"

#include <stdbool.h>
#include <stdint.h>

#define PIECE_NONE SLAB_NONE

struct piece {
    struct slice slice;
    uint32_t next;
};

static_assert(sizeof(struct piece) == 16, "a multiple of 8 for the slab");

/* The pieces of a worker. */
struct pieces {
    struct slab slab;
};

/* A chain in order. */
struct piece_chain {
    uint32_t first;
    uint32_t last;
};

static inline struct piece *piece_at(const struct pieces *pieces, uint32_t index)
{
    return slab_at(&pieces->slab, index);
}

/* Appends bytes to a chain, which may be empty: holds the frame, or copies. A
 * frame charged to the receive budget is recharged, so that the rings do not run
 * short. A copy goes behind the chain's last bytes or, where those have no room,
 * behind `near`, any bytes that a piece holds, or NULL; else into a fresh frame.
 * False when there is no frame or piece; then no chain and no hold has changed. */
bool piece_append(struct pieces *pieces, struct frame_pool *pool, struct piece_chain *chain,
                  const struct slice *slice, const struct slice *near);

/* Puts bytes before a chain, which is not empty; copies go behind the first ones where there is
 * room, for bytes that come in falling order must not hold a frame each either. */
bool piece_prepend(struct pieces *pieces, struct frame_pool *pool, struct piece_chain *chain,
                   const struct slice *slice);

/* Appends bytes whose hold FRAME_REASSEMBLY the caller has and gives away. It
 * needs a piece, which whoever has just popped one has freed. */
void piece_adopt(struct pieces *pieces, struct piece_chain *chain, const struct slice *slice);

/* Takes the first piece out of a chain; its hold passes to the caller. False
 * when the chain is empty. */
bool piece_pop(struct pieces *pieces, struct piece_chain *chain, struct slice *out);

/* Drops all. */
void piece_clear(struct pieces *pieces, struct frame_pool *pool, struct piece_chain *chain);

#endif
