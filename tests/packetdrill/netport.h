/*
 * A port whose far end speaks raw IP packets: what packetdrill injects arrives with an
 * Ethernet header put before it, what the stack sends is kept with its time until it is asked
 * for. Packets larger than the MTU, as a NIC that gathers segments makes them, are
 * cut into segments that a wire could have carried, which arrive as one burst.
 *
 * Owner: the object under packetdrill. The far end has no limit; completions are seen at
 * once. ARP is not spoken: the neighbour is configured.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_NETPORT_H
#define HEADRACE_TESTS_PACKETDRILL_NETPORT_H

#include "datapath/net/addr.h"
#include "datapath/port.h"

#include <stddef.h>
#include <stdint.h>

struct netport_packet;

/* First in, first out. */
struct netport_queue {
    struct netport_packet *first;
    struct netport_packet **last;
};

struct netport {
    struct port port;
    struct mac_addr mac; /* of the stack */
    uint16_t mtu;
    const uint64_t *now_ns;
    struct netport_queue in;
    struct netport_queue out;
};

void netport_init(struct netport *netport, struct frame_pool *pool, const uint64_t *now_ns);
void netport_destroy(struct netport *netport);

/* A packet from its IP header on. 0, or -1 when it is neither IPv4 nor IPv6. */
int netport_inject(struct netport *netport, const uint8_t *packet, size_t bytes);

bool netport_has_sent(const struct netport *netport);

/* The oldest packet that the stack sent; returns its length, cut to `room`. */
size_t netport_take(struct netport *netport, uint8_t *to, size_t room, uint64_t *sent_ns);

#endif
