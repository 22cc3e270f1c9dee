/*
 * Goal:   a percentile is right within 1%, and the largest value exact.
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

    assert_true(error * 100 <= wanted);
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
        {"last of the linear buckets", 127},
        {"first of the others", 128},
        {"a power of two", 1ull << 39},
        {"the last", (1ull << 40) - 1},
        {"beyond", UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&histogram, 0, sizeof histogram);
        histogram_add(&histogram, cases[i].value);
        if (cases[i].value < 1ull << 40) {
            assert_int_equal(histogram_percentile(&histogram, 50), cases[i].value);
        }
        assert_int_equal(histogram.largest, cases[i].value);
    }
}

static void empty(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    assert_int_equal(histogram_percentile(&histogram, 99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_values),
        cmocka_unit_test(extreme_values),
        cmocka_unit_test(empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
