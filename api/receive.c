#include "api/receive.h"

#include "datapath/port.h"
#include "datapath/util.h"

/* Headers this many packets ahead are fetched. Frames lie 4,096 bytes apart, so all
 * fall into the same few sets of a first-level cache: more would push one another out. */
#define FETCH_AHEAD 4u

static void fetch(const struct frame_pool *pool, const struct port_packet *packet)
{
    const uint8_t *headers = frame_data(pool, packet->frame) + packet->offset;

    __builtin_prefetch(headers);
    __builtin_prefetch(headers + CACHE_LINE_BYTES);
}

/* A fragment that completes its packet gives the whole in its place. */
static enum net_kind parse(struct net *net, struct port_packet *raw, struct packet *packet,
                           uint64_t now_ns)
{
    enum net_kind kind = NET_DROP;

    /* A fragment inside of a whole is none that anybody sends. */
    for (unsigned wholes = 0; wholes < 2; wholes++) {
        kind = net_parse(net, raw, packet);
        if (kind != NET_FRAGMENT || !net_reassemble(net, packet, raw, now_ns)) {
            break;
        }
    }
    return kind;
}

/* Segments go to TCP in order of arrival, behind one another, so that memory is
 * fetched ahead. */
unsigned receive_burst(struct tcp *tcp, uint64_t now_ns,
                       void (*on_arp)(struct tcp *tcp, const struct packet *packet))
{
    struct net *net = tcp->net;
    struct port_packet raw[PORT_BURST];
    struct packet packets[PORT_BURST];
    const struct packet *segments[PORT_BURST];
    unsigned count = port_receive(net->port, raw, PORT_BURST);
    unsigned segment_count = 0;

    for (unsigned i = 0; i < count; i++) {
        if (i + FETCH_AHEAD < count) {
            fetch(tcp->pool, &raw[i + FETCH_AHEAD]);
        }
        switch (parse(net, &raw[i], &packets[i], now_ns)) {
        case NET_TCP:
            segments[segment_count++] = &packets[i];
            break;
        case NET_UDP:
            net_port_unreachable(net, &packets[i], now_ns);
            break;
        case NET_LOCAL:
            if (on_arp && packets[i].flags & PACKET_ARP) {
                on_arp(tcp, &packets[i]);
            }
            net_input(net, &packets[i], now_ns);
            break;
        default:
            break;
        }
    }
    tcp_input_burst(tcp, segments, segment_count);
    for (unsigned i = 0; i < count; i++) {
        frame_drop(tcp->pool, raw[i].frame, FRAME_WORKER);
    }
    return count;
}
