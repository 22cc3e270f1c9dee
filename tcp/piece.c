#include "tcp/piece.h"

#include "datapath/net/checksum.h"

/* The new bytes lie right behind the last piece's, in the same frame. */
static bool joins(const struct piece *last, const struct slice *slice)
{
    return last->slice.frame == slice->frame &&
           last->slice.offset + last->slice.length == slice->offset;
}

static void join(struct piece *last, const struct slice *slice)
{
    uint16_t sum = last->slice.length & 1 ? checksum_swap(slice->sum) : slice->sum;

    last->slice.sum = checksum_add(last->slice.sum, sum);
    last->slice.length = (uint16_t)(last->slice.length + slice->length);
}

/* Makes the bytes stay, one hold more: small ones in the frame of `near`, which is held, behind
 * all that was ever written there. What was behind `near` itself may have gone again. */
static bool keep(struct frame_pool *pool, const struct slice *near, const struct slice *in,
                 struct slice *out)
{
    if (slice_is_small(pool, in->length)) {
        struct slice tail = {.frame = FRAME_NONE};

        if (near && frame_is_ours(pool, near->frame)) {
            tail.frame = near->frame;
            tail.offset = frame_record(pool, near->frame)->fill_end;
        }
        return slice_stash(pool, &tail, in, FRAME_REASSEMBLY, out);
    }
    if (!frame_keep(pool, in->frame)) {
        return false;
    }
    frame_hold(pool, in->frame, FRAME_REASSEMBLY);
    *out = *in;
    return true;
}

/* A piece for bytes that are held already; without one the hold goes again. */
static uint32_t wrap(struct pieces *pieces, struct frame_pool *pool, const struct slice *kept)
{
    uint32_t index;
    struct piece *piece = slab_take(&pieces->slab, &index);

    if (!piece) {
        frame_drop(pool, kept->frame, FRAME_REASSEMBLY);
        return PIECE_NONE;
    }
    piece->slice = *kept;
    piece->next = PIECE_NONE;
    return index;
}

bool piece_append(struct pieces *pieces, struct frame_pool *pool, struct piece_chain *chain,
                  const struct slice *slice, const struct slice *near)
{
    struct piece *last = chain->last == PIECE_NONE ? NULL : piece_at(pieces, chain->last);
    struct slice kept;
    uint32_t index;

    if (!keep(pool, last ? &last->slice : near, slice, &kept)) {
        return false;
    }
    if (last && joins(last, &kept)) {
        join(last, &kept);
        frame_drop(pool, kept.frame, FRAME_REASSEMBLY); /* the piece has a hold already */
        return true;
    }
    index = wrap(pieces, pool, &kept);
    if (index == PIECE_NONE) {
        return false;
    }
    if (last) {
        last->next = index;
    } else {
        chain->first = index;
    }
    chain->last = index;
    return true;
}

void piece_adopt(struct pieces *pieces, struct piece_chain *chain, const struct slice *slice)
{
    uint32_t index;
    struct piece *piece = slab_take(&pieces->slab, &index);

    assert(piece);
    piece->slice = *slice;
    piece->next = PIECE_NONE;
    if (chain->last == PIECE_NONE) {
        chain->first = index;
    } else {
        piece_at(pieces, chain->last)->next = index;
    }
    chain->last = index;
}

bool piece_prepend(struct pieces *pieces, struct frame_pool *pool, struct piece_chain *chain,
                   const struct slice *slice)
{
    struct piece_chain front = {PIECE_NONE, PIECE_NONE};

    if (!piece_append(pieces, pool, &front, slice, &piece_at(pieces, chain->first)->slice)) {
        return false;
    }
    piece_at(pieces, front.first)->next = chain->first;
    chain->first = front.first;
    return true;
}

bool piece_pop(struct pieces *pieces, struct piece_chain *chain, struct slice *out)
{
    uint32_t index = chain->first;
    const struct piece *piece;

    if (index == PIECE_NONE) {
        return false;
    }
    piece = piece_at(pieces, index);
    *out = piece->slice;
    chain->first = piece->next;
    if (chain->first == PIECE_NONE) {
        chain->last = PIECE_NONE;
    }
    slab_give(&pieces->slab, index);
    return true;
}

void piece_clear(struct pieces *pieces, struct frame_pool *pool, struct piece_chain *chain)
{
    struct slice slice;

    while (piece_pop(pieces, chain, &slice)) {
        frame_drop(pool, slice.frame, FRAME_REASSEMBLY);
    }
}
