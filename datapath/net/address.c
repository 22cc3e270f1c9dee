/* Own addresses: which are ours, which nobody may have, from which to speak. */
#include "datapath/net/net.h"

static uint64_t filter_bit(const struct ip_addr *addr)
{
    return 1ull << ((addr->halves[0] ^ addr->halves[1]) * 0x9e3779b97f4a7c15ull >> 58);
}

/* The last address of an IPv4 prefix that has one, else the address itself. */
static struct ip_addr broadcast_of(const struct ip_prefix *own)
{
    struct ip_addr last;

    if (!ip_addr_is_v4(&own->addr) || own->length > 30) {
        return own->addr;
    }
    last = ip_addr_v4(ip_addr_v4_get(&own->addr) | (uint32_t)(0xffffffffull >> own->length));
    return last;
}

void net_address_add(struct net *net, const struct ip_prefix *own)
{
    struct ip_addr broadcast = broadcast_of(own);

    assert(net->address_count < NET_ADDRESSES_MAX);
    net->addresses[net->address_count] = *own;
    net->broadcasts[net->address_count] = broadcast;
    net->address_count++;
    net->address_filter |= filter_bit(&own->addr) | filter_bit(&broadcast);
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

bool net_address_is_broadcast(const struct net *net, const struct ip_addr *addr)
{
    for (unsigned i = 0; i < net->address_count; i++) {
        if (ip_addr_equal(&net->broadcasts[i], addr) &&
            !ip_addr_equal(&net->addresses[i].addr, addr)) {
            return true;
        }
    }
    return ip_addr_is_broadcast(addr);
}

/* The filter spares nearly every packet the comparisons: a source hits one of
 * 64 bits only by chance. */
bool net_address_is_remote(const struct net *net, const struct ip_addr *addr)
{
    if (!ip_addr_is_unicast(addr)) {
        return false;
    }
    return (net->address_filter & filter_bit(addr)) == 0 ||
           (!net_address_is_local(net, addr) && !net_address_is_broadcast(net, addr));
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
