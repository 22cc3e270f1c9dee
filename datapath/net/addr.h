/*
 * Addresses of both families in one type. An IPv4 address is held in its
 * IPv4-mapped form, ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that
 * comparing, hashing and storing know nothing of families.
 */
#ifndef HEADRACE_DATAPATH_NET_ADDR_H
#define HEADRACE_DATAPATH_NET_ADDR_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum ip_family {
    IP_V4 = 4,
    IP_V6 = 6,
};

/* Network byte order throughout; the last four bytes are the IPv4 address. */
struct ip_addr {
    union {
        uint8_t bytes[16];
        uint64_t halves[2]; /* raw memory, for comparing and hashing only */
    };
};

/* An address with its prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6. */
struct ip_prefix {
    struct ip_addr addr;
    uint8_t length;
};

struct mac_addr {
    uint8_t bytes[6];
};

/* "[ffff:...:ffff]/128" and a terminator fit. */
#define IP_ADDR_TEXT_BYTES 48

static_assert(sizeof(struct ip_addr) == 16, "hashed as two words");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the halves below assume it");

/* The second half of a mapped address, but for the IPv4 address in its upper
 * four bytes. Halves are written and compared as wholes: a word that was put
 * together from bytes just stored would have to wait for them. */
#define IP_V4_MAPPED_HALF 0xffff0000u

/* From four bytes of a packet. */
static inline struct ip_addr ip_addr_v4_load(const uint8_t *at)
{
    struct ip_addr addr;
    uint32_t raw;

    memcpy(&raw, at, sizeof raw);
    addr.halves[0] = 0;
    addr.halves[1] = (uint64_t)raw << 32 | IP_V4_MAPPED_HALF;
    return addr;
}

static inline struct ip_addr ip_addr_v4(uint32_t host_order)
{
    uint32_t raw = __builtin_bswap32(host_order);
    uint8_t bytes[sizeof raw];

    memcpy(bytes, &raw, sizeof raw);
    return ip_addr_v4_load(bytes);
}

static inline bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
    return ((a->halves[0] ^ b->halves[0]) | (a->halves[1] ^ b->halves[1])) == 0;
}

static inline bool ip_addr_is_v4(const struct ip_addr *addr)
{
    return addr->halves[0] == 0 && (uint32_t)addr->halves[1] == IP_V4_MAPPED_HALF;
}

static inline enum ip_family ip_addr_family(const struct ip_addr *addr)
{
    return ip_addr_is_v4(addr) ? IP_V4 : IP_V6;
}

/* The IPv4 address in host order; the caller has checked the family. */
static inline uint32_t ip_addr_v4_get(const struct ip_addr *addr)
{
    return __builtin_bswap32((uint32_t)(addr->halves[1] >> 32));
}

/* 0.0.0.0 or ::. */
bool ip_addr_is_unspecified(const struct ip_addr *addr);
/* 224.0.0.0/4 or ff00::/8. */
bool ip_addr_is_multicast(const struct ip_addr *addr);
/* 127.0.0.0/8 or ::1. */
bool ip_addr_is_loopback(const struct ip_addr *addr);
/* 255.255.255.255; the broadcast address of a prefix is ip_prefix_is_broadcast. */
bool ip_addr_is_broadcast(const struct ip_addr *addr);
/* A single host may have it: none of the above. */
bool ip_addr_is_unicast(const struct ip_addr *addr);

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);
/* The last address of an IPv4 prefix of at most 30 bits; never for IPv6. */
bool ip_prefix_is_broadcast(const struct ip_prefix *prefix, const struct ip_addr *addr);

/* Text to address: 0, or -1 when it is none. Prefix: "ADDRESS/LENGTH"; a bare
 * address is taken with its full length. */
int ip_addr_parse(const char *text, struct ip_addr *addr);
int ip_prefix_parse(const char *text, struct ip_prefix *prefix);
/* Address to text, in the form of RFC 5952; returns `text`. */
const char *ip_addr_format(const struct ip_addr *addr, char text[IP_ADDR_TEXT_BYTES]);

static inline bool mac_addr_equal(const struct mac_addr *a, const struct mac_addr *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The group bit: broadcast included. */
static inline bool mac_addr_is_multicast(const struct mac_addr *mac)
{
    return (mac->bytes[0] & 1) != 0;
}

#endif
