#include "datapath/net/net.h"

#include "datapath/net/arp.h"
#include "datapath/net/ethernet.h"
#include "datapath/net/icmp.h"
#include "datapath/net/ipv4.h"
#include "datapath/net/ipv6.h"
#include "datapath/util.h"

#include <netinet/in.h>

/* The default route of the gateway's family. */
static struct route default_route(const struct ip_addr *gateway)
{
    static const struct ip_addr v6_any;
    struct route route = {.gateway = *gateway};

    route.prefix.addr = ip_addr_is_v4(gateway) ? ip_addr_v4(0) : v6_any;
    return route;
}

static int add_routes(struct net *net, const struct net_config *config)
{
    for (unsigned i = 0; i < config->address_count; i++) {
        struct route on_link = {.prefix = config->addresses[i], .on_link = true};

        net_address_add(net, &config->addresses[i]);
        if (route_add(&net->routes, &on_link) != 0) {
            return -1;
        }
    }
    for (unsigned i = 0; i < config->gateway_count; i++) {
        struct route route = default_route(&config->gateways[i]);

        if (!net_address_is_remote(net, &config->gateways[i]) ||
            route_add(&net->routes, &route) != 0 ||
            net_source_for(net, &config->gateways[i]) == NULL) {
            return -1;
        }
    }
    return 0;
}

static bool address_is_consistent(const struct ip_prefix *own, uint16_t mtu)
{
    if (!ip_addr_is_unicast(&own->addr) || ip_prefix_is_broadcast(own, &own->addr)) {
        return false;
    }
    if (ip_addr_is_v4(&own->addr)) {
        return own->length <= 32;
    }
    return own->length <= 128 && mtu >= NET_MTU_MIN_V6;
}

static bool is_consistent(const struct net_config *config)
{
    if (!config->port || !config->pool || !config->transport || !config->neighbours ||
        config->neighbours_max == 0 || config->neighbours_max == NEIGHBOUR_NONE ||
        config->address_count == 0 || config->address_count > NET_ADDRESSES_MAX ||
        mac_addr_is_multicast(&config->mac) || config->vlan > NET_VLAN_MAX ||
        config->mtu < NET_MTU_MIN_V4 || config->mtu > NET_MTU_MAX) {
        return false;
    }
    for (unsigned i = 0; i < config->address_count; i++) {
        if (!address_is_consistent(&config->addresses[i], config->mtu)) {
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
    net->transport = config->transport;
    net->transport_ctx = config->transport_ctx;
    neighbours_init(&net->neighbours, config->neighbours, config->neighbours_max);
    fragments_init(&net->fragments);
    return add_routes(net, config);
}

void net_input(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    if (packet->flags & PACKET_ARP) {
        arp_input(net, packet, now_ns);
    } else if (packet->flags & PACKET_V6) {
        net->counters.drop_protocol++; /* ICMPv6 is not spoken yet */
    } else if (packet->protocol == IPPROTO_ICMP) {
        icmp_input(net, packet, now_ns);
    } else {
        net->counters.drop_protocol++;
        icmp_protocol_unreachable(net, packet, now_ns);
    }
}

static void tick_neighbours(struct net *net, uint64_t now_ns)
{
    struct neighbours *table = &net->neighbours;

    /* Before the walk, since what a timeout tells the transport may make it ask
     * for a neighbour that the walk has passed. */
    table->deadline_ns = UINT64_MAX;
    table->newest_ns = now_ns;
    for (uint16_t i = 0; i < table->used; i++) {
        struct neighbour *neighbour = &table->entries[i];

        if (neighbour->deadline_ns <= now_ns) {
            arp_timeout(net, neighbour, now_ns);
        }
        table->deadline_ns = min_u64(table->deadline_ns, neighbour->deadline_ns);
    }
}

void net_tick(struct net *net, uint64_t now_ns)
{
    if (now_ns >= net->neighbours.deadline_ns) {
        tick_neighbours(net, now_ns);
    }
    if (now_ns >= net->fragments.deadline_ns) {
        fragments_expire(net, now_ns);
    }
}

uint64_t net_next_deadline(const struct net *net)
{
    return min_u64(net->neighbours.deadline_ns, net->fragments.deadline_ns);
}

uint8_t *net_header_write(struct net *net, const struct net_path *path,
                          const struct net_header *header, uint8_t *l4)
{
    const struct neighbour *neighbour = neighbour_at(&net->neighbours, path->neighbour);

    if (ip_addr_is_v4(header->remote)) {
        return ethernet_write(net, &neighbour->mac, ETHERTYPE_IPV4, ipv4_write(header, l4));
    }
    return ethernet_write(net, &neighbour->mac, ETHERTYPE_IPV6, ipv6_write(header, l4));
}
