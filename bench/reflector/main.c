/*
 * reflector: UDP sent back over AF_XDP by as little code as that takes, and its client:
 * how many round trips and bytes the place itself can give.
 */
#include "bench/descriptors.h"
#include "bench/reflector/report.h"
#include "bench/reflector/server.h"
#include "datapath/util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static struct drive drive;
static struct drive_result result;

static void *drive_run(void *argument)
{
    drive.worker = argument;
    drive.result = &result;
    if (drive_find_target(&drive)) {
        if (drive.worker->options->is_one_way) {
            drive_one_way(&drive);
        } else {
            drive_round_trips(&drive);
        }
    }
    /* Main waits for a signal; this is one. */
    (void)kill(getpid(), SIGTERM);
    return NULL;
}

static void wait_for_end(const struct reflector_options *options, const sigset_t *signals)
{
    uint64_t end_ns = UINT64_MAX; /* a driver tells when it is done */
    uint64_t now_ns = end_clock_ns();

    if (options->duration_s > 0 && !options->is_driver) {
        end_ns = now_ns + (uint64_t)(options->duration_s * 1e9);
    }
    /* A process that was stopped and goes on wakes up here without a signal. */
    while (now_ns < end_ns) {
        uint64_t left_ns = min_u64(end_ns - now_ns, 3600 * NS_PER_S);
        struct timespec span = {(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};

        if (sigtimedwait(signals, NULL, &span) > 0) {
            return;
        }
        now_ns = end_clock_ns();
    }
}

static int run(struct end *end, const sigset_t *signals, FILE *json)
{
    bool is_driver = end->options->is_driver;

    if (end_start(end, is_driver ? drive_run : server_run) != 0) {
        return 1;
    }
    report_ready(end);
    wait_for_end(end->options, signals);
    end_stop(end);
    if (!is_driver) {
        report_server(end, json);
        return 0;
    }
    if (!result.failure && result.seconds <= 0) {
        result.failure = "It was told to end before there was anything measured.";
    }
    if (result.failure) {
        (void)fprintf(stderr, "reflector: %s\n", result.failure);
        return 1;
    }
    report_driver(end, &result, json);
    return result.wrong > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct reflector_options options;
    static struct end end;
    sigset_t signals;
    FILE *json;
    bool has_failed;
    int status;

    descriptors_open_standard();
    switch (reflector_options_parse(argc, argv, &options)) {
    case REFLECTOR_RUN:
        break;
    case REFLECTOR_DONE:
        return 0;
    default:
        return 2;
    }
    /* Blocked before the threads exist, so that only main ever gets them. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    json = options.json ? fopen(options.json, "we") : NULL;
    if (options.json && !json) {
        (void)fprintf(stderr, "reflector: '%s' can't be written: %s.\n", options.json,
                      strerror(errno));
        return 1;
    }
    status = end_open(&end, &options);
    if (status == 0) {
        status = run(&end, &signals, json);
    }
    end_close(&end);
    has_failed = json && ferror(json) != 0;
    if (json && (fclose(json) != 0 || has_failed)) {
        (void)fprintf(stderr, "reflector: '%s' could not be written: %s.\n", options.json,
                      strerror(errno));
        return 1;
    }
    return status;
}
