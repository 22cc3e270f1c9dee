/*
 * Writing Ethernet headers with or without a VLAN tag (IEEE 802.3, 802.1Q).
 * Reading them is net_parse()'s first step. No state.
 */
#ifndef HEADRACE_DATAPATH_NET_ETHERNET_H
#define HEADRACE_DATAPATH_NET_ETHERNET_H

#include "datapath/net/headers.h"
#include "datapath/net/net.h"

/* The header that ends at `l3`; returns its first byte. */
static inline uint8_t *ethernet_write(const struct net *net, const struct mac_addr *to,
                                      uint16_t type, uint8_t *l3)
{
    uint8_t *start = l3 - ETHERNET_HEADER_BYTES;

    be16_store(l3 - 2, type);
    if (net->vlan != 0) {
        start -= VLAN_TAG_BYTES;
        be16_store(l3 - 4, net->vlan);
        be16_store(l3 - 6, ETHERTYPE_VLAN);
    }
    memcpy(start, to, sizeof *to);
    memcpy(start + sizeof *to, &net->mac, sizeof net->mac);
    return start;
}

#endif
