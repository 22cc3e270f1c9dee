/*
 * A slice: a run of bytes inside one frame, with the sum of those bytes. Data
 * moves through the stack as slices and is not copied; forwarding and
 * retransmitting sum only headers.
 *
 * A slice holds nothing by itself: whoever stores one is a holder of its frame
 * (frame_hold) for as long as it is stored.
 */
#ifndef HEADRACE_DATAPATH_SLICE_H
#define HEADRACE_DATAPATH_SLICE_H

#include "datapath/frame.h"

#include <stdint.h>

struct slice {
    uint32_t frame;  /* FRAME_NONE: no bytes */
    uint16_t offset; /* of the first byte in the chunk */
    uint16_t length; /* bytes */
    uint16_t
        sum; /* 16-bit ones'-complement sum of the bytes, the first one even; see net/checksum.h */
    uint16_t spare;
};

static_assert(sizeof(struct slice) == 12, "five a cache line");

static inline uint8_t *slice_data(const struct frame_pool *pool, const struct slice *slice)
{
    return frame_data(pool, slice->frame) + slice->offset;
}

/* Small payloads do not hold frames. A payload below a quarter of a chunk that
 * is to stay is copied: behind `tail` (the bytes before it in the same queue)
 * when the chunk has room and nobody has written there, else into a fresh frame
 * of the data budget. The copy is held by `holder`, FRAME_APP or
 * FRAME_REASSEMBLY, one count more; it keeps the sum of `in`, which may lie in
 * another pool's frame of the same region. `tail` may be NULL.
 * Returns false when no frame is to be had. */
bool slice_stash(struct frame_pool *pool, const struct slice *tail, const struct slice *in,
                 enum frame_holder holder, struct slice *out);

/* Whether slice_stash is what to do with a payload of so many bytes. */
static inline bool slice_is_small(const struct frame_pool *pool, uint32_t length_bytes)
{
    return length_bytes < frame_chunk_bytes(pool) / 4;
}

/* Splits off the first `length` bytes of a slice: *slice keeps the rest. Both
 * sums stay right at the cost of summing the shorter part. */
struct slice slice_take_front(const struct frame_pool *pool, struct slice *slice, uint16_t length);

#endif
