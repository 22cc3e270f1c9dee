/* Our own stack under load, through the public headers only: an example of a client. A
 * struct lane is one worker's; the main thread only waits, and adds up at the end. */
#include "bench/clock.h"
#include "bench/load_client/engine.h"
#include "bench/load_client/stacks.h"
#include "bench/load_client/workload.h"
#include "bench/place_stack.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How often a closed loop looks at the time. */
static const uint64_t tick_ns = 1000000;

struct lane {
    struct load load;
    struct hr_worker *worker;
    struct hr_timer timer;     /* of a closed loop */
    struct hr_message message; /* begins; in an open loop comes with every turn */
    unsigned opened;           /* connections so far: their addresses are taken in turn */
};

static sem_t ended; /* counts lanes */

static struct lane *lane_of(struct load *load)
{
    return (struct lane *)(void *)load; /* its first member */
}

/* What is told after the run is over, or of a connection that was closed, is nobody's. */
static struct load_conn *told(const struct hr_conn *conn)
{
    struct load_conn *ours = hr_conn_context(conn);

    if (!ours || ours->load->is_over) {
        return NULL;
    }
    ours->load->now_ns = hr_worker_now_ns(lane_of(ours->load)->worker);
    return ours;
}

static void on_open(struct hr_conn *conn)
{
    struct load_conn *ours = told(conn);

    if (ours) {
        ours->under.conn = conn;
        workload_opened(ours);
    }
}

static void on_data(struct hr_conn *conn, const struct hr_data *data)
{
    struct load_conn *ours = told(conn);

    if (!ours) {
        return;
    }
    for (unsigned i = 0; i < data->count; i++) {
        workload_received(ours, data->slices[i].bytes, data->slices[i].length);
    }
    workload_answered(ours);
}

static void on_writable(struct hr_conn *conn)
{
    struct load_conn *ours = told(conn);

    if (ours) {
        workload_writable(ours);
    }
}

static void on_eof(struct hr_conn *conn)
{
    struct load_conn *ours = told(conn);

    if (ours) {
        workload_eof(ours);
    }
}

static void on_close(struct hr_conn *conn, int reason)
{
    struct load_conn *ours = told(conn);

    if (ours) {
        ours->under.conn = NULL;
        workload_lost(ours, reason);
    }
}

static const struct hr_conn_ops ops = {
    .on_open = on_open,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_eof = on_eof,
    .on_close = on_close,
};

static int headrace_open(struct load_conn *conn)
{
    struct lane *lane = lane_of(conn->load);
    const struct load_options *options = conn->load->options;
    struct hr_connect_options connect_options = hr_connect_options_default;
    int error;

    connect_options.local = options->addresses[lane->opened++ % options->place.address_count];
    connect_options.nodelay = true;
    connect_options.congestion_control = options->congestion;
    connect_options.ecn = options->ecn;
    tcp_options_connect(&options->tcp, &connect_options);
    connect_options.conn = options->tcp.fast_open ? &conn->under.conn : NULL;
    connect_options.context = conn;
    error = hr_connect_with(lane->worker, &options->target, &ops, &connect_options);
    if (error == HR_OK && options->tcp.fast_open) {
        workload_early(conn);
    }
    return error;
}

static uint8_t *headrace_reserve(struct load_conn *conn, size_t *room)
{
    return hr_reserve(conn->under.conn, room);
}

static size_t headrace_commit(struct load_conn *conn, uint8_t *place, size_t length)
{
    /* Refused for want of memory it is reserved anew when there is some. */
    return hr_commit(conn->under.conn, place, length) == HR_OK ? length : 0;
}

static void headrace_close(struct load_conn *conn)
{
    struct hr_conn *under = conn->under.conn;

    conn->under.conn = NULL;
    hr_conn_set_context(under, NULL);
    hr_close(under);
}

static const struct load_transport transport = {
    .open = headrace_open,
    .reserve = headrace_reserve,
    .commit = headrace_commit,
    .close = headrace_close,
};

static bool tick(struct lane *lane, const struct hr_worker *worker)
{
    lane->load.now_ns = hr_worker_now_ns(worker);
    if (load_tick(&lane->load)) {
        return true;
    }
    (void)sem_post(&ended);
    return false;
}

static void on_timer(struct hr_timer *timer, struct hr_worker *worker)
{
    struct lane *lane = (struct lane *)(void *)((char *)timer - offsetof(struct lane, timer));

    if (tick(lane, worker)) {
        hr_timer_start(worker, timer, tick_ns);
    }
}

/* Timers are as coarse as 66 us, which an open loop would measure: it posts itself a
 * message instead, which comes in the next turn, so the worker never sleeps. */
static void on_message(struct hr_message *message, struct hr_worker *worker)
{
    struct lane *lane = (struct lane *)(void *)((char *)message - offsetof(struct lane, message));

    if (!load_is_open_loop(&lane->load)) {
        on_timer(&lane->timer, worker);
    } else if (tick(lane, worker)) {
        hr_post(worker, message);
    }
}

static void on_event(struct hr_stack *stack, const struct hr_event *event, void *context)
{
    (void)stack;
    (void)context;
    (void)fprintf(stderr, "load: %s\n", event->text);
}

/* What is in flight stands in frames, and so does what has come. */
static struct hr_stack_options choose_stack(const struct load_options *options)
{
    struct hr_stack_options stack = place_stack(&options->place);
    const uint32_t frames_max = 262144; /* 1 GiB */
    uint64_t segments = ((uint64_t)options->size * options->depth + 1399) / 1400;
    uint64_t frames = (uint64_t)options->connections * 2 * (segments < 32 ? segments : 32);

    stack.frames_per_worker += (uint32_t)(frames < frames_max ? frames : frames_max);
    /* Those that end have closed first, and stand beside their successors for a while. */
    stack.connections_max += 2 * options->connections;
    stack.on_event = on_event;
    return stack;
}

static void show_all(const struct lane *lanes, unsigned count, load_show *show)
{
    struct load_progress progress = {
        .seconds_left = ((double)lanes[0].load.end_ns - (double)clock_now_ns()) / 1e9};

    for (unsigned i = 0; i < count; i++) {
        progress.requests +=
            atomic_load_explicit(&lanes[i].load.shown_requests, memory_order_relaxed);
        progress.bytes_in += atomic_load_explicit(&lanes[i].load.shown_in, memory_order_relaxed);
        progress.bytes_out += atomic_load_explicit(&lanes[i].load.shown_out, memory_order_relaxed);
    }
    show(&progress);
}

static void wait_for_all(const struct lane *lanes, unsigned count, load_show *show)
{
    const long show_interval_ns = 200000000;

    for (unsigned i = 0; i < count;) {
        struct timespec until;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += show_interval_ns;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (sem_timedwait(&ended, &until) == 0) {
            i++;
        } else if (errno == ETIMEDOUT && show) {
            show_all(lanes, count, show);
        }
    }
}

static int make_lanes(struct lane *lanes, struct hr_stack *stack,
                      const struct load_options *options)
{
    unsigned count = hr_stack_worker_count(stack);
    struct load_part part = {.begin_ns = clock_now_ns(), .count = count};

    for (part.index = 0; part.index < count; part.index++) {
        struct lane *lane = &lanes[part.index];

        lane->worker = hr_stack_worker(stack, part.index);
        lane->timer.on_expiry = on_timer;
        lane->message.on_message = on_message;
        lane->opened = part.index;
        if (load_make(&lane->load, options, &transport, &part) != 0) {
            return -1;
        }
    }
    return 0;
}

static void add_results(struct lane *lanes, const struct hr_stack *stack,
                        struct load_results *results)
{
    for (unsigned i = 0; i < hr_stack_worker_count(stack); i++) {
        load_finish(&lanes[i].load);
        load_results_add(results, &lanes[i].load.results);
    }
    hr_stack_stats_sum(stack, &results->stats);
    results->time_wait_reused = results->stats.time_wait_reused;
}

static int run(struct lane *lanes, struct hr_stack *stack, const struct load_options *options,
               load_show *show)
{
    unsigned count = hr_stack_worker_count(stack);
    struct hr_failure failure;

    if (hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "load: %s\n", failure.text);
        return -1;
    }
    /* The time runs from here. */
    if (make_lanes(lanes, stack, options) != 0) {
        hr_stack_stop(stack);
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        hr_post(lanes[i].worker, &lanes[i].message);
    }
    wait_for_all(lanes, count, show);
    hr_stack_stop(stack);
    return 0;
}

int headrace_run(const struct load_options *options, struct load_results *results, load_show *show)
{
    struct hr_stack_options stack_options = choose_stack(options);
    struct hr_stack *stack;
    struct hr_failure failure;
    struct lane *lanes;
    int result = -1;

    if (hr_stack_create(&stack_options, &stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "load: %s\n", failure.text);
        /* An address that is wrong wherever it is tried is the user's error. */
        return failure.error == HR_ERR_ADDRESS || failure.error == HR_ERR_NO_ROUTE ? -2 : -1;
    }
    if (hr_stack_note(stack)[0] != '\0') {
        (void)fprintf(stderr, "load: %s\n", hr_stack_note(stack));
    }
    (void)sem_init(&ended, 0, 0);
    lanes = calloc(hr_stack_worker_count(stack), sizeof *lanes);
    if (!lanes) {
        (void)fprintf(stderr, "load: there is no memory for %u workers.\n",
                      hr_stack_worker_count(stack));
    } else if (run(lanes, stack, options, show) == 0) {
        add_results(lanes, stack, results);
        result = 0;
    }
    if (results->failure != 0) {
        (void)fprintf(stderr, "load: %s could not be connected to: %s\n", options->target_text,
                      hr_error_text(results->failure));
    }
    for (unsigned i = 0; lanes && i < hr_stack_worker_count(stack); i++) {
        load_unmake(&lanes[i].load);
    }
    hr_stack_destroy(stack);
    free(lanes);
    return result;
}
