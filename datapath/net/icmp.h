/*
 * ICMP (RFC 792) by the rules of RFC 1122 section 3.2.2: echo answered, errors
 * handed to the transport and sent, within a limit.
 */
#ifndef HEADRACE_DATAPATH_NET_ICMP_H
#define HEADRACE_DATAPATH_NET_ICMP_H

#include "datapath/net/net.h"

void icmp_input(struct net *net, const struct packet *packet, uint64_t now_ns);

#endif
