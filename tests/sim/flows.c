#include "tests/sim/flows.h"

#include "datapath/util.h"
#include "tcp/cc.h"
#include "tcp/recovery.h"
#include "tcp/user.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 7000u
#define FIRST_PORT 40000u

/* Of a line without a limit: so much is taken to be on its way. */
#define UNLIMITED_MBITS 1000.0
/* How often one looks: so many times in a round trip of the line. */
#define LOOKS 50.0

const uint64_t flows_goals[FLOWS_GOALS] = {100000, 1000000};

struct flow {
    uint64_t received;
    uint64_t goal_ns[FLOWS_GOALS]; /* when so much was there; 0: not yet */
};

struct run {
    struct pair pair;
    struct flow flows[FLOWS_MAX];
    struct tcp_conn *first; /* the sender's */
};

/* Of what is summed, and how often. */
struct looks {
    double window;
    double rtt_ns;
    double queue_ns;
    uint64_t queue_ns_most;
    double count;
};

/* All flows send the same, which nobody looks at: sim/seeds compares bytes. */
static uint8_t junk[65536];

static void fill(struct tcp_conn *conn)
{
    while (conn->app == NULL && tcp_send(conn, junk, sizeof junk) > 0) {
    }
}

/* The sink's connections have their flow for context; the senders' have none. */
static void on_open(struct tcp_conn *conn)
{
    struct run *run = conn->app;

    if (run) {
        conn->app = &run->flows[conn->tuple.remote_port - FIRST_PORT];
    }
    fill(conn);
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct flow *flow = conn->app;

    for (unsigned i = 0; i < count; i++) {
        flow->received += slices[i].length;
    }
    for (unsigned i = 0; i < FLOWS_GOALS; i++) {
        if (flow->goal_ns[i] == 0 && flow->received >= flows_goals[i]) {
            flow->goal_ns[i] = conn->tcp->now_ns;
        }
    }
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    (void)conn;
    (void)bytes;
}

static void on_nothing(struct tcp_conn *conn)
{
    (void)conn;
}

static const struct tcp_events events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = fill,
    .eof = on_nothing,
    .close = on_nothing,
};

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "goodput: %s\n", what);
        exit(1);
    }
}

double flows_round_trip_bytes(const struct flows_line *line)
{
    return (line->mbits > 0 ? line->mbits : UNLIMITED_MBITS) * 125.0 * line->rtt_ms;
}

static void impair(struct run *run, const struct flows_line *line)
{
    double queue = fmax(flows_round_trip_bytes(line), 20 * FLOWS_PACKET_BYTES);
    const struct wire_impairment data = {
        .loss_ppm = (uint32_t)lround(line->loss * 1e6),
        .delay_ns = (uint64_t)(line->rtt_ms / 2 * NS_PER_MS),
        .rate_bytes_per_s = (uint64_t)(line->mbits * 125000),
        .queue_bytes = (uint32_t)queue,
        .mark_bytes = (uint32_t)(line->mark_packets * FLOWS_PACKET_BYTES),
    };
    const struct wire_impairment acks = {.delay_ns = data.delay_ns};

    wire_impair(&run->pair.wire, 0, &data);
    wire_impair(&run->pair.wire, 1, &acks);
}

static void make_pair(struct run *run, const struct flows_plan *plan,
                      const struct tcp_settings *settings, uint32_t packets)
{
    struct pair_config config = pair_config_default;
    struct tcp_listener listener = {.port = PORT,
                                    .half_open_max = 16,
                                    .connections_max = 16,
                                    .app = run,
                                    .settings = *settings};
    uint32_t index;

    config.tcp = tcp_config_default;
    config.tcp.events = &events;
    config.tcp.connections_max = 16;
    config.frames[0] = 4 * plan->flows * packets + 8192;
    config.frames[1] = config.frames[0];
    config.lent = 256;
    config.tx_packets_max = 2048;
    config.flight_packets_max = 4 * packets;
    config.ack_every[1] = plan->ack_every;
    config.ack_hold_ns[1] = config.tcp.ack_hold_ns;
    must(pair_init(&run->pair, &config) == 0, "no memory for two hosts");
    impair(run, &plan->line);
    must(tcp_listen(&run->pair.host[1].tcp, &listener, &index) == TCP_OK, "no listener");
}

static void begin(struct run *run, const struct flows_plan *plan)
{
    struct tcp_settings settings = tcp_settings_default;
    /* What is on its way, what waits, and what recovery holds on top of both. */
    uint32_t packets = (uint32_t)(flows_round_trip_bytes(&plan->line) / FLOWS_MSS) * 2 + 1024;

    settings.cc = plan->cc;
    settings.ecn = (uint8_t)plan->ecn;
    settings.send_buffer = 2 * packets * (uint32_t)FLOWS_MSS;
    settings.receive_buffer = settings.send_buffer;
    make_pair(run, plan, &settings, packets);
    for (unsigned i = 0; i < plan->flows; i++) {
        const struct tcp_tuple tuple = pair_tuple(&run->pair, 0, (uint16_t)(FIRST_PORT + i), PORT);
        struct tcp_conn *conn;

        must(tcp_connect(&run->pair.host[0].tcp, &tuple, &settings, &conn) == TCP_OK,
             "no connection");
        run->first = i == 0 ? conn : run->first;
        pair_run(&run->pair, run->pair.now_ns + (uint64_t)(plan->line.apart_ms * NS_PER_MS));
    }
}

static void look(const struct run *run, struct looks *looks)
{
    const struct tcp_conn *conn = run->first;
    uint64_t idle_at_ns = run->pair.wire.end[0].link.idle_at_ns;
    uint64_t queue_ns = idle_at_ns - min_u64(idle_at_ns, run->pair.now_ns);

    looks->count++;
    looks->window += conn->flight ? tcp_pipe(conn) / FLOWS_MSS : 0;
    looks->rtt_ns += (double)conn->rtt.srtt_ns;
    looks->queue_ns += (double)queue_ns;
    looks->queue_ns_most = max_u64(looks->queue_ns_most, queue_ns);
}

/* What was counted until now, to be taken off later. */
static void count(const struct run *run, struct flows_result *result, bool minus)
{
    const uint64_t *wire = run->pair.wire.end[0].counts;
    const uint64_t *from = (const uint64_t *)&run->pair.host[0].tcp.counters;
    uint64_t *to = (uint64_t *)&result->sender;
    uint64_t sign = minus ? UINT64_MAX : 1;

    for (unsigned i = 0; i < sizeof result->sender / sizeof *to; i++) {
        to[i] += sign * from[i];
    }
    result->lost += sign * wire[WIRE_LOST];
    result->dropped += sign * wire[WIRE_QUEUE_FULL];
    result->marked += sign * wire[WIRE_MARKED];
}

static void watch(struct run *run, const struct flows_plan *plan, struct looks *looks)
{
    uint64_t end_ns = run->pair.now_ns + (uint64_t)(plan->seconds * NS_PER_S);
    uint64_t step_ns = (uint64_t)(plan->line.rtt_ms * NS_PER_MS / LOOKS);

    while (run->pair.now_ns < end_ns) {
        pair_run(&run->pair, min_u64(run->pair.now_ns + step_ns, end_ns));
        look(run, looks);
    }
}

void flows_run(const struct flows_plan *plan, struct flows_result *result)
{
    static struct run run;
    struct looks looks = {0};
    uint64_t start_ns;

    memset(&run, 0, sizeof run);
    *result = (struct flows_result){0};
    begin(&run, plan);
    start_ns = NS_PER_S; /* where pair_init() begins */
    pair_run(&run.pair, run.pair.now_ns + (uint64_t)(plan->skip_s * NS_PER_S));
    for (unsigned i = 0; i < plan->flows; i++) {
        run.flows[i].received = 0;
    }
    count(&run, result, true);
    watch(&run, plan, &looks);
    count(&run, result, false);
    for (unsigned i = 0; i < plan->flows; i++) {
        result->mbits[i] = (double)run.flows[i].received * 8 / plan->seconds / 1e6;
    }
    for (unsigned i = 0; i < FLOWS_GOALS; i++) {
        uint64_t goal_ns = run.flows[0].goal_ns[i];

        result->goal_ms[i] = goal_ns > 0 ? (double)(goal_ns - start_ns) / NS_PER_MS : 0;
    }
    result->window = looks.window / looks.count;
    result->rtt_ms = looks.rtt_ns / looks.count / NS_PER_MS;
    result->queue_ms = looks.queue_ns / looks.count / NS_PER_MS;
    result->queue_ms_most = (double)looks.queue_ns_most / NS_PER_MS;
    pair_destroy(&run.pair);
}
