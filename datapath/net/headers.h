/*
 * Ethernet, VLAN, ARP, IPv4, IPv6 and ICMP headers as they stand on the wire:
 * IEEE 802.3 and 802.1Q, RFC 826, RFC 791, RFC 8200, RFC 792.
 */
#ifndef HEADRACE_DATAPATH_NET_HEADERS_H
#define HEADRACE_DATAPATH_NET_HEADERS_H

#include "datapath/net/addr.h"
#include "datapath/net/wire.h"

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETHERTYPE_VLAN 0x8100u
#define ETHERTYPE_IPV6 0x86ddu

#define ETHERNET_HEADER_BYTES 14u
#define VLAN_TAG_BYTES 4u
#define IPV4_HEADER_BYTES 20u
#define IPV6_HEADER_BYTES 40u
#define ICMP_HEADER_BYTES 8u

struct ethernet_header {
    struct mac_addr dst;
    struct mac_addr src;
    struct be16 type;
};

struct vlan_tag {
    struct be16 control; /* priority 3, drop eligible 1, VLAN 12 bits */
    struct be16 type;
};

struct arp_packet {
    struct be16 hardware;
    struct be16 protocol;
    uint8_t hardware_bytes;
    uint8_t protocol_bytes;
    struct be16 operation;
    struct mac_addr sender_mac;
    struct be32 sender_ip;
    struct mac_addr target_mac;
    struct be32 target_ip;
};

struct ipv4_header {
    uint8_t version_words; /* version 4, header length in words */
    uint8_t tos;
    struct be16 length;
    struct be16 id;
    struct be16 fragment; /* flags 3, offset in 8 bytes 13 bits */
    uint8_t ttl;
    uint8_t protocol;
    uint8_t checksum[2]; /* in memory order, see checksum.h */
    struct be32 src;
    struct be32 dst;
};

struct ipv6_header {
    struct be32 version_class_flow;
    struct be16 payload_length;
    uint8_t next;
    uint8_t hop_limit;
    uint8_t src[16];
    uint8_t dst[16];
};

struct icmp_header {
    uint8_t type;
    uint8_t code;
    uint8_t checksum[2];
    struct be32 rest;
};

static_assert(sizeof(struct ethernet_header) == ETHERNET_HEADER_BYTES, "wire layout");
static_assert(sizeof(struct vlan_tag) == VLAN_TAG_BYTES, "wire layout");
static_assert(sizeof(struct arp_packet) == 28, "wire layout");
static_assert(sizeof(struct ipv4_header) == IPV4_HEADER_BYTES, "wire layout");
static_assert(sizeof(struct ipv6_header) == IPV6_HEADER_BYTES, "wire layout");
static_assert(sizeof(struct icmp_header) == ICMP_HEADER_BYTES, "wire layout");

#endif
