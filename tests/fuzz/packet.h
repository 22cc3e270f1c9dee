/*
 * Packets of the far end of the bed: written from literals or made right where a mutation
 * broke them, and what the stack sent taken apart and found well formed.
 *
 * Values only; no state.
 */
#ifndef HEADRACE_TESTS_FUZZ_PACKET_H
#define HEADRACE_TESTS_FUZZ_PACKET_H

#include "tests/fuzz/bed.h"

#define PACKET_OPTIONS_MAX 40u

/* A segment to write. Addresses and ports are of the stack's view: what is local there is
 * where it goes to. */
struct packet_segment {
    struct tcp_tuple tuple;
    uint32_t seq;
    uint32_t ack;
    uint16_t flags;
    uint16_t window;
    uint16_t urgent;
    uint16_t payload_length;
    const uint8_t *payload;
    uint8_t options_length; /* a multiple of 4 */
    uint8_t options[PACKET_OPTIONS_MAX];
    uint8_t tos;
};

void packet_write(struct bed_packet *out, const struct packet_segment *seg);

/* An ICMP error about a segment that the stack sent, over IPv4. */
struct packet_icmp {
    struct tcp_tuple tuple;
    uint32_t seq;
    uint16_t mtu;
    uint8_t type;
    uint8_t code;
};

void packet_write_icmp(struct bed_packet *out, const struct packet_icmp *icmp);

/* What of a packet, which is anything, is to be made right. */
enum packet_mend {
    PACKET_MEND_LINK = 1 << 0,      /* the destination of the link */
    PACKET_MEND_ADDRESSES = 1 << 1, /* from the neighbour to us */
    PACKET_MEND_IP = 1 << 2,        /* version, lengths and the header's checksum */
    PACKET_MEND_L4 = 1 << 3,        /* the checksum of TCP, UDP or ICMP */
};

void packet_mend(struct bed_packet *packet, unsigned mend);

/* Where TCP stands in it, as far as it has a header; NULL when there is none. */
uint8_t *packet_tcp(struct bed_packet *packet);

/* A segment that the stack sent. */
struct packet_sight {
    struct tcp_tuple tuple; /* of the stack's view */
    struct tcp_segment seg; /* but for `payload.frame` and `payload.offset` */
    const uint8_t *payload;
};

/* Checks what the stack sent to the last checksum. True when it is TCP. */
bool packet_read(const uint8_t *packet, uint16_t length, struct packet_sight *out);

#endif
