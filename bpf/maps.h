/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the XDP program and user space share: the layout of the maps, and how a
 * flow chooses its socket. User space maps `bpf_config` and `bpf_counters` into
 * its memory, so that changing them is a store: no system call, no capability.
 *
 * Writers: the control thread only. It stores an address before the count that
 * makes it visible, and the program reads the count first. Addresses stand in
 * network byte order, as in the packet.
 *
 * Only kernel types are used here: this file is compiled for BPF, too.
 */
#ifndef HEADRACE_BPF_MAPS_H
#define HEADRACE_BPF_MAPS_H

#include <linux/types.h>

/* Own addresses of each family. A bounded loop over them costs a comparison
 * each; a host with more needs the hash that shared addresses will bring. */
#define BPF_V4_MAX 16
#define BPF_V6_MAX 16

/* Of bpf_config.flags. */
#define BPF_FLAG_MISSING_PASSES 1u /* no socket: the kernel gets the packet, else it is dropped */

struct bpf_v6 {
    __be32 word[4];
};

/* The only element of the array "config". The IPv6 addresses serve twice: as
 * destination of a packet, and later as target of a neighbour solicitation. */
struct bpf_config {
    __u32 flags;
    __u32 slots_per_queue; /* sockets on each queue, at least 1 */
    __u32 v4_count;
    __u32 v6_count;
    __be32 v4[BPF_V4_MAX];
    struct bpf_v6 v6[BPF_V6_MAX];
};

/* The only element of the array "counters", on a page of its own, for it is
 * written by the CPUs that receive. Rare events only: a common one would move
 * the cache line between CPUs for each packet. */
struct bpf_counters {
    __u64 no_socket; /* packets for us on a queue or slot without a socket */
};

/* What a flow's socket is chosen by. Ports are 0 for what has none, and for all
 * fragments of a packet, so that those stay together. */
struct bpf_flow {
    __be32 remote[4]; /* IPv4: the first word, the others 0 */
    __be32 local[4];
    __be16 remote_port;
    __be16 local_port;
};

/* User space computes the same: an outgoing connection chooses its port so that
 * the answers come back to its worker. Finaliser of MurmurHash3 (public domain). */
static inline __u32 bpf_flow_hash(const struct bpf_flow *flow)
{
    __u32 hash = (__u32)flow->remote_port << 16 | flow->local_port;

    for (int i = 0; i < 4; i++) {
        hash =
            (hash ^ flow->remote[i] ^ (flow->local[i] << 7 | flow->local[i] >> 25)) * 0x85ebca6bu;
    }
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* Slot of a flow, without a division: [0, slots). */
static inline __u32 bpf_flow_slot(const struct bpf_flow *flow, __u32 slots)
{
    return (__u32)(((__u64)bpf_flow_hash(flow) * slots) >> 32);
}

/* Index in the map of sockets, "sockets". */
static inline __u32 bpf_socket_index(__u32 queue, __u32 slots_per_queue, __u32 slot)
{
    return queue * slots_per_queue + slot;
}

#endif
