/*
 * ARP (RFC 826), with the states of RFC 4861 section 7.3, the limits of
 * RFC 1122 section 2.3.2 and the announcement and defence of RFC 5227.
 */
#ifndef HEADRACE_DATAPATH_NET_ARP_H
#define HEADRACE_DATAPATH_NET_ARP_H

#include "datapath/net/net.h"

void arp_input(struct net *net, const struct packet *packet, uint64_t now_ns);

/* Asks for an address that is not known. False when it was asked for within the
 * last second in vain. */
bool arp_resolve(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* An entry that is old and used: asks again, while it goes on serving. */
void arp_confirm(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* The neighbour is known to be there. */
void arp_confirmed(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* A neighbour's deadline has passed. */
void arp_timeout(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* "We are here": sender and target are our own address. */
void arp_announce(struct net *net, const struct ip_addr *own);

/* In path.c: what waited for the neighbour goes, or is told. */
void net_neighbour_resolved(struct net *net, struct neighbour *neighbour);
void net_neighbour_failed(struct net *net, struct neighbour *neighbour);

/* In net.c: the link-layer header that ends at `l3`; returns its first byte. */
uint8_t *net_link_write(const struct net *net, const struct mac_addr *to, uint16_t type,
                        uint8_t *l3);

#endif
