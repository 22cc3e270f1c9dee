/*
 * reflector: UDP sent back over AF_XDP by as little code as that takes, and its client:
 * how many round trips and bytes the place itself can give.
 */
#include "bench/clock.h"
#include "bench/descriptors.h"
#include "bench/reflector/report.h"
#include "bench/reflector/server.h"
#include "bench/result_file.h"
#include "bench/signals.h"
#include "datapath/util.h"

#include <errno.h>
#include <signal.h>

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
    uint64_t now_ns = clock_now_ns();

    if (options->duration_s > 0 && !options->is_driver) {
        end_ns = now_ns + (uint64_t)(options->duration_s * 1e9);
    }
    /* A process that was stopped and goes on wakes up here without a signal. */
    while (now_ns < end_ns) {
        uint64_t left_ns = min_u64(end_ns - now_ns, 3600 * NS_PER_S);

        if (signals_wait(signals, (double)left_ns / NS_PER_S)) {
            return;
        }
        now_ns = clock_now_ns();
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
    signals_block(&signals);
    if (!result_file_open("reflector", NULL, options.json, &json)) {
        return 1;
    }
    status = end_open(&end, &options);
    if (status == 0) {
        status = run(&end, &signals, json);
    }
    end_close(&end);
    return result_file_close("reflector", options.json, json) ? status : 1;
}
