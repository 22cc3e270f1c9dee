#include "bench/load_client/report.h"

#include "bench/load_client/engine.h"
#include "bench/stats_write.h"

#include <inttypes.h>

static double seconds_of(const struct load_results *results)
{
    return results->seconds > 0 ? results->seconds : 1;
}

static double us(const struct load_results *results, double percent)
{
    return (double)histogram_percentile(&results->latency, percent) / 1e3;
}

static void print_requests(const struct load_options *options, const struct load_results *results)
{
    (void)printf(
        "%.0f %s/s; latency us: p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, p99.99 %.1f, "
        "max %.1f\n",
        (double)results->requests / seconds_of(results),
        options->workload == LOAD_CONNECT ? "connections" : "requests", us(results, 50),
        us(results, 90), us(results, 99), us(results, 99.9), us(results, 99.99),
        (double)results->latency.largest / 1e3);
    if (options->rate > 0) {
        (void)printf("open loop of %u/s: of %" PRIu64 " that were due %" PRIu64
                     " were not answered\n",
                     options->rate, results->requests + results->unanswered, results->unanswered);
    }
}

void report_print(const struct load_options *options, const struct load_results *results)
{
    const uint64_t *errors = results->errors;

    (void)printf("%s over %s: %u connections, %u bytes, depth %u, %.1f s, CPU %.0f%%\n",
                 load_workload_names[options->workload], load_stack_names[options->stack],
                 options->connections, options->size, options->depth, results->seconds,
                 100 * results->cpu_s / seconds_of(results));
    if (results->latency.count > 0 || options->rate > 0) {
        print_requests(options, results);
    }
    (void)printf("%.3f Gbit/s in, %.3f Gbit/s out",
                 (double)results->bytes_in * 8e-9 / seconds_of(results),
                 (double)results->bytes_out * 8e-9 / seconds_of(results));
    if (options->verify) {
        (void)printf(", %" PRIu64 " bytes verified", results->bytes_verified);
    }
    if (results->time_wait_reused > 0) {
        (void)printf(", %" PRIu64 " ports out of TIME-WAIT", results->time_wait_reused);
    }
    (void)printf(", errors %" PRIu64 "\n", load_errors(results));
    if (load_errors(results) > 0) {
        (void)printf("errors: connect %" PRIu64 ", reset %" PRIu64 ", closed early %" PRIu64
                     ", wrong data %" PRIu64 "\n",
                     errors[LOAD_ERROR_CONNECT], errors[LOAD_ERROR_RESET],
                     errors[LOAD_ERROR_CLOSED], errors[LOAD_ERROR_DATA]);
    }
}

static void write_latency(FILE *file, const struct histogram *latency)
{
    static const struct {
        const char *name;
        double percent;
    } rows[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}};

    (void)fprintf(file, " \"latency_ns\": {\"min\": %" PRIu64, latency->smallest);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)fprintf(file, ", \"%s\": %" PRIu64, rows[i].name,
                      histogram_percentile(latency, rows[i].percent));
    }
    (void)fprintf(file, ", \"max\": %" PRIu64 ", \"mean\": %.1f}", latency->largest,
                  histogram_mean(latency));
}

void report_json(FILE *file, const struct load_options *options, const struct load_results *results)
{
    const uint64_t *errors = results->errors;

    (void)fprintf(file,
                  "{\"stack\": \"%s\", \"workload\": \"%s\", \"connections\": %u, \"size\": %u, "
                  "\"depth\": %u, \"rate\": %u,\n \"seconds\": %.6f, \"cpu_s\": %.6f, "
                  "\"requests\": %" PRIu64 ", \"requests_per_s\": %.1f, \"unanswered\": %" PRIu64
                  ",\n",
                  load_stack_names[options->stack], load_workload_names[options->workload],
                  options->connections, options->size, options->depth, options->rate,
                  results->seconds, results->cpu_s, results->requests,
                  (double)results->requests / seconds_of(results), results->unanswered);
    (void)fprintf(file,
                  " \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64
                  ", \"bytes_verified\": %" PRIu64 ", \"time_wait_reused\": %" PRIu64
                  ",\n \"errors\": %" PRIu64 ", \"errors_of\": {\"connect\": %" PRIu64
                  ", \"reset\": %" PRIu64 ", \"closed\": %" PRIu64 ", \"data\": %" PRIu64 "},\n",
                  results->bytes_in, results->bytes_out, results->bytes_verified,
                  results->time_wait_reused, load_errors(results), errors[LOAD_ERROR_CONNECT],
                  errors[LOAD_ERROR_RESET], errors[LOAD_ERROR_CLOSED], errors[LOAD_ERROR_DATA]);
    write_latency(file, &results->latency);
    if (options->stack == LOAD_HEADRACE) {
        (void)fprintf(file, ",\n \"stats\": ");
        stats_write(file, &results->stats);
    }
    (void)fprintf(file, "}\n");
}
