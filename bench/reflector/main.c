/*
 * reflector: UDP sent back over AF_XDP by as little code as that takes, and its client:
 * how many round trips and bytes the place itself can give.
 */
#include "bench/clock.h"
#include "bench/descriptors.h"
#include "bench/reflector/link.h"
#include "bench/reflector/report.h"
#include "bench/reflector/server.h"
#include "bench/result_file.h"
#include "bench/signals.h"
#include "datapath/util.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

/* What main hears of while the workers work. */
struct events {
    int signals;
    int links;
};

static bool open_events(struct events *events, const sigset_t *signals)
{
    events->signals = signalfd(-1, signals, SFD_CLOEXEC);
    events->links = events->signals < 0 ? -1 : link_watch();
    if (events->signals < 0 || events->links < 0) {
        (void)fprintf(stderr, "reflector: No descriptor can be had: %s.\n", strerror(errno));
        return false;
    }
    return true;
}

static void close_events(const struct events *events)
{
    (void)close(events->signals);
    (void)close(events->links);
}

static int milliseconds_until(uint64_t end_ns, uint64_t now_ns)
{
    return (int)((min_u64(end_ns - now_ns, 3600 * NS_PER_S) + NS_PER_MS - 1) / NS_PER_MS);
}

/* Until a signal or its time; false: the interface has gone, and there is nothing left to
 * wait for. */
static bool wait_for_end(const struct end *end, const struct events *events)
{
    const struct reflector_options *options = end->options;
    struct pollfd fds[] = {
        {.fd = events->signals, .events = POLLIN},
        {.fd = events->links, .events = POLLIN},
    };
    uint64_t end_ns = UINT64_MAX; /* a driver tells when it is done */
    uint64_t now_ns = clock_now_ns();

    if (options->duration_s > 0 && !options->is_driver) {
        end_ns = now_ns + (uint64_t)(options->duration_s * 1e9);
    }
    while (now_ns < end_ns) {
        (void)poll(fds, COUNT_OF(fds), milliseconds_until(end_ns, now_ns));
        if (fds[0].revents != 0) {
            return true;
        }
        if (fds[1].revents != 0 && link_is_gone(events->links, end->interface->nic.ifindex)) {
            return false;
        }
        now_ns = clock_now_ns();
    }
    return true;
}

static int run(struct end *end, const struct events *events, FILE *json)
{
    bool is_driver = end->options->is_driver;
    bool is_cut_off;

    if (end_start(end, is_driver ? drive_run : server_run) != 0) {
        return 1;
    }
    report_ready(end);
    is_cut_off = !wait_for_end(end, events);
    end_stop(end);
    if (is_cut_off) {
        (void)fprintf(stderr,
                      "reflector: %s has been removed: nothing can be sent or received there "
                      "any more.\n",
                      end->interface->nic.name);
    }
    if (!is_driver) {
        report_server(end, json);
        return is_cut_off ? 1 : 0;
    }
    if (is_cut_off) {
        return 1;
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
    struct events events;
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
    if (!open_events(&events, &signals)) {
        return 1;
    }
    status = end_open(&end, &options);
    if (status == 0) {
        status = run(&end, &events, json);
    }
    end_close(&end);
    close_events(&events);
    return result_file_close("reflector", options.json, json) ? status : 1;
}
