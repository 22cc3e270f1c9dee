/*
 * load: the client, over the kernel's sockets or over our own stack.
 */
#include "bench/descriptors.h"
#include "bench/histogram_log.h"
#include "bench/load_client/engine.h"
#include "bench/load_client/report.h"
#include "bench/load_client/stacks.h"
#include "bench/result_file.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void show_progress(const struct load_progress *progress)
{
    (void)fprintf(stderr, "\r%12" PRIu64 " requests, %8.1f MB in, %8.1f MB out, %4.0f s left ",
                  progress->requests, (double)progress->bytes_in / 1e6,
                  (double)progress->bytes_out / 1e6,
                  progress->seconds_left > 0 ? progress->seconds_left : 0);
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void write_histogram(FILE *file, const struct load_results *results)
{
    if (histogram_log_write(file, &results->latency, now_s() - results->seconds,
                            results->seconds) != 0) {
        (void)fprintf(stderr, "load: there is no memory for the histogram file.\n");
    }
}

static void on_signal(int number)
{
    (void)number;
    load_end_early();
}

/* Who interrupts a long run wants to see what it has measured. A second signal ends the
 * process, and one that was ignored stays so. */
static void heed_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    static const int numbers[] = {SIGINT, SIGTERM};
    struct sigaction before;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            (void)sigaction(numbers[i], &action, NULL);
        }
    }
}

/* Of a server that takes connections and does nothing with them all errors are 0. False:
 * nothing at all was done for us, or asked for, and a sentence was printed. */
static bool was_served(const struct load_options *options, const struct load_results *results)
{
    static const char *const complaints[] = {
        [LOAD_ECHO] = "answered no request",
        [LOAD_CONNECT] = "answered no request",
        [LOAD_UPLOAD] = "taken no byte",
        [LOAD_DOWNLOAD] = "sent no byte",
    };
    uint64_t served = options->workload == LOAD_UPLOAD     ? results->bytes_out
                      : options->workload == LOAD_DOWNLOAD ? results->bytes_in
                                                           : results->requests;

    if (served == 0 && options->rate > 0 && results->unanswered == 0) {
        (void)fprintf(
            stderr,
            "load: At a rate of %u no request was due in the measured time: give it a longer "
            "--duration.\n",
            options->rate);
    } else if (served == 0) {
        (void)fprintf(stderr, "load: %s has %s in the measured time.\n", options->target_text,
                      complaints[options->workload]);
    }
    return served > 0;
}

/* What was wrong, each thing with its sentence. */
static bool is_good(const struct load_options *options, const struct load_results *results)
{
    if (results->errors[LOAD_ERROR_CONNECT] > 0 && results->failure == 0) {
        (void)fprintf(stderr, "load: %s did not answer until the end.\n", options->target_text);
    }
    return load_errors(results) == 0 && was_served(options, results);
}

int main(int argc, char **argv)
{
    static struct load_results results;
    static struct load_options options;
    bool terminal = isatty(STDERR_FILENO) == 1;
    FILE *json;
    FILE *histogram;
    bool written;
    bool good;
    int result;

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
    heed_signals();
    if (!result_file_open("load", "--json", options.json, &json) ||
        !result_file_open("load", "--histogram", options.histogram, &histogram)) {
        return 1;
    }
    result = (options.stack == LOAD_KERNEL ? kernel_run : headrace_run)(
        &options, &results, terminal ? show_progress : NULL);
    if (result != 0) {
        return -result;
    }
    if (terminal) {
        (void)fprintf(stderr, "\r%78s\r", "");
    }
    if (results.seconds <= 0) {
        (void)fprintf(stderr, "load: It was told to end before there was anything measured.\n");
        return 1;
    }
    good = is_good(&options, &results);
    report_print(&options, &results);
    if (json) {
        report_json(json, &options, &results);
    }
    if (histogram) {
        write_histogram(histogram, &results);
    }
    written = result_file_close("load", options.json, json);
    written = result_file_close("load", options.histogram, histogram) && written;
    return written && good ? 0 : 1;
}
