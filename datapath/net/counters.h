/*
 * What the protocol below the transport counts. One table of names serves the
 * structure, the statistics and their meaning in words.
 */
#ifndef HEADRACE_DATAPATH_NET_COUNTERS_H
#define HEADRACE_DATAPATH_NET_COUNTERS_H

#include <stdint.h>

/* What is counted, one row each; a drop has the reason as its name. */
#define NET_COUNTERS(X)                                                                            \
    X(drop_short, "shorter than its headers")                                                      \
    X(drop_ethertype, "neither ARP, IPv4 nor IPv6")                                                \
    X(drop_link, "for another link address")                                                       \
    X(drop_vlan, "not of our VLAN")                                                                \
    X(drop_version, "IP version or header length is wrong")                                        \
    X(drop_length, "IP length beyond the frame")                                                   \
    X(drop_checksum, "IPv4 header checksum")                                                       \
    X(drop_source, "a source that no other host may have")                                         \
    X(drop_destination, "not for us")                                                              \
    X(drop_fragment, "fragments that contradict others, are too far on, or found no frame")        \
    X(drop_extension, "IPv6 extension headers that lead nowhere")                                  \
    X(drop_protocol, "an IP protocol that we do not speak")                                        \
    X(drop_arp, "malformed ARP")                                                                   \
    X(drop_icmp, "malformed ICMP or its checksum")                                                 \
    X(drop_no_frame, "no control frame to answer with")                                            \
    X(drop_unresolved, "packets for a neighbour that did not answer, or over its queue")           \
    X(drop_tx_full, "answers that found the port full")                                            \
    X(reassembly_failed, "packets given up, since not all of their fragments came")                \
    X(arp_requests_in, "ARP requests for us")                                                      \
    X(arp_replies_in, "ARP replies")                                                               \
    X(arp_requests_out, "ARP requests sent")                                                       \
    X(arp_replies_out, "ARP replies sent")                                                         \
    X(arp_conflicts, "others that claim our address")                                              \
    X(reassembled, "packets put together from fragments")                                          \
    X(icmp_ignored, "ICMP to a group, or of a type without use")                                   \
    X(icmp_echos, "ICMP echo requests answered")                                                   \
    X(icmp_too_long, "ICMP echo requests whose answer exceeds the MTU")                            \
    X(icmp_errors_in, "ICMP errors handed to the transport")                                       \
    X(icmp_errors_out, "ICMP errors sent")                                                         \
    X(icmp_errors_limited, "ICMP errors not sent for their limit")

struct net_counters {
#define NET_COUNTER_FIELD(name, meaning) uint64_t name;
    NET_COUNTERS(NET_COUNTER_FIELD)
#undef NET_COUNTER_FIELD
};

#endif
