/*
 * The protocol below the transport, one instance per worker: Ethernet and VLAN,
 * ARP, IPv4, IPv6, ICMP. Pure: no system call, no clock.
 *
 * Receiving: net_parse() verifies a packet and says whose it is; net_input()
 * takes those that are not the transport's, net_reassemble() fragments. The caller keeps its hold
 * of the frame (FRAME_WORKER) and drops it at the end of the burst. Sending: net_path_find() once
 * per connection, net_path_check() before a packet, net_header_write() in front of it, net_send().
 *
 * Owner: the worker. All memory is in the structure or handed in at init.
 */
#ifndef HEADRACE_DATAPATH_NET_NET_H
#define HEADRACE_DATAPATH_NET_NET_H

#include "datapath/net/addr.h"
#include "datapath/net/counters.h"
#include "datapath/net/fragments.h"
#include "datapath/net/limit.h"
#include "datapath/net/neighbour.h"
#include "datapath/net/packet.h"
#include "datapath/net/route.h"
#include "datapath/net/transport.h"
#include "datapath/port.h"

#include <stdbool.h>
#include <stdint.h>

#define NET_ADDRESSES_MAX 16u
#define NET_MTU_MIN_V4 576u  /* what every host takes (RFC 791) */
#define NET_MTU_MIN_V6 1280u /* RFC 8200 section 5 */
#define NET_MTU_MAX 9000u    /* the usual jumbo frame */
#define NET_VLAN_MAX 4094u   /* IEEE 802.1Q: 4095 is reserved */
#define NET_TTL 64u          /* what we send with (RFC 1700) */

enum net_kind {
    NET_TCP,
    NET_UDP,
    NET_LOCAL,    /* for net_input() */
    NET_FRAGMENT, /* for net_reassemble() */
    NET_DROP,     /* counted */
};

/* How to reach a remote address. */
struct net_path {
    uint16_t neighbour;
    uint16_t mtu; /* bytes of an IP packet */
    uint32_t generation;
};

enum net_path_state {
    NET_PATH_READY,
    NET_PATH_WAIT,   /* asked: wait on net_path_waiters() */
    NET_PATH_FAILED, /* nobody answered */
    NET_PATH_STALE,  /* the entry serves another by now: net_path_find() again */
};

struct net_config {
    struct port *port;
    struct frame_pool *pool;
    struct mac_addr mac;
    uint16_t mtu;  /* bytes of an IP packet */
    uint16_t vlan; /* 0: untagged */
    unsigned address_count;
    const struct ip_prefix *addresses; /* each is an on-link route as well */
    unsigned gateway_count;
    const struct ip_addr *gateways; /* default routes, each of a family with an address */
    struct neighbour *neighbours;   /* outliving the instance */
    uint16_t neighbours_max;
    const struct net_transport *transport;
    void *transport_ctx;
    bool checksum_tx; /* write transport checksums; off only for measuring */
};

struct net {
    struct port *port;
    struct frame_pool *pool;
    struct mac_addr mac;
    uint16_t mtu;
    uint16_t vlan;
    bool checksum_tx;
    unsigned address_count;
    unsigned address_last;   /* the own address that the last packet was for */
    uint64_t address_filter; /* a bit per hash of what no remote host may have */
    struct ip_prefix addresses[NET_ADDRESSES_MAX];
    struct ip_addr broadcasts[NET_ADDRESSES_MAX]; /* of their prefixes */
    struct routes routes;
    struct neighbours neighbours;
    const struct net_transport *transport;
    void *transport_ctx;
    struct limit icmp_limit;
    struct limit arp_limit;
    uint64_t arp_defended_ns; /* RFC 5227 section 2.4: once in ten seconds */
    struct fragments fragments;
    struct net_counters counters;
};

/* 0, or -1 when the configuration is not consistent. */
int net_init(struct net *net, const struct net_config *config);

/* Tells the link of our addresses (RFC 5227 section 2.3). */
void net_announce(struct net *net);

enum net_kind net_parse(struct net *net, const struct port_packet *raw, struct packet *out);
void net_input(struct net *net, const struct packet *packet, uint64_t now_ns);

/* `packet` is what net_parse() made of *raw. True when the whole of which it was the last
 * fragment to come is in *raw now, to be parsed anew: the caller's hold has moved there. */
bool net_reassemble(struct net *net, const struct packet *packet, struct port_packet *raw,
                    uint64_t now_ns);

/* An ICMP port unreachable in answer to a UDP packet: unless it came to a group,
 * and within a limit (RFC 1122 section 3.2.2). */
void net_port_unreachable(struct net *net, const struct packet *packet, uint64_t now_ns);

/* Retries and expiry of neighbours and fragments; when now >= net_next_deadline(). */
void net_tick(struct net *net, uint64_t now_ns);
uint64_t net_next_deadline(const struct net *net);

/* 0, or -1 without a route or a free neighbour entry, and for an address that no
 * other host may have. */
int net_path_find(struct net *net, const struct ip_addr *remote, struct net_path *path);
/* Starts resolving when that is needed. */
enum net_path_state net_path_resolve(struct net *net, const struct net_path *path, uint64_t now_ns);
/* The upper layer got an answer through this path: it is reachable. */
void net_path_confirm(struct net *net, const struct net_path *path, uint64_t now_ns);
/* The upper layer gets no answers: ask the neighbour again. */
void net_path_suspect(struct net *net, const struct net_path *path);
struct list *net_path_waiters(struct net *net, const struct net_path *path);

/* An entry that no protocol changes. 0, or -1 when the table is full. */
int net_neighbour_set(struct net *net, const struct ip_addr *addr, const struct mac_addr *mac);

/* Another instance on the same interface has received this ARP packet, of 28
 * bytes: what it tells of neighbours is taken, it is not answered. */
void net_neighbour_hear(struct net *net, const uint8_t *bytes, uint64_t now_ns);

struct net_header {
    const struct ip_addr *local;
    const struct ip_addr *remote;
    uint8_t protocol;
    uint8_t tos;
    uint8_t ttl;
    uint16_t l4_length; /* header and payload */
};

/* Writes Ethernet, VLAN and IP headers that end at `l4`; returns their first
 * byte. The path is ready. DF is set, and the identification is 0 then
 * (RFC 6864 section 4.1). */
uint8_t *net_header_write(struct net *net, const struct net_path *path,
                          const struct net_header *header, uint8_t *l4);

/* For answers without a connection. The headers end at `l4`; the packet waits
 * for the neighbour when it must, and is dropped when the port is full. The
 * caller keeps its own hold of the frame. */
void net_send_stateless(struct net *net, uint32_t frame, const struct net_header *header,
                        uint8_t *l4, uint64_t now_ns);

/* The local address from which to talk to `remote`, or NULL. */
const struct ip_addr *net_source_for(const struct net *net, const struct ip_addr *remote);
bool net_address_is_local(const struct net *net, const struct ip_addr *addr);
/* 255.255.255.255, or the last address of a prefix of ours. */
bool net_address_is_broadcast(const struct net *net, const struct ip_addr *addr);
/* A single host may have it, and it is not ours. */
bool net_address_is_remote(const struct net *net, const struct ip_addr *addr);
/* For net_init(). */
void net_address_add(struct net *net, const struct ip_prefix *own);

static inline void net_send(struct net *net, uint32_t frame, const uint8_t *start, uint16_t length)
{
    port_send(net->port, frame, (uint16_t)(start - frame_data(net->pool, frame)), length);
}

static inline enum net_path_state net_path_check(struct net *net, const struct net_path *path,
                                                 uint64_t now_ns)
{
    const struct neighbour *neighbour = neighbour_at(&net->neighbours, path->neighbour);

    if (neighbour->generation == path->generation && neighbour->state >= NEIGHBOUR_DELAY) {
        return NET_PATH_READY;
    }
    return net_path_resolve(net, path, now_ns);
}

#endif
