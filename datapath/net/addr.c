#include "datapath/net/addr.h"

bool ip_addr_is_unspecified(const struct ip_addr *addr)
{
    return (addr->halves[0] | addr->halves[1]) == 0 ||
           (ip_addr_is_v4(addr) && ip_addr_v4_get(addr) == 0);
}

bool ip_addr_is_multicast(const struct ip_addr *addr)
{
    if (ip_addr_is_v4(addr)) {
        return addr->bytes[12] >> 4 == 14;
    }
    return addr->bytes[0] == 0xff;
}

bool ip_addr_is_loopback(const struct ip_addr *addr)
{
    static const struct ip_addr v6_loopback = {.bytes = {[15] = 1}};

    if (ip_addr_is_v4(addr)) {
        return addr->bytes[12] == 127;
    }
    return ip_addr_equal(addr, &v6_loopback);
}

bool ip_addr_is_broadcast(const struct ip_addr *addr)
{
    return ip_addr_is_v4(addr) && ip_addr_v4_get(addr) == UINT32_MAX;
}

bool ip_addr_is_unicast(const struct ip_addr *addr)
{
    if (ip_addr_is_v4(addr)) {
        uint8_t first = addr->bytes[12];

        /* 0/8 is "this network" (RFC 1122 section 3.2.1.3); from 224 on none is
         * a single host. */
        return first != 0 && first != 127 && first < 224; /* 240/4: RFC 1112 section 4 */
    }
    return !ip_addr_is_unspecified(addr) && !ip_addr_is_multicast(addr) &&
           !ip_addr_is_loopback(addr);
}

static unsigned mapped_bits(const struct ip_prefix *prefix)
{
    return prefix->length + (ip_addr_is_v4(&prefix->addr) ? 96u : 0u);
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
    unsigned bits = mapped_bits(prefix);
    uint64_t high = __builtin_bswap64(prefix->addr.halves[0] ^ addr->halves[0]);
    uint64_t low = __builtin_bswap64(prefix->addr.halves[1] ^ addr->halves[1]);

    /* The mapped form of an IPv4 address lies in ::/0, and is not meant. */
    if (ip_addr_is_v4(&prefix->addr) != ip_addr_is_v4(addr)) {
        return false;
    }
    if (bits > 64) {
        return high == 0 && low >> (128 - bits) == 0;
    }
    return bits == 0 || high >> (64 - bits) == 0;
}

bool ip_prefix_is_broadcast(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
    uint32_t host_bits;

    if (!ip_addr_is_v4(&prefix->addr) || prefix->length > 30 || !ip_prefix_contains(prefix, addr)) {
        return false;
    }
    host_bits = (uint32_t)(0xffffffffull >> prefix->length);
    return (ip_addr_v4_get(addr) & host_bits) == host_bits;
}
