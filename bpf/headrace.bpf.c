/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The XDP program: what is for one of our own addresses goes to the socket of
 * its queue, everything else to the kernel.
 *
 * Redirected: ARP whose target address is ours (requests arrive as broadcast,
 * replies as unicast, both carry our address as target), IPv4 and IPv6 packets
 * to our addresses, behind up to two VLAN tags. Anything that both stacks may
 * need (broadcast, multicast, other hosts' gratuitous ARP) and anything that is
 * malformed passes: the kernel knows what to do with it.
 *
 * Built twice from this source, with and without HEADRACE_FRAGS, because a
 * driver may refuse programs that can't take packets in several buffers when
 * its MTU is large (xdp.frags, Linux 5.18).
 */
#include "bpf/maps.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_TAGS_MAX 2
#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */

struct vlan_tag {
    __be16 tci;
    __be16 type;
};

/* ARP for IPv4 over Ethernet, RFC 826. */
struct arp_v4 {
    __be16 hardware;
    __be16 protocol;
    __u8 hardware_bytes;
    __u8 protocol_bytes;
    __be16 operation;
    __u8 sender_mac[6];
    __u8 sender[4];
    __u8 target_mac[6];
    __u8 target[4];
};

struct ports {
    __be16 source;
    __be16 dest;
};

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1); /* set before loading: queues * slots */
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bpf_config);
} config SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bpf_counters);
} counters SEC(".maps");

static __always_inline int is_own_v4(const struct bpf_config *own, __be32 address)
{
    __u32 count = *(const volatile __u32 *)&own->v4_count;

    for (__u32 i = 0; i < BPF_V4_MAX; i++) {
        if (i >= count) {
            break;
        }
        if (own->v4[i] == address) {
            return 1;
        }
    }
    return 0;
}

static __always_inline int is_own_v6(const struct bpf_config *own, const __be32 address[4])
{
    __u32 count = *(const volatile __u32 *)&own->v6_count;

    for (__u32 i = 0; i < BPF_V6_MAX; i++) {
        if (i >= count) {
            break;
        }
        if (own->v6[i].word[0] == address[0] && own->v6[i].word[1] == address[1] &&
            own->v6[i].word[2] == address[2] && own->v6[i].word[3] == address[3]) {
            return 1;
        }
    }
    return 0;
}

static __always_inline int redirect(struct xdp_md *ctx, const struct bpf_config *own, __u32 slot)
{
    __u32 index = bpf_socket_index(ctx->rx_queue_index, own->slots_per_queue, slot);
    __u64 missing = own->flags & BPF_FLAG_MISSING_PASSES ? XDP_PASS : XDP_DROP;
    long action = bpf_redirect_map(&sockets, index, missing);
    __u32 key = 0;
    struct bpf_counters *counts;

    if (action != XDP_REDIRECT) {
        counts = bpf_map_lookup_elem(&counters, &key);
        if (counts) {
            __sync_fetch_and_add(&counts->no_socket, 1);
        }
    }
    return (int)action;
}

static __always_inline void read_ports(struct bpf_flow *flow, __u8 protocol, const void *l4,
                                       const void *end)
{
    const struct ports *ports = l4;

    if ((protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && (const void *)(ports + 1) <= end) {
        flow->remote_port = ports->source;
        flow->local_port = ports->dest;
    }
}

static __always_inline int on_arp(struct xdp_md *ctx, const struct bpf_config *own, const void *at)
{
    const struct arp_v4 *arp = at;
    __be32 target;

    if ((const void *)(arp + 1) > (const void *)(long)ctx->data_end ||
        arp->protocol != bpf_htons(ETH_P_IP) || arp->protocol_bytes != 4 ||
        arp->hardware_bytes != ETH_ALEN) {
        return XDP_PASS;
    }
    __builtin_memcpy(&target, arp->target, sizeof target);
    return is_own_v4(own, target) ? redirect(ctx, own, 0) : XDP_PASS;
}

static __always_inline int on_v4(struct xdp_md *ctx, const struct bpf_config *own, const void *at)
{
    const void *end = (const void *)(long)ctx->data_end;
    const struct iphdr *ip = at;
    struct bpf_flow flow = {};

    if ((const void *)(ip + 1) > end || !is_own_v4(own, ip->daddr)) {
        return XDP_PASS;
    }
    if (own->slots_per_queue <= 1) {
        return redirect(ctx, own, 0);
    }
    flow.remote[0] = ip->saddr;
    flow.local[0] = ip->daddr;
    if (!(ip->frag_off & bpf_htons(IP_FRAGMENT))) {
        read_ports(&flow, ip->protocol, (const __u8 *)ip + (ip->ihl & 0xf) * 4, end);
    }
    return redirect(ctx, own, bpf_flow_slot(&flow, own->slots_per_queue));
}

static __always_inline int on_v6(struct xdp_md *ctx, const struct bpf_config *own, const void *at)
{
    const void *end = (const void *)(long)ctx->data_end;
    const struct ipv6hdr *ip = at;
    struct bpf_flow flow = {};

    if ((const void *)(ip + 1) > end || !is_own_v6(own, ip->daddr.in6_u.u6_addr32)) {
        return XDP_PASS;
    }
    if (own->slots_per_queue <= 1) {
        return redirect(ctx, own, 0);
    }
    __builtin_memcpy(flow.remote, &ip->saddr, sizeof flow.remote);
    __builtin_memcpy(flow.local, &ip->daddr, sizeof flow.local);
    /* Behind extension headers (fragments among them) the addresses decide alone. */
    read_ports(&flow, ip->nexthdr, ip + 1, end);
    return redirect(ctx, own, bpf_flow_slot(&flow, own->slots_per_queue));
}

#ifdef HEADRACE_FRAGS
SEC("xdp.frags")
#else
SEC("xdp")
#endif
int headrace_xdp(struct xdp_md *ctx)
{
    const void *end = (const void *)(long)ctx->data_end;
    const struct ethhdr *eth = (const void *)(long)ctx->data;
    const void *at = eth + 1;
    const struct bpf_config *own;
    __u32 key = 0;
    __be16 type;

    own = bpf_map_lookup_elem(&config, &key);
    if (!own || at > end) {
        return XDP_PASS;
    }
    type = eth->h_proto;
    for (int i = 0; i < VLAN_TAGS_MAX; i++) {
        const struct vlan_tag *tag = at;

        if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)) {
            break;
        }
        if ((const void *)(tag + 1) > end) {
            return XDP_PASS;
        }
        type = tag->type;
        at = tag + 1;
    }
    if (type == bpf_htons(ETH_P_IP)) {
        return on_v4(ctx, own, at);
    }
    if (type == bpf_htons(ETH_P_IPV6)) {
        return on_v6(ctx, own, at);
    }
    return type == bpf_htons(ETH_P_ARP) ? on_arp(ctx, own, at) : XDP_PASS;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
