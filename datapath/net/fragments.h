/*
 * Fragments put together again: RFC 791, RFC 1122 section 3.3.2, RFC 8200 section 4.5.
 *
 * A place of the table is a packet in the making. Its bytes stand in a frame of the data
 * budget, behind room for headers, with a bit for each 8 bytes that have come. What is whole
 * becomes a packet without fragmentation in that frame, and is parsed like any other; it has to
 * fit there. Fragments that overlap or contradict each other end their packet, late ones
 * included (RFC 5722); a repetition is none.
 *
 * Owner: `struct net`; a place holds its frame with FRAME_REASSEMBLY. One that is full gives
 * up the oldest packet. Invariant: deadline_ns is not later than that of any place.
 */
#ifndef HEADRACE_DATAPATH_NET_FRAGMENTS_H
#define HEADRACE_DATAPATH_NET_FRAGMENTS_H

#include "datapath/net/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* Packets in the making at once: each may keep a frame for a minute. */
#define FRAGMENTS_PLACES 16u
#define FRAGMENTS_CHUNK_MAX 4096u

struct fragments_place {
    struct ip_addr src;
    struct ip_addr dst;
    uint64_t deadline_ns; /* UINT64_MAX: free */
    uint32_t id;
    uint32_t frame;    /* FRAME_NONE: given up, and to be forgotten at the deadline */
    uint8_t protocol;  /* of IPv4, where it is part of the name; IPv6: of the first fragment */
    uint8_t ecn_seen;  /* a bit for each value of the field */
    uint8_t header_at; /* bytes from the first header to the text; 0: the first one is missing */
    uint16_t total;    /* bytes of all; 0: the last one is missing */
    uint16_t end;      /* of what has come */
    uint16_t have;     /* bytes that have come */
    uint64_t blocks[FRAGMENTS_CHUNK_MAX / 8 / 64];
};

struct fragments {
    uint64_t deadline_ns;
    struct fragments_place places[FRAGMENTS_PLACES];
};

struct net;

void fragments_init(struct fragments *fragments);

/* Gives up what was not completed in time. */
void fragments_expire(struct net *net, uint64_t now_ns);

#endif
