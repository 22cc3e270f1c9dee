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

/* Shows: RFC 9293 MUST-8; RFC 6528 3a. */
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
        uint32_t ticks = isn_make(secret, &tuple, cases[i].to_ns).number -
                         isn_make(secret, &tuple, cases[i].from_ns).number;

        if (ticks != cases[i].ticks) {
            fail_msg("%s: %u ticks", cases[i].name, ticks);
        }
    }
}

/* Where the sum passes 2^32 it only wraps. */
static void the_sum_wraps(void **state)
{
    struct tcp_tuple tuple = tuple_v4();
    uint32_t offset = isn_make(secret, &tuple, 0).number;
    uint64_t wrap_ns = (uint64_t)(uint32_t)(0 - offset) * CLOCK_NS;

    (void)state;
    assert_int_equal(isn_make(secret, &tuple, wrap_ns - 1).number, UINT32_MAX);
    assert_int_equal(isn_make(secret, &tuple, wrap_ns).number, 0);
    assert_int_equal(isn_make(secret, &tuple, wrap_ns + CLOCK_NS).number, 1);
}

/* The low half of each address is changed, and the high one of IPv6.
 * Shows: RFC 9293 MUST-9, SHLD-1; RFC 6528 3a; RFC 7323 5.4b; RFC 6056 3.3.3a. */
static void each_part_changes_all_three(void **state)
{
    struct tcp_tuple base[2] = {tuple_v4(), tuple_v4()};

    (void)state;
    base[1].local.halves[0] = 0x80fe;
    base[1].remote.halves[0] = 0x80fe;
    for (unsigned family = 0; family < COUNT_OF(base); family++) {
        struct isn isn = isn_make(secret, &base[family], 0);
        uint32_t port = isn_port_offset(secret, &base[family]);

        for (unsigned part = 0; part < 7; part++) {
            struct tcp_tuple tuple = base[family];
            uint64_t key[2] = {secret[0], secret[1]};
            struct isn other;

            tuple.local.halves[1] ^= part == 0 ? 1ull << 56 : 0;
            tuple.remote.halves[1] ^= part == 1 ? 1ull << 32 : 0;
            tuple.local_port = (uint16_t)(tuple.local_port + (part == 2));
            tuple.remote_port = (uint16_t)(tuple.remote_port + (part == 3));
            key[1] ^= part == 4 ? 1ull << 63 : 0;
            tuple.local.halves[0] ^= part == 5 ? 1 : 0;
            tuple.remote.halves[0] ^= part == 6 ? 1 : 0;
            other = isn_make(key, &tuple, 0);
            if (other.number == isn.number || other.ts_offset == isn.ts_offset ||
                isn_port_offset(key, &tuple) == port) {
                fail_msg("part %u of family %u makes no difference", part, family);
            }
        }
    }
}

/* Whoever sees one of them learns nothing of the others.
 * Shows: RFC 9293 MUST-9; RFC 6528 3b. */
static void purposes_are_unrelated(void **state)
{
    struct tcp_tuple tuple = tuple_v4();

    (void)state;
    for (unsigned port = 1; port < 1000; port++) {
        tuple.remote_port = (uint16_t)port;
        assert_int_not_equal(isn_make(secret, &tuple, 0).number,
                             isn_make(secret, &tuple, 0).ts_offset);
        assert_int_not_equal(isn_make(secret, &tuple, 0).number, isn_port_offset(secret, &tuple));
        assert_int_not_equal(isn_make(secret, &tuple, 0).ts_offset,
                             isn_port_offset(secret, &tuple));
    }
}

/* A cookie and an entry in TIME-WAIT compute it again.
 * Shows: RFC 7323 5.4b. */
static void the_same_tuple_gives_the_same(void **state)
{
    struct tcp_tuple tuple = tuple_v4();
    struct tcp_tuple again = tuple_v4();

    (void)state;
    again.zero = 0xffffffff; /* no part of the name */
    assert_int_equal(isn_make(secret, &tuple, 77).number, isn_make(secret, &again, 77).number);
    assert_int_equal(isn_make(secret, &tuple, 77).ts_offset,
                     isn_make(secret, &again, NS_PER_S).ts_offset);
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
