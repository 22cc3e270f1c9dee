/*
 * What scripts set in the route to the peer, `ip route change ... initcwnd 20`, and what of it
 * the stack has: asked of the system over netlink.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_ROUTE_H
#define HEADRACE_TESTS_PACKETDRILL_ROUTE_H

#include "datapath/net/addr.h"
#include "tcp/settings.h"
#include "tests/packetdrill/untold.h"

/* Without such a route nothing changes. */
void route_read(const struct ip_addr *remote, struct tcp_settings *settings, struct untold *untold);

#endif
