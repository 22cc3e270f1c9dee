/*
 * Goal:   an ACK tells the ranges as RFC 2018 section 4 wants it, the newest first,
 *         and duplicates as RFC 2883 does.
 * Method: named orders of arrival, each at several places of the sequence space.
 */
#include "tcp/reassembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"
#include "tests/unit/reassembly_fixture.h"

struct sack_case {
    const char *name;
    struct run segments[RUNS_MAX];
    uint16_t rcv_nxt; /* delivered to here before; 0: nothing */
    unsigned pruned;
    unsigned max;
    struct run blocks[5];
};

static const struct sack_case sack_cases[] = {
    {"nothing", {{0, 0}}, 0, 0, 4, {{0, 0}}},
    {"one", {{10, 20}}, 0, 0, 4, {{10, 20}}},
    {"the newest first", {{10, 20}, {30, 40}}, 0, 0, 4, {{30, 40}, {10, 20}}},
    {"the newest first, in falling order", {{30, 40}, {10, 20}}, 0, 0, 4, {{10, 20}, {30, 40}}},
    {"hit again above", {{10, 20}, {30, 40}, {20, 22}}, 0, 0, 4, {{10, 22}, {30, 40}}},
    {"hit again below", {{10, 20}, {30, 40}, {8, 10}}, 0, 0, 4, {{8, 20}, {30, 40}}},
    {"hit often, the others keep their order",
     {{10, 20}, {30, 40}, {50, 60}, {60, 61}, {61, 62}, {62, 63}},
     0,
     0,
     4,
     {{50, 63}, {30, 40}, {10, 20}}},
    {"two became one", {{10, 20}, {30, 40}, {50, 55}, {20, 30}}, 0, 0, 4, {{10, 40}, {50, 55}}},
    {"four of six",
     {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}},
     0,
     0,
     4,
     {{11, 12}, {9, 10}, {7, 8}, {5, 6}}},
    {"three beside timestamps",
     {{1, 2}, {3, 4}, {5, 6}, {7, 8}},
     0,
     0,
     3,
     {{7, 8}, {5, 6}, {3, 4}}},
    {"one block only", {{1, 2}, {3, 4}}, 0, 0, 1, {{3, 4}}},
    {"delivered ones are not told", {{3, 4}, {10, 20}, {1, 2}}, 5, 0, 4, {{10, 20}}},
    {"pruned ones make place for others",
     {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}},
     0,
     2,
     4,
     {{7, 8}, {5, 6}, {1, 2}, {3, 4}}},
    {"a whole duplicate, then its range",
     {{10, 20}, {30, 40}, {10, 20}},
     0,
     0,
     4,
     {{10, 20}, {10, 20}, {30, 40}}},
    {"a partial one, then its range",
     {{10, 20}, {30, 40}, {15, 25}},
     0,
     0,
     4,
     {{15, 20}, {10, 25}, {30, 40}}},
    {"its range second, though another is newer",
     {{10, 20}, {12, 14}, {30, 40}},
     0,
     0,
     4,
     {{12, 14}, {10, 20}, {30, 40}}},
    {"a duplicate costs a block",
     {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {7, 8}},
     0,
     0,
     3,
     {{7, 8}, {7, 8}, {5, 6}}},
    {"a duplicate that was delivered since",
     {{10, 20}, {12, 14}, {30, 40}},
     20,
     0,
     4,
     {{12, 14}, {30, 40}}},
    {"room for the duplicate only", {{10, 20}, {12, 14}}, 0, 0, 1, {{12, 14}}},
};

/* Shows: RFC 2018 4c, 4d, 4e; RFC 2883 4a, 4b, 4c, 4d. */
static void acks_tell_the_newest_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sack_cases) * COUNT_OF(bases); i++) {
        const struct sack_case *c = &sack_cases[i / COUNT_OF(bases)];
        struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];
        struct reassembly_fixture f;
        unsigned count = 0;

        reassembly_open(&f, bases[i % COUNT_OF(bases)], 32, 64);
        for (unsigned j = 0; c->segments[j].end != 0; j++) {
            assert_int_not_equal(insert(&f, c->segments[j], 0), REASSEMBLY_NO_ROOM);
        }
        if (c->rcv_nxt > 0) {
            reassembly_deliver(&f, f.base + c->rcv_nxt);
        }
        for (unsigned j = 0; j < c->pruned; j++) {
            (void)reassembly_prune_top(&f.reassembly, &f.room);
        }
        while (c->blocks[count].end != 0) {
            count++;
        }
        assert_int_equal(reassembly_has_report(&f.reassembly), count > 0);
        assert_int_equal(reassembly_sack(&f.reassembly, blocks, c->max), count);
        for (unsigned j = 0; j < count; j++) {
            assert_int_equal(blocks[j].start - f.base, c->blocks[j].start);
            assert_int_equal(blocks[j].end - f.base, c->blocks[j].end);
        }
        assert_false(f.reassembly.duplicate); /* told once */
        reassembly_close(&f);
    }
}

/* What the caller found by itself: a repeat below RCV.NXT. */
static void an_old_duplicate_is_told_once(void **state)
{
    struct reassembly_fixture f;
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];

    (void)state;
    reassembly_open(&f, UINT32_MAX - 5, 32, 64);
    assert_false(reassembly_has_report(&f.reassembly));
    reassembly_note_duplicate(&f.reassembly, f.base - 3, f.base + 9);
    assert_true(reassembly_has_report(&f.reassembly));
    assert_int_equal(reassembly_sack(&f.reassembly, blocks, 4), 1);
    assert_int_equal(blocks[0].start, f.base - 3);
    assert_int_equal(blocks[0].end, f.base + 9);
    assert_false(reassembly_has_report(&f.reassembly));
    assert_int_equal(reassembly_sack(&f.reassembly, blocks, 4), 0);
    reassembly_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acks_tell_the_newest_first),
        cmocka_unit_test(an_old_duplicate_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
