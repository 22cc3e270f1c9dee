/*
 * IPv4 headers, read and written (RFC 791, RFC 1122 section 3.2.1). Options are
 * skipped on receipt and never sent; fragments are told by their protocol, IPPROTO_FRAGMENT. No
 * state but the counters of `struct net`.
 */
#ifndef HEADRACE_DATAPATH_NET_IPV4_H
#define HEADRACE_DATAPATH_NET_IPV4_H

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "datapath/net/net.h"

/* The packet's IP header begins at out->l3_offset of `chunk`; the frame ends at
 * offset `end`. Fills in what IP knows, the addresses unjudged; false, and
 * counted, when the packet is to be dropped. */
bool ipv4_parse(struct net *net, const uint8_t *chunk, uint16_t end, struct packet *out);

/* The header that ends at `l4`; returns its first byte. DF is set, and the
 * identification is 0 then (RFC 6864 section 4.1). It is put together from whole
 * words, so that its sum never waits for bytes just stored. */
static inline uint8_t *ipv4_write(const struct net_header *header, uint8_t *l4)
{
    uint16_t length = (uint16_t)(IPV4_HEADER_BYTES + header->l4_length);
    uint32_t words[5]; /* in memory order */
    uint64_t sum;
    uint8_t *l3 = l4 - IPV4_HEADER_BYTES;

    words[0] = 0x45u | (uint32_t)header->tos << 8 | (uint32_t)__builtin_bswap16(length) << 16;
    words[1] = 0x40u << 16; /* DF */
    words[2] = header->ttl | (uint32_t)header->protocol << 8;
    memcpy(&words[3], header->local->bytes + 12, 4);
    memcpy(&words[4], header->remote->bytes + 12, 4);
    sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
    words[2] |= (uint32_t)(uint16_t)~checksum_fold(sum) << 16;
    memcpy(l3, words, sizeof words);
    return l3;
}

#endif
