/*
 * Goal:   the cache of Fast Open cookies finds what was put there by both addresses, and of
 *         a full set the place that was used longest ago goes.
 * Method: a cache of one set, so that all meet; then a large one, filled beyond its places.
 */
#include "tcp/fastopen_cache.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint64_t key[2] = {1, 2};

static struct tcp_tuple to(uint32_t remote)
{
    return (struct tcp_tuple){.local = ip_addr_v4(0x0a000001), .remote = ip_addr_v4(remote)};
}

static void the_least_used_makes_place(void **state)
{
    struct fast_open_peer memory[FAST_OPEN_WAYS] = {0};
    struct fast_open_cache cache;
    struct tcp_tuple tuple;

    (void)state;
    fast_open_cache_init(&cache, memory, FAST_OPEN_WAYS, key);
    for (uint32_t i = 0; i < 4; i++) {
        tuple = to(i);
        assert_null(fast_open_cache_find(&cache, &tuple));
        fast_open_cache_take(&cache, &tuple)->mss = (uint16_t)(100 + i);
    }
    tuple = to(0); /* used again: now 1 is the oldest */
    assert_int_equal(fast_open_cache_find(&cache, &tuple)->mss, 100);
    tuple = to(4);
    assert_int_equal(fast_open_cache_take(&cache, &tuple)->mss, 0);
    for (uint32_t i = 0; i < 5; i++) {
        const struct fast_open_peer *peer;

        tuple = to(i);
        peer = fast_open_cache_find(&cache, &tuple);
        assert_int_equal(peer != NULL, i != 1);
        assert_true(!peer || peer->mss == (i == 4 ? 0 : 100 + i));
    }
}

/* What is taken again is the same place with what stands in it. */
static void a_place_is_of_both_addresses(void **state)
{
    struct fast_open_peer memory[FAST_OPEN_WAYS] = {0};
    struct fast_open_cache cache;
    struct tcp_tuple tuple = to(7);
    struct tcp_tuple other = to(7);
    struct fast_open_peer *peer;

    (void)state;
    fast_open_cache_init(&cache, memory, FAST_OPEN_WAYS, key);
    peer = fast_open_cache_take(&cache, &tuple);
    peer->length = 8;
    other.local = ip_addr_v4(0x0a000009);
    assert_null(fast_open_cache_find(&cache, &other));
    tuple.local_port = 5; /* whatever the ports */
    tuple.remote_port = 80;
    assert_ptr_equal(fast_open_cache_take(&cache, &tuple), peer);
    assert_int_equal(peer->length, 8);
}

static void a_large_one_is_used_throughout(void **state)
{
    enum { PEERS_MAX = 256 };
    struct fast_open_peer *memory = calloc(1, fast_open_cache_bytes(PEERS_MAX));
    struct fast_open_cache cache;
    unsigned used = 0;

    (void)state;
    assert_non_null(memory);
    fast_open_cache_init(&cache, memory, PEERS_MAX, key);
    for (uint32_t i = 0; i < 4 * PEERS_MAX; i++) {
        struct tcp_tuple tuple = to(i);

        (void)fast_open_cache_take(&cache, &tuple);
        assert_non_null(fast_open_cache_find(&cache, &tuple));
    }
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        used += memory[i].used != 0;
    }
    assert_in_range(used, PEERS_MAX * 9 / 10, PEERS_MAX);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_used_makes_place),
        cmocka_unit_test(a_place_is_of_both_addresses),
        cmocka_unit_test(a_large_one_is_used_throughout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
