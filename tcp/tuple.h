/*
 * What names a connection: both addresses and both ports (RFC 9293 section
 * 3.3.1), and its keyed hash.
 */
#ifndef HEADRACE_TCP_TUPLE_H
#define HEADRACE_TCP_TUPLE_H

#include "datapath/net/addr.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct tcp_tuple {
    struct ip_addr local;
    struct ip_addr remote;
    uint16_t local_port; /* host order, as are all ports inside */
    uint16_t remote_port;
    uint32_t zero; /* keeps the tuple free of padding, so that it can be hashed whole */
};

static_assert(sizeof(struct tcp_tuple) == 40, "five words, no padding");

/* An open that found every port taken: another like it is refused at once until one may be free. */
struct tcp_no_port {
    struct tcp_tuple tuple; /* without local port */
    uint64_t until_ns; /* when the first in TIME-WAIT may be taken again; 0: none was refused */
};

static inline bool tuple_equal(const struct tcp_tuple *a, const struct tcp_tuple *b)
{
    return ip_addr_equal(&a->remote, &b->remote) && a->remote_port == b->remote_port &&
           a->local_port == b->local_port && ip_addr_equal(&a->local, &b->local);
}

static inline uint64_t tuple_fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiplications folded, with a secret in each factor: an attacker who does
 * not know the key cannot choose tuples that collide. Not a linear code such as
 * CRC or Toeplitz, whose collisions hold for every key. */
static inline uint64_t tuple_hash(const struct tcp_tuple *tuple, const uint64_t key[2])
{
    uint64_t ports = (uint64_t)tuple->local_port << 16 | tuple->remote_port;
    uint64_t hash = tuple_fold(tuple->remote.halves[0] ^ key[0], tuple->remote.halves[1] ^ key[1]);

    hash ^= tuple_fold(tuple->local.halves[0] ^ key[1], tuple->local.halves[1] ^ ~key[0]);
    return tuple_fold(hash ^ ports ^ key[0], 0x9e3779b97f4a7c15u ^ key[1]);
}

#endif
