#include <headrace/stats.h>

#include "api/stack.h"

#include <string.h>

static const uint64_t ask_interval_ns = 100 * NS_PER_MS;

/* Drops come first in the table. */
static uint64_t net_dropped(const struct net *net)
{
    const uint64_t *counters = (const uint64_t *)(const void *)&net->counters;
    uint64_t sum = 0;

    for (unsigned i = 0; i < offsetof(struct net_counters, arp_requests_in) / sizeof sum; i++) {
        sum += counters[i];
    }
    return sum;
}

static uint64_t syns_dropped(const struct tcp_counters *tcp)
{
    return tcp->dropped_half_open + tcp->dropped_listener_full + tcp->dropped_paused +
           tcp->dropped_no_memory;
}

static uint64_t timestamps_dropped(const struct tcp_counters *tcp)
{
    return tcp->paws_dropped + tcp->no_timestamp_dropped;
}

static uint64_t dropped(const struct hr_worker *worker)
{
    const struct tcp_counters *tcp = &worker->tcp.counters;

    return tcp->dropped_checksum + tcp->dropped_malformed + tcp->dropped_no_frame +
           tcp->dropped_no_piece + tcp->dropped_bad_source + syns_dropped(tcp) +
           timestamps_dropped(tcp) + worker->crossed_dropped + net_dropped(&worker->net);
}

/* What is out of the ordinary in what arrives, and how it was met. */
static void collect_odd(struct hr_stats *stats, const struct tcp_counters *tcp)
{
    stats->dropped_timestamp = timestamps_dropped(tcp);
    stats->dropped_malformed = tcp->dropped_malformed;
    stats->dropped_bad_source = tcp->dropped_bad_source;
    stats->dropped_no_piece = tcp->dropped_no_piece;
    stats->acks_out = tcp->acks_out;
    stats->out_of_order = tcp->out_of_order;
    stats->pruned = tcp->pruned;
    stats->duplicates = tcp->duplicates;
    stats->out_of_window = tcp->out_of_window;
    stats->no_connection = tcp->no_connection;
    stats->challenge_acks = tcp->challenge_acks;
    stats->challenge_acks_limited = tcp->challenge_acks_limited;
    stats->icmp_ignored = tcp->icmp_ignored;
    stats->zero_window_probes = tcp->zero_window_probes;
    stats->keepalives = tcp->keepalives;
    stats->spurious_probes = tcp->spurious_probes;
    stats->splits = tcp->splits;
    stats->held_by_kernel = tcp->held_by_kernel;
    stats->copied_for_retransmission = tcp->copied_for_retransmission;
    stats->output_no_frame = tcp->output_no_frame;
    stats->time_wait_evicted = tcp->time_wait_evicted;
}

static struct hr_stats collect(const struct hr_worker *worker)
{
    const struct tcp_counters *tcp = &worker->tcp.counters;
    const struct port_counters *port = &worker->port->port.counters;

    struct hr_stats stats = {
        .connections = worker->tcp.conns.used,
        .time_waits = timewait_count(&worker->tcp.timewait),
        .time_wait_reused = tcp->time_wait_reused,
        .accepted = tcp->opened_passive,
        .connected = tcp->opened_active,
        .syn_cookies_sent = tcp->syn_cookies_sent,
        .syn_cookies_accepted = tcp->syn_cookies_accepted,
        .syn_cookies_failed = tcp->syn_cookies_failed,
        .fast_open_accepted = tcp->fast_open_accepted,
        .fast_open_refused = tcp->fast_open_refused,
        .fast_open_sent = tcp->fast_open_sent,
        .fast_open_taken = tcp->fast_open_taken,
        .fast_open_lost = tcp->fast_open_lost,
        .syns_dropped = syns_dropped(tcp),
        .closed = tcp->closed,
        .orphans = worker->tcp.orphans,
        .orphans_reset = tcp->orphans_reset,
        .orphans_pruned = tcp->orphans_pruned,
        .rx_packets = port->rx_packets,
        .rx_bytes = port->rx_bytes,
        .rx_ring_full = worker->rx_ring_full,
        .tx_packets = port->tx_packets,
        .tx_bytes = port->tx_bytes,
        .kicks = port->kicks,
        .data_in = tcp->bytes_in,
        .data_out = tcp->bytes_out,
        .retransmissions = tcp->retransmissions,
        .timeouts = tcp->rto_expired,
        .tail_probes = tcp->tlp_sent,
        .fast_recoveries = tcp->fast_recoveries,
        .undone = tcp->recoveries_undone + tcp->timeouts_undone,
        .ecn_classic = tcp->ecn_classic,
        .ecn_accurate = tcp->ecn_accurate,
        .ce_in = tcp->ce_in,
        .ecn_reductions = tcp->ecn_reductions,
        .mtu_probes = tcp->mtu_probes,
        .mtu_probes_lost = tcp->mtu_probes_lost,
        .black_holes = tcp->black_holes,
        .reassembled = worker->net.counters.reassembled,
        .resets_in = tcp->resets_in,
        .resets_out = tcp->resets_out,
        .dropped = dropped(worker),
        .dropped_checksum = tcp->dropped_checksum,
        .dropped_no_frame = tcp->dropped_no_frame,
        .crossed = worker->crossed_out,
        .crossed_dropped = worker->crossed_dropped,
        .directory_full = worker->directory_full,
        .frames_free = worker->pool->free_count,
        .frames_data = worker->pool->used[FRAME_BUDGET_DATA],
        .turns = worker->turns,
        .sleeps = worker->sleeps,
    };

    collect_odd(&stats, tcp);
    return stats;
}

/* A system call, and so not each time. */
static void ask_kernel(struct hr_worker *worker)
{
    uint64_t now_ns = worker->tcp.now_ns;

    if (now_ns - worker->rx_ring_full_ns >= ask_interval_ns) {
        worker->rx_ring_full_ns = now_ns;
        worker->rx_ring_full = xsk_socket_rx_full(&worker->port->socket);
    }
}

void worker_publish(struct hr_worker *worker)
{
    struct hr_stats now;

    ask_kernel(worker);
    now = collect(worker);
    segment_write(worker->row, &now);
}

void hr_stack_stats(const struct hr_stack *stack, unsigned index, struct hr_stats *stats)
{
    segment_read(stack->workers[index].row, stats);
}

void hr_stack_stats_sum(const struct hr_stack *stack, struct hr_stats *stats)
{
    uint64_t *sum = (uint64_t *)(void *)stats;

    memset(stats, 0, sizeof *stats);
    for (unsigned i = 0; i < stack->worker_count; i++) {
        struct hr_stats one;
        const uint64_t *from = (const uint64_t *)(const void *)&one;

        hr_stack_stats(stack, i, &one);
        for (unsigned j = 0; j < sizeof one / sizeof *from; j++) {
            sum[j] += from[j];
        }
    }
}
