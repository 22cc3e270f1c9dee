/*
 * Goal:   sequence numbers compare by the shorter way round, everywhere on the
 *         circle of 2^32.
 * Method: pairs told by their distance, at bases on both sides of each seam; the
 *         expected order is computed in 64 bits, where nothing wraps.
 */
#include "tcp/seq.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint32_t bases[] = {0,          1,          0x7ffffffe, 0x7fffffff, 0x80000000,
                                 0x80000001, 0xfffffffe, 0xffffffff, 1460,       UINT32_MAX - 1460};

/* b lies `distance` after a. */
static void check_pair(uint32_t a, int64_t distance)
{
    uint32_t b = a + (uint32_t)distance;

    assert_int_equal(seq_lt(a, b), distance > 0);
    assert_int_equal(seq_le(a, b), distance >= 0);
    assert_int_equal(seq_gt(a, b), distance < 0);
    assert_int_equal(seq_ge(a, b), distance <= 0);
    assert_int_equal(seq_max(a, b), distance > 0 ? b : a);
    assert_int_equal(seq_min(a, b), distance > 0 ? a : b);
}

/* Shows: RFC 9293 3.4a. */
static void the_shorter_way_round_decides(void **state)
{
    static const int64_t distances[] = {0, 1, 2, 1460, 65535, 1 << 30, 0x7ffffffe, 0x7fffffff};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(bases); i++) {
        for (unsigned j = 0; j < COUNT_OF(distances); j++) {
            check_pair(bases[i], distances[j]);
            check_pair(bases[i], -distances[j]);
        }
    }
}

/* Shows: RFC 9293 3.4a. */
static void any_pair_within_half_the_space(void **state)
{
    struct random random;

    (void)state;
    random_init(&random, 9293);
    for (unsigned i = 0; i < 100000; i++) {
        check_pair((uint32_t)random_next(&random),
                   (int64_t)random_below(&random, 0xffffffff) - 0x7fffffff);
    }
}

static void between_is_half_open(void **state)
{
    static const struct {
        const char *name;
        uint32_t x; /* from the low end */
        uint32_t length;
        bool inside;
    } cases[] = {
        {"empty range, at it", 0, 0, false},
        {"empty range, before it", UINT32_MAX, 0, false},
        {"low end", 0, 10, true},
        {"before the low end", UINT32_MAX, 10, false},
        {"last", 9, 10, true},
        {"high end", 10, 10, false},
        {"the other side of the circle", 0x80000000, 10, false},
        {"a large range, far in", 0x3fffffff, 0x40000000, true},
        {"a large range, its end", 0x40000000, 0x40000000, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(bases); i++) {
        for (unsigned j = 0; j < COUNT_OF(cases); j++) {
            uint32_t low = bases[i];

            if (seq_between(low + cases[j].x, low, low + cases[j].length) != cases[j].inside) {
                fail_msg("%s, from %u", cases[j].name, low);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shorter_way_round_decides),
        cmocka_unit_test(any_pair_within_half_the_space),
        cmocka_unit_test(between_is_half_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
