/*
 * Reassembly: bytes beyond RCV.NXT (RFC 9293 SHLD-31), as ranges without a gap
 * inside, sorted, none touching another; each range a chain of pieces.
 *
 * Bounded in ranges and pieces of its own, and in pieces and frames by the
 * worker's slab and budget. An insertion finds its place by binary search. What arrived first is
 * kept. Ranges stand in a block of the worker that is taken when the first byte arrives out of
 * order, doubled as they get more and halved as they get fewer, so that at most three quarters of
 * one larger than the smallest are unused, and given back when none is left.
 *
 * Also what an ACK reports of it: SACK blocks, the newest first (RFC 2018
 * section 4), a duplicate before them (RFC 2883).
 */
#ifndef HEADRACE_TCP_REASSEMBLY_H
#define HEADRACE_TCP_REASSEMBLY_H

#include "tcp/blocks.h"
#include "tcp/piece.h"
#include "tcp/segment.h"
#include "tcp/seq.h"

#include <stdbool.h>
#include <stdint.h>

#define REASSEMBLY_RANGES_MAX 256u

/* Pieces of one connection: so many, and one more for each so many bytes. Half
 * a default MSS a piece (RFC 9293 section 3.7.1) is worse than any honest peer
 * does; without the bound, single bytes in falling order, each a piece, would
 * use up the worker's. */
#define REASSEMBLY_PIECES_MIN 512u
#define REASSEMBLY_BYTES_PER_PIECE 256u

struct reassembly_range {
    uint32_t start;
    uint32_t end;
    struct piece_chain chain;
};

struct reassembly {
    struct reassembly_range *ranges; /* NULL while there are none */
    uint32_t bytes;
    uint32_t pieces;
    uint16_t count;
    uint8_t order;        /* of the block */
    uint8_t recent_count; /* of recent[] */
    bool duplicate;       /* a D-SACK is owed */
    uint16_t since;       /* the hole stands still since then, by tcp_age(): see tcp/prune.h */
    uint32_t duplicate_start;
    uint32_t duplicate_end;
    uint32_t recent[TCP_SACK_BLOCKS_MAX]; /* a number in each of the ranges last hit */
};

/* What it needs of its worker. */
struct reassembly_room {
    struct frame_pool *pool;
    struct tcp_blocks *blocks;
    struct pieces *pieces;
};

enum reassembly_result {
    REASSEMBLY_STORED,    /* some or all of the bytes are new and kept */
    REASSEMBLY_DUPLICATE, /* nothing new */
    REASSEMBLY_NO_ROOM,   /* nothing kept: ranges, pieces or frames are short */
};

void reassembly_init(struct reassembly *reassembly);
void reassembly_clear(struct reassembly *reassembly, const struct reassembly_room *room);

/* Bytes at `seq`, which is beyond RCV.NXT. */
enum reassembly_result reassembly_insert(struct reassembly *reassembly,
                                         const struct reassembly_room *room, uint32_t seq,
                                         const struct slice *slice);

/* The next bytes that stand at `rcv_nxt`, if any: what lies before it is
 * dropped or cut. The hold FRAME_REASSEMBLY passes to the caller. */
bool reassembly_pop(struct reassembly *reassembly, const struct reassembly_room *room,
                    uint32_t rcv_nxt, struct slice *out);

/* Whether a segment at `seq` would lie below the highest range. False without
 * ranges. */
static inline bool reassembly_is_below_top(const struct reassembly *reassembly, uint32_t seq)
{
    return reassembly->count > 0 && seq_lt(seq, reassembly->ranges[reassembly->count - 1].start);
}

/* Whether all of it is here already. */
bool reassembly_has(const struct reassembly *reassembly, uint32_t seq, uint32_t end);

/* Drops the highest range, and the report of a duplicate in it; returns how many ranges went (0 or
 * 1). What was SACKed is then reneged on, which RFC 2018 section 8 allows. */
unsigned reassembly_prune_top(struct reassembly *reassembly, const struct reassembly_room *room);

/* Bytes came that were here already: the next ACK says so (RFC 2883). What
 * reassembly_insert finds it notes by itself: of a segment that is old in part,
 * the first old run (RFC 2883 section 4.2). */
void reassembly_note_duplicate(struct reassembly *reassembly, uint32_t start, uint32_t end);

/* Whether an ACK has something to report. */
static inline bool reassembly_has_report(const struct reassembly *reassembly)
{
    return reassembly->count > 0 || reassembly->duplicate;
}

/* The blocks for an ACK, at most `max`, which is not 0: the duplicate, reported
 * once, and the range around it (RFC 2883 section 4), the ranges last hit, then
 * others for as long as there is room (RFC 2018 section 4). */
unsigned reassembly_sack(struct reassembly *reassembly, struct tcp_sack_block *blocks,
                         unsigned max);

/* Walks everything; for tests. */
bool reassembly_check(const struct reassembly *reassembly, const struct reassembly_room *room);

#endif
