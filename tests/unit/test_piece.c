/*
 * Goal:   bytes that wait keep their order, their values and their sums, hold no
 *         more frames and pieces than they need, and give all of them back; a want
 *         of frames or pieces changes nothing.
 * Method: named ways to put two payloads together, at odd and even lengths; small
 *         payloads in rising and falling order; shortages; then a seeded random
 *         order of appends, prepends and pops, each byte told by its number.
 */
#include "tcp/piece.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"

static const struct piece_chain empty = {PIECE_NONE, PIECE_NONE};

static bool append(struct piece_fixture *f, struct piece_chain *chain, struct span span,
                   uint16_t trailer)
{
    struct slice slice = receive(f, &span, trailer);
    bool done = piece_append(&f->pieces, &f->pool, chain, &slice, NULL);

    end_burst(f, &slice);
    return done;
}

static bool prepend(struct piece_fixture *f, struct piece_chain *chain, struct span span)
{
    struct slice slice = receive(f, &span, 0);
    bool done = chain->first == PIECE_NONE ? piece_append(&f->pieces, &f->pool, chain, &slice, NULL)
                                           : piece_prepend(&f->pieces, &f->pool, chain, &slice);

    end_burst(f, &slice);
    return done;
}

/* Takes all out of a chain, which must be `length` bytes from `seq`. */
static void assert_drains(struct piece_fixture *f, struct piece_chain *chain, uint32_t seq,
                          uint32_t length)
{
    struct slice slice;

    while (piece_pop(&f->pieces, chain, &slice)) {
        assert_bytes(f, &slice, seq, 0);
        seq += slice.length;
        length -= slice.length;
        frame_drop(&f->pool, slice.frame, FRAME_REASSEMBLY);
    }
    assert_int_equal(length, 0);
    assert_int_equal(chain->last, PIECE_NONE);
}

static void what_touches_in_memory_becomes_one(void **state)
{
    static const struct {
        const char *name;
        uint16_t first;
        uint16_t trailer; /* behind the first payload */
        uint16_t second;
        unsigned pieces;
        uint32_t frames;
    } cases[] = {
        {"small behind small, even", 100, 0, 100, 1, 1},
        {"small behind small, odd", 101, 0, 33, 1, 1},
        {"single bytes", 1, 0, 1, 1, 1},
        {"the longest that is copied", SMALL_MAX, 0, SMALL_MAX, 1, 1},
        {"small behind a received frame", 1000, 0, 100, 1, 1},
        {"the same, odd", 1001, 0, 101, 1, 1},
        {"bytes behind the payload", 1000, 6, 100, 2, 1},
        {"no room behind", 1900, 0, 100, 2, 2},
        {"just room behind", 1900, 0, CHUNK_BYTES - HEADERS - 1900, 1, 1},
        {"large behind large", 1000, 0, 1000, 2, 2},
        {"large behind small", 100, 0, SMALL_MAX + 1, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct piece_fixture f;
        struct piece_chain chain = empty;
        uint32_t bytes = (uint32_t)cases[i].first + cases[i].second;

        open_pieces(&f, 8, 8);
        assert_true(append(&f, &chain, (struct span){5, cases[i].first, 0}, cases[i].trailer));
        assert_true(append(&f, &chain, (struct span){5u + cases[i].first, cases[i].second, 0}, 0));
        assert_int_equal(chain_length(&f, &chain), cases[i].pieces);
        assert_int_equal(f.pieces.slab.used, cases[i].pieces);
        assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], cases[i].frames);
        assert_int_equal(f.pool.used[FRAME_BUDGET_RECEIVE], 0);
        assert_drains(&f, &chain, 5, bytes);
        close_pieces(&f);
    }
}

/* Neither order lets a peer make a frame out of each byte. */
static void single_bytes_share_frames(void **state)
{
    const uint32_t bytes = 1500;

    (void)state;
    for (unsigned falling = 0; falling < 2; falling++) {
        struct piece_fixture f;
        struct piece_chain chain = empty;

        open_pieces(&f, 8, bytes);
        for (uint32_t i = 0; i < bytes; i++) {
            assert_true(falling ? prepend(&f, &chain, (struct span){bytes - 1 - i, 1, 0})
                                : append(&f, &chain, (struct span){i, 1, 0}, 0));
        }
        assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], 1);
        assert_int_equal(f.pieces.slab.used, falling ? bytes : 1);
        assert_drains(&f, &chain, 0, bytes);
        close_pieces(&f);
    }
}

/* Chains of their own may share a frame; each keeps it for itself. */
static void a_chain_starts_near_another(void **state)
{
    static const struct {
        const char *name;
        uint16_t bytes;   /* of the neighbour */
        uint16_t trailer; /* behind it */
        uint32_t frames;
    } cases[] = {
        {"with room", 600, 0, 1},
        {"with room behind something else", 600, 1, 1},
        {"without", CHUNK_BYTES - HEADERS - 6, 0, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct piece_fixture f;
        struct piece_chain first = empty;
        struct piece_chain second = empty;
        struct slice slice;

        open_pieces(&f, 8, 8);
        assert_true(append(&f, &first, (struct span){100, cases[i].bytes, 0}, cases[i].trailer));
        slice = receive(&f, &(struct span){9000, 7, 0}, 0);
        assert_true(piece_append(&f.pieces, &f.pool, &second, &slice,
                                 &piece_at(&f.pieces, first.last)->slice));
        end_burst(&f, &slice);
        assert_int_equal(f.pieces.slab.used, 2);
        assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], cases[i].frames);
        piece_clear(&f.pieces, &f.pool, &first);
        assert_drains(&f, &second, 9000, 7);
        close_pieces(&f);
    }
}

static void adopted_bytes_bring_their_hold(void **state)
{
    struct piece_fixture f;
    struct piece_chain from = empty;
    struct piece_chain to = empty;
    struct slice slice;

    (void)state;
    open_pieces(&f, 8, 3);
    assert_true(append(&f, &from, (struct span){0, 700, 0}, 1));
    assert_true(append(&f, &from, (struct span){700, 9, 0}, 0));
    assert_true(append(&f, &from, (struct span){709, 800, 0}, 0));
    while (piece_pop(&f.pieces, &from, &slice)) {
        piece_adopt(&f.pieces, &to, &slice); /* no piece is free but the popped one */
    }
    assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], 2);
    assert_drains(&f, &to, 0, 1509);
    close_pieces(&f);
}

struct shortage {
    const char *name;
    uint32_t frames;
    uint32_t pieces;
    uint16_t first; /* length of what the chain has already; 0: it is empty */
    uint16_t length;
    bool fits;
};

static void want_changes_nothing(void **state)
{
    /* Two frames are the floor of the receive budget. */
    static const struct shortage cases[] = {
        {"no frame for a copy", 2, 8, 0, 10, false},
        {"no frame to replace a received one", 2, 8, 0, 1000, false},
        {"no second frame for a copy", 3, 8, 1990, 100, false},
        {"no second frame to replace", 3, 8, 1000, 1000, false},
        {"a copy needs none behind its neighbour", 3, 8, 10, 10, true},
        {"no second piece", 8, 1, 1000, 1000, false},
        {"no second piece for a copy", 8, 1, 1990, 100, false},
        {"a copy needs none behind its neighbour's", 8, 1, 10, 10, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct shortage *c = &cases[i];
        struct piece_fixture f;
        struct piece_chain chain = empty;
        struct piece_chain before;
        uint32_t used;

        open_pieces(&f, c->frames, c->pieces);
        if (c->first > 0) {
            assert_true(append(&f, &chain, (struct span){0, c->first, 0}, 0));
        }
        used = f.pool.used[FRAME_BUDGET_DATA];
        before = chain;
        assert_int_equal(append(&f, &chain, (struct span){c->first, c->length, 0}, 0), c->fits);
        if (!c->fits) {
            assert_memory_equal(&chain, &before, sizeof chain);
            assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], used);
        }
        assert_drains(&f, &chain, 0, (uint32_t)c->first + (c->fits ? c->length : 0));
        close_pieces(&f);
    }
}

static void want_changes_nothing_in_front(void **state)
{
    static const struct shortage cases[] = {
        {"no second frame", 3, 8, 1000, 1000, false},
        {"no second frame for a copy", 3, 8, 1990, 100, false},
        {"no second piece", 8, 1, 1000, 1000, false},
        {"no second piece, even for a copy in the same frame", 8, 1, 10, 10, false},
        {"a copy in the same frame", 3, 2, 10, 10, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct shortage *c = &cases[i];
        struct piece_fixture f;
        struct piece_chain chain = empty;

        open_pieces(&f, c->frames, c->pieces);
        assert_true(prepend(&f, &chain, (struct span){c->length, c->first, 0}));
        assert_int_equal(prepend(&f, &chain, (struct span){0, c->length, 0}), c->fits);
        assert_drains(&f, &chain, c->fits ? 0 : c->length,
                      (uint32_t)c->first + (c->fits ? c->length : 0));
        close_pieces(&f);
    }
}

static uint16_t random_length(struct random *random)
{
    static const uint32_t most[] = {2, 40, SMALL_MAX, 1500, CHUNK_BYTES - HEADERS};

    return (uint16_t)(1 + random_below(random, most[random_below(random, COUNT_OF(most))]));
}

static void any_order_keeps_the_bytes(void **state)
{
    struct piece_fixture f;
    struct piece_chain chain = empty;
    struct random random;
    uint32_t start = UINT32_MAX - 20000; /* the numbers cross 2^32 */
    uint32_t end = start;

    (void)state;
    random_init(&random, 31);
    open_pieces(&f, 24, 40);
    for (unsigned step = 0; step < 20000; step++) {
        struct span span = {end, random_length(&random), 0};
        struct slice slice;

        switch (random_below(&random, 5)) {
        case 0:
        case 1:
            end += append(&f, &chain, span, (uint16_t)random_below(&random, 2)) ? span.length : 0;
            break;
        case 2:
            span.seq = start - span.length;
            start -= prepend(&f, &chain, span) ? span.length : 0;
            break;
        default:
            assert_int_equal(piece_pop(&f.pieces, &chain, &slice), start != end);
            if (start != end) {
                assert_bytes(&f, &slice, start, 0);
                start += slice.length;
                frame_drop(&f.pool, slice.frame, FRAME_REASSEMBLY);
            }
            break;
        }
        assert_int_equal(chain_length(&f, &chain), f.pieces.slab.used);
    }
    piece_clear(&f.pieces, &f.pool, &chain);
    assert_memory_equal(&chain, &empty, sizeof chain);
    close_pieces(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_touches_in_memory_becomes_one),
        cmocka_unit_test(single_bytes_share_frames),
        cmocka_unit_test(a_chain_starts_near_another),
        cmocka_unit_test(adopted_bytes_bring_their_hold),
        cmocka_unit_test(want_changes_nothing),
        cmocka_unit_test(want_changes_nothing_in_front),
        cmocka_unit_test(any_order_keeps_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
