/*
 * A received segment, parsed and verified (RFC 9293 section 3.1). A plain
 * value: tests write it as a literal.
 */
#ifndef HEADRACE_TCP_SEGMENT_H
#define HEADRACE_TCP_SEGMENT_H

#include "datapath/net/headers.h"
#include "datapath/net/packet.h"
#include "datapath/slice.h"
#include "tcp/limits.h"
#include "tcp/tuple.h"

#include <stdbool.h>
#include <stdint.h>

enum tcp_flag {
    TCP_FIN = 1 << 0,
    TCP_SYN = 1 << 1,
    TCP_RST = 1 << 2,
    TCP_PSH = 1 << 3,
    TCP_ACK = 1 << 4,
    TCP_URG = 1 << 5,
    TCP_ECE = 1 << 6,
    TCP_CWR = 1 << 7,
    TCP_AE = 1 << 8, /* RFC 9768 */
    /* Not of the wire: a SYN that was taken off; the window is not scaled. */
    TCP_SYN_TAKEN = 1 << 15,
};

enum tcp_option_seen {
    TCP_OPT_MSS = 1 << 0,
    TCP_OPT_WSCALE = 1 << 1,
    TCP_OPT_SACK_PERMITTED = 1 << 2,
    TCP_OPT_TIMESTAMPS = 1 << 3,
    TCP_OPT_SACK = 1 << 4,
    TCP_OPT_FAST_OPEN = 1 << 5,
    TCP_OPT_ACCECN = 1 << 6, /* not on a SYN */
};

#define TCP_SACK_BLOCKS_MAX 4u

struct tcp_sack_block {
    uint32_t start;
    uint32_t end;
};

struct tcp_segment {
    uint32_t seq;
    uint32_t ack;
    uint32_t window; /* the field; its scale is the connection's business */
    uint32_t urgent; /* the field; behind what was cut off, it may lie before seq */
    uint16_t flags;  /* enum tcp_flag */
    uint8_t options_seen;
    uint8_t wscale;
    uint8_t sack_count;
    uint8_t tos;
    uint16_t mss;
    uint32_t ts_val;
    uint32_t ts_ecr;
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX];
    const uint8_t *fast_open; /* the cookie of a SYN, in the frame, and its length */
    uint8_t fast_open_length;
    uint32_t accecn_ceb; /* the peer's count of bytes with CE, modulo 2^24 */
    bool accecn_has_ceb;
    struct slice payload; /* its sum is known when checksums are verified */
};

enum tcp_drop {
    TCP_DROP_SHORT = -1,    /* less than a header */
    TCP_DROP_OFFSET = -2,   /* the data offset lies outside the segment */
    TCP_DROP_CHECKSUM = -3, /* MUST-3 */
    TCP_DROP_PORT = -4,     /* port 0 */
};

/* 0 or an enum tcp_drop. Options that are broken end the list: what stood
 * before them counts (MUST-7). */
int tcp_segment_parse(const struct frame_pool *pool, const struct packet *packet, bool verify,
                      struct tcp_segment *seg, struct tcp_tuple *tuple);

/* What stands before the options and the text of each packet to this address: with the MSS of
 * RFC 6691 it makes the MTU. */
static inline uint32_t tcp_headers_bytes(const struct ip_addr *remote)
{
    return TCP_HEADER_BYTES + (ip_addr_is_v4(remote) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
}

/* MUST-15: of a peer that tells none. */
static inline uint16_t tcp_mss_default(const struct ip_addr *remote)
{
    return ip_addr_is_v4(remote) ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
}

/* SEG.LEN: SYN and FIN count. */
static inline uint32_t tcp_segment_length(const struct tcp_segment *seg)
{
    return (uint32_t)seg->payload.length + ((seg->flags & TCP_SYN) != 0) +
           ((seg->flags & TCP_FIN) != 0);
}

#endif
