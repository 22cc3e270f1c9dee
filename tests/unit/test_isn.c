/*
 * Goal:   sequence numbers begin with a clock of 4.096 us and a keyed function of
 *         the tuple (RFC 6528); the functions for sequence numbers, timestamps and
 *         ports are unrelated.
 * Method: the clock is read as the difference of two ISNs, also where it and the
 *         sum pass 2^32; every part of tuple and key is changed in turn.
 */
#include "tcp/isn.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CLOCK_NS 4096u /* RFC 9293 section 3.4.1 says about 4 us */

static const uint64_t secret[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static struct tcp_tuple tuple_v4(void)
{
    return (struct tcp_tuple){.local = ip_addr_v4(0x0a000001),
                              .remote = ip_addr_v4(0x0a000002),
                              .local_port = 7,
                              .remote_port = 40000};
}

static void the_clock_ticks_every_4_us(void **state)
{
    static const struct {
        const char *name;
        uint64_t from_ns;
        uint64_t to_ns;
        uint32_t ticks;
    } cases[] = {
        {"no time", 5, 5, 0},
        {"just below a tick", 0, CLOCK_NS - 1, 0},
        {"a tick", 0, CLOCK_NS, 1},
        {"a second", 0, NS_PER_S, 244140},
        /* 4.9 hours: RFC 9293 has 4.55. */
        {"all but once round", 0, (1ull << 44) - 1, UINT32_MAX},
        {"once round", 0, 1ull << 44, 0},
        {"across the end of the clock", (1ull << 44) - 1, (1ull << 44) + CLOCK_NS - 1, 1},
        {"after years", 1ull << 60, (1ull << 60) + 10 * CLOCK_NS, 10},
    };
    struct tcp_tuple tuple = tuple_v4();

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t ticks =
            isn_make(secret, &tuple, cases[i].to_ns) - isn_make(secret, &tuple, cases[i].from_ns);

        if (ticks != cases[i].ticks) {
            fail_msg("%s: %u ticks", cases[i].name, ticks);
        }
    }
}

/* Where the sum passes 2^32 it only wraps. */
static void the_sum_wraps(void **state)
{
    struct tcp_tuple tuple = tuple_v4();
    uint32_t offset = isn_make(secret, &tuple, 0);
    uint64_t wrap_ns = (uint64_t)(uint32_t)(0 - offset) * CLOCK_NS;

    (void)state;
    assert_int_equal(isn_make(secret, &tuple, wrap_ns - 1), UINT32_MAX);
    assert_int_equal(isn_make(secret, &tuple, wrap_ns), 0);
    assert_int_equal(isn_make(secret, &tuple, wrap_ns + CLOCK_NS), 1);
}

static void each_part_changes_all_three(void **state)
{
    struct tcp_tuple base = tuple_v4();
    struct tcp_tuple tuples[5];
    uint64_t keys[5][2];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(tuples); i++) {
        tuples[i] = base;
        keys[i][0] = secret[0];
        keys[i][1] = secret[1];
    }
    tuples[0].local = ip_addr_v4(0x0a000003);
    tuples[1].remote = ip_addr_v4(0x0a000003);
    tuples[2].local_port++;
    tuples[3].remote_port++;
    keys[4][1] ^= 1ull << 63;
    for (unsigned i = 0; i < COUNT_OF(tuples); i++) {
        assert_int_not_equal(isn_make(secret, &base, 0), isn_make(keys[i], &tuples[i], 0));
        assert_int_not_equal(ts_offset_make(secret, &base), ts_offset_make(keys[i], &tuples[i]));
        assert_int_not_equal(isn_port_offset(secret, &base), isn_port_offset(keys[i], &tuples[i]));
    }
}

/* Whoever sees one of them learns nothing of the others. */
static void purposes_are_unrelated(void **state)
{
    struct tcp_tuple tuple = tuple_v4();

    (void)state;
    for (unsigned port = 1; port < 1000; port++) {
        tuple.remote_port = (uint16_t)port;
        assert_int_not_equal(isn_make(secret, &tuple, 0), ts_offset_make(secret, &tuple));
        assert_int_not_equal(isn_make(secret, &tuple, 0), isn_port_offset(secret, &tuple));
        assert_int_not_equal(ts_offset_make(secret, &tuple), isn_port_offset(secret, &tuple));
    }
}

/* A cookie and an entry in TIME-WAIT compute it again. */
static void the_same_tuple_gives_the_same(void **state)
{
    struct tcp_tuple tuple = tuple_v4();
    struct tcp_tuple again = tuple_v4();

    (void)state;
    again.zero = 0xffffffff; /* no part of the name */
    assert_int_equal(isn_make(secret, &tuple, 77), isn_make(secret, &again, 77));
    assert_int_equal(ts_offset_make(secret, &tuple), ts_offset_make(secret, &again));
    assert_int_equal(isn_port_offset(secret, &tuple), isn_port_offset(secret, &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_ticks_every_4_us),    cmocka_unit_test(the_sum_wraps),
        cmocka_unit_test(each_part_changes_all_three),   cmocka_unit_test(purposes_are_unrelated),
        cmocka_unit_test(the_same_tuple_gives_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
