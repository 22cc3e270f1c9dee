#include "datapath/net/addr.h"

#include <arpa/inet.h>

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

/* All of 240.0.0.0/4 is refused with it: reserved (RFC 1112 section 4), and no
 * single host's. */
bool ip_addr_is_broadcast(const struct ip_addr *addr)
{
    return ip_addr_is_v4(addr) && addr->bytes[12] >> 4 == 15;
}

bool ip_addr_is_unicast(const struct ip_addr *addr)
{
    if (ip_addr_is_v4(addr)) {
        uint8_t first = addr->bytes[12];

        /* 0/8 is "this network" (RFC 1122 section 3.2.1.3); from 224 on none is
         * a single host. */
        return first != 0 && first != 127 && first < 224;
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
    unsigned bytes = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(prefix->addr.bytes, addr->bytes, bytes) != 0) {
        return false;
    }
    return rest == 0 || (prefix->addr.bytes[bytes] ^ addr->bytes[bytes]) >> (8 - rest) == 0;
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

int ip_addr_parse(const char *text, struct ip_addr *addr)
{
    uint8_t v4[4];

    if (inet_pton(AF_INET, text, v4) == 1) {
        memcpy(addr->bytes, ip_v4_mapped, sizeof ip_v4_mapped);
        memcpy(addr->bytes + 12, v4, sizeof v4);
        return 0;
    }
    return inet_pton(AF_INET6, text, addr->bytes) == 1 ? 0 : -1;
}

/* Digits only, up to the end. */
static int parse_length(const char *text, unsigned max, uint8_t *length)
{
    unsigned value = 0;

    if (*text == '\0') {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        value = value * 10 + (unsigned)(*text - '0');
        if (value > max) {
            return -1;
        }
    }
    *length = (uint8_t)value;
    return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
    char address[IP_ADDR_TEXT_BYTES];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    unsigned max;

    if (length >= sizeof address) {
        return -1;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    if (ip_addr_parse(address, &prefix->addr) != 0) {
        return -1;
    }
    max = ip_addr_is_v4(&prefix->addr) ? 32 : 128;
    prefix->length = (uint8_t)max;
    return slash ? parse_length(slash + 1, max, &prefix->length) : 0;
}

const char *ip_addr_format(const struct ip_addr *addr, char text[IP_ADDR_TEXT_BYTES])
{
    if (ip_addr_is_v4(addr)) {
        (void)inet_ntop(AF_INET, addr->bytes + 12, text, IP_ADDR_TEXT_BYTES);
    } else {
        (void)inet_ntop(AF_INET6, addr->bytes, text, IP_ADDR_TEXT_BYTES);
    }
    return text;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int mac_addr_parse(const char *text, struct mac_addr *mac)
{
    for (unsigned i = 0; i < sizeof mac->bytes; i++, text += 3) {
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);

        if (low < 0 || text[2] != (i + 1 < sizeof mac->bytes ? ':' : '\0')) {
            return -1;
        }
        mac->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}
