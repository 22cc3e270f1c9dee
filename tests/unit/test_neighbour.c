/*
 * Goal:   an address is found in its entry and in no other, whatever was there
 *         before; and who makes place for a newcomer is who is missed least.
 * Method: tables of states and ages; random addresses against a plain list.
 */
#include "datapath/net/neighbour.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT 8u

static void new_entries_take_unused_places(void **state)
{
    struct neighbour entries[COUNT];
    struct neighbours table;

    (void)state;
    neighbours_init(&table, entries, COUNT);
    for (uint16_t i = 0; i < COUNT; i++) {
        struct ip_addr addr = ip_addr_v4(0x0a000001u + i);
        const struct neighbour *neighbour = neighbour_at(&table, i);

        assert_int_equal(neighbour_find(&table, &addr), NEIGHBOUR_NONE);
        assert_int_equal(neighbour_victim(&table), i);
        neighbour_assign(&table, i, &addr);
        assert_int_equal(neighbour_find(&table, &addr), i);
        assert_int_equal(neighbour->state, NEIGHBOUR_FAILED);
        assert_false(neighbour_is_usable(neighbour));
        assert_int_equal(neighbour->generation, 1);
        assert_int_equal(neighbour->deadline_ns, UINT64_MAX);
    }
    assert_int_equal(table.used, COUNT);
}

/* Entries that a search for the last one of a bucket looks at. */
static unsigned longest_bucket(const struct neighbours *table)
{
    unsigned longest = 0;

    for (uint16_t bucket = 0; bucket <= table->bucket_mask; bucket++) {
        unsigned length = 0;

        for (uint16_t i = table->entries[bucket].bucket; i != NEIGHBOUR_NONE;
             i = table->entries[i].next) {
            length++;
        }
        longest = max_u32(longest, length);
    }
    return longest;
}

/* The neighbours of a network differ in their last bytes: these decide the bucket. */
static void addresses_of_a_network_are_spread(void **state)
{
    static const struct {
        const char *name;
        uint64_t low;  /* the half of the address that a step is added to */
        uint64_t step; /* in the order of bytes on the wire */
    } cases[] = {
        {"IPv4, one after the other", 0xffff0a000000u, 1},
        {"IPv4, every other one", 0xffff0a000001u, 2},
        {"IPv4, a /24 each", 0xffff0a000001u, 256},
        {"IPv4, a /16 each", 0xffff0a000001u, 65536},
        {"IPv6, one after the other", 0x1000u, 1},
        {"IPv6, from EUI-64", 0x020000fffe000001u, 1},
    };
    static struct neighbour entries[256];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        bool v4 = cases[i].low >> 32 == 0xffff;
        struct neighbours table;

        neighbours_init(&table, entries, COUNT_OF(entries));
        for (uint16_t j = 0; j < 128; j++) {
            uint64_t low = __builtin_bswap64(cases[i].low + j * cases[i].step);
            struct ip_addr addr = {.halves = {v4 ? 0 : __builtin_bswap64(0xfe80ull << 48), low}};

            neighbour_assign(&table, neighbour_victim(&table), &addr);
        }
        if (longest_bucket(&table) > 2) { /* at random in 256 it would be 4 or 5 */
            fail_msg("%s: %u in one bucket", cases[i].name, longest_bucket(&table));
        }
    }
}

static const struct {
    const char *name;
    struct {
        enum neighbour_state state;
        uint64_t used_ns;
        bool waited_for;
    } entries[3];
    uint16_t victim;
} victims[] = {
    {"never answered goes first",
     {{NEIGHBOUR_REACHABLE, 1, false},
      {NEIGHBOUR_INCOMPLETE, 9, false},
      {NEIGHBOUR_STALE, 2, false}},
     1},
    {"failed before asked",
     {{NEIGHBOUR_INCOMPLETE, 1, false}, {NEIGHBOUR_FAILED, 9, false}, {NEIGHBOUR_STALE, 1, false}},
     1},
    {"stale before fresh",
     {{NEIGHBOUR_PROBE, 1, false}, {NEIGHBOUR_DELAY, 1, false}, {NEIGHBOUR_STALE, 9, false}},
     2},
    {"the least recently used",
     {{NEIGHBOUR_REACHABLE, 7, false}, {NEIGHBOUR_DELAY, 6, false}, {NEIGHBOUR_PROBE, 5, false}},
     2},
    {"waited for stays",
     {{NEIGHBOUR_INCOMPLETE, 1, true},
      {NEIGHBOUR_REACHABLE, 9, false},
      {NEIGHBOUR_REACHABLE, 8, false}},
     2},
    {"who answered stays when most are waited for",
     {{NEIGHBOUR_INCOMPLETE, 1, true},
      {NEIGHBOUR_STALE, 9, false},
      {NEIGHBOUR_INCOMPLETE, 1, true}},
     NEIGHBOUR_NONE},
    {"who never answered goes all the same",
     {{NEIGHBOUR_INCOMPLETE, 1, true},
      {NEIGHBOUR_FAILED, 9, false},
      {NEIGHBOUR_INCOMPLETE, 1, true}},
     1},
    {"configured stays",
     {{NEIGHBOUR_STATIC, 1, false}, {NEIGHBOUR_STATIC, 2, false}, {NEIGHBOUR_REACHABLE, 9, false}},
     2},
    {"nobody can go",
     {{NEIGHBOUR_STATIC, 1, false}, {NEIGHBOUR_INCOMPLETE, 2, true}, {NEIGHBOUR_PROBE, 3, true}},
     NEIGHBOUR_NONE},
};

static void victim_is_missed_least(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(victims); i++) {
        struct neighbour entries[3];
        struct neighbours table;
        struct list_link waiters[3];

        neighbours_init(&table, entries, 3);
        for (uint16_t j = 0; j < 3; j++) {
            struct ip_addr addr = ip_addr_v4(j + 1u);

            neighbour_assign(&table, neighbour_victim(&table), &addr);
            entries[j].state = (uint8_t)victims[i].entries[j].state;
            neighbour_touch(&table, &entries[j], victims[i].entries[j].used_ns);
            if (victims[i].entries[j].waited_for) {
                list_push_back(&entries[j].waiters, &waiters[j]);
            }
        }
        if (neighbour_victim(&table) != victims[i].victim) {
            fail_msg("%s: %u", victims[i].name, neighbour_victim(&table));
        }
    }
}

/* Few buckets and few addresses: chains of every length, taken apart anywhere. */
static void entries_are_found_through_all_changes(void **state)
{
    static const uint16_t sizes[] = {1, 2, 3, 7, 8};

    (void)state;
    for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
        struct neighbour entries[COUNT];
        struct neighbours table;
        struct ip_addr model[COUNT] = {{{{0}}}};
        uint32_t generations[COUNT] = {0};
        struct random random;

        random_init(&random, s + 1);
        neighbours_init(&table, entries, sizes[s]);
        for (unsigned step = 0; step < 2000; step++) {
            struct ip_addr addr = ip_addr_v4(0x0a000000u + (uint32_t)random_below(&random, 20));
            uint16_t index = neighbour_find(&table, &addr);

            if (index == NEIGHBOUR_NONE) {
                index = neighbour_victim(&table);
                neighbour_assign(&table, index, &addr);
                model[index] = addr;
                generations[index]++;
                neighbour_touch(&table, &entries[index], random_below(&random, 100));
            }
            assert_true(ip_addr_equal(&model[index], &addr));
            for (uint16_t i = 0; i < table.used; i++) {
                assert_int_equal(neighbour_find(&table, &model[i]), i);
                assert_int_equal(entries[i].generation, generations[i]);
            }
        }
    }
}

static void table_knows_its_earliest_deadline(void **state)
{
    struct neighbour entries[COUNT];
    struct neighbours table;

    (void)state;
    neighbours_init(&table, entries, COUNT);
    assert_int_equal(table.deadline_ns, UINT64_MAX);
    neighbour_set_deadline(&table, &entries[0], 50);
    neighbour_set_deadline(&table, &entries[1], 70);
    assert_int_equal(table.deadline_ns, 50);
    neighbour_set_deadline(&table, &entries[2], 20);
    assert_int_equal(table.deadline_ns, 20);
    assert_int_equal(entries[1].deadline_ns, 70);
}

/* A search looks at sixteen places, those that are configured not counted, and the next one goes
 * on behind them. */
static void a_search_is_short_and_goes_on(void **state)
{
    static struct neighbour entries[64];
    struct neighbours table;

    (void)state;
    neighbours_init(&table, entries, COUNT_OF(entries));
    for (unsigned i = 0; i < COUNT_OF(entries); i++) {
        struct ip_addr addr = ip_addr_v4(i + 1);

        neighbour_assign(&table, neighbour_victim(&table), &addr);
        entries[i].state = i < 40 ? NEIGHBOUR_STATIC : NEIGHBOUR_REACHABLE;
        entries[i].used_ns = 100 - i;
    }
    assert_int_equal(neighbour_victim(&table), 55); /* of 40 to 55 */
    assert_int_equal(neighbour_victim(&table), 63); /* of 56 to 63 and 40 to 47 */
    assert_int_equal(neighbour_victim(&table), 63); /* of 48 to 63 */
    for (unsigned i = 40; i < COUNT_OF(entries); i++) {
        entries[i].state = NEIGHBOUR_STATIC;
    }
    assert_int_equal(neighbour_victim(&table), NEIGHBOUR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_is_short_and_goes_on),
        cmocka_unit_test(new_entries_take_unused_places),
        cmocka_unit_test(addresses_of_a_network_are_spread),
        cmocka_unit_test(victim_is_missed_least),
        cmocka_unit_test(entries_are_found_through_all_changes),
        cmocka_unit_test(table_knows_its_earliest_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
