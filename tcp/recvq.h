/*
 * The receive queue: bytes in order that the application does not want yet.
 * Owner: the connection. Frames are held with FRAME_REASSEMBLY by the pieces.
 */
#ifndef HEADRACE_TCP_RECVQ_H
#define HEADRACE_TCP_RECVQ_H

#include "tcp/piece.h"

struct recvq {
    struct piece_chain chain;
    uint32_t bytes;
};

static inline void recvq_init(struct recvq *recvq)
{
    *recvq = (struct recvq){{PIECE_NONE, PIECE_NONE}, 0};
}

/* False when there is no frame or piece. */
static inline bool recvq_push(struct recvq *recvq, struct pieces *pieces, struct frame_pool *pool,
                              const struct slice *slice)
{
    if (!piece_append(pieces, pool, &recvq->chain, slice, NULL)) {
        return false;
    }
    recvq->bytes += slice->length;
    return true;
}

/* Bytes whose hold FRAME_REASSEMBLY the caller has just popped. */
static inline void recvq_adopt(struct recvq *recvq, struct pieces *pieces,
                               const struct slice *slice)
{
    piece_adopt(pieces, &recvq->chain, slice);
    recvq->bytes += slice->length;
}

/* The first bytes; the hold FRAME_REASSEMBLY passes to the caller. */
static inline bool recvq_pop(struct recvq *recvq, struct pieces *pieces, struct slice *out)
{
    if (!piece_pop(pieces, &recvq->chain, out)) {
        return false;
    }
    recvq->bytes -= out->length;
    return true;
}

static inline void recvq_clear(struct recvq *recvq, struct pieces *pieces, struct frame_pool *pool)
{
    piece_clear(pieces, pool, &recvq->chain);
    recvq->bytes = 0;
}

#endif
