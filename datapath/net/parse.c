/* Verifying a received packet and finding its parts. Nothing in it is trusted:
 * each length is checked before what it covers is read. */
#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "datapath/net/net.h"

#include <netinet/in.h>
#include <string.h>

/* A window on the bytes of a packet. */
struct view {
    const uint8_t *at; /* the chunk */
    uint16_t end;      /* offset behind the packet */
};

static enum net_kind drop(uint64_t *counter)
{
    (*counter)++;
    return NET_DROP;
}

static enum net_kind transport_kind(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        return NET_TCP;
    case IPPROTO_UDP:
        return NET_UDP;
    default:
        return NET_LOCAL;
    }
}

/* RFC 1122 section 3.2.1.3: no source that is not a single host's; and none of
 * ours, which nobody else may have. */
static bool source_is_good(const struct net *net, const struct ip_addr *src)
{
    return ip_addr_is_unicast(src) && !net_address_is_local(net, src);
}

/* Ours, or a group that we listen to; the group is flagged. */
static bool destination_is_ours(const struct net *net, struct packet *packet)
{
    if (net_address_is_local(net, &packet->dst)) {
        return true;
    }
    if (ip_addr_is_multicast(&packet->dst) || ip_addr_is_broadcast(&packet->dst)) {
        packet->flags |= PACKET_TO_GROUP;
        return true;
    }
    for (unsigned i = 0; i < net->address_count; i++) {
        if (ip_prefix_is_broadcast(&net->addresses[i], &packet->dst)) {
            packet->flags |= PACKET_TO_GROUP;
            return true;
        }
    }
    return false;
}

static enum net_kind check_addresses(struct net *net, struct packet *packet)
{
    if (!destination_is_ours(net, packet)) {
        return drop(&net->counters.drop_destination);
    }
    if (!source_is_good(net, &packet->src)) {
        return drop(&net->counters.drop_source);
    }
    return transport_kind(packet->protocol);
}

static enum net_kind parse_ipv4(struct net *net, const struct view *view, struct packet *packet)
{
    const uint8_t *l3 = view->at + packet->l3_offset;
    uint16_t room = (uint16_t)(view->end - packet->l3_offset);
    struct ipv4_header ip;
    uint16_t header_bytes;
    uint16_t length;

    if (room < sizeof ip) {
        return drop(&net->counters.drop_short);
    }
    memcpy(&ip, l3, sizeof ip);
    header_bytes = (uint16_t)((ip.version_words & 15u) * 4);
    length = be16_get(ip.length);
    if (ip.version_words >> 4 != 4 || header_bytes < sizeof ip) {
        return drop(&net->counters.drop_version);
    }
    if (length < header_bytes || length > room) {
        return drop(&net->counters.drop_length);
    }
    if (checksum_sum(l3, header_bytes) != 0xffff) {
        return drop(&net->counters.drop_checksum);
    }
    if ((be16_get(ip.fragment) & 0x3fff) != 0) { /* more to come, or an offset */
        return drop(&net->counters.drop_fragment);
    }
    /* Options are skipped (MUST-50): source routes are not followed (RFC 7126). */
    packet->l4_offset = (uint16_t)(packet->l3_offset + header_bytes);
    packet->l4_length = (uint16_t)(length - header_bytes);
    packet->protocol = ip.protocol;
    packet->tos = ip.tos;
    packet->ttl = ip.ttl;
    packet->src = ip_addr_v4(be32_get(ip.src));
    packet->dst = ip_addr_v4(be32_get(ip.dst));
    return check_addresses(net, packet);
}

/* Steps over hop-by-hop options, routing headers that are used up, and
 * destination options (RFC 8200 section 4). False when they lead nowhere. */
static bool skip_extensions(const struct view *view, uint16_t end, struct packet *packet)
{
    /* RFC 8504 section 5.3 lets a host limit them. */
    for (unsigned left = 8; left > 0; left--) {
        const uint8_t *at = view->at + packet->l4_offset;
        uint16_t bytes;

        switch (packet->protocol) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            break;
        default:
            packet->l4_length = (uint16_t)(end - packet->l4_offset);
            return true;
        }
        if (end - packet->l4_offset < 8) {
            return false;
        }
        bytes = (uint16_t)((at[1] + 1u) * 8);
        if (bytes > end - packet->l4_offset ||
            (packet->protocol == IPPROTO_ROUTING && at[3] != 0)) {
            return false;
        }
        packet->protocol = at[0];
        packet->l4_offset = (uint16_t)(packet->l4_offset + bytes);
    }
    return false;
}

static enum net_kind parse_ipv6(struct net *net, const struct view *view, struct packet *packet)
{
    struct ipv6_header ip;
    uint32_t first;
    uint16_t length;
    uint16_t room = (uint16_t)(view->end - packet->l3_offset);

    if (room < sizeof ip) {
        return drop(&net->counters.drop_short);
    }
    memcpy(&ip, view->at + packet->l3_offset, sizeof ip);
    first = be32_get(ip.version_class_flow);
    length = be16_get(ip.payload_length);
    if (first >> 28 != 6) {
        return drop(&net->counters.drop_version);
    }
    if (length > room - sizeof ip) {
        return drop(&net->counters.drop_length);
    }
    packet->flags |= PACKET_V6;
    packet->protocol = ip.next;
    packet->tos = (uint8_t)(first >> 20);
    packet->ttl = ip.hop_limit;
    packet->l4_offset = (uint16_t)(packet->l3_offset + sizeof ip);
    memcpy(packet->src.bytes, ip.src, sizeof ip.src);
    memcpy(packet->dst.bytes, ip.dst, sizeof ip.dst);
    /* An IPv4-mapped address on the wire would be taken for IPv4 inside. */
    if (ip_addr_is_v4(&packet->src) || ip_addr_is_v4(&packet->dst)) {
        return drop(&net->counters.drop_source);
    }
    if (!skip_extensions(view, (uint16_t)(packet->l4_offset + length), packet)) {
        return drop(&net->counters.drop_extension);
    }
    if (packet->protocol == IPPROTO_FRAGMENT) {
        return drop(&net->counters.drop_fragment);
    }
    return check_addresses(net, packet);
}

static enum net_kind parse_arp(struct net *net, const struct view *view, struct packet *packet)
{
    uint16_t room = (uint16_t)(view->end - packet->l3_offset);

    if (room < sizeof(struct arp_packet)) {
        return drop(&net->counters.drop_short);
    }
    packet->flags |= PACKET_ARP;
    packet->l4_offset = packet->l3_offset;
    packet->l4_length = room;
    return NET_LOCAL;
}

/* Takes off the tag. Tag 0 carries a priority only (IEEE 802.1Q), so it belongs
 * to no VLAN. False when the packet is not of ours. */
static bool take_vlan(const struct net *net, const struct view *view, struct packet *packet,
                      uint16_t *type)
{
    uint16_t vlan = 0;

    if (*type == ETHERTYPE_VLAN && view->end - packet->l3_offset >= (int)VLAN_TAG_BYTES) {
        const uint8_t *tag = view->at + packet->l3_offset;

        vlan = be16_load(tag) & 0xfff;
        *type = be16_load(tag + 2);
        packet->l3_offset = (uint16_t)(packet->l3_offset + VLAN_TAG_BYTES);
    }
    return vlan == net->vlan;
}

enum net_kind net_parse(struct net *net, const struct port_packet *raw, struct packet *out)
{
    struct view view = {frame_data(net->pool, raw->frame), (uint16_t)(raw->offset + raw->length)};
    const uint8_t *ethernet = view.at + raw->offset;
    uint16_t type;

    if (raw->length < ETHERNET_HEADER_BYTES) {
        return drop(&net->counters.drop_short);
    }
    type = be16_load(ethernet + 12);
    out->frame = raw->frame;
    out->l2_offset = raw->offset;
    out->l3_offset = (uint16_t)(raw->offset + ETHERNET_HEADER_BYTES);
    out->flags = ethernet[0] & 1 ? PACKET_TO_GROUP : 0;
    if (!take_vlan(net, &view, out, &type)) {
        return drop(&net->counters.drop_vlan);
    }
    switch (type) {
    case ETHERTYPE_IPV4:
        return parse_ipv4(net, &view, out);
    case ETHERTYPE_IPV6:
        return parse_ipv6(net, &view, out);
    case ETHERTYPE_ARP:
        return parse_arp(net, &view, out);
    default:
        return drop(&net->counters.drop_ethertype);
    }
}
