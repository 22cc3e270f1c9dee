#include "tcp/fastopen_cache.h"

#include "tcp/siphash.h"

#include <assert.h>

static_assert(sizeof(struct fast_open_peer) == 64, "one cache line");

size_t fast_open_cache_bytes(uint32_t peers)
{
    return peers * sizeof(struct fast_open_peer);
}

void fast_open_cache_init(struct fast_open_cache *cache, void *memory, uint32_t peers,
                          const uint64_t key[2])
{
    assert(peers >= FAST_OPEN_WAYS && (peers & (peers - 1)) == 0);
    cache->peers = memory;
    cache->sets = peers / FAST_OPEN_WAYS;
    cache->clock = 0;
    cache->key[0] = key[0];
    cache->key[1] = key[1];
}

/* Keyed, or who has many addresses could have us forget a server of his choice. */
static struct fast_open_peer *set_of(const struct fast_open_cache *cache,
                                     const struct tcp_tuple *tuple)
{
    const uint64_t words[4] = {tuple->remote.halves[0], tuple->remote.halves[1],
                               tuple->local.halves[0], tuple->local.halves[1]};
    uint64_t hash = siphash_2_4(cache->key, words, sizeof words);

    return &cache->peers[(hash & (cache->sets - 1)) * FAST_OPEN_WAYS];
}

struct fast_open_peer *fast_open_cache_find(struct fast_open_cache *cache,
                                            const struct tcp_tuple *tuple)
{
    struct fast_open_peer *set = set_of(cache, tuple);

    for (unsigned i = 0; i < FAST_OPEN_WAYS; i++) {
        if (set[i].used != 0 && ip_addr_equal(&set[i].remote, &tuple->remote) &&
            ip_addr_equal(&set[i].local, &tuple->local)) {
            set[i].used = ++cache->clock;
            return &set[i];
        }
    }
    return NULL;
}

struct fast_open_peer *fast_open_cache_take(struct fast_open_cache *cache,
                                            const struct tcp_tuple *tuple)
{
    struct fast_open_peer *peer = fast_open_cache_find(cache, tuple);
    struct fast_open_peer *set = set_of(cache, tuple);

    if (peer) {
        return peer;
    }
    peer = &set[0];
    for (unsigned i = 1; i < FAST_OPEN_WAYS; i++) {
        if (set[i].used < peer->used) {
            peer = &set[i];
        }
    }
    *peer = (struct fast_open_peer){
        .local = tuple->local, .remote = tuple->remote, .used = ++cache->clock};
    return peer;
}
