/*
 * A received packet after net_parse(): where its parts are, from whom to whom.
 * A plain value; it holds nothing, the frame is held by whoever received it.
 */
#ifndef HEADRACE_DATAPATH_NET_PACKET_H
#define HEADRACE_DATAPATH_NET_PACKET_H

#include "datapath/net/addr.h"

#include <stdint.h>

enum packet_flag {
    PACKET_TO_GROUP = 1 << 0, /* link or IP destination is broadcast or multicast */
    PACKET_V6 = 1 << 1,
    PACKET_ARP = 1 << 2,
    PACKET_CROSSED = 1 << 3, /* it landed on another worker, which gave it to this one */
};

struct packet {
    uint32_t frame;
    uint16_t l2_offset; /* all offsets in the chunk */
    uint16_t l3_offset;
    uint16_t l4_offset;
    uint16_t l4_length; /* header and payload, by what IP says: padding is left out */
    uint8_t protocol;   /* IPPROTO_x */
    uint8_t tos;        /* DSCP and ECN, both families */
    uint8_t ttl;
    uint8_t flags; /* enum packet_flag */
    struct ip_addr src;
    struct ip_addr dst;
};

#endif
