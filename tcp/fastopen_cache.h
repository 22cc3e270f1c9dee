/*
 * The Fast Open cookies that servers gave us (RFC 7413 section 4.1.3), by both addresses, with
 * the MSS that goes with them, and the servers to which the way takes no SYN with data. Sets of
 * four places, the one used longest ago makes place.
 *
 * Memory is handed in; one worker's. Pure.
 */
#ifndef HEADRACE_TCP_FASTOPEN_CACHE_H
#define HEADRACE_TCP_FASTOPEN_CACHE_H

#include "tcp/tuple.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAST_OPEN_COOKIE_MAX 16u
#define FAST_OPEN_WAYS 4u

struct fast_open_peer {
    struct ip_addr local;
    struct ip_addr remote;
    uint8_t cookie[FAST_OPEN_COOKIE_MAX];
    uint8_t length;    /* of the cookie; 0: none */
    uint8_t failures;  /* SYNs lost one after the other, of those that asked or carried */
    uint16_t mss;      /* as the server's SYN-ACK said it */
    uint32_t used;     /* the cache's clock of uses; 0: the place is free */
    uint64_t until_ns; /* it is left alone until then */
};

struct fast_open_cache {
    struct fast_open_peer *peers;
    uint32_t sets; /* a power of two */
    uint32_t clock;
    uint64_t key[2];
};

/* `peers`: a power of two, 4 and more. */
size_t fast_open_cache_bytes(uint32_t peers);
/* `memory` is zeroed. */
void fast_open_cache_init(struct fast_open_cache *cache, void *memory, uint32_t peers,
                          const uint64_t key[2]);

/* The server's place, or NULL. */
struct fast_open_peer *fast_open_cache_find(struct fast_open_cache *cache,
                                            const struct tcp_tuple *tuple);
/* Its place, a new one if need be. */
struct fast_open_peer *fast_open_cache_take(struct fast_open_cache *cache,
                                            const struct tcp_tuple *tuple);

#endif
