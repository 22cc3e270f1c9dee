/*
 * micro [--connections N] [--requests N] [--random] [--no-checksums] [--setup] [--attack]
 *       [--loss]
 *
 * The server's side of a 64-byte echo alone, frame in to frame out, with the
 * public callbacks: TSC cycles and nanoseconds per request, the median of
 * several passes. Without arguments the whole table.
 */
#include "bench/micro/attack.h"
#include "bench/micro/loss.h"
#include "bench/micro/server.h"
#include "bench/micro/sizes.h"
#include "bench/values.h"

#include "datapath/net/checksum.h"
#include "datapath/util.h"
#include "tcp/segment.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

static const char help[] =
    "usage: micro [--connections N] [--requests N] [--random] [--no-checksums] [--setup] "
    "[--attack] [--loss]\n"
    "\n"
    "The server's side of a 64-byte echo alone, in memory: TSC cycles and nanoseconds\n"
    "per request, the median of several passes. Without arguments the whole table.\n"
    "\n"
    "  --connections N  one row, with so many: 1 to 3000000\n"
    "  --requests N     of a pass, 1 to 100000000 (100000)\n"
    "  --random         connections in random order, not one after the other\n"
    "  --no-checksums   neither computed nor compared\n"
    "  --setup          the row of set-up and teardown alone\n"
    "  --attack         what ACKs with the worst SACK blocks cost\n"
    "  --loss           what loss costs a sender with 256 segments in flight\n"
    "  --help\n";

#define PASSES 7u
#define BATCH 32u

/* Virtual time between turns: so short that a million connections are asked in turn
 * before the server takes an answer that was not acknowledged for lost. */
static const uint64_t turn_ns = 50;

struct row {
    uint32_t connections;
    bool random;
    bool checksums;
    bool closes; /* all at once, of which a worker keeps three in four (TCP_ORPHANS_LEFT_SHIFT) */
};

struct bench {
    struct server server;
    struct clients clients;
    uint64_t random;
    uint64_t cycles; /* of the turns since it was set to 0 */
};

static uint64_t next_random(struct bench *bench)
{
    bench->random ^= bench->random << 13;
    bench->random ^= bench->random >> 7;
    bench->random ^= bench->random << 17;
    return bench->random;
}

/* One timed turn; what the server sent is read after. Returns bytes of text. */
static uint64_t turn(struct bench *bench)
{
    uint64_t start;

    bench->server.now_ns += turn_ns;
    bench->clients.now_ms = (uint32_t)(bench->server.now_ns / NS_PER_MS);
    start = __rdtsc();
    server_turn(&bench->server);
    bench->cycles += __rdtsc() - start;
    return clients_read(&bench->clients);
}

/* Sends one kind of segment for each connection, in batches. */
static void all_send(struct bench *bench, uint16_t flags)
{
    for (uint32_t i = 0; i < bench->clients.count; i++) {
        client_send(&bench->clients, i, flags, 0);
        if ((i + 1) % BATCH == 0 || i + 1 == bench->clients.count) {
            (void)turn(bench);
        }
    }
}

/* Batch by batch, so that few handshakes are under way at once. */
static void open_all(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->clients.count; i++) {
        bench->clients.list[i] = (struct client){
            .address = client_address(i), .port = client_port(i), .seq = i * 2654435761u};
    }
    for (uint32_t i = 0; i < bench->clients.count; i += BATCH) {
        uint32_t end = min_u32(i + BATCH, bench->clients.count);

        for (uint32_t j = i; j < end; j++) {
            client_send(&bench->clients, j, TCP_SYN, 0);
        }
        (void)turn(bench);
        for (uint32_t j = i; j < end; j++) {
            client_send(&bench->clients, j, TCP_ACK, 0);
        }
        (void)turn(bench);
    }
}

static int open_bench(struct bench *bench, const struct row *row)
{
    uint32_t most = row->connections + (row->closes ? row->connections / 2 : 0);
    struct server_config config = {most, row->checksums};

    memset(bench, 0, sizeof *bench);
    bench->random = 88172645463325252u;
    bench->clients = (struct clients){
        .count = row->connections, .server = SERVER_ADDRESS, .port = &bench->server.port};
    bench->clients.list = calloc(row->connections, sizeof *bench->clients.list);
    if (!bench->clients.list || server_init(&bench->server, &config) != 0) {
        (void)fprintf(stderr, "micro: there is no memory for %u connections.\n", row->connections);
        return -1;
    }
    open_all(bench);
    if (bench->server.tcp.conns.used != row->connections) {
        (void)fprintf(stderr, "micro: %u of %u connections were opened.\n",
                      bench->server.tcp.conns.used, row->connections);
        return -1;
    }
    return 0;
}

static void close_bench(struct bench *bench)
{
    server_destroy(&bench->server);
    free(bench->clients.list);
}

/* With more connections than this an answer is acknowledged at once, by a segment
 * of its own, which is timed as well: no server could hold so many in flight. */
#define PIGGYBACK_MAX 4000u

/* The connection that stands at place `i` of a batch. At random: strides far
 * apart, no connection twice. */
static uint32_t choose(const struct row *row, uint32_t start, uint32_t i)
{
    uint32_t stride = row->random && row->connections > BATCH ? row->connections / BATCH : 1;

    return (start + i * stride) % row->connections;
}

static uint64_t ask(struct bench *bench, const struct row *row, uint32_t start, uint32_t batch)
{
    uint64_t text;

    for (uint32_t i = 0; i < batch; i++) {
        client_send(&bench->clients, choose(row, start, i), TCP_ACK | TCP_PSH,
                    CLIENT_PAYLOAD_BYTES);
    }
    text = turn(bench);
    if (row->connections > PIGGYBACK_MAX) {
        for (uint32_t i = 0; i < batch; i++) {
            client_send(&bench->clients, choose(row, start, i), TCP_ACK, 0);
        }
        (void)turn(bench);
    }
    return text;
}

/* A pass of requests, each connection at most once in a batch. */
static double pass(struct bench *bench, const struct row *row, uint32_t requests)
{
    uint32_t batch = min_u32(BATCH, row->connections);
    uint32_t done = 0;
    uint32_t next = 0;
    uint64_t text = 0;

    bench->cycles = 0;
    while (done < requests) {
        text += ask(bench, row,
                    row->random ? (uint32_t)(next_random(bench) % row->connections) : next, batch);
        next = (next + batch) % row->connections;
        done += batch;
    }
    if (text != (uint64_t)done * CLIENT_PAYLOAD_BYTES) {
        (void)fprintf(stderr, "micro: %llu of %llu bytes came back.\n", (unsigned long long)text,
                      (unsigned long long)done * CLIENT_PAYLOAD_BYTES);
        exit(1);
    }
    return (double)bench->cycles / done;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median_of_passes(struct bench *bench, const struct row *row, uint32_t requests)
{
    double cycles[PASSES];

    (void)pass(bench, row, requests); /* warms up */
    for (unsigned i = 0; i < PASSES; i++) {
        cycles[i] = pass(bench, row, requests);
    }
    qsort(cycles, PASSES, sizeof *cycles, compare);
    return cycles[PASSES / 2];
}

/* TSC ticks per nanosecond, over 50 ms. */
static double tsc_per_ns(void)
{
    struct timespec start;
    struct timespec now;
    uint64_t ticks = __rdtsc();
    double elapsed;

    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        elapsed = (double)(now.tv_sec - start.tv_sec) * 1e9 + (double)(now.tv_nsec - start.tv_nsec);
    } while (elapsed < 5e7);
    return (double)(__rdtsc() - ticks) / elapsed;
}

static void print_head(void)
{
    (void)printf("connections  order     checksums   cycles       ns   (per 64-byte echo)\n");
}

static int run_row(const struct row *row, uint32_t requests, double ticks)
{
    static struct bench bench;
    double cycles;

    if (open_bench(&bench, row) != 0) {
        return 1;
    }
    cycles = median_of_passes(&bench, row, requests);
    (void)printf("%11u  %-8s  %-9s  %7.0f  %7.0f\n", row->connections,
                 row->random ? "random" : "in order", row->checksums ? "software" : "none", cycles,
                 cycles / ticks);
    (void)fflush(stdout);
    close_bench(&bench);
    return 0;
}

/* FIN and the last ACK of each. */
static int close_all(struct bench *bench)
{
    all_send(bench, TCP_FIN | TCP_ACK);
    all_send(bench, TCP_ACK);
    if (bench->server.tcp.conns.used != 0) {
        (void)fprintf(stderr, "micro: connections are left.\n");
        return -1;
    }
    return 0;
}

/* SYN, ACK, FIN and ACK of each of 1,000 connections, on memory that was used before. */
static int run_setup(double ticks)
{
    static struct bench bench;
    struct row row = {1000, false, true, true};
    double cycles[PASSES];

    if (open_bench(&bench, &row) != 0 || close_all(&bench) != 0) {
        return 1;
    }
    for (unsigned i = 0; i < PASSES; i++) {
        bench.cycles = 0;
        open_all(&bench);
        if (close_all(&bench) != 0) {
            return 1;
        }
        cycles[i] = (double)bench.cycles / row.connections;
    }
    close_bench(&bench);
    qsort(cycles, PASSES, sizeof *cycles, compare);
    (void)printf("set-up and teardown, 1000 connections: %.0f cycles, %.0f ns\n",
                 cycles[PASSES / 2], cycles[PASSES / 2] / ticks);
    return 0;
}

/* A measurement on a single connection. */
static int run_single(int (*run)(struct server *server, struct clients *clients))
{
    static struct bench bench;
    struct row row = {1, false, true, false};
    int status;

    if (open_bench(&bench, &row) != 0) {
        return 1;
    }
    status = run(&bench.server, &bench.clients);
    if (status != 0) {
        (void)fprintf(stderr, "micro: the flow did not come to be.\n");
    }
    close_bench(&bench);
    return status != 0;
}

static int run_table(double ticks)
{
    static const uint32_t sizes[] = {1, 32, 1000, 10000, 1000000};

    print_head();
    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            struct row row = {sizes[i], (variant & 1) != 0, (variant & 2) == 0, false};

            if (row.random && sizes[i] <= BATCH) {
                continue;
            }
            if (run_row(&row, max_u32(100000, sizes[i] / 4), ticks) != 0) {
                return 1;
            }
        }
    }
    (void)printf("\n");
    if (run_setup(ticks) != 0) {
        return 1;
    }
    sizes_print();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"connections", required_argument, NULL, 'c'},
        {"requests", required_argument, NULL, 'r'},
        {"random", no_argument, NULL, 'o'},
        {"no-checksums", no_argument, NULL, 'n'},
        {"setup", no_argument, NULL, 's'},
        {"attack", no_argument, NULL, 'a'},
        {"loss", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct row row = {0, false, true, false};
    uint32_t requests = 100000;
    bool setup = false;
    int (*single)(struct server * server, struct clients * clients) = NULL;
    double ticks;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        bool good = option != '?';

        if (option == 'h') {
            (void)fputs(help, stdout);
            return 0;
        }
        good = good && (option != 'c' || value_unsigned(optarg, 1, 3000000, &row.connections));
        good = good && (option != 'r' || value_unsigned(optarg, 1, 100000000, &requests));
        row.random |= option == 'o';
        row.checksums &= option != 'n';
        setup |= option == 's';
        single = option == 'a' ? attack_run : option == 'l' ? loss_run : single;
        if (!good) {
            (void)fputs(help, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        (void)fputs(help, stderr);
        return 2;
    }
    checksum_init();
    ticks = tsc_per_ns();
    if (single) {
        return run_single(single);
    }
    if (setup) {
        return run_setup(ticks);
    }
    if (row.connections == 0) {
        return run_table(ticks);
    }
    print_head();
    return run_row(&row, requests, ticks);
}
