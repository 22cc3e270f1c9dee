/*
 * ARP (RFC 826), with the states of RFC 4861 section 7.3, the limits of
 * RFC 1122 section 2.3.2 and the announcement and defence of RFC 5227.
 *
 *   FAILED      asked for                  -> INCOMPLETE, a request a second
 *   INCOMPLETE  answer                     -> REACHABLE
 *               three requests in vain     -> FAILED; for a second not asked again
 *   REACHABLE   30 s without confirmation  -> STALE
 *   STALE       used                       -> DELAY
 *   DELAY       5 s without confirmation   -> PROBE, a unicast request a second
 *   PROBE       answer                     -> REACHABLE
 *               three requests in vain     -> FAILED
 * A confirmation of the upper layer makes any usable entry REACHABLE. A packet
 * that is no answer to us, with news, makes the entry STALE.
 */
#ifndef HEADRACE_DATAPATH_NET_ARP_H
#define HEADRACE_DATAPATH_NET_ARP_H

#include "datapath/net/net.h"

void arp_input(struct net *net, const struct packet *packet, uint64_t now_ns);

/* Asks for an address that is not known. False when it was asked for within the
 * last second in vain. */
bool arp_resolve(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* An entry that is old is used: it serves, and is asked if nobody confirms it. */
void arp_delay(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* The neighbour is known to be there. */
void arp_confirmed(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* A neighbour's deadline has passed. */
void arp_timeout(struct net *net, struct neighbour *neighbour, uint64_t now_ns);

/* "We are here": sender and target are our own address. */
void arp_announce(struct net *net, const struct ip_addr *own);

/* In path.c: the entry of an address, made if there is none and a place is to be
 * had, else NEIGHBOUR_NONE. */
uint16_t net_neighbour_get(struct net *net, const struct ip_addr *addr);
/* In path.c: what waited for the neighbour goes, or is told. */
void net_neighbour_resolved(struct net *net, struct neighbour *neighbour);
void net_neighbour_failed(struct net *net, struct neighbour *neighbour);

#endif
