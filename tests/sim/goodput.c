/*
 * goodput [--seconds N] [--control NAME] [--part table|fairness] | --check
 *
 * Goal:   a single flow uses the line that it has, with each congestion control; under
 *         random loss it gets what the response function of its RFC says; two own flows
 *         share evenly.
 * Method: two stacks over the in-memory wire in virtual time, one sender that always has
 *         data, buffers that never limit. The queue holds a round trip, and 20 packets at
 *         least. The first second does not count. --check is the part without loss on one
 *         line, which CI can afford, with its bound; else a table is printed.
 */
#include "tests/sim/pair.h"

#include "datapath/net/checksum.h"
#include "datapath/util.h"
#include "tcp/cc.h"
#include "tcp/user.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 7000u
#define FIRST_PORT 40000u
#define FLOWS_MAX 2u
#define MSS 1448.0
#define PACKET_BYTES 1514.0

/* Of a line, what payload can have: the headers are not goodput. */
static const double payload_part = MSS / PACKET_BYTES;

#define FAIRNESS_RUNS 5u

struct line {
    double mbits;
    double rtt_ms;
    double loss;     /* of 1, of what carries data */
    double apart_ms; /* from the beginning of one flow to that of the next */
};

struct flow {
    uint64_t received;
};

struct run {
    struct pair pair;
    struct flow flows[FLOWS_MAX];
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

static double bandwidth_delay_bytes(const struct line *line)
{
    return line->mbits * 125.0 * line->rtt_ms;
}

static void impair(struct run *run, const struct line *line)
{
    double queue = fmax(bandwidth_delay_bytes(line), 20 * PACKET_BYTES);
    const struct wire_impairment data = {
        .loss_ppm = (uint32_t)lround(line->loss * 1e6),
        .delay_ns = (uint64_t)(line->rtt_ms / 2 * NS_PER_MS),
        .rate_bytes_per_s = (uint64_t)(line->mbits * 125000),
        .queue_bytes = (uint32_t)queue,
    };
    const struct wire_impairment acks = {.delay_ns = data.delay_ns};

    wire_impair(&run->pair.wire, 0, &data);
    wire_impair(&run->pair.wire, 1, &acks);
}

static void begin(struct run *run, const struct line *line, const struct tcp_cc_ops *cc,
                  unsigned flows)
{
    struct pair_config config = pair_config_default;
    struct tcp_settings settings = tcp_settings_default;
    struct tcp_listener listener = {
        .port = PORT, .half_open_max = 16, .connections_max = 16, .app = run};
    /* What is on its way, what waits, and what recovery holds on top of both. */
    uint32_t packets = (uint32_t)(bandwidth_delay_bytes(line) / MSS) * 2 + 1024;
    uint32_t index;

    settings.cc = cc;
    settings.send_buffer = 2 * packets * 1448;
    settings.receive_buffer = settings.send_buffer;
    listener.settings = settings;
    config.tcp = tcp_config_default;
    config.tcp.events = &events;
    config.tcp.connections_max = 16;
    config.frames[0] = 4 * flows * packets + 8192;
    config.frames[1] = config.frames[0];
    config.lent = 256;
    config.tx_packets_max = 2048;
    config.flight_packets_max = 4 * packets;
    must(pair_init(&run->pair, &config) == 0, "no memory for two hosts");
    impair(run, line);
    must(tcp_listen(&run->pair.host[1].tcp, &listener, &index) == TCP_OK, "no listener");
    for (unsigned i = 0; i < flows; i++) {
        const struct tcp_tuple tuple = pair_tuple(&run->pair, 0, (uint16_t)(FIRST_PORT + i), PORT);
        struct tcp_conn *conn;

        must(tcp_connect(&run->pair.host[0].tcp, &tuple, &settings, &conn) == TCP_OK,
             "no connection");
        pair_run(&run->pair, run->pair.now_ns + (uint64_t)(line->apart_ms * NS_PER_MS));
    }
}

/* Mbit/s of each flow. */
static void measure(const struct line *line, const struct tcp_cc_ops *cc, unsigned flows,
                    double seconds, double *mbits)
{
    static struct run run;

    memset(&run, 0, sizeof run);
    begin(&run, line, cc, flows);
    pair_run(&run.pair, run.pair.now_ns + NS_PER_S);
    for (unsigned i = 0; i < flows; i++) {
        run.flows[i].received = 0;
    }
    pair_run(&run.pair, run.pair.now_ns + (uint64_t)(seconds * NS_PER_S));
    for (unsigned i = 0; i < flows; i++) {
        mbits[i] = (double)run.flows[i].received * 8 / seconds / 1e6;
    }
    pair_destroy(&run.pair);
}

/* Mbit/s that the response function gives: RFC 9438 section 5.1, with C of 0.4, and where
 * that is less Reno's, which also is all others'. */
static double response(const struct line *line, const char *name)
{
    double rtt_s = line->rtt_ms / 1e3;
    double reno = 1.22 / sqrt(line->loss);
    double cubic = 1.054 * pow(rtt_s / line->loss, 0.75);
    double window = strcmp(name, "cubic") == 0 ? fmax(reno, cubic) : reno;

    return window * MSS * 8 / rtt_s / 1e6;
}

static void print_row(const struct line *line, const char *name, double seconds)
{
    double share = line->mbits * payload_part;
    double mbits;

    measure(line, tcp_cc_find(name), 1, seconds, &mbits);
    (void)printf("| %.0f | %.0f | %.1f | %s | %.2f | %.2f |", line->mbits, line->rtt_ms,
                 line->loss * 100, name, mbits, mbits / share);
    if (line->loss > 0) {
        double expected = fmin(response(line, name), share);

        (void)printf(" %.2f | %.2f |\n", expected, mbits / expected);
    } else {
        (void)printf(" | |\n");
    }
    (void)fflush(stdout);
}

/* Nothing here is random: how a queue that drops its tail falls between the rounds of two flows
 * stays so for minutes. So the second begins at another time in each run. */
static void print_shares(const char *name, double seconds)
{
    double first = 0;

    (void)printf("| %s |", name);
    for (unsigned i = 0; i < FAIRNESS_RUNS; i++) {
        const struct line line = {100, 20, 0, 137.3 * i};
        double mbits[2];

        measure(&line, tcp_cc_find(name), 2, 10 * seconds, mbits);
        first += mbits[0] / (mbits[0] + mbits[1]);
        (void)printf(" %.3f", mbits[0] / (mbits[0] + mbits[1]));
        (void)fflush(stdout);
    }
    (void)printf(" | %.3f |\n", first / FAIRNESS_RUNS);
}

/* `only` is a name, or NULL for all. */
static void print_table(double seconds, const char *only)
{
    static const double rates[] = {10, 100, 1000};
    static const double rtts[] = {1, 20, 100};
    static const double losses[] = {0, 0.001, 0.01, 0.03};

    (void)printf(
        "| Mbit/s | RTT, ms | loss, %% | control | goodput, Mbit/s | of the line | "
        "expected under loss | of it |\n|---:|---:|---:|---|---:|---:|---:|---:|\n");
    for (unsigned i = 0; i < COUNT_OF(rates) * COUNT_OF(rtts) * COUNT_OF(losses); i++) {
        const struct line line = {rates[i / 12], rtts[i / 4 % 3], losses[i % 4], 0};

        for (const char *const *name = tcp_cc_names; *name; name++) {
            if (!only || strcmp(only, *name) == 0) {
                print_row(&line, *name, seconds);
            }
        }
    }
}

static void print_fairness(double seconds, const char *only)
{
    (void)printf(
        "\n| two flows | share of the first, in each of %u runs | of all |\n"
        "|---|---|---:|\n",
        FAIRNESS_RUNS);
    for (const char *const *name = tcp_cc_names; *name; name++) {
        if (only && strcmp(only, *name) != 0) {
            continue;
        }
        print_shares(*name, seconds);
    }
}

static int check(void)
{
    const struct line line = {100, 20, 0, 0};
    int result = 0;

    for (const char *const *name = tcp_cc_names; *name; name++) {
        double mbits;

        measure(&line, tcp_cc_find(*name), 1, 5, &mbits);
        (void)printf("%s: %.2f Mbit/s of %.0f\n", *name, mbits, line.mbits);
        if (mbits < 0.9 * line.mbits) {
            (void)printf("%s: less than 0.9 of the line\n", *name);
            result = 1;
        }
    }
    return result;
}

int main(int argc, char **argv)
{
    double seconds = 20;
    const char *only = NULL;
    const char *part = "";
    int i;

    checksum_init();
    if (argc == 2 && strcmp(argv[1], "--check") == 0) {
        return check();
    }
    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = atof(argv[i + 1]);
        } else if (strcmp(argv[i], "--control") == 0 && tcp_cc_find(argv[i + 1])) {
            only = argv[i + 1];
        } else if (strcmp(argv[i], "--part") == 0) {
            part = argv[i + 1];
        } else {
            break;
        }
    }
    if (i != argc) {
        (void)fprintf(
            stderr,
            "usage: goodput [--seconds N] [--control NAME] [--part table|fairness] | --check\n");
        return 2;
    }
    if (strcmp(part, "fairness") != 0) {
        print_table(seconds, only);
    }
    if (strcmp(part, "table") != 0) {
        print_fairness(seconds, only);
    }
    return 0;
}
