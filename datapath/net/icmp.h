/*
 * ICMP (RFC 792) by the rules of RFC 1122 section 3.2.2: echo answered, errors
 * handed to the transport and sent, within a limit.
 */
#ifndef HEADRACE_DATAPATH_NET_ICMP_H
#define HEADRACE_DATAPATH_NET_ICMP_H

#include "datapath/net/net.h"

void icmp_input(struct net *net, const struct packet *packet, uint64_t now_ns);

/* In answer to a packet of a protocol that we do not speak; as
 * net_port_unreachable. */
void icmp_protocol_unreachable(struct net *net, const struct packet *packet, uint64_t now_ns);

/* About a first fragment, the others of which did not come. */
void icmp_reassembly_late(struct net *net, const struct packet *packet, uint64_t now_ns);

#endif
