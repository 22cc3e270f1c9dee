#include "tcp/reassembly.h"

#include "tcp/seq.h"

#include <assert.h>
#include <string.h>

/* 8 ranges at first: a block of 128 bytes. */
static const unsigned order_first = 7;

static uint32_t capacity(const struct reassembly *reassembly)
{
    return reassembly->ranges ? (1u << reassembly->order) / sizeof(struct reassembly_range) : 0;
}

void reassembly_init(struct reassembly *reassembly)
{
    memset(reassembly, 0, sizeof *reassembly);
}

/* A range has gone: the block goes with the last, and half of it when three quarters are unused,
 * or a peer would keep the block of many with one, for as long as it likes. */
static void give_back(struct reassembly *reassembly, const struct reassembly_room *room)
{
    if (!reassembly->ranges) {
        return;
    }
    if (reassembly->count == 0) {
        blocks_give(room->blocks, reassembly->ranges, reassembly->order);
        reassembly->ranges = NULL;
        reassembly->recent_count = 0;
    } else if (reassembly->order > order_first && reassembly->count <= capacity(reassembly) / 4) {
        blocks_halve(room->blocks, reassembly->ranges, reassembly->order);
        reassembly->order--;
    }
}

void reassembly_clear(struct reassembly *reassembly, const struct reassembly_room *room)
{
    for (unsigned i = 0; i < reassembly->count; i++) {
        piece_clear(room->pieces, room->pool, &reassembly->ranges[i].chain);
    }
    reassembly->count = 0;
    give_back(reassembly, room);
    reassembly_init(reassembly);
}

static bool grow(struct reassembly *reassembly, const struct reassembly_room *room)
{
    unsigned order = reassembly->ranges ? reassembly->order + 1u : order_first;
    struct reassembly_range *ranges;

    if (reassembly->count == REASSEMBLY_RANGES_MAX) {
        return false;
    }
    ranges = blocks_take(room->blocks, order);
    if (!ranges) {
        return false;
    }
    if (reassembly->ranges) {
        memcpy(ranges, reassembly->ranges, reassembly->count * sizeof *ranges);
        blocks_give(room->blocks, reassembly->ranges, reassembly->order);
    }
    reassembly->ranges = ranges;
    reassembly->order = (uint8_t)order;
    return true;
}

/* Whether the bounds of the connection leave room for another piece. */
static bool may_add_piece(const struct reassembly *reassembly)
{
    return reassembly->pieces <
           REASSEMBLY_PIECES_MIN + reassembly->bytes / REASSEMBLY_BYTES_PER_PIECE;
}

/* The first range that ends at or after `seq`. */
static unsigned find(const struct reassembly *reassembly, uint32_t seq)
{
    unsigned low = 0;
    unsigned high = reassembly->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (seq_ge(reassembly->ranges[middle].end, seq)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void remove_range(struct reassembly *reassembly, unsigned at)
{
    struct reassembly_range *range = &reassembly->ranges[at];

    reassembly->count--;
    memmove(range, range + 1, (reassembly->count - at) * sizeof *range);
}

/* Bytes [from, to) of a slice. */
static struct slice cut(const struct frame_pool *pool, const struct slice *slice, uint32_t from,
                        uint32_t to)
{
    struct slice rest = *slice;

    if (from > 0) {
        (void)slice_take_front(pool, &rest, (uint16_t)from);
    }
    return to == slice->length ? rest : slice_take_front(pool, &rest, (uint16_t)(to - from));
}

/* The range was hit: its number goes to the front of recent[]. */
static void note_recent(struct reassembly *reassembly, const struct reassembly_range *range)
{
    uint32_t kept[TCP_SACK_BLOCKS_MAX] = {range->start};
    uint8_t count = 1;

    for (unsigned i = 0; i < reassembly->recent_count && count < TCP_SACK_BLOCKS_MAX; i++) {
        if (!seq_between(reassembly->recent[i], range->start, range->end)) {
            kept[count++] = reassembly->recent[i];
        }
    }
    memcpy(reassembly->recent, kept, sizeof kept);
    reassembly->recent_count = count;
}

/* The bytes behind which a small payload of a range of its own is copied: those
 * of a neighbour, so that scattered bytes do not hold a frame each. */
static const struct slice *neighbour(const struct reassembly *reassembly,
                                     const struct pieces *pieces, unsigned at)
{
    if (at > 0) {
        return &piece_at(pieces, reassembly->ranges[at - 1].chain.last)->slice;
    }
    return reassembly->count > 0 ? &piece_at(pieces, reassembly->ranges[0].chain.first)->slice
                                 : NULL;
}

/* A range of its own at place `at`, touching none. */
static enum reassembly_result insert_apart(struct reassembly *reassembly,
                                           const struct reassembly_room *room, unsigned at,
                                           uint32_t seq, const struct slice *slice)
{
    struct reassembly_range range = {
        .start = seq, .end = seq + slice->length, .chain = {PIECE_NONE, PIECE_NONE}};
    struct reassembly_range *place;

    if (reassembly->count == capacity(reassembly) && !grow(reassembly, room)) {
        return REASSEMBLY_NO_ROOM;
    }
    if (!piece_append(room->pieces, room->pool, &range.chain, slice,
                      neighbour(reassembly, room->pieces, at))) {
        give_back(reassembly, room);
        return REASSEMBLY_NO_ROOM;
    }
    place = &reassembly->ranges[at];
    memmove(place + 1, place, (reassembly->count - at) * sizeof *place);
    *place = range;
    reassembly->count++;
    reassembly->bytes += slice->length;
    note_recent(reassembly, place);
    return REASSEMBLY_STORED;
}

/* The range now reaches the next one: they become one. */
static void merge_next(struct reassembly *reassembly, const struct reassembly_room *room,
                       unsigned at)
{
    struct reassembly_range *range = &reassembly->ranges[at];
    struct reassembly_range *next = range + 1;

    piece_at(room->pieces, range->chain.last)->next = next->chain.first;
    range->chain.last = next->chain.last;
    range->end = next->end;
    remove_range(reassembly, at + 1);
    give_back(reassembly, room);
}

static bool reaches_next(const struct reassembly *reassembly, unsigned at)
{
    const struct reassembly_range *range = &reassembly->ranges[at];

    return at + 1u < reassembly->count && range->end == range[1].start;
}

/* Appends what is new of the segment behind the range, hole by hole; copies for
 * several holes go behind each other. False when something had no room. */
static bool extend(struct reassembly *reassembly, const struct reassembly_room *room, unsigned at,
                   uint32_t seq, const struct slice *slice)
{
    struct reassembly_range *range = &reassembly->ranges[at];
    uint32_t end = seq + slice->length;
    struct slice near = piece_at(room->pieces, range->chain.first)->slice;

    while (seq_lt(range->end, end)) {
        uint32_t stop = end;
        struct slice part;

        if (at + 1u < reassembly->count) {
            stop = seq_min(end, range[1].start);
        }
        part = cut(room->pool, slice, range->end - seq, stop - seq);
        if (!piece_append(room->pieces, room->pool, &range->chain, &part, &near)) {
            return false;
        }
        near = piece_at(room->pieces, range->chain.last)->slice;
        reassembly->bytes += part.length;
        range->end = stop;
        if (reaches_next(reassembly, at)) {
            merge_next(reassembly, room, at);
        }
    }
    return true;
}

/* Joins the segment to the range at `at`, which it touches. The part before it
 * goes first: when that has no room, nothing is kept. */
static enum reassembly_result insert_joined(struct reassembly *reassembly,
                                            const struct reassembly_room *room, unsigned at,
                                            uint32_t seq, const struct slice *slice)
{
    struct reassembly_range *range = &reassembly->ranges[at];
    uint32_t before = reassembly->bytes;

    if (seq_lt(seq, range->start)) {
        struct slice front = cut(room->pool, slice, 0, range->start - seq);

        if (!piece_prepend(room->pieces, room->pool, &range->chain, &front)) {
            return REASSEMBLY_NO_ROOM;
        }
        reassembly->bytes += front.length;
        range->start = seq;
    }
    if (!extend(reassembly, room, at, seq, slice) && reassembly->bytes == before) {
        return REASSEMBLY_NO_ROOM;
    }
    note_recent(reassembly, range);
    return REASSEMBLY_STORED;
}

/* Notes the first run of the segment that is here already, in the range at `at`
 * or, where the segment only touches that one, the next; true when it is the
 * whole segment. */
static bool note_known(struct reassembly *reassembly, unsigned at, uint32_t seq, uint32_t end)
{
    const struct reassembly_range *range = &reassembly->ranges[at];
    uint32_t known_start;
    uint32_t known_end;

    if (range->end == seq && at + 1u < reassembly->count) {
        range++;
    }
    known_start = seq_max(seq, range->start);
    known_end = seq_min(end, range->end);
    if (seq_lt(known_start, known_end)) {
        reassembly_note_duplicate(reassembly, known_start, known_end);
    }
    return known_start == seq && known_end == end;
}

bool reassembly_has(const struct reassembly *reassembly, uint32_t seq, uint32_t end)
{
    unsigned at = find(reassembly, seq);

    return at < reassembly->count && seq_le(reassembly->ranges[at].start, seq) &&
           seq_le(end, reassembly->ranges[at].end);
}

enum reassembly_result reassembly_insert(struct reassembly *reassembly,
                                         const struct reassembly_room *room, uint32_t seq,
                                         const struct slice *slice)
{
    uint32_t end = seq + slice->length;
    unsigned at = find(reassembly, seq);
    uint32_t pieces_before = room->pieces->slab.used;
    enum reassembly_result result;

    assert(slice->length > 0);
    if (at < reassembly->count && seq_le(reassembly->ranges[at].start, end)) {
        if (note_known(reassembly, at, seq, end)) {
            note_recent(reassembly, &reassembly->ranges[at]);
            return REASSEMBLY_DUPLICATE;
        }
        result = may_add_piece(reassembly) ? insert_joined(reassembly, room, at, seq, slice)
                                           : REASSEMBLY_NO_ROOM;
    } else {
        result = may_add_piece(reassembly) ? insert_apart(reassembly, room, at, seq, slice)
                                           : REASSEMBLY_NO_ROOM;
    }
    reassembly->pieces += room->pieces->slab.used - pieces_before;
    return result;
}

bool reassembly_pop(struct reassembly *reassembly, const struct reassembly_room *room,
                    uint32_t rcv_nxt, struct slice *out)
{
    while (reassembly->count > 0 && seq_le(reassembly->ranges[0].start, rcv_nxt)) {
        struct reassembly_range *range = &reassembly->ranges[0];
        uint32_t start = range->start;

        (void)piece_pop(room->pieces, &range->chain, out);
        reassembly->pieces--;
        range->start += out->length;
        reassembly->bytes -= out->length;
        if (range->chain.first == PIECE_NONE) {
            assert(range->start == range->end);
            remove_range(reassembly, 0);
            give_back(reassembly, room);
        }
        if (seq_gt(start + out->length, rcv_nxt)) {
            if (start != rcv_nxt) {
                (void)slice_take_front(room->pool, out, (uint16_t)(rcv_nxt - start));
            }
            return true;
        }
        frame_drop(room->pool, out->frame, FRAME_REASSEMBLY);
    }
    return false;
}

unsigned reassembly_prune_top(struct reassembly *reassembly, const struct reassembly_room *room)
{
    uint32_t pieces_before = room->pieces->slab.used;
    struct reassembly_range *top;

    if (reassembly->count == 0) {
        return 0;
    }
    top = &reassembly->ranges[reassembly->count - 1];
    if (seq_between(reassembly->duplicate_start, top->start, top->end)) {
        reassembly->duplicate = false; /* alone, the block would claim what is gone */
    }
    reassembly->bytes -= top->end - top->start;
    piece_clear(room->pieces, room->pool, &top->chain);
    reassembly->pieces -= pieces_before - room->pieces->slab.used;
    reassembly->count--;
    give_back(reassembly, room);
    return 1;
}

void reassembly_note_duplicate(struct reassembly *reassembly, uint32_t start, uint32_t end)
{
    reassembly->duplicate = true;
    reassembly->duplicate_start = start;
    reassembly->duplicate_end = end;
}

/* What an ACK says, being written. */
struct report {
    struct tcp_sack_block *blocks;
    unsigned first; /* 1 behind a D-SACK, which may repeat a range's block */
    unsigned count;
    unsigned max;
};

static void report_range(struct report *report, const struct reassembly_range *range)
{
    for (unsigned i = report->first; i < report->count; i++) {
        if (report->blocks[i].start == range->start) {
            return;
        }
    }
    if (report->count < report->max) {
        report->blocks[report->count++] = (struct tcp_sack_block){range->start, range->end};
    }
}

/* The range around `seq`. A number whose range was delivered or pruned since
 * reports none. */
static void report_around(struct report *report, const struct reassembly *reassembly, uint32_t seq)
{
    unsigned at = find(reassembly, seq + 1);

    if (at < reassembly->count && seq_le(reassembly->ranges[at].start, seq)) {
        report_range(report, &reassembly->ranges[at]);
    }
}

unsigned reassembly_sack(struct reassembly *reassembly, struct tcp_sack_block *blocks, unsigned max)
{
    struct report report = {blocks, 0, 0, max};

    assert(max > 0);
    if (reassembly->duplicate) {
        reassembly->duplicate = false;
        blocks[0] = (struct tcp_sack_block){reassembly->duplicate_start, reassembly->duplicate_end};
        report.first = 1;
        report.count = 1;
        report_around(&report, reassembly, reassembly->duplicate_start);
    }
    for (unsigned i = 0; i < reassembly->recent_count; i++) {
        report_around(&report, reassembly, reassembly->recent[i]);
    }
    for (unsigned i = 0; i < reassembly->count && report.count < max; i++) {
        report_range(&report, &reassembly->ranges[i]);
    }
    return report.count;
}

/* A range is its chain: as many bytes, each piece with its hold, up to `last`. */
static bool range_is_whole(const struct reassembly_range *range, const struct reassembly_room *room,
                           uint32_t *pieces)
{
    uint32_t bytes = 0;
    uint32_t last = PIECE_NONE;

    for (uint32_t at = range->chain.first; at != PIECE_NONE;
         at = piece_at(room->pieces, at)->next) {
        const struct slice *slice = &piece_at(room->pieces, at)->slice;

        if (slice->length == 0 || !frame_is_held_by(room->pool, slice->frame, FRAME_REASSEMBLY)) {
            return false;
        }
        bytes += slice->length;
        (*pieces)++;
        last = at;
    }
    return bytes > 0 && bytes == range->end - range->start && last == range->chain.last;
}

bool reassembly_check(const struct reassembly *reassembly, const struct reassembly_room *room)
{
    uint32_t bytes = 0;
    uint32_t pieces = 0;

    for (unsigned i = 0; i < reassembly->count; i++) {
        const struct reassembly_range *range = &reassembly->ranges[i];

        if ((i > 0 && !seq_gt(range->start, range[-1].end)) ||
            !range_is_whole(range, room, &pieces)) {
            return false;
        }
        bytes += range->end - range->start;
    }
    return bytes == reassembly->bytes && pieces == reassembly->pieces &&
           reassembly->count <= capacity(reassembly) &&
           (reassembly->count > 0) == (reassembly->ranges != NULL);
}
