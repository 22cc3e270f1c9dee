/*
 * Goal:   request k of an open loop is due k/rate seconds after the begin, without drift
 *         over hours; of N workers each has its share, and together they have all.
 * Method: virtual time: schedules taken from, compared with the same numbers in 128 bits.
 */
#include "bench/load_client/schedule.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BEGIN_NS 12345u

static uint64_t wanted_ns(uint64_t request, uint64_t rate)
{
    return BEGIN_NS + (uint64_t)((unsigned __int128)request * 1000000000 / rate);
}

static const struct {
    const char *name;
    uint64_t rate;
    unsigned workers;
    uint64_t requests; /* of each worker */
} rows[] = {
    {"one a second", 1, 1, 100000},
    {"a rate that divides a second", 1000, 1, 100000},
    {"one that does not", 300007, 1, 1000000},
    {"the highest", SCHEDULE_RATE_MAX, 1, 1000000},
    {"more workers than requests a second", 3, 64, 10000},
    {"two workers", 999983, 2, 1000000},
};

static void each_is_due_at_its_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].name);
        for (unsigned worker = 0; worker < rows[i].workers; worker++) {
            struct schedule schedule;

            schedule_init(&schedule, BEGIN_NS, rows[i].rate);
            schedule_share(&schedule, worker, rows[i].workers);
            for (uint64_t k = 0; k < rows[i].requests; k++) {
                assert_int_equal(schedule_take(&schedule),
                                 wanted_ns(worker + k * rows[i].workers, rows[i].rate));
            }
        }
    }
}

/* Of a rate R in S seconds exactly R * S are due: the last one before the end, the next
 * one at it. */
static void as_many_as_the_rate_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        const uint64_t seconds = rows[i].rate > 1000000 ? 1 : 7;
        struct schedule schedule;
        uint64_t due = 0;

        schedule_init(&schedule, BEGIN_NS, rows[i].rate);
        while (schedule.next_ns < BEGIN_NS + seconds * 1000000000) {
            (void)schedule_take(&schedule);
            due++;
        }
        assert_int_equal(due, rows[i].rate * seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_due_at_its_time),
        cmocka_unit_test(as_many_as_the_rate_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
