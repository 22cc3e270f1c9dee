/*
 * Packets for the tests of datapath/net, put together byte by byte, independently
 * of the code under test.
 */
#ifndef HEADRACE_TESTS_UNIT_NET_PACKETS_H
#define HEADRACE_TESTS_UNIT_NET_PACKETS_H

#include "datapath/net/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OUR_MAC 0x02, 0x00, 0x00, 0x00, 0x00, 0x01
#define PEER_MAC 0x02, 0x00, 0x00, 0x00, 0x00, 0x02
#define ALL_MAC 0xff, 0xff, 0xff, 0xff, 0xff, 0xff

static const struct mac_addr our_mac = {{OUR_MAC}};
static const struct mac_addr peer_mac = {{PEER_MAC}};
static const struct mac_addr third_mac = {{0x02, 0, 0, 0, 0, 3}};
static const struct mac_addr all_mac = {{ALL_MAC}};

static inline struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr;

    assert_int_equal(ip_addr_parse(text, &addr), 0);
    return addr;
}

/* The sum of RFC 1071, by bytes; 0 when a header with its checksum is right. */
static inline uint16_t wire_checksum(const uint8_t *bytes, unsigned length)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static inline void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint16_t put_ethernet(uint8_t *at, const struct mac_addr *dst,
                                    const struct mac_addr *src, unsigned type)
{
    memcpy(at, dst, 6);
    memcpy(at + 6, src, 6);
    put16(at + 12, type);
    return 14;
}

/* An IPv4 packet to us in Ethernet; returns its bytes. */
struct ipv4_spec {
    const char *src; /* NULL: the peer */
    const char *dst; /* NULL: us */
    uint8_t protocol;
    uint8_t tos;
    uint16_t fragment; /* flags and offset */
    uint8_t option_bytes;
    const struct mac_addr *link_dst; /* NULL: us */
};

static inline void put_ipv4_checksum(uint8_t *l3)
{
    unsigned bytes = (l3[0] & 15u) * 4;

    put16(l3 + 10, 0);
    put16(l3 + 10, wire_checksum(l3, bytes));
}

static inline uint16_t put_ipv4(uint8_t *at, const struct ipv4_spec *spec, const void *payload,
                                unsigned payload_bytes)
{
    uint8_t *l3 =
        at + put_ethernet(at, spec->link_dst ? spec->link_dst : &our_mac, &peer_mac, 0x0800);
    unsigned header_bytes = 20u + spec->option_bytes;
    struct ip_addr src = addr_of(spec->src ? spec->src : "10.0.0.2");
    struct ip_addr dst = addr_of(spec->dst ? spec->dst : "10.0.0.1");

    memset(l3, 0, header_bytes);
    memset(l3 + 20, 1, spec->option_bytes); /* no operation */
    l3[0] = (uint8_t)(0x40 | header_bytes / 4);
    l3[1] = spec->tos;
    put16(l3 + 2, header_bytes + payload_bytes);
    put16(l3 + 4, 0x1234);
    put16(l3 + 6, spec->fragment);
    l3[8] = 63;
    l3[9] = spec->protocol;
    memcpy(l3 + 12, src.bytes + 12, 4);
    memcpy(l3 + 16, dst.bytes + 12, 4);
    put_ipv4_checksum(l3);
    if (payload_bytes > 0) {
        memcpy(l3 + header_bytes, payload, payload_bytes);
    }
    return (uint16_t)(14 + header_bytes + payload_bytes);
}

/* An ARP packet in Ethernet, 42 bytes. */
struct arp_spec {
    uint8_t operation;
    const char *sender;
    const char *target;
    const struct mac_addr *sender_mac; /* NULL: the peer's */
    const struct mac_addr *link_dst;   /* NULL: us */
};

static inline uint16_t put_arp(uint8_t *at, const struct arp_spec *spec)
{
    static const uint8_t kind[] = {0, 1, 8, 0, 6, 4, 0};
    const struct mac_addr *mac = spec->sender_mac ? spec->sender_mac : &peer_mac;
    uint8_t *arp = at + put_ethernet(at, spec->link_dst ? spec->link_dst : &our_mac, mac, 0x0806);
    struct ip_addr sender = addr_of(spec->sender);
    struct ip_addr target = addr_of(spec->target);

    memcpy(arp, kind, sizeof kind);
    arp[7] = spec->operation;
    memcpy(arp + 8, mac, 6);
    memcpy(arp + 14, sender.bytes + 12, 4);
    memset(arp + 18, 0, 6);
    memcpy(arp + 24, target.bytes + 12, 4);
    return 42;
}

#endif
