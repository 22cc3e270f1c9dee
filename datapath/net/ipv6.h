/*
 * IPv6 headers, read and written (RFC 8200). Extension headers are stepped over, up to that
 * of a fragment. Neighbours are configured: NDP does not exist
 * yet. No state but the counters of `struct net`.
 */
#ifndef HEADRACE_DATAPATH_NET_IPV6_H
#define HEADRACE_DATAPATH_NET_IPV6_H

#include "datapath/net/headers.h"
#include "datapath/net/net.h"

/* As ipv4_parse. */
bool ipv6_parse(struct net *net, const uint8_t *chunk, uint16_t end, struct packet *out);

/* The header that ends at `l4`, flow label 0; returns its first byte. */
static inline uint8_t *ipv6_write(const struct net_header *header, uint8_t *l4)
{
    uint8_t *l3 = l4 - IPV6_HEADER_BYTES;

    be32_store(l3, 6u << 28 | (uint32_t)header->tos << 20);
    be16_store(l3 + 4, header->l4_length);
    l3[6] = header->protocol;
    l3[7] = header->ttl;
    memcpy(l3 + 8, header->local->bytes, 16);
    memcpy(l3 + 24, header->remote->bytes, 16);
    return l3;
}

#endif
