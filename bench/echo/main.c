/*
 * echo_server: TCP echo (RFC 862), discard (RFC 863) and chargen (RFC 864) over
 * AF_XDP, through the public header only.
 */
#include "bench/clock.h"
#include "bench/descriptors.h"
#include "bench/echo/options.h"
#include "bench/echo/services.h"
#include "bench/place_stack.h"
#include "bench/result_file.h"
#include "bench/signals.h"
#include "bench/stats_write.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* How long open connections may take to end after a signal. */
static const double drain_s = 3.0;

static void print_ready(const struct echo_options *options, struct hr_stack *stack)
{
    unsigned workers = hr_stack_worker_count(stack);

    (void)printf("ready %s on", echo_service_names[options->service]);
    for (unsigned i = 0; i < options->place.address_count; i++) {
        (void)printf(" %s", options->place.addresses[i]);
    }
    (void)printf(" port %u, %u worker%s:", options->port, workers, workers == 1 ? "" : "s");
    for (unsigned i = 0; i < workers; i++) {
        const struct hr_worker *worker = hr_stack_worker(stack, i);

        (void)printf("%s queue %u %s on core %u", i > 0 ? "," : "", hr_worker_queue(worker),
                     hr_stack_mode(stack), hr_worker_core(worker));
    }
    if (hr_stack_mode_reason(stack)[0] != '\0') {
        (void)printf(" (%s)", hr_stack_mode_reason(stack));
    }
    (void)printf("\n");
    (void)fflush(stdout);
    if (hr_stack_note(stack)[0] != '\0') {
        (void)fprintf(stderr, "echo_server: %s\n", hr_stack_note(stack));
    }
}

static void print_stats(const struct hr_stack *stack)
{
    struct hr_stats stats;

    hr_stack_stats_sum(stack, &stats);
    (void)printf("connections %" PRIu64 " accepted %" PRIu64 " rx %" PRIu64 " tx %" PRIu64
                 " packets, in %" PRIu64 " out %" PRIu64 " bytes, retransmitted %" PRIu64
                 " dropped %" PRIu64 "\n",
                 stats.connections, stats.accepted, stats.rx_packets, stats.tx_packets,
                 stats.data_in, stats.data_out, stats.retransmissions, stats.dropped);
    (void)fflush(stdout);
}

/* Opened before anything else is: who asked for numbers does not want to hear at the
 * end of a run that there are none. */
static void write_json(FILE *file, const struct hr_stack *stack)
{
    (void)fprintf(file, "{\"mode\": \"%s\", \"workers\": [\n", hr_stack_mode(stack));
    for (unsigned i = 0; i < hr_stack_worker_count(stack); i++) {
        struct hr_stats stats;

        hr_stack_stats(stack, i, &stats);
        (void)fprintf(file, "%s ", i > 0 ? ",\n" : "");
        stats_write(file, &stats);
    }
    (void)fprintf(file, "\n]}\n");
}

static uint64_t open_connections(const struct hr_stack *stack)
{
    struct hr_stats stats;

    hr_stack_stats_sum(stack, &stats);
    return stats.connections;
}

/* No new connections; those that are open may end, for a while. */
static void drain(struct hr_stack *stack, const struct hr_addr *addr, const sigset_t *signals)
{
    double until = clock_now_s() + drain_s;

    (void)hr_unlisten(stack, addr);
    while (open_connections(stack) > 0 && clock_now_s() < until && !signals_wait(signals, 0.02)) {
    }
}

static void serve(const struct echo_options *options, struct hr_stack *stack,
                  const sigset_t *signals)
{
    double start = clock_now_s();
    double end = options->duration_s > 0 ? start + options->duration_s : 1e18;
    double next_stats = options->stats_s > 0 ? start + options->stats_s : 1e18;

    for (;;) {
        double now = clock_now_s();
        double wake;

        if (now >= end) {
            return;
        }
        if (now >= next_stats) {
            print_stats(stack);
            /* What was missed is not made up for. */
            next_stats += options->stats_s;
            next_stats = next_stats > now ? next_stats : now;
        }
        wake = end < next_stats ? end : next_stats;
        if (signals_wait(signals, wake - now < 3600 ? wake - now : 3600)) {
            return;
        }
    }
}

/* The interface has gone, so there is nothing left to serve. */
static atomic_bool is_cut_off;

static void on_event(struct hr_stack *stack, const struct hr_event *event, void *context)
{
    (void)stack;
    (void)context;
    (void)fprintf(stderr, "echo_server: %s\n", event->text);
    if (event->kind == HR_EVENT_INTERFACE_GONE) {
        atomic_store(&is_cut_off, true);
        (void)kill(getpid(), SIGTERM);
    }
}

static int run(struct echo_options *options, struct hr_stack *stack, const sigset_t *signals,
               FILE *json)
{
    const struct hr_conn_ops *ops = echo_services[options->service];
    struct hr_listen_options listen_options = hr_listen_options_default;
    struct hr_failure failure;
    struct hr_addr addr = {.port = options->port};
    int error;

    listen_options.nodelay = true;
    listen_options.congestion_control = options->congestion;
    listen_options.ecn = options->ecn;
    listen_options.syn_cookies = options->syn_cookies;
    tcp_options_listen(&options->tcp, &listen_options);
    if (options->close_after > 0) {
        listen_options.context = &options->close_after;
        ops = &echo_limited;
    }
    error = hr_listen(stack, &addr, ops, &listen_options);
    if (error != HR_OK) {
        (void)fprintf(stderr, "echo_server: port %u can't be listened on: %s\n", options->port,
                      hr_error_text(error));
        return 1;
    }
    if (hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "echo_server: %s\n", failure.text);
        return 1;
    }
    print_ready(options, stack);
    serve(options, stack, signals);
    drain(stack, &addr, signals);
    hr_stack_stop(stack);
    print_stats(stack);
    if (json) {
        write_json(json, stack);
    }
    return atomic_load(&is_cut_off) ? 1 : 0;
}

/* An address that is wrong wherever it is tried is the user's error, not the machine's. */
static int exit_status(const struct hr_failure *failure)
{
    return failure->error == HR_ERR_ADDRESS || failure->error == HR_ERR_NO_ROUTE ? 2 : 1;
}

int main(int argc, char **argv)
{
    static struct echo_options options;
    struct hr_stack_options stack_options;
    struct hr_stack *stack;
    struct hr_failure failure;
    sigset_t signals;
    FILE *json;
    int result;

    descriptors_open_standard();
    switch (echo_options_parse(argc, argv, &options)) {
    case ECHO_RUN:
        break;
    case ECHO_DONE:
        return 0;
    default:
        return 2;
    }
    signals_block(&signals);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!result_file_open("echo_server", "--json", options.json, &json)) {
        return 1;
    }
    stack_options = place_stack(&options.place);
    stack_options.on_event = on_event;
    if (hr_stack_create(&stack_options, &stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "echo_server: %s\n", failure.text);
        return exit_status(&failure);
    }
    result = run(&options, stack, &signals, json);
    hr_stack_destroy(stack);
    return result_file_close("echo_server", options.json, json) ? result : 1;
}
