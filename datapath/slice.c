#include "datapath/slice.h"

#include "datapath/net/checksum.h"

#include <string.h>

/* Where a fresh frame's bytes begin: should they be forwarded in place, their
 * headers and the metadata of the TX ring fit before them. */
#define STASH_OFFSET (FRAME_TX_METADATA + FRAME_HEADROOM)

/* A tail's frame takes more bytes when it is our own, is charged to the data
 * budget (what stays has to be), nobody wrote behind the tail, and another
 * count of the holder fits. */
static bool tail_has_room(const struct frame_pool *pool, const struct slice *tail, uint16_t length,
                          enum frame_holder holder)
{
    const struct frame *record;
    uint32_t end;

    if (tail == NULL || !frame_is_ours(pool, tail->frame)) {
        return false;
    }
    record = frame_record(pool, tail->frame);
    end = (uint32_t)tail->offset + tail->length;
    return record->holders != 0 && record->budget == FRAME_BUDGET_DATA && record->fill_end == end &&
           end + length <= frame_chunk_bytes(pool) && frame_may_hold(pool, tail->frame, holder);
}

/* The bytes keep the sum that they came with, instead of one taken from the
 * copy: an error while copying would then be noticed by the next who sums. */
bool slice_stash(struct frame_pool *pool, const struct slice *tail, const struct slice *in,
                 enum frame_holder holder, struct slice *out)
{
    assert(holder == FRAME_APP || holder == FRAME_REASSEMBLY);
    assert(in->length > 0 && in->length <= frame_chunk_bytes(pool) - STASH_OFFSET);

    if (tail_has_room(pool, tail, in->length, holder)) {
        frame_hold(pool, tail->frame, holder);
        out->frame = tail->frame;
        out->offset = (uint16_t)(tail->offset + tail->length);
    } else {
        out->frame = frame_take(pool, FRAME_BUDGET_DATA, holder);
        if (out->frame == FRAME_NONE) {
            return false;
        }
        out->offset = STASH_OFFSET;
    }
    out->length = in->length;
    out->sum = in->sum;
    out->spare = 0;
    memcpy(slice_data(pool, out), slice_data(pool, in), in->length);
    frame_record(pool, out->frame)->fill_end = (uint16_t)(out->offset + out->length);
    return true;
}

struct slice slice_take_front(const struct frame_pool *pool, struct slice *slice, uint16_t length)
{
    struct slice front = *slice;
    uint16_t rest_sum; /* of the rest as it stands in the whole: swapped behind an odd front */

    assert(length <= slice->length);
    front.length = length;
    slice->offset = (uint16_t)(slice->offset + length);
    slice->length = (uint16_t)(slice->length - length);
    if (front.length <= slice->length) {
        front.sum = checksum_sum(slice_data(pool, &front), front.length);
        rest_sum = checksum_sub(slice->sum, front.sum);
        slice->sum = length % 2 != 0 ? checksum_swap(rest_sum) : rest_sum;
    } else {
        slice->sum = checksum_sum(slice_data(pool, slice), slice->length);
        rest_sum = length % 2 != 0 ? checksum_swap(slice->sum) : slice->sum;
        front.sum = checksum_sub(front.sum, rest_sum);
    }
    return front;
}
