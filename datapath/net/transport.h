/*
 * What the protocol below tells the transport above it: a neighbour answered, or
 * an ICMP error quotes one of its packets. Called on the worker's thread; what an
 * error points to is valid until the callback returns.
 */
#ifndef HEADRACE_DATAPATH_NET_TRANSPORT_H
#define HEADRACE_DATAPATH_NET_TRANSPORT_H

#include "datapath/list.h"
#include "datapath/net/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum net_icmp_class {
    NET_ICMP_NONE,
    NET_ICMP_NET_UNREACH,
    NET_ICMP_HOST_UNREACH,
    NET_ICMP_PROTO_UNREACH,
    NET_ICMP_PORT_UNREACH,
    NET_ICMP_FRAG_NEEDED,
    NET_ICMP_PROHIBITED,
    NET_ICMP_TIME_EXCEEDED,
    NET_ICMP_PARAM_PROBLEM,
};

/* What an ICMP error says of a packet that we sent. Not to be believed before
 * the transport has compared it with what it knows (RFC 5927). */
struct net_icmp_error {
    struct ip_addr local;
    struct ip_addr remote;
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t seq; /* the 4 bytes behind the ports: TCP's sequence number */
    uint8_t protocol;
    uint8_t class;               /* enum net_icmp_class */
    uint32_t mtu;                /* of the next hop, for FRAG_NEEDED; ICMPv6 has 32 bits */
    const struct packet *packet; /* that brought it, valid during the call */
};

/* What the transport hears from below. */
struct net_transport {
    /* The neighbour has answered, or will not. Every waiter is taken off. */
    void (*path_changed)(void *ctx, struct list *waiters, bool reachable);
    void (*icmp_error)(void *ctx, const struct net_icmp_error *error, uint64_t now_ns);
};

#endif
