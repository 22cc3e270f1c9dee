#include "datapath/net/net.h"

#include "datapath/net/arp.h"
#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "datapath/net/icmp.h"

#include <assert.h>
#include <string.h>

static int add_routes(struct net *net, const struct net_config *config)
{
    static const struct ip_addr v6_any;

    for (unsigned i = 0; i < config->address_count; i++) {
        struct route on_link = {.prefix = config->addresses[i], .on_link = true};

        net->addresses[i] = config->addresses[i];
        if (route_add(&net->routes, &on_link) != 0) {
            return -1;
        }
    }
    for (unsigned i = 0; i < config->gateway_count; i++) {
        bool v4 = ip_addr_is_v4(&config->gateways[i]);
        struct route fallback = {
            .prefix = {.addr = v4 ? ip_addr_v4(0) : v6_any, .length = 0},
            .gateway = config->gateways[i],
        };

        if (route_add(&net->routes, &fallback) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_consistent(const struct net_config *config)
{
    if (!config->port || !config->pool || !config->transport || config->address_count == 0 ||
        config->address_count > NET_ADDRESSES_MAX || config->neighbours_max == 0 ||
        config->neighbours_max == NEIGHBOUR_NONE || config->vlan > 4094 || config->mtu < 576 ||
        config->mtu > 9000) {
        return false;
    }
    for (unsigned i = 0; i < config->address_count; i++) {
        const struct ip_addr *addr = &config->addresses[i].addr;

        if (!ip_addr_is_unicast(addr) || (!ip_addr_is_v4(addr) && config->mtu < 1280)) {
            return false;
        }
    }
    return true;
}

int net_init(struct net *net, const struct net_config *config)
{
    if (!is_consistent(config)) {
        return -1;
    }
    memset(net, 0, sizeof *net);
    net->port = config->port;
    net->pool = config->pool;
    net->mac = config->mac;
    net->mtu = config->mtu;
    net->vlan = config->vlan;
    net->checksum_tx = config->checksum_tx;
    net->address_count = config->address_count;
    net->transport = config->transport;
    net->transport_ctx = config->transport_ctx;
    neighbours_init(&net->neighbours, config->neighbours, config->neighbours_max);
    return add_routes(net, config);
}

bool net_address_is_local(const struct net *net, const struct ip_addr *addr)
{
    for (unsigned i = 0; i < net->address_count; i++) {
        if (ip_addr_equal(&net->addresses[i].addr, addr)) {
            return true;
        }
    }
    return false;
}

const struct ip_addr *net_source_for(const struct net *net, const struct ip_addr *remote)
{
    const struct ip_addr *fallback = NULL;
    struct ip_addr next_hop;

    if (route_find(&net->routes, remote, &next_hop) != 0) {
        return NULL;
    }
    for (unsigned i = 0; i < net->address_count; i++) {
        const struct ip_prefix *own = &net->addresses[i];

        if (ip_addr_family(&own->addr) != ip_addr_family(remote)) {
            continue;
        }
        if (ip_prefix_contains(own, &next_hop)) {
            return &own->addr;
        }
        if (!fallback) {
            fallback = &own->addr;
        }
    }
    return fallback;
}

void net_input(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    if (packet->flags & PACKET_ARP) {
        arp_input(net, packet, now_ns);
    } else if (packet->flags & PACKET_V6) {
        net->counters.drop_icmp++; /* ICMPv6 is not spoken yet */
    } else {
        icmp_input(net, packet, now_ns);
    }
}

uint8_t *net_link_write(const struct net *net, const struct mac_addr *to, uint16_t type,
                        uint8_t *l3)
{
    struct ethernet_header ethernet = {.dst = *to, .src = net->mac, .type = be16_make(type)};
    uint8_t *start = l3 - ETHERNET_HEADER_BYTES;

    if (net->vlan != 0) {
        struct vlan_tag tag = {be16_make(net->vlan), be16_make(type)};

        start -= VLAN_TAG_BYTES;
        ethernet.type = be16_make(ETHERTYPE_VLAN);
        memcpy(start + ETHERNET_HEADER_BYTES, &tag, sizeof tag);
    }
    memcpy(start, &ethernet, sizeof ethernet);
    return start;
}

static uint8_t *write_ipv4(const struct net_header *header, uint8_t *l4)
{
    uint8_t *l3 = l4 - IPV4_HEADER_BYTES;
    struct ipv4_header ip = {
        .version_words = 0x45,
        .tos = header->tos,
        .length = be16_make((uint16_t)(IPV4_HEADER_BYTES + header->l4_length)),
        .fragment = be16_make(0x4000), /* DF */
        .ttl = header->ttl,
        .protocol = header->protocol,
    };
    uint16_t sum;

    memcpy(&ip.src, header->local->bytes + 12, sizeof ip.src);
    memcpy(&ip.dst, header->remote->bytes + 12, sizeof ip.dst);
    sum = (uint16_t)~checksum_sum(&ip, sizeof ip);
    memcpy(ip.checksum, &sum, sizeof sum);
    memcpy(l3, &ip, sizeof ip);
    return l3;
}

static uint8_t *write_ipv6(const struct net_header *header, uint8_t *l4)
{
    uint8_t *l3 = l4 - IPV6_HEADER_BYTES;
    struct ipv6_header ip = {
        .version_class_flow = be32_make(6u << 28 | (uint32_t)header->tos << 20),
        .payload_length = be16_make(header->l4_length),
        .next = header->protocol,
        .hop_limit = header->ttl,
    };

    memcpy(ip.src, header->local->bytes, sizeof ip.src);
    memcpy(ip.dst, header->remote->bytes, sizeof ip.dst);
    memcpy(l3, &ip, sizeof ip);
    return l3;
}

uint8_t *net_header_write(struct net *net, const struct net_path *path,
                          const struct net_header *header, uint8_t *l4)
{
    const struct neighbour *neighbour = neighbour_at(&net->neighbours, path->neighbour);

    if (ip_addr_is_v4(header->remote)) {
        return net_link_write(net, &neighbour->mac, ETHERTYPE_IPV4, write_ipv4(header, l4));
    }
    return net_link_write(net, &neighbour->mac, ETHERTYPE_IPV6, write_ipv6(header, l4));
}
