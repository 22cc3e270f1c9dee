/* A segment as the scripts of TCP write it. */
#ifndef HEADRACE_TESTS_UNIT_TCP_FIXTURE_SEG_H
#define HEADRACE_TESTS_UNIT_TCP_FIXTURE_SEG_H

#include "tcp/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* A segment of either side. Of what is expected flags (PSH apart), seq, ack, bytes
 * sack and urgent are compared always, the rest where it is not 0. */
struct seg {
    uint16_t flags;
    uint32_t seq;
    uint32_t ack;
    uint32_t bytes;  /* of payload; their values follow from seq */
    uint32_t window; /* the field */
    uint16_t mss;
    uint8_t wscale; /* WSCALE(shift) */
    bool sack_permitted;
    bool timestamps;
    bool no_timestamps; /* to be sent without, although both sides agreed */
    bool bad_checksum;
    uint16_t urgent;
    bool fast_open; /* the option: compared always */
    uint8_t cookie_bytes, cookie[16];
    uint32_t ts_val;                                 /* 0: the peer's clock */
    uint32_t ts_ecr;                                 /* 0: what the peer heard last */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX]; /* in the other side's numbers */
    uint8_t accecn_kind;                             /* 172 or 174; 0: no such option */
    uint8_t accecn_fields;                           /* 0 to 3 */
    uint32_t accecn[3];                              /* in the order of the wire */
    uint64_t at_ns;                                  /* when it was sent */
    uint16_t ip_bytes;
    uint8_t tos; /* of the IP header */
    uint8_t ttl;
};

#endif
