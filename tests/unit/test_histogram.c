/*
 * Goal:   a percentile is right within 0.1%, the ends and the mean are exact, and histograms
 *         add up.
 * Method: uniform, single and extreme values against what sorting them gives.
 */
#include "bench/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct histogram histogram;

static void is_near(uint64_t got, uint64_t wanted)
{
    uint64_t error = got > wanted ? got - wanted : wanted - got;

    assert_true(error * 1000 <= wanted);
}

static void uniform_values(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    for (uint64_t value = 1; value <= 1000000; value++) {
        histogram_add(&histogram, value);
    }
    is_near(histogram_percentile(&histogram, 50), 500000);
    is_near(histogram_percentile(&histogram, 99), 990000);
    is_near(histogram_percentile(&histogram, 99.99), 999900);
    assert_int_equal(histogram_percentile(&histogram, 100), 1000000);
    assert_int_equal(histogram.count, 1000000);
}

static void extreme_values(void **state)
{
    static const struct {
        const char *name;
        uint64_t value;
    } cases[] = {
        {"nothing", 0},
        {"one", 1},
        {"last of the linear buckets", 2047},
        {"first of the others", 2048},
        {"before a power of two", (1ull << 41) - 1},
        {"a power of two", 1ull << 41},
        {"the highest", HISTOGRAM_HIGHEST},
        {"beyond", UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        memset(&histogram, 0, sizeof histogram);
        histogram_add(&histogram, cases[i].value);
        if (cases[i].value <= HISTOGRAM_HIGHEST) {
            assert_int_equal(histogram_percentile(&histogram, 50), cases[i].value);
        } else {
            is_near(histogram_percentile(&histogram, 50), HISTOGRAM_HIGHEST);
        }
        assert_int_equal(histogram.smallest, cases[i].value);
        assert_int_equal(histogram.largest, cases[i].value);
    }
}

/* Every bucket ends where the next begins: the percentile of a value that stands beside
 * a larger one is never below it, and at most a thousandth above. */
static void edges_of_buckets(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit < 41; bit++) {
        for (unsigned step = 0; step <= 2; step++) {
            uint64_t value = (1ull << bit) + step - 1;
            uint64_t got;

            memset(&histogram, 0, sizeof histogram);
            histogram_add(&histogram, value);
            histogram_add(&histogram, HISTOGRAM_HIGHEST);
            got = histogram_percentile(&histogram, 50);
            assert_true(got >= value && (got - value) * 1000 <= value);
        }
    }
}

static void empty(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    assert_int_equal(histogram_percentile(&histogram, 99), 0);
    assert_true(histogram_mean(&histogram) == 0);
}

static void merged(void **state)
{
    static struct histogram other;
    static const struct histogram nothing;

    (void)state;
    memset(&histogram, 0, sizeof histogram);
    histogram_merge(&histogram, &nothing);
    assert_int_equal(histogram.count, 0);
    for (uint64_t value = 5; value <= 1000; value++) {
        histogram_add(value % 3 == 0 ? &histogram : &other, value);
    }
    histogram_merge(&histogram, &other);
    histogram_merge(&histogram, &nothing);
    assert_int_equal(histogram.count, 996);
    assert_int_equal(histogram.smallest, 5);
    assert_int_equal(histogram.largest, 1000);
    assert_int_equal(histogram_percentile(&histogram, 50), 502);
    assert_true(histogram_mean(&histogram) == 502.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_values),   cmocka_unit_test(extreme_values),
        cmocka_unit_test(edges_of_buckets), cmocka_unit_test(empty),
        cmocka_unit_test(merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
