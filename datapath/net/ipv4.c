#include "datapath/net/ipv4.h"

#include <netinet/in.h>

/* Nothing in the packet is trusted: each length is checked before what it covers
 * is read. The frame may be longer than the packet: Ethernet pads. */
bool ipv4_parse(struct net *net, const uint8_t *chunk, uint16_t end, struct packet *out)
{
    const uint8_t *l3 = chunk + out->l3_offset;
    uint16_t room = (uint16_t)(end - out->l3_offset);
    const struct ipv4_header *ip = (const void *)l3;
    uint16_t header_bytes;
    uint16_t length;

    if (room < sizeof *ip) {
        net->counters.drop_short++;
        return false;
    }
    header_bytes = (uint16_t)((ip->version_words & 15u) * 4);
    length = be16_get(ip->length);
    if (ip->version_words >> 4 != 4 || header_bytes < sizeof *ip) {
        net->counters.drop_version++;
        return false;
    }
    if (length < header_bytes || length > room) {
        net->counters.drop_length++;
        return false;
    }
    if (checksum_sum(l3, header_bytes) != 0xffff) {
        net->counters.drop_checksum++;
        return false;
    }
    /* Options are skipped (MUST-50): source routes are not followed (RFC 7126). */
    out->l4_offset = (uint16_t)(out->l3_offset + header_bytes);
    out->l4_length = (uint16_t)(length - header_bytes);
    out->protocol = ip->protocol;
    if ((be16_get(ip->fragment) & 0x3fff) != 0) { /* more to come, or an offset */
        out->protocol = IPPROTO_FRAGMENT;         /* as IPv6 tells it */
    }
    out->tos = ip->tos;
    out->ttl = ip->ttl;
    out->src = ip_addr_v4_load(ip->src.bytes);
    out->dst = ip_addr_v4_load(ip->dst.bytes);
    return true;
}
