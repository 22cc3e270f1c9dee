/*
 * Routes of both families: on-link prefixes and gateways, the longest prefix
 * wins. A short table, set at start: looked at when a path is made, never per
 * packet.
 */
#ifndef HEADRACE_DATAPATH_NET_ROUTE_H
#define HEADRACE_DATAPATH_NET_ROUTE_H

#include "datapath/net/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define ROUTES_MAX 32u

struct route {
    struct ip_prefix prefix;
    struct ip_addr gateway; /* meaningful unless on-link */
    bool on_link;
};

struct routes {
    unsigned count;
    struct route entries[ROUTES_MAX];
};

/* 0, or -1 when the table is full. */
int route_add(struct routes *routes, const struct route *route);

/* The next hop for `remote`: itself on-link, else a gateway. -1 without a route.
 * Among equal prefixes the first that was added. */
int route_find(const struct routes *routes, const struct ip_addr *remote, struct ip_addr *next_hop);

#endif
