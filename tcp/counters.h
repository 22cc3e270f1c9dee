/*
 * What TCP counts, one row each: name, and what it means. The same table makes
 * the structure, the names and, above, the statistics.
 */
#ifndef HEADRACE_TCP_COUNTERS_H
#define HEADRACE_TCP_COUNTERS_H

#include <stdint.h>

#define TCP_COUNTERS(X)                                                                            \
    X(segments_in, "segments received")                                                            \
    X(segments_out, "segments sent, retransmissions included")                                     \
    X(bytes_in, "bytes delivered in order")                                                        \
    X(bytes_out, "bytes sent for the first time")                                                  \
    X(acks_out, "pure ACKs sent")                                                                  \
    X(resets_in, "RSTs accepted")                                                                  \
    X(resets_out, "RSTs sent")                                                                     \
    X(opened_passive, "connections accepted")                                                      \
    X(opened_active, "connections opened to a peer")                                               \
    X(closed, "connections ended")                                                                 \
    X(orphans_reset,                                                                               \
      "connections reset by a close, since too many were closed and waited for peers")             \
    X(orphans_pruned,                                                                              \
      "connections reset at a timeout that were closed, since frames were critical")               \
    X(retransmissions, "segments sent again")                                                      \
    X(rto_expired, "retransmission timeouts")                                                      \
    X(tlp_sent, "tail loss probes")                                                                \
    X(fast_recoveries, "recoveries entered by RACK or duplicate ACKs")                             \
    X(ecn_classic, "connections that agreed to ECN as RFC 3168 has it")                            \
    X(ecn_accurate, "connections that agreed to accurate ECN (RFC 9768)")                          \
    X(ce_in, "segments received with congestion experienced (ECN)")                                \
    X(ecn_reductions, "times a window was reduced because segments were marked (ECN)")             \
    X(recoveries_undone, "fast recoveries that were needless: nothing was lost")                   \
    X(timeouts_undone, "retransmission timeouts that were needless")                               \
    X(zero_window_probes, "probes of a closed window")                                             \
    X(keepalives, "keepalives sent")                                                               \
    X(splits, "segments cut in two")                                                               \
    X(held_by_kernel, "retransmissions put off because the kernel held the frame")                 \
    X(copied_for_retransmission, "retransmissions from a copy because the kernel held the frame")  \
    X(challenge_acks, "challenge ACKs sent")                                                       \
    X(challenge_acks_limited, "challenge ACKs not sent for their limit")                           \
    X(paws_dropped, "segments dropped for an old timestamp")                                       \
    X(no_timestamp_dropped, "segments dropped for a missing timestamp")                            \
    X(out_of_window, "segments outside the window")                                                \
    X(out_of_order, "segments queued out of order")                                                \
    X(duplicates, "segments that brought nothing new")                                             \
    X(dropped_checksum, "segments dropped for their checksum")                                     \
    X(dropped_malformed, "segments dropped for their header")                                      \
    X(dropped_no_frame, "payload not taken for want of frames")                                    \
    X(dropped_no_piece, "payload not taken for want of pieces or ranges")                          \
    X(dropped_bad_source, "segments from a source that no host may have")                          \
    X(dropped_half_open, "SYNs dropped: too many half-open connections")                           \
    X(dropped_listener_full, "SYNs dropped: the listener has all the connections that it may")     \
    X(dropped_paused, "SYNs dropped: the listener is paused")                                      \
    X(syn_cookies_sent, "SYNs answered with a cookie")                                             \
    X(syn_cookies_accepted, "connections that a cookie brought back")                              \
    X(syn_cookies_failed, "ACKs that brought a wrong or an old cookie")                            \
    X(fast_open_accepted, "connections opened early, by Fast Open")                                \
    X(fast_open_refused, "Fast Open requests not served: a wrong cookie, or too many pending")     \
    X(fast_open_sent, "SYNs sent with data")                                                       \
    X(fast_open_taken, "of them, whose data the server took")                                      \
    X(fast_open_lost, "SYNs with Fast Open that were lost, and answered without it")               \
    X(dropped_no_memory, "SYNs dropped: no connection, flight or table entry free")                \
    X(no_connection, "segments for no connection")                                                 \
    X(output_no_frame, "turns of output put off for want of a control frame")                      \
    X(time_wait_reused, "TIME-WAIT entries whose place a new connection took")                     \
    X(time_wait_evicted, "TIME-WAIT entries dropped before their time")                            \
    X(spurious_probes, "tail loss probes that a D-SACK showed to be needless")                     \
    X(pruned, "pieces of out-of-order data dropped under pressure")                                \
    X(mtu_probes, "segments sent larger than the others, to see whether the path takes them")      \
    X(mtu_probes_lost, "of them, lost")                                                            \
    X(black_holes, "times segments became small because large ones had no answer")                 \
    X(icmp_ignored, "ICMP errors that quote nothing in flight, or tell nothing that may be so")

struct tcp_counters {
#define TCP_COUNTER_FIELD(name, meaning) uint64_t name;
    TCP_COUNTERS(TCP_COUNTER_FIELD)
#undef TCP_COUNTER_FIELD
};

#endif
