/* Verifying a received packet and finding its parts, to the transport's header. */
#include "datapath/net/ipv4.h"
#include "datapath/net/ipv6.h"

#include <netinet/in.h>

static enum net_kind drop(uint64_t *counter)
{
    (*counter)++;
    return NET_DROP;
}

/* Ours, or a group's, which is flagged. Most packets are for the address that
 * the last one was for. */
static bool destination_is_ours(struct net *net, struct packet *packet)
{
    if (ip_addr_equal(&net->addresses[net->address_last].addr, &packet->dst)) {
        return true;
    }
    for (unsigned i = 0; i < net->address_count; i++) {
        if (ip_addr_equal(&net->addresses[i].addr, &packet->dst)) {
            net->address_last = i;
            return true;
        }
    }
    if (!ip_addr_is_multicast(&packet->dst) && !net_address_is_broadcast(net, &packet->dst)) {
        return false;
    }
    packet->flags |= PACKET_TO_GROUP;
    return true;
}

/* RFC 1122 section 3.2.1.3. TCP is between two hosts: what comes to a group, of
 * the link too, is discarded (RFC 9293 section 3.9.2.3, MUST-57). */
static enum net_kind judge(struct net *net, struct packet *packet)
{
    if (!destination_is_ours(net, packet)) {
        return drop(&net->counters.drop_destination);
    }
    if (!net_address_is_remote(net, &packet->src)) {
        return drop(&net->counters.drop_source);
    }
    switch (packet->protocol) {
    case IPPROTO_TCP:
        return packet->flags & PACKET_TO_GROUP ? drop(&net->counters.drop_destination) : NET_TCP;
    case IPPROTO_UDP:
        return NET_UDP;
    case IPPROTO_FRAGMENT:
        return packet->flags & PACKET_TO_GROUP ? drop(&net->counters.drop_fragment) : NET_FRAGMENT;
    default:
        return NET_LOCAL;
    }
}

static enum net_kind parse_arp(struct net *net, uint16_t end, struct packet *packet)
{
    uint16_t room = (uint16_t)(end - packet->l3_offset);

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
static bool take_vlan(const struct net *net, const uint8_t *chunk, uint16_t end,
                      struct packet *packet, uint16_t *type)
{
    const uint8_t *tag = chunk + packet->l3_offset;

    if (*type != ETHERTYPE_VLAN) {
        return net->vlan == 0;
    }
    if (end - packet->l3_offset < (int)VLAN_TAG_BYTES) {
        return false;
    }
    *type = be16_load(tag + 2);
    packet->l3_offset = (uint16_t)(packet->l3_offset + VLAN_TAG_BYTES);
    return (be16_load(tag) & 0xfff) == net->vlan;
}

/* For us or for a group. A switch floods what is for others, too. */
static bool link_is_ours(const struct net *net, const uint8_t *ethernet, struct packet *packet)
{
    if (memcmp(ethernet, net->mac.bytes, sizeof net->mac.bytes) == 0) {
        packet->flags = 0;
        return true;
    }
    packet->flags = PACKET_TO_GROUP;
    return (ethernet[0] & 1) != 0;
}

enum net_kind net_parse(struct net *net, const struct port_packet *raw, struct packet *out)
{
    const uint8_t *chunk = frame_data(net->pool, raw->frame);
    const uint8_t *ethernet = chunk + raw->offset;
    uint16_t end = (uint16_t)(raw->offset + raw->length);
    uint16_t type;

    if (raw->length < ETHERNET_HEADER_BYTES) {
        return drop(&net->counters.drop_short);
    }
    if (!link_is_ours(net, ethernet, out)) {
        return drop(&net->counters.drop_link);
    }
    type = be16_load(ethernet + 12);
    out->frame = raw->frame;
    out->l2_offset = raw->offset;
    out->l3_offset = (uint16_t)(raw->offset + ETHERNET_HEADER_BYTES);
    if (!take_vlan(net, chunk, end, out, &type)) {
        return drop(&net->counters.drop_vlan);
    }
    switch (type) {
    case ETHERTYPE_IPV4:
        return ipv4_parse(net, chunk, end, out) ? judge(net, out) : NET_DROP;
    case ETHERTYPE_IPV6:
        return ipv6_parse(net, chunk, end, out) ? judge(net, out) : NET_DROP;
    case ETHERTYPE_ARP:
        return parse_arp(net, end, out);
    default:
        return drop(&net->counters.drop_ethertype);
    }
}
