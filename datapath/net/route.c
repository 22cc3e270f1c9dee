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

/* A prefix holds addresses of its family only, also when its length is 0. */
int route_find(const struct routes *routes, const struct ip_addr *remote, struct ip_addr *next_hop)
{
    const struct route *best = NULL;

    for (unsigned i = 0; i < routes->count; i++) {
        const struct route *route = &routes->entries[i];

        if (ip_prefix_contains(&route->prefix, remote) &&
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
