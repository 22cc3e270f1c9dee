#include "datapath/net/route.h"

#include <stddef.h>

int route_add(struct routes *routes, const struct route *route)
{
    if (routes->count == ROUTES_MAX) {
        return -1;
    }
    routes->entries[routes->count++] = *route;
    return 0;
}

/* An IPv4 default route has the mapped prefix and length 0: it holds IPv4 only,
 * since the comparison covers the 96 bits of the mapping. */
int route_find(const struct routes *routes, const struct ip_addr *remote, struct ip_addr *next_hop)
{
    const struct route *best = NULL;

    for (unsigned i = 0; i < routes->count; i++) {
        const struct route *route = &routes->entries[i];

        if (ip_addr_family(&route->prefix.addr) == ip_addr_family(remote) &&
            ip_prefix_contains(&route->prefix, remote) &&
            (!best || route->prefix.length > best->prefix.length)) {
            best = route;
        }
    }
    if (!best) {
        return -1;
    }
    *next_hop = best->on_link ? *remote : best->gateway;
    return 0;
}
