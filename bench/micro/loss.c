#include "bench/micro/loss.h"

#include "datapath/net/headers.h"
#include "datapath/util.h"
#include "tcp/emit.h"
#include "tcp/input.h"
#include "tcp/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define IN_FLIGHT 256u
#define PIPE 1024u /* a power of two, more than was ever on its way */
#define BLOCKS 3u  /* that fit beside timestamps */
#define ROUNDS 25u
#define ROUND_SEGMENTS 4000u

/* Of virtual time between ACKs: 128 of them are a round trip of 13 ms. */
static const uint64_t turn_ns = 100000;

struct flow {
    struct server *server;
    struct clients *clients;
    struct tcp_conn *conn;
    uint32_t start; /* the first sequence number; all others count from it */
    uint32_t mss;
    /* On its way, in order. */
    struct {
        uint32_t seq;
        uint32_t ts_val;
    } pipe[PIPE];
    uint32_t pipe_head, pipe_tail;
    /* The receiver: what it has, by segment, from the first that it lacks on. */
    bool has[PIPE];
    uint32_t next;   /* the first that it lacks */
    uint32_t latest; /* arrived last */
    uint32_t ts_recent;
    uint32_t lost_per_million;
    uint32_t random;
    uint64_t cycles;
};

static bool is_lost(struct flow *flow)
{
    flow->random = flow->random * 1664525u + 1013904223u;
    return (uint64_t)flow->random * 1000000u >> 32 < flow->lost_per_million;
}

/* What the server has sent in this turn is on its way. */
static void collect(struct flow *flow)
{
    struct bench_port *port = &flow->server->port;

    for (unsigned i = 0; i < port->sent_count; i++) {
        const struct port_packet *sent = &port->sent[i];
        const uint8_t *l4 = frame_data(port->port.pool, sent->frame) + sent->offset +
                            ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES;

        flow->pipe[flow->pipe_tail % PIPE].seq = be32_load(l4 + 4) - flow->start;
        flow->pipe[flow->pipe_tail++ % PIPE].ts_val = be32_load(l4 + 24);
        frame_drop(port->port.pool, sent->frame, FRAME_KERNEL_TX);
    }
    port->sent_count = 0;
    port->port.tx_room = 4 * PORT_BURST;
}

static void arrive(struct flow *flow)
{
    uint32_t ts_val = flow->pipe[flow->pipe_head % PIPE].ts_val;
    uint32_t segment = flow->pipe[flow->pipe_head++ % PIPE].seq / flow->mss;

    if (is_lost(flow) || (int32_t)(segment - flow->next) < 0) {
        return;
    }
    flow->ts_recent = segment == flow->next ? ts_val : flow->ts_recent;
    flow->has[segment % PIPE] = true;
    flow->latest = segment;
    while (flow->has[flow->next % PIPE]) {
        flow->has[flow->next++ % PIPE] = false;
    }
}

/* The range around a segment that has arrived. */
static struct tcp_sack_block range_of(const struct flow *flow, uint32_t segment)
{
    uint32_t first = segment, end = segment + 1;

    while (flow->has[(first - 1) % PIPE] && first - 1 != flow->next) {
        first--;
    }
    while (flow->has[end % PIPE]) {
        end++;
    }
    return (struct tcp_sack_block){flow->start + first * flow->mss, flow->start + end * flow->mss};
}

/* The latest first, then what lies above the first hole. */
static void report(const struct flow *flow, struct tcp_segment *ack)
{
    uint32_t segment = flow->next + 1;

    if ((int32_t)(flow->latest - flow->next) > 0) {
        ack->sack[ack->sack_count++] = range_of(flow, flow->latest);
    }
    while (segment - flow->next < IN_FLIGHT * 2 && ack->sack_count < BLOCKS) {
        if (!flow->has[segment % PIPE]) {
            segment++;
            continue;
        }
        ack->sack[ack->sack_count] = range_of(flow, segment);
        segment = (ack->sack[ack->sack_count].end - flow->start) / flow->mss;
        if (ack->sack_count == 0 || ack->sack[ack->sack_count].start != ack->sack[0].start) {
            ack->sack_count++;
        }
    }
    ack->options_seen |= ack->sack_count > 0 ? TCP_OPT_SACK : 0;
}

static struct tcp_segment ack_of(const struct flow *flow)
{
    const struct tcp_conn *conn = flow->conn;
    struct tcp_segment ack = {
        .seq = conn->rcv.nxt,
        .ack = flow->start + flow->next * flow->mss,
        .window = 65535,
        .flags = TCP_ACK,
        .options_seen = TCP_OPT_TIMESTAMPS,
        .ts_val = conn->ts_recent,
        .ts_ecr = flow->ts_recent,
        .payload = {.frame = FRAME_NONE},
    };

    report(flow, &ack);
    return ack;
}

/* The sender's part of a turn: an ACK, what the application writes behind it, timers, output.
 * The window is held where it is to be: congestion control would change the question. */
static void turn(struct flow *flow, struct tcp_segment *ack)
{
    static const uint8_t text[2 * 1500];
    struct server *server = flow->server;
    uint64_t start;

    server->now_ns += turn_ns;
    start = __rdtsc();
    tcp_turn_begin(&server->tcp, server->now_ns);
    if (ack) {
        tcp_input_connection(flow->conn, ack);
    }
    while (tcp_conn_queued(flow->conn) < 3 * IN_FLIGHT * flow->mss) {
        (void)tcp_send(flow->conn, text, 2 * flow->mss);
    }
    flow->conn->cwnd = IN_FLIGHT * flow->mss;
    server_turn(server);
    flow->cycles += __rdtsc() - start;
    collect(flow);
}

static int begin(struct flow *flow)
{
    struct tcp_conn *conn = flow->conn;

    conn->snd.wnd = 1u << 24;
    conn->snd.wnd_max = conn->snd.wnd;
    conn->snd.wscale = 8;
    conn->send_buffer = 1u << 24;
    rtt_init(&conn->rtt, &tcp_conn_policy(conn)->rto); /* it opened faster than it goes on */
    flow->start = conn->snd.nxt;
    flow->mss = conn->snd.mss;
    flow->random = 1;
    for (unsigned i = 0; i < IN_FLIGHT && flow->pipe_tail < IN_FLIGHT; i++) {
        turn(flow, NULL);
    }
    return flow->pipe_tail == IN_FLIGHT ? 0 : -1;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Cycles of a byte, the median of the rounds; a negative number when nothing arrives. */
static double measure(struct flow *flow, uint32_t lost_per_million)
{
    double cycles[ROUNDS];

    flow->lost_per_million = lost_per_million;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t from = flow->next;
        unsigned idle = 0;

        flow->cycles = 0;
        while (flow->next - from < ROUND_SEGMENTS) {
            struct tcp_segment ack;

            idle = flow->pipe_head == flow->pipe_tail ? idle + 1 : 0;
            if (idle > 100000) {
                return -1;
            }
            for (unsigned i = 0; i < 2 && flow->pipe_head != flow->pipe_tail; i++) {
                arrive(flow);
            }
            ack = ack_of(flow);
            turn(flow, idle ? NULL : &ack);
        }
        cycles[round] = (double)flow->cycles / ((double)(flow->next - from) * flow->mss);
    }
    qsort(cycles, ROUNDS, sizeof *cycles, compare);
    return cycles[ROUNDS / 2];
}

int loss_run(struct server *server, struct clients *clients)
{
    static const uint32_t shares[] = {0, 1000, 10000, 30000};
    static struct flow flow;
    double without = 0;

    flow = (struct flow){.server = server, .clients = clients};
    flow.conn = slab_at(&server->tcp.conns, 0);
    if (begin(&flow) != 0) {
        return -1;
    }
    (void)printf(
        "a sender, %u segments of %u bytes in flight\n"
        "%8s  %13s  %9s  %15s\n",
        IN_FLIGHT, flow.mss, "loss, %", "cycles a byte", "of none", "segments again");
    for (unsigned i = 0; i < COUNT_OF(shares); i++) {
        uint64_t again = server->tcp.counters.retransmissions;
        double cycles = measure(&flow, shares[i]);

        if (cycles < 0) {
            return -1;
        }
        without = i == 0 ? cycles : without;
        (void)printf("%8.1f  %13.3f  %9.2f  %15llu\n", shares[i] / 1e4, cycles, cycles / without,
                     (unsigned long long)(server->tcp.counters.retransmissions - again));
    }
    return 0;
}
