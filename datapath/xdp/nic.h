/*
 * What we have to know of an interface before we open it, asked through ioctls
 * in the network namespace of the calling thread. A snapshot: the caller owns
 * it. Control thread only.
 */
#ifndef HEADRACE_DATAPATH_XDP_NIC_H
#define HEADRACE_DATAPATH_XDP_NIC_H

#include "datapath/net/addr.h"
#include "datapath/xdp/error.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* Receive offloads that break AF_XDP: a stripped VLAN tag puts a packet into the
 * wrong network, a merged packet has lengths and acknowledgements that no one
 * sent. Bits of nic_facts.offloads. */
enum nic_offload {
    NIC_OFFLOAD_VLAN,  /* ethtool: rxvlan */
    NIC_OFFLOAD_SVLAN, /* rx-vlan-stag-hw-parse */
    NIC_OFFLOAD_LRO,   /* lro */
    NIC_OFFLOAD_HW_GRO,
    NIC_OFFLOAD_COUNT,
};

/* Twice the ring that most drivers have at first, 1,024 or less; 8 MiB a queue. */
#define NIC_FRAMES_TO_LEND_MIN 2048u
/* More than any driver's ring can have; what says more is not believed. */
#define NIC_RX_RING_FRAMES_MAX 65536u

struct nic_facts {
    char name[IFNAMSIZ];
    char driver[32];
    uint32_t ifindex;
    bool is_ethernet;
    bool is_up;
    struct mac_addr mac;
    uint32_t mtu_bytes;         /* without the Ethernet header */
    uint32_t queue_count;       /* with both directions, in use now */
    uint32_t rx_ring_frames;    /* of the hardware; 0: unknown, or it has none */
    uint32_t offloads;          /* 1 << enum nic_offload, those switched on */
    uint32_t offloads_settable; /* those that can be changed */
};

int nic_read(const char *interface, struct nic_facts *facts, struct xdp_error *error);

/* Exists as Ethernet, is up, and has nothing switched on that breaks AF_XDP. */
int nic_check(const struct nic_facts *facts, struct xdp_error *error);

/* How many frames a queue is to be lent, which FILL has entries for: a power of two, and
 * at least twice the hardware's ring. With less a zero-copy driver could take all of FILL
 * into its ring, and what is not in there when we are slow is a packet lost. */
uint32_t nic_frames_to_lend(const struct nic_facts *facts);

int nic_check_queue(const struct nic_facts *facts, uint32_t queue, struct xdp_error *error);

/* Switches off what nic_check complains of, where the driver lets us, and reads
 * the facts anew. What stays on is nic_check's to say. */
int nic_offloads_off(struct nic_facts *facts, struct xdp_error *error);

/* An own address that the kernel has, too, would be answered by both. */
int nic_check_address(const struct ip_addr *address, struct xdp_error *error);

#endif
