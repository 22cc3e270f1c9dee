/*
 * load: the client over the kernel's sockets.
 */
#include "bench/descriptors.h"
#include "bench/load_client/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show_progress(const struct load_results *so_far, double seconds_left)
{
    (void)fprintf(stderr, "\r%12" PRIu64 " requests, %8.1f MB in, %8.1f MB out, %4.0f s left ",
                  so_far->requests, (double)so_far->bytes_in / 1e6, (double)so_far->bytes_out / 1e6,
                  seconds_left > 0 ? seconds_left : 0);
}

static uint64_t errors(const struct load_results *results)
{
    return results->errors_connect + results->errors_reset + results->errors_closed +
           results->errors_data;
}

static void print(const struct load_options *options, const struct load_results *results)
{
    double seconds = results->seconds > 0 ? results->seconds : 1;

    (void)printf("%s: %u connections, %u bytes, depth %u, %.1f s\n",
                 load_workload_names[options->workload], options->connections, options->size,
                 options->depth, results->seconds);
    if (results->latency.count > 0) {
        (void)printf("%.0f %s/s; latency us: p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n",
                     (double)results->requests / seconds,
                     options->workload == LOAD_CONNECT ? "connections" : "requests",
                     (double)histogram_percentile(&results->latency, 50) / 1e3,
                     (double)histogram_percentile(&results->latency, 90) / 1e3,
                     (double)histogram_percentile(&results->latency, 99) / 1e3,
                     (double)histogram_percentile(&results->latency, 99.9) / 1e3,
                     (double)results->latency.largest / 1e3);
    }
    (void)printf("%.3f Gbit/s in, %.3f Gbit/s out", (double)results->bytes_in * 8e-9 / seconds,
                 (double)results->bytes_out * 8e-9 / seconds);
    if (options->verify) {
        (void)printf(", %" PRIu64 " bytes verified", results->bytes_verified);
    }
    (void)printf(", errors %" PRIu64 "\n", errors(results));
    if (errors(results) > 0) {
        (void)printf("errors: connect %" PRIu64 ", reset %" PRIu64 ", closed early %" PRIu64
                     ", wrong data %" PRIu64 "\n",
                     results->errors_connect, results->errors_reset, results->errors_closed,
                     results->errors_data);
    }
}

/* Opened before the run, which is in vain when its results can't be kept. */
static bool open_json(const struct load_options *options, FILE **file)
{
    *file = options->json ? fopen(options->json, "we") : NULL;
    if (options->json && !*file) {
        (void)fprintf(stderr,
                      "load: '%s' can't be written: %s; give --json a file in a directory where "
                      "you may write.\n",
                      options->json, strerror(errno));
        return false;
    }
    return true;
}

static void write_json(FILE *file, const struct load_options *options,
                       const struct load_results *results)
{
    (void)fprintf(
        file,
        "{\"workload\": \"%s\", \"connections\": %u, \"size\": %u, \"depth\": %u, \"seconds\": "
        "%.3f, \"requests\": %" PRIu64 ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64
        ", \"bytes_verified\": %" PRIu64 ", \"errors\": %" PRIu64 ",\n \"latency_ns\": {",
        load_workload_names[options->workload], options->connections, options->size, options->depth,
        results->seconds, results->requests, results->bytes_in, results->bytes_out,
        results->bytes_verified, errors(results));
    (void)fprintf(
        file,
        "\"p50\": %" PRIu64 ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"p99.9\": %" PRIu64
        ", \"p99.99\": %" PRIu64 ", \"max\": %" PRIu64 "}}\n",
        histogram_percentile(&results->latency, 50), histogram_percentile(&results->latency, 90),
        histogram_percentile(&results->latency, 99), histogram_percentile(&results->latency, 99.9),
        histogram_percentile(&results->latency, 99.99), results->latency.largest);
}

/* True when there is nothing to write, or all of it was written. */
static bool close_json(FILE *file, const struct load_options *options)
{
    bool failed = file && ferror(file) != 0;

    if (file && (fclose(file) != 0 || failed)) {
        (void)fprintf(stderr, "load: '%s' could not be written: %s.\n", options->json,
                      strerror(errno));
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct load_results results;
    struct load_options options;
    FILE *json;
    bool terminal = isatty(STDERR_FILENO) == 1;

    descriptors_open_standard();
    switch (load_options_parse(argc, argv, &options)) {
    case LOAD_RUN:
        break;
    case LOAD_DONE:
        return 0;
    default:
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!open_json(&options, &json)) {
        return 1;
    }
    if (load_run(&options, &results, terminal ? show_progress : NULL) != 0) {
        return 1;
    }
    if (terminal) {
        (void)fprintf(stderr, "\r%78s\r", "");
    }
    print(&options, &results);
    if (json) {
        write_json(json, &options, &results);
    }
    return close_json(json, &options) && errors(&results) == 0 ? 0 : 1;
}
