/*
 * kernel_echo: the peer of echo_server on the kernel's sockets: TCP echo, discard and
 * chargen over epoll, io_uring, or epoll with busy polling.
 */
#include "bench/clock.h"
#include "bench/descriptors.h"
#include "bench/kernel/worker.h"
#include "bench/result_file.h"
#include "bench/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

struct server {
    struct kernel_options options;
    unsigned opened;
    unsigned started;
    struct kernel_worker workers[KERNEL_WORKERS_MAX];
};

static struct kernel_stats read_stats(const struct kernel_worker *worker)
{
    struct kernel_stats stats;

#define FIELD(name) stats.name = __atomic_load_n(&worker->stats.name, __ATOMIC_RELAXED);
    KERNEL_STATS(FIELD)
#undef FIELD
    return stats;
}

static void print_stats(const struct server *server)
{
    struct kernel_stats sum = {0};

    for (unsigned i = 0; i < server->started; i++) {
        struct kernel_stats stats = read_stats(&server->workers[i]);

#define FIELD(name) sum.name += stats.name;
        KERNEL_STATS(FIELD)
#undef FIELD
    }
    (void)printf("connections %" PRIu64 " accepted %" PRIu64 ", in %" PRIu64 " out %" PRIu64
                 " bytes\n",
                 sum.connections, sum.accepted, sum.data_in, sum.data_out);
    (void)fflush(stdout);
}

static void write_json(FILE *file, const struct server *server)
{
    (void)fprintf(file, "{\"engine\": \"%s\", \"service\": \"%s\", \"workers\": [",
                  kernel_engine_names[server->options.engine],
                  kernel_service_names[server->options.service]);
    for (unsigned i = 0; i < server->started; i++) {
        struct kernel_stats stats = read_stats(&server->workers[i]);
        const char *separator = "";

        (void)fprintf(file, "%s\n {", i > 0 ? "," : "");
#define FIELD(name)                                                                                \
    (void)fprintf(file, "%s\"" #name "\": %" PRIu64, separator, stats.name);                       \
    separator = ", ";
        KERNEL_STATS(FIELD)
#undef FIELD
        (void)fprintf(file, "}");
    }
    (void)fprintf(file, "\n]}\n");
}

static void print_ready(const struct server *server)
{
    const struct kernel_options *options = &server->options;
    const struct kernel_engine *engine = server->workers[0].engine;
    const char *note = engine->note ? engine->note() : NULL;

    (void)printf("ready %s on %s port %u, %u worker%s: the kernel's sockets by %s",
                 kernel_service_names[options->service], options->address_text, options->port,
                 server->started, server->started == 1 ? "" : "s",
                 kernel_engine_names[options->engine]);
    for (unsigned i = 0; i < options->core_count; i++) {
        (void)printf("%s %u", i > 0 ? "," : " on core", options->cores[i]);
    }
    (void)printf("\n");
    (void)fflush(stdout);
    if (note) {
        (void)fprintf(stderr, "kernel_echo: %s\n", note);
    }
}

/* Until a signal or the end of the time. */
static void wait_for_end(const struct server *server, const sigset_t *signals)
{
    const struct kernel_options *options = &server->options;
    double start = clock_now_s();
    double end = options->duration_s > 0 ? start + options->duration_s : 1e18;
    double next_stats = options->stats_s > 0 ? start + options->stats_s : 1e18;

    for (;;) {
        double now = clock_now_s();
        double span;

        if (now >= end) {
            return;
        }
        if (now >= next_stats) {
            print_stats(server);
            /* What was missed is not made up for. */
            next_stats += options->stats_s;
            next_stats = next_stats > now ? next_stats : now;
        }
        span = (end < next_stats ? end : next_stats) - now;
        span = span < 3600 ? span : 3600;
        if (signals_wait(signals, span)) {
            return;
        }
    }
}

static bool start(struct server *server)
{
    const struct kernel_options *options = &server->options;
    unsigned count = options->core_count > 0 ? options->core_count : 1;

    /* All listen before any serves: the kernel spreads clients over those that do. */
    for (unsigned i = 0; i < count; i++) {
        server->opened++;
        if (kernel_worker_open(&server->workers[i], options) != 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (kernel_worker_start(&server->workers[i],
                                options->core_count > 0 ? (int)options->cores[i] : -1) != 0) {
            return false;
        }
        server->started++;
    }
    return true;
}

static void stop(struct server *server)
{
    for (unsigned i = 0; i < server->started; i++) {
        kernel_worker_stop(&server->workers[i]);
    }
    for (unsigned i = 0; i < server->opened; i++) {
        kernel_worker_close(&server->workers[i]);
    }
}

int main(int argc, char **argv)
{
    static struct server server;
    sigset_t signals;
    FILE *json;
    bool good;

    descriptors_open_standard();
    switch (kernel_options_parse(argc, argv, &server.options)) {
    case KERNEL_RUN:
        break;
    case KERNEL_DONE:
        return 0;
    default:
        return 2;
    }
    signals_block(&signals);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!result_file_open("kernel_echo", NULL, server.options.json, &json)) {
        return 1;
    }
    good = start(&server);
    if (good) {
        print_ready(&server);
        wait_for_end(&server, &signals);
    }
    stop(&server);
    if (good) {
        print_stats(&server);
        if (json) {
            write_json(json, &server);
        }
    }
    return result_file_close("kernel_echo", server.options.json, json) && good ? 0 : 1;
}
