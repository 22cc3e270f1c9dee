/*
 * The datagrams of reflector: IPv4 without options and UDP (RFC 791, RFC 768), untagged.
 * UDP's checksum is left out, which RFC 768 allows over IPv4: whoever wants to know
 * compares the bytes. Pure; the bytes are the caller's.
 *
 * A payload begins with a mark, and goes on with a pattern that follows from the mark's
 * sequence number and the place, so that a byte that is lost, doubled or another's is seen.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_DATAGRAM_H
#define HEADRACE_BENCH_REFLECTOR_DATAGRAM_H

#include "datapath/net/headers.h"

#include <stdbool.h>

#define UDP_HEADER_BYTES 8u
#define DATAGRAM_HEADER_BYTES (ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES)
#define DATAGRAM_SIZE_MIN 16u /* the mark */
/* Of what fits a frame of 4,096 bytes behind the kernel's 256 and the headers, with the 24
 * of transmit metadata that datapath/xdp/README.md leaves room for, rounded down. */
#define DATAGRAM_SIZE_MAX 3772u

enum datagram_kind {
    DATAGRAM_ECHO,   /* to be reflected */
    DATAGRAM_COUNT,  /* one way: to be counted */
    DATAGRAM_ASK,    /* one way: for the counts */
    DATAGRAM_REPORT, /* the answer to that, see datagram_report */
};

struct datagram_mark {
    uint32_t kind;
    uint32_t slot;     /* of the driver's table */
    uint64_t sequence; /* in this slot */
};

static_assert(sizeof(struct datagram_mark) == DATAGRAM_SIZE_MIN, "wire layout");

/* What a counting end knows; behind the mark of a report. */
struct datagram_report {
    uint64_t packets;
    uint64_t bytes; /* of payload */
    uint64_t wrong; /* packets with bytes that are not what they should be */
};

#define DATAGRAM_REPORT_BYTES                                                                      \
    ((unsigned)(sizeof(struct datagram_mark) + sizeof(struct datagram_report)))

/* The payload's length if the packet is a whole datagram for that port, else -1. Neither
 * checksums nor the address are looked at: the XDP program brings what is for ours. */
int datagram_payload_bytes(const uint8_t *packet, unsigned length, uint16_t port);

/* Makes it go back: addresses and ports change places, on which no checksum depends. */
void datagram_turn_back(uint8_t *packet);

/* UDP's header for so many bytes behind it. */
void datagram_write_udp(uint8_t *udp, const uint16_t ports[2], unsigned payload_bytes);

/* The pattern behind the mark, for payloads of `bytes` in all. */
void datagram_fill(uint8_t *payload, unsigned bytes);
bool datagram_is_right(const uint8_t *payload, unsigned bytes);

#endif
