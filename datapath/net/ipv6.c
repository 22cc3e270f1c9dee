#include "datapath/net/ipv6.h"

#include <netinet/in.h>

/* A packet with more is not meant well: RFC 8504 section 5.3 lets a host limit
 * their number. */
#define EXTENSIONS_MAX 8u

#define OPTION_PAD1 0u /* the only one that is a single byte */

/* Whether all options of a header may be passed over: the two high bits of one that is not
 * known say so (RFC 8200 section 4.2). None is known but padding. */
static bool options_may_be_skipped(const uint8_t *at, uint16_t bytes)
{
    uint16_t next = 2;

    while (next < bytes) {
        uint8_t type = at[next];

        if (type == OPTION_PAD1) {
            next++;
            continue;
        }
        if (type >> 6 != 0 || bytes - next < 2 || at[next + 1] > bytes - next - 2) {
            return false;
        }
        next = (uint16_t)(next + 2 + at[next + 1]);
    }
    return true;
}

/* Steps over hop-by-hop options, routing headers that are used up, and
 * destination options (RFC 8200 section 4). Routing type 0 is not followed
 * (RFC 5095). False when the headers lead nowhere. */
static bool skip_extensions(const uint8_t *chunk, uint16_t end, struct packet *out)
{
    for (unsigned left = EXTENSIONS_MAX + 1; left > 0; left--) {
        const uint8_t *at = chunk + out->l4_offset;
        uint16_t room = (uint16_t)(end - out->l4_offset);
        uint16_t bytes;

        if (out->protocol != IPPROTO_HOPOPTS && out->protocol != IPPROTO_ROUTING &&
            out->protocol != IPPROTO_DSTOPTS) {
            out->l4_length = room;
            return true;
        }
        if (room < 8) {
            return false;
        }
        bytes = (uint16_t)((at[1] + 1u) * 8);
        if (bytes > room) {
            return false;
        }
        if (out->protocol == IPPROTO_ROUTING ? at[3] != 0 : !options_may_be_skipped(at, bytes)) {
            return false;
        }
        /* Hop-by-hop options stand first, or nowhere (RFC 8200 section 4). */
        if (out->protocol == IPPROTO_HOPOPTS && left <= EXTENSIONS_MAX) {
            return false;
        }
        out->protocol = at[0];
        out->l4_offset = (uint16_t)(out->l4_offset + bytes);
    }
    return false;
}

bool ipv6_parse(struct net *net, const uint8_t *chunk, uint16_t end, struct packet *out)
{
    uint16_t room = (uint16_t)(end - out->l3_offset);
    struct ipv6_header ip;
    uint32_t first;
    uint16_t length;

    if (room < sizeof ip) {
        net->counters.drop_short++;
        return false;
    }
    memcpy(&ip, chunk + out->l3_offset, sizeof ip);
    first = be32_get(ip.version_class_flow);
    length = be16_get(ip.payload_length);
    if (first >> 28 != 6) {
        net->counters.drop_version++;
        return false;
    }
    if (length > room - sizeof ip) {
        net->counters.drop_length++;
        return false;
    }
    out->flags |= PACKET_V6;
    out->protocol = ip.next;
    out->tos = (uint8_t)(first >> 20);
    out->ttl = ip.hop_limit;
    out->l4_offset = (uint16_t)(out->l3_offset + sizeof ip);
    memcpy(out->src.bytes, ip.src, sizeof ip.src);
    memcpy(out->dst.bytes, ip.dst, sizeof ip.dst);
    /* Inside, an IPv4-mapped address is an IPv4 address: on the wire nobody may
     * pretend to one by it. */
    if (ip_addr_is_v4(&out->src) || ip_addr_is_v4(&out->dst)) {
        net->counters.drop_source++;
        return false;
    }
    if (!skip_extensions(chunk, (uint16_t)(out->l4_offset + length), out)) {
        net->counters.drop_extension++;
        return false;
    }
    return true;
}
