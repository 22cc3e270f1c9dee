/*
 * A reassembly with its room, and segments that arrive for it: what its two tests
 * share. Included after piece_fixture.h; the test owns the fixture, between
 * reassembly_open() and reassembly_close(), which finds everything at home.
 */
#ifndef HEADRACE_TESTS_UNIT_REASSEMBLY_FIXTURE_H
#define HEADRACE_TESTS_UNIT_REASSEMBLY_FIXTURE_H

#include "tcp/reassembly.h"

#define RUNS_MAX 7u

/* [start, end) beyond the base; both 0 ends a list. */
struct run {
    uint16_t start;
    uint16_t end;
};

/* Where offset 0 lies: the numbers 1 to 60 all cross 2^32 somewhere. */
static const uint32_t bases[] = {0,
                                 1000,
                                 UINT32_MAX,
                                 UINT32_MAX - 10,
                                 UINT32_MAX - 15,
                                 UINT32_MAX - 19,
                                 UINT32_MAX - 20,
                                 UINT32_MAX - 25,
                                 UINT32_MAX - 35,
                                 0x7ffffff0};

struct reassembly_fixture {
    struct piece_fixture pieces;
    struct reassembly_room room;
    struct reassembly reassembly;
    uint32_t base; /* of the numbers in the test's tables */
};

static inline void reassembly_open(struct reassembly_fixture *f, uint32_t base, uint32_t frames,
                                   uint32_t pieces)
{
    open_pieces(&f->pieces, frames, pieces);
    f->room = (struct reassembly_room){&f->pieces.pool, &f->pieces.blocks, &f->pieces.pieces};
    f->base = base;
    reassembly_init(&f->reassembly);
}

static inline void reassembly_close(struct reassembly_fixture *f)
{
    assert_true(reassembly_check(&f->reassembly, &f->room));
    reassembly_clear(&f->reassembly, &f->room);
    assert_true(reassembly_check(&f->reassembly, &f->room));
    close_pieces(&f->pieces);
}

static inline enum reassembly_result reassembly_receive(struct reassembly_fixture *f,
                                                        struct span span)
{
    struct slice slice = receive(&f->pieces, &span, 0);
    enum reassembly_result result = reassembly_insert(&f->reassembly, &f->room, span.seq, &slice);

    end_burst(&f->pieces, &slice);
    return result;
}

/* RCV.NXT comes to `rcv_nxt`, and what stands there goes to nobody. Returns the
 * new RCV.NXT. */
static inline uint32_t reassembly_deliver(struct reassembly_fixture *f, uint32_t rcv_nxt)
{
    struct slice slice;

    while (reassembly_pop(&f->reassembly, &f->room, rcv_nxt, &slice)) {
        rcv_nxt += slice.length;
        frame_drop(f->room.pool, slice.frame, FRAME_REASSEMBLY);
    }
    return rcv_nxt;
}

static inline enum reassembly_result insert(struct reassembly_fixture *f, struct run run,
                                            uint8_t version)
{
    return reassembly_receive(
        f, (struct span){f->base + run.start, (uint16_t)(run.end - run.start), version});
}

static inline void assert_ranges(const struct reassembly_fixture *f, const struct run *expected)
{
    unsigned count = 0;

    for (; expected[count].end != 0; count++) {
        assert_true(count < f->reassembly.count);
        assert_int_equal(f->reassembly.ranges[count].start - f->base, expected[count].start);
        assert_int_equal(f->reassembly.ranges[count].end - f->base, expected[count].end);
    }
    assert_int_equal(f->reassembly.count, count);
    assert_true(reassembly_check(&f->reassembly, &f->room));
}

#endif
