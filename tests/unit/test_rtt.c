/*
 * Goal:   SRTT, RTTVAR and RTO are those of RFC 6298, and the RTO always leaves
 *         room for an ACK that is a little later than all before.
 * Method: rows of samples with the three values after each, computed by hand in
 *         milliseconds; then long runs: steady, rising, noisy.
 */
#include "tcp/rtt.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"
#include "tcp/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US(ms) ((uint64_t)((ms)*1000) * NS_PER_US)

static const struct rto_bounds bounds = {TCP_RTO_INITIAL_NS, TCP_RTO_MIN_NS, TCP_RTO_MAX_NS};

/* Shows: RFC 6298 2.1a. */
static void a_new_one_waits_a_second(void **state)
{
    struct tcp_rtt rtt;

    (void)state;
    rtt_init(&rtt, &bounds);
    assert_int_equal(rtt.srtt_ns, 0);
    assert_int_equal(rtt.rttvar_ns, 0);
    assert_int_equal(rtt.rto_ns, NS_PER_S);
    assert_int_equal(rtt.min_rtt_ns, UINT32_MAX);
}

/* Shows: RFC 9293 MUST-18; RFC 6298 2.2a, 2.3a, 2.3b, 2.4a. */
static void samples_by_hand(void **state)
{
    static const struct {
        const char *name;
        double sample_ms; /* 0 first: a new connection */
        double srtt_ms;
        double rttvar_ms;
        double rto_ms;
    } cases[] = {
        {"new", 0, 0, 0, 0},
        {"the first: R, R/2, and K = 4", 100, 100, 50, 300},
        {"the same: the variance falls by a quarter", 100, 100, 37.5, 300},
        {"a longer one: RTTVAR by the old SRTT", 180, 110, 48.125, 310},
        {"a much longer one", 1070, 230, 276.09375, 1334.375},
        {"new", 0, 0, 0, 0},
        {"a slow path", 1000, 1000, 500, 3000},
        {"a shorter one: the distance counts, not its sign", 200, 900, 575, 3200},
        {"new", 0, 0, 0, 0},
        {"a quick path: the floor", 0.5, 0.5, 0.25, 200.5},
        {"new", 0, 0, 0, 0},
        {"the most of a variance", 39000, 39000, 4294.967295, 56179.86918},
        {"still", 47000, 40000, 4294.967295, 57179.86918},
        {"new", 0, 0, 0, 0},
        {"the ceiling", 110000, 110000, 4294.967295, 120000},
    };
    struct tcp_rtt rtt;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        if (cases[i].sample_ms == 0) {
            rtt_init(&rtt, &bounds);
            continue;
        }
        rtt_sample(&rtt, &bounds, US(cases[i].sample_ms));
        /* Divisions round, by a nanosecond each. */
        if (rtt.srtt_ns / NS_PER_US != US(cases[i].srtt_ms) / NS_PER_US ||
            rtt.rttvar_ns / 10 != (uint64_t)(cases[i].rttvar_ms * 100000) ||
            rtt.rto_ns / NS_PER_US != US(cases[i].rto_ms) / NS_PER_US) {
            fail_msg("%s: %llu, %llu, %llu", cases[i].name, (unsigned long long)rtt.srtt_ns,
                     (unsigned long long)rtt.rttvar_ns, (unsigned long long)rtt.rto_ns);
        }
    }
}

/* The variance of a steady path falls to nothing; an RTO that were the round trip
 * itself would take the next ACK, a delayed one, for lost. Section 2.3 has the
 * clock's granularity there, which is a nanosecond here: no help.
 * Shows: RFC 6298 2.4a, 4a. */
static void a_steady_path_keeps_a_margin(void **state)
{
    static const uint64_t paths_ms[] = {1, 50, 199, 200, 300, 2000, 60000};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(paths_ms); i++) {
        uint64_t path_ns = paths_ms[i] * NS_PER_MS;
        struct tcp_rtt rtt;

        rtt_init(&rtt, &bounds);
        for (unsigned j = 0; j < 1000; j++) {
            rtt_sample(&rtt, &bounds, path_ns);
        }
        assert_true(rtt.srtt_ns <= path_ns);
        assert_true(rtt.srtt_ns + 8 > path_ns);
        assert_true(rtt.rttvar_ns <= 3);
        if (rtt.rto_ns + 8 < path_ns + TCP_RTO_MIN_NS) {
            fail_msg("%llu ms: RTO %llu ns", (unsigned long long)paths_ms[i],
                     (unsigned long long)rtt.rto_ns);
        }
    }
}

/* Equations 2.2 and 2.3 in floating point: the integers follow within what eight
 * roundings of a nanosecond make.
 * Shows: RFC 6298 2.3a, 2.3b. */
static void any_samples_follow_the_equations(void **state)
{
    struct random random;
    double srtt = 0;
    double rttvar = 0;
    uint64_t least_ns = UINT64_MAX;
    struct tcp_rtt rtt;

    (void)state;
    random_init(&random, 6298);
    rtt_init(&rtt, &bounds);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t sample_ns = 1 + random_below(&random, 1ull << (10 + i / 1000));
        double sample = (double)sample_ns;

        rttvar = i == 0 ? sample / 2
                        : 0.75 * rttvar + 0.25 * (srtt > sample ? srtt - sample : sample - srtt);
        srtt = i == 0 ? sample : 0.875 * srtt + 0.125 * sample;
        rtt_sample(&rtt, &bounds, sample_ns);
        assert_true((double)rtt.srtt_ns > srtt - 16 && (double)rtt.srtt_ns < srtt + 16);
        assert_true((double)rtt.rttvar_ns > rttvar - 32 && (double)rtt.rttvar_ns < rttvar + 32);
        assert_true(rtt.rto_ns >= TCP_RTO_MIN_NS && rtt.rto_ns <= TCP_RTO_MAX_NS);
        least_ns = min_u64(least_ns, sample_ns);
        assert_int_equal(rtt.min_rtt_ns, least_ns);
    }
}

/* A sample of 0, from a clock read once per burst, is still a sample. */
static void none_is_not_a_sample(void **state)
{
    struct tcp_rtt rtt;

    (void)state;
    rtt_init(&rtt, &bounds);
    for (unsigned i = 0; i < 100; i++) {
        rtt_sample(&rtt, &bounds, 0);
        assert_int_equal(rtt.srtt_ns, 1);
        assert_int_equal(rtt.min_rtt_ns, 1);
        assert_int_equal(rtt.rto_ns, 1 + TCP_RTO_MIN_NS);
    }
}

/* What is set instead holds from the start. */
static void other_bounds(void **state)
{
    static const struct rto_bounds others = {3 * NS_PER_S, 5 * NS_PER_MS, 4 * NS_PER_S};
    struct tcp_rtt rtt;

    (void)state;
    rtt_init(&rtt, &others);
    assert_int_equal(rtt.rto_ns, 3 * NS_PER_S);
    for (unsigned i = 0; i < 100; i++) {
        rtt_sample(&rtt, &others, NS_PER_MS);
    }
    assert_int_equal(rtt.rto_ns, rtt.srtt_ns + 5 * NS_PER_MS);
    rtt_sample(&rtt, &others, 100 * NS_PER_S);
    assert_int_equal(rtt.rto_ns, 4 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_waits_a_second),
        cmocka_unit_test(samples_by_hand),
        cmocka_unit_test(a_steady_path_keeps_a_margin),
        cmocka_unit_test(any_samples_follow_the_equations),
        cmocka_unit_test(none_is_not_a_sample),
        cmocka_unit_test(other_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
