/*
 * Goal:   a limit lets a burst through, then its rate, and never saves up more
 *         than a burst.
 * Method: virtual time in steps; the events let through are counted.
 */
#include "datapath/net/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct limit_rate rate = {.interval_ns = 100, .burst_ns = 500};

static unsigned take_all(struct limit *limit, uint64_t now_ns)
{
    unsigned taken = 0;

    while (taken < 1000 && limit_take(limit, &rate, now_ns)) {
        taken++;
    }
    return taken;
}

static void burst_and_rate(void **state)
{
    static const uint64_t starts[] = {0, 1, 99, 1000000};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct limit limit = {0};

        assert_int_equal(take_all(&limit, starts[i]), 5);
        assert_int_equal(take_all(&limit, starts[i] + 99), 0);
        assert_int_equal(take_all(&limit, starts[i] + 100), 1);
        assert_int_equal(take_all(&limit, starts[i] + 350), 2);
        assert_int_equal(take_all(&limit, starts[i] + 400), 1);
        assert_int_equal(take_all(&limit, starts[i] + 1000000), 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(burst_and_rate)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
