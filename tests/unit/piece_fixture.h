/*
 * A pool, pieces and blocks, and received payloads whose bytes follow from their
 * sequence numbers and a version: what the tests of pieces, receive queue and
 * reassembly share. Included by each of them once, after <cmocka.h>. The test owns
 * the fixture, between open_pieces() and close_pieces(), which finds everything at
 * home.
 */
#ifndef HEADRACE_TESTS_UNIT_PIECE_FIXTURE_H
#define HEADRACE_TESTS_UNIT_PIECE_FIXTURE_H

#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/wire/random.h"
#include "tcp/blocks.h"
#include "tcp/piece.h"
#include "tests/unit/plain_sum.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 2048u
#define SMALL_MAX (CHUNK_BYTES / 4 - 1) /* bytes of the longest payload that is copied */
#define HEADERS 66u                     /* before the payload of a received frame */
#define ARENA_BYTES (1u << BLOCKS_ORDER_MAX)

struct piece_fixture {
    struct frame_pool pool;
    struct pieces pieces;
    struct tcp_blocks blocks;
    void *pieces_memory;
    void *blocks_memory;
};

struct span {
    uint32_t seq;
    uint16_t length;
    uint8_t version; /* of the bytes: another one each time that they are sent */
};

static inline void open_pieces(struct piece_fixture *f, uint32_t frames, uint32_t pieces)
{
    const struct frame_pool_config config = {
        .first = 3, .count = frames, .chunk_bytes = CHUNK_BYTES, .floor = {2, 0, 0}};

    assert_int_equal(wire_pool_create(&f->pool, &config), 0);
    f->pieces_memory = calloc(1, slab_memory_bytes(sizeof(struct piece), pieces));
    f->blocks_memory = calloc(1, blocks_memory_bytes(ARENA_BYTES));
    assert_non_null(f->pieces_memory);
    assert_non_null(f->blocks_memory);
    slab_init(&f->pieces.slab, f->pieces_memory, sizeof(struct piece), pieces);
    blocks_init(&f->blocks, f->blocks_memory, ARENA_BYTES);
}

static inline void close_pieces(struct piece_fixture *f)
{
    assert_true(frame_pool_check(&f->pool));
    assert_int_equal(f->pool.free_count, f->pool.count);
    assert_int_equal(f->pieces.slab.used, 0);
    assert_int_equal(f->blocks.free_bytes, ARENA_BYTES);
    wire_pool_destroy(&f->pool);
    free(f->pieces_memory);
    free(f->blocks_memory);
}

static inline uint8_t byte_at(uint32_t seq, uint8_t version)
{
    uint32_t mixed = (seq ^ (uint32_t)version << 24) * 0x9e3779b1u;

    return (uint8_t)(mixed >> 24);
}

/* A packet with these bytes arrives; `trailer` more follow the payload. The frame
 * is in the worker's hands until end_burst(). */
static inline struct slice receive(struct piece_fixture *f, const struct span *span,
                                   uint16_t trailer)
{
    struct slice slice = {.frame = frame_take(&f->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX),
                          .offset = HEADERS,
                          .length = span->length};

    assert_int_not_equal(slice.frame, FRAME_NONE);
    frame_arrive(&f->pool, slice.frame, (uint16_t)(HEADERS + span->length + trailer));
    for (uint32_t i = 0; i < span->length; i++) {
        slice_data(&f->pool, &slice)[i] = byte_at(span->seq + i, span->version);
    }
    slice.sum = plain_sum(slice_data(&f->pool, &slice), slice.length);
    return slice;
}

static inline void end_burst(struct piece_fixture *f, const struct slice *received)
{
    frame_drop(&f->pool, received->frame, FRAME_WORKER);
}

/* Zero has two forms in ones' complement. */
static inline bool sum_is_right(const struct piece_fixture *f, const struct slice *slice)
{
    return slice->sum % 0xffff == plain_sum(slice_data(&f->pool, slice), slice->length);
}

static inline void assert_bytes(const struct piece_fixture *f, const struct slice *slice,
                                uint32_t seq, uint8_t version)
{
    for (uint32_t i = 0; i < slice->length; i++) {
        assert_int_equal(slice_data(&f->pool, slice)[i], byte_at(seq + i, version));
    }
    assert_true(sum_is_right(f, slice));
}

static inline unsigned chain_length(const struct piece_fixture *f, const struct piece_chain *chain)
{
    unsigned count = 0;

    for (uint32_t at = chain->first; at != PIECE_NONE; at = piece_at(&f->pieces, at)->next) {
        count++;
    }
    return count;
}

#endif
