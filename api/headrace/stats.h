/*
 * Numbers of a worker: counters from its start on, and what is "now". They are published by the
 * worker about every millisecond while it runs and when it falls asleep (rx_ring_full, which is the
 * kernel's, is asked for ten times a second at most); reading blocks nobody.
 */
#ifndef HEADRACE_STATS_H
#define HEADRACE_STATS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_stack;

/* One row each: name, and what it counts. */
#define HR_STATS(X)                                                                                \
    X(connections, "connections now")                                                              \
    X(time_waits, "entries in TIME-WAIT now")                                                      \
    X(time_wait_reused, "entries in TIME-WAIT that a new connection took the place of")            \
    X(accepted, "connections accepted")                                                            \
    X(connected, "connections opened to peers")                                                    \
    X(syn_cookies_sent, "SYNs answered with a cookie, too many connections being half-open")       \
    X(syn_cookies_accepted, "connections that a cookie brought back")                              \
    X(syn_cookies_failed, "ACKs that brought a wrong cookie")                                      \
    X(fast_open_accepted, "connections opened by data that came with the SYN")                     \
    X(fast_open_refused, "of those that asked for it, not: a wrong cookie, or too many pending")   \
    X(fast_open_sent, "SYNs sent with data")                                                       \
    X(fast_open_taken, "of them, whose data the server took")                                      \
    X(fast_open_lost, "SYNs of Fast Open that were lost, and answered without it")                 \
    X(syns_dropped, "SYNs not answered for want of room, or while a listener is paused")           \
    X(closed, "connections ended")                                                                 \
    X(orphans, "connections now that the application has closed and that have not ended")          \
    X(orphans_reset,                                                                               \
      "connections reset by a close, since too many were closed and waited for peers")             \
    X(orphans_pruned,                                                                              \
      "connections reset at a timeout that were closed, since frames were critical")               \
    X(rx_packets, "packets received")                                                              \
    X(rx_bytes, "bytes received, Ethernet header included")                                        \
    X(rx_ring_full, "packets lost because as many waited as half of receive_frames")               \
    X(tx_packets, "packets sent")                                                                  \
    X(tx_bytes, "bytes sent, Ethernet header included")                                            \
    X(kicks, "system calls that made the kernel send")                                             \
    X(data_in, "bytes delivered in order")                                                         \
    X(data_out, "bytes sent for the first time")                                                   \
    X(retransmissions, "segments sent again")                                                      \
    X(timeouts, "retransmission timeouts")                                                         \
    X(tail_probes, "tail loss probes")                                                             \
    X(fast_recoveries, "recoveries begun by SACK or duplicate ACKs, before a timeout")             \
    X(undone, "of timeouts and fast recoveries, found needless and undone")                        \
    X(ecn_classic, "connections that agreed to ECN as RFC 3168 has it")                            \
    X(ecn_accurate, "connections that agreed to accurate ECN (RFC 9768)")                          \
    X(ce_in, "segments received with congestion experienced (ECN)")                                \
    X(ecn_reductions, "times a window was reduced because segments were marked (ECN)")             \
    X(mtu_probes, "segments larger than is known to pass, to find out whether they do")            \
    X(mtu_probes_lost, "of them, lost")                                                            \
    X(black_holes, "times segments became small because large ones had no answer")                 \
    X(reassembled, "packets put together from fragments")                                          \
    X(resets_in, "RSTs accepted")                                                                  \
    X(resets_out, "RSTs sent")                                                                     \
    X(dropped, "packets and segments dropped, for whatever reason")                                \
    X(dropped_checksum, "of them, for a wrong checksum")                                           \
    X(dropped_no_frame, "of them, for want of frames")                                             \
    X(dropped_malformed, "of them, for a header that can not be")                                  \
    X(dropped_bad_source, "of them, from a source that no host may have")                          \
    X(dropped_timestamp, "of them, for a timestamp that is old or missing (RFC 7323)")             \
    X(dropped_no_piece, "of them, text out of order, for want of places to keep it")               \
    X(acks_out, "pure ACKs sent")                                                                  \
    X(out_of_order, "segments kept out of order")                                                  \
    X(pruned, "of them, given up for want of frames, or since nobody filled the hole")             \
    X(duplicates, "segments that brought nothing new")                                             \
    X(out_of_window, "segments outside the window")                                                \
    X(no_connection, "segments for no connection")                                                 \
    X(challenge_acks, "challenge ACKs sent (RFC 5961)")                                            \
    X(challenge_acks_limited, "challenge ACKs not sent for their limit")                           \
    X(icmp_ignored, "ICMP errors that quote nothing in flight, or tell nothing that may be so")    \
    X(zero_window_probes, "probes of a closed window")                                             \
    X(keepalives, "keepalives sent")                                                               \
    X(spurious_probes, "tail loss probes that a D-SACK showed to be needless")                     \
    X(splits, "segments cut in two")                                                               \
    X(held_by_kernel, "segments sent again later, as the kernel held their frames")                \
    X(copied_for_retransmission, "segments sent again from a copy, as the kernel held them")       \
    X(output_no_frame, "turns of output put off for want of a frame")                              \
    X(time_wait_evicted, "entries in TIME-WAIT dropped before their time")                         \
    X(crossed, "packets given to the worker that owns their flow")                                 \
    X(crossed_dropped, "of them, dropped because it did not keep up")                              \
    X(directory_full, "flows that the directory of owners had no room for")                        \
    X(frames_free, "frames at home now")                                                           \
    X(frames_data, "frames that hold queued or retained data now")                                 \
    X(turns, "turns of the worker's loop")                                                         \
    X(sleeps, "times it fell asleep")

struct hr_stats {
#define HR_STATS_FIELD(name, meaning) uint64_t name;
    HR_STATS(HR_STATS_FIELD)
#undef HR_STATS_FIELD
};

/* Those of one worker, all of the same moment. Any thread. `worker` below
 * hr_stack_worker_count(). */
void hr_stack_stats(const struct hr_stack *stack, unsigned worker, struct hr_stats *stats);

/* The file that other processes read the same numbers from, see headrace/segment.h;
 * "" when the directory for it could not be written. Any thread. */
const char *hr_stack_segment_path(const struct hr_stack *stack);

/* The sum over all workers, each of its own moment. Any thread. */
void hr_stack_stats_sum(const struct hr_stack *stack, struct hr_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
