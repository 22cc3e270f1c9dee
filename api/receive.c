#include "api/receive.h"

#include "datapath/port.h"

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
        switch (net_parse(net, &raw[i], &packets[i])) {
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
