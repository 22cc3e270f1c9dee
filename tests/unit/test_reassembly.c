/*
 * Goal:   bytes beyond RCV.NXT are kept once, the first that came, in ranges that
 *         never touch, until RCV.NXT comes to them.
 * Method: named cases on a small piece of the sequence space, each at several
 *         places so that each edge crosses 2^32 once. Bounds and shortages are in
 *         test_reassembly_room.c, what ACKs say in test_reassembly_sack.c, and
 *         test_reassembly_model.c does it all at random.
 */
#include "tcp/reassembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"
#include "tests/unit/reassembly_fixture.h"

static const struct {
    const char *name;
    struct run before[RUNS_MAX];
    struct run segment;
    enum reassembly_result result;
    struct run known; /* what the D-SACK says; 0, 0: none */
    struct run after[RUNS_MAX];
} joins[] = {
    {"the first", {{0, 0}}, {10, 20}, REASSEMBLY_STORED, {0, 0}, {{10, 20}}},
    {"above", {{10, 20}}, {21, 30}, REASSEMBLY_STORED, {0, 0}, {{10, 20}, {21, 30}}},
    {"below", {{21, 30}}, {10, 20}, REASSEMBLY_STORED, {0, 0}, {{10, 20}, {21, 30}}},
    {"between",
     {{10, 12}, {30, 40}},
     {20, 25},
     REASSEMBLY_STORED,
     {0, 0},
     {{10, 12}, {20, 25}, {30, 40}}},
    {"touches from above", {{10, 20}}, {20, 30}, REASSEMBLY_STORED, {0, 0}, {{10, 30}}},
    {"touches from below", {{20, 30}}, {10, 20}, REASSEMBLY_STORED, {0, 0}, {{10, 30}}},
    {"fills a hole", {{10, 20}, {30, 40}}, {20, 30}, REASSEMBLY_STORED, {0, 0}, {{10, 40}}},
    {"a single byte in the hole",
     {{10, 20}, {21, 40}},
     {20, 21},
     REASSEMBLY_STORED,
     {0, 0},
     {{10, 40}}},
    {"the same again", {{10, 20}}, {10, 20}, REASSEMBLY_DUPLICATE, {10, 20}, {{10, 20}}},
    {"a part again, at the start",
     {{10, 20}},
     {10, 15},
     REASSEMBLY_DUPLICATE,
     {10, 15},
     {{10, 20}}},
    {"a part again, inside", {{10, 20}}, {12, 15}, REASSEMBLY_DUPLICATE, {12, 15}, {{10, 20}}},
    {"a part again, at the end", {{10, 20}}, {19, 20}, REASSEMBLY_DUPLICATE, {19, 20}, {{10, 20}}},
    {"overlaps from above", {{10, 20}}, {15, 25}, REASSEMBLY_STORED, {15, 20}, {{10, 25}}},
    {"overlaps from below", {{20, 30}}, {15, 25}, REASSEMBLY_STORED, {20, 25}, {{15, 30}}},
    {"same start, longer", {{10, 20}}, {10, 25}, REASSEMBLY_STORED, {10, 20}, {{10, 25}}},
    {"same end, longer", {{10, 20}}, {5, 20}, REASSEMBLY_STORED, {10, 20}, {{5, 20}}},
    {"around", {{15, 20}}, {10, 25}, REASSEMBLY_STORED, {15, 20}, {{10, 25}}},
    {"around two: the first is told",
     {{12, 15}, {20, 22}},
     {10, 25},
     REASSEMBLY_STORED,
     {12, 15},
     {{10, 25}}},
    {"around five",
     {{12, 13}, {15, 16}, {18, 19}, {21, 22}, {24, 25}},
     {11, 26},
     REASSEMBLY_STORED,
     {12, 13},
     {{11, 26}}},
    {"ends inside the third",
     {{12, 13}, {15, 16}, {18, 30}},
     {11, 20},
     REASSEMBLY_STORED,
     {12, 13},
     {{11, 30}}},
    {"ends at the start of the third",
     {{12, 13}, {15, 16}, {18, 30}},
     {11, 18},
     REASSEMBLY_STORED,
     {12, 13},
     {{11, 30}}},
    {"ends at the end of the second",
     {{12, 13}, {15, 16}, {18, 30}},
     {11, 16},
     REASSEMBLY_STORED,
     {12, 13},
     {{11, 16}, {18, 30}}},
    {"touches one, overlaps the next",
     {{10, 15}, {18, 30}},
     {15, 20},
     REASSEMBLY_STORED,
     {18, 20},
     {{10, 30}}},
    {"touches one and ends before the next",
     {{10, 15}, {18, 30}},
     {15, 17},
     REASSEMBLY_STORED,
     {0, 0},
     {{10, 17}, {18, 30}}},
    {"leaves what is above alone",
     {{10, 15}, {50, 60}},
     {12, 17},
     REASSEMBLY_STORED,
     {12, 15},
     {{10, 17}, {50, 60}}},
};

static void segments_join_what_they_touch(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(joins) * COUNT_OF(bases); i++) {
        size_t c = i / COUNT_OF(bases);
        struct reassembly_fixture f;

        reassembly_open(&f, bases[i % COUNT_OF(bases)], 32, 64);
        for (unsigned j = 0; joins[c].before[j].end != 0; j++) {
            assert_int_equal(insert(&f, joins[c].before[j], 0), REASSEMBLY_STORED);
        }
        assert_false(f.reassembly.duplicate);
        assert_int_equal(insert(&f, joins[c].segment, 1), joins[c].result);
        assert_ranges(&f, joins[c].after);
        assert_int_equal(f.reassembly.duplicate, joins[c].known.end != 0);
        if (f.reassembly.duplicate) {
            assert_int_equal(f.reassembly.duplicate_start - f.base, joins[c].known.start);
            assert_int_equal(f.reassembly.duplicate_end - f.base, joins[c].known.end);
        }
        reassembly_close(&f);
    }
}

/* The bytes that came first stay, those of a second version do not replace them. */
static void first_bytes_are_kept(void **state)
{
    static const struct run old[] = {{12, 15}, {20, 22}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bases); i++) {
        struct reassembly_fixture f;
        struct slice slice;
        uint32_t seq = bases[i] + 10;

        reassembly_open(&f, bases[i], 32, 64);
        assert_int_equal(insert(&f, old[0], 0), REASSEMBLY_STORED);
        assert_int_equal(insert(&f, old[1], 0), REASSEMBLY_STORED);
        assert_int_equal(insert(&f, (struct run){10, 25}, 1), REASSEMBLY_STORED);
        while (reassembly_pop(&f.reassembly, &f.room, seq, &slice)) {
            for (uint32_t j = 0; j < slice.length; j++) {
                uint32_t offset = seq + j - f.base;
                bool is_old = (offset >= 12 && offset < 15) || (offset >= 20 && offset < 22);

                assert_int_equal(slice_data(f.room.pool, &slice)[j], byte_at(seq + j, !is_old));
            }
            assert_true(sum_is_right(&f.pieces, &slice));
            seq += slice.length;
            frame_drop(f.room.pool, slice.frame, FRAME_REASSEMBLY);
        }
        assert_int_equal(seq - f.base, 25);
        reassembly_close(&f);
    }
}

static void pop_gives_what_stands_at_rcv_nxt(void **state)
{
    static const struct {
        const char *name;
        struct run before[RUNS_MAX];
        uint16_t rcv_nxt;
        uint16_t end; /* of the bytes that come out; rcv_nxt: none */
        struct run after[RUNS_MAX];
    } cases[] = {
        {"nothing there", {{0, 0}}, 10, 10, {{0, 0}}},
        {"beyond a hole", {{11, 20}}, 10, 10, {{11, 20}}},
        {"just there", {{10, 20}}, 10, 20, {{0, 0}}},
        {"the next stays", {{10, 20}, {21, 30}}, 10, 20, {{21, 30}}},
        {"cut at the front", {{10, 20}}, 13, 20, {{0, 0}}},
        {"all but the last byte cut", {{10, 20}}, 19, 20, {{0, 0}}},
        {"passed whole", {{10, 20}}, 20, 20, {{0, 0}}},
        {"passed and beyond", {{10, 20}}, 25, 25, {{0, 0}}},
        {"two passed, the third cut", {{10, 12}, {14, 16}, {18, 30}}, 20, 30, {{0, 0}}},
        {"one passed, the next beyond a hole", {{10, 12}, {18, 30}}, 14, 14, {{18, 30}}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(bases); i++) {
        size_t c = i / COUNT_OF(bases);
        struct reassembly_fixture f;
        struct slice slice;
        uint32_t seq;

        reassembly_open(&f, bases[i % COUNT_OF(bases)], 32, 64);
        seq = f.base + cases[c].rcv_nxt;
        for (unsigned j = 0; cases[c].before[j].end != 0; j++) {
            assert_int_equal(insert(&f, cases[c].before[j], 0), REASSEMBLY_STORED);
        }
        while (reassembly_pop(&f.reassembly, &f.room, seq, &slice)) {
            assert_bytes(&f.pieces, &slice, seq, 0);
            seq += slice.length;
            frame_drop(f.room.pool, slice.frame, FRAME_REASSEMBLY);
        }
        assert_int_equal(seq - f.base, cases[c].end);
        assert_ranges(&f, cases[c].after);
        reassembly_close(&f);
    }
}

static void pruning_takes_the_top(void **state)
{
    static const struct run two[] = {{10, 20}, {30, 1500}, {0, 0}};
    static const struct run one[] = {{10, 20}, {0, 0}};
    struct reassembly_fixture f;

    (void)state;
    reassembly_open(&f, UINT32_MAX - 20, 32, 64);
    assert_int_equal(reassembly_prune_top(&f.reassembly, &f.room), 0);
    assert_int_equal(insert(&f, (struct run){1600, 3000}, 0), REASSEMBLY_STORED);
    assert_int_equal(insert(&f, two[1], 0), REASSEMBLY_STORED);
    assert_int_equal(insert(&f, two[0], 0), REASSEMBLY_STORED);
    assert_int_equal(reassembly_prune_top(&f.reassembly, &f.room), 1);
    assert_ranges(&f, two);
    assert_int_equal(reassembly_prune_top(&f.reassembly, &f.room), 1);
    assert_ranges(&f, one);
    assert_int_equal(reassembly_prune_top(&f.reassembly, &f.room), 1);
    assert_ranges(&f, &one[1]);
    assert_int_equal(reassembly_prune_top(&f.reassembly, &f.room), 0);
    reassembly_close(&f);
}

/* Alone, a D-SACK block above the ACK would claim bytes that are gone. */
static void pruning_takes_the_duplicate_along(void **state)
{
    struct reassembly_fixture f;
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];

    (void)state;
    reassembly_open(&f, UINT32_MAX - 20, 32, 64);
    assert_int_equal(insert(&f, (struct run){10, 40}, 0), REASSEMBLY_STORED);
    assert_int_equal(insert(&f, (struct run){20, 30}, 0), REASSEMBLY_DUPLICATE);
    assert_int_equal(insert(&f, (struct run){50, 60}, 0), REASSEMBLY_STORED);
    (void)reassembly_prune_top(&f.reassembly, &f.room);
    assert_true(f.reassembly.duplicate); /* it lies in the range that stays */
    (void)reassembly_prune_top(&f.reassembly, &f.room);
    assert_false(reassembly_has_report(&f.reassembly));
    assert_int_equal(reassembly_sack(&f.reassembly, blocks, TCP_SACK_BLOCKS_MAX), 0);
    reassembly_close(&f);
}

static void cleared_is_as_good_as_new(void **state)
{
    struct reassembly_fixture f;
    static const struct run one[] = {{5, 9}, {0, 0}};

    (void)state;
    reassembly_open(&f, UINT32_MAX - 5, 32, 64);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(insert(&f, (struct run){10, 1010}, 0), REASSEMBLY_STORED);
        assert_int_equal(insert(&f, (struct run){20, 25}, 0), REASSEMBLY_DUPLICATE);
        assert_int_equal(insert(&f, (struct run){1100, 2300}, 0), REASSEMBLY_STORED);
        reassembly_clear(&f.reassembly, &f.room);
        assert_false(reassembly_has_report(&f.reassembly));
        assert_int_equal(f.room.pool->used[FRAME_BUDGET_DATA], 0);
    }
    assert_int_equal(insert(&f, one[0], 0), REASSEMBLY_STORED);
    assert_ranges(&f, one);
    reassembly_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_join_what_they_touch),
        cmocka_unit_test(first_bytes_are_kept),
        cmocka_unit_test(pop_gives_what_stands_at_rcv_nxt),
        cmocka_unit_test(pruning_takes_the_top),
        cmocka_unit_test(pruning_takes_the_duplicate_along),
        cmocka_unit_test(cleared_is_as_good_as_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
