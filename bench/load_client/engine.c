#include "bench/load_client/engine.h"

#include "bench/load_client/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* More at once would overrun a server's backlog or a ring, and come again after a
 * second: so many handshakes keep any link busy. */
#define OPENING_MAX 128u

/* A connection that failed is opened again after so long. */
static const uint64_t retry_interval_ns = 100000000;
/* How long an open loop waits for answers to what was due. */
static const uint64_t drain_ns = 1000000000;

static atomic_bool told_to_end;

void load_end_early(void)
{
    atomic_store_explicit(&told_to_end, true, memory_order_relaxed);
}

/* Of all threads, in seconds. */
static double process_cpu_s(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* A power of two, so that places in the ring need no division. */
static uint32_t ring_places(unsigned depth)
{
    return depth == 1 ? 1 : 1u << (32 - __builtin_clz(depth - 1));
}

static void add_missing(struct load *load, struct load_conn *conn)
{
    /* Of connect in an open loop each is opened when its time has come. */
    if (load_is_open_loop(load) && load->options->workload == LOAD_CONNECT) {
        workload_ready(conn);
    } else {
        conn->link = load->missing;
        load->missing = conn;
    }
}

/* Parts without a connection get no requests either. */
static unsigned active_parts(const struct load_options *options, const struct load_part *part)
{
    return part->count < options->connections ? part->count : options->connections;
}

static void make_schedule(struct load *load, const struct load_part *part)
{
    const struct load_options *options = load->options;

    load->start_ns = part->begin_ns + (uint64_t)(options->warmup_s * 1e9);
    load->end_ns = load->start_ns + (uint64_t)(options->duration_s * 1e9);
    load->counts_cpu = part->index == 0;
    load->schedule.next_ns = UINT64_MAX;
    if (load_is_open_loop(load) && load->conn_count > 0) {
        schedule_init(&load->schedule, part->begin_ns, options->rate);
        schedule_share(&load->schedule, part->index, active_parts(options, part));
    }
}

int load_make(struct load *load, const struct load_options *options,
              const struct load_transport *transport, const struct load_part *part)
{
    unsigned each = options->connections / part->count;
    unsigned more = options->connections % part->count;
    unsigned first = part->index * each + (part->index < more ? part->index : more);
    uint32_t places = ring_places(options->depth);

    load->options = options;
    load->transport = transport;
    load->conn_count = each + (part->index < more);
    load->ring_mask = places - 1;
    /* Whole cache lines, so that a connection does not share its own with another. */
    load->conn_bytes = (sizeof(struct load_conn) + places * sizeof(uint64_t) + 63) / 64 * 64;
    load->conns = aligned_alloc(64, (load->conn_count + 1) * load->conn_bytes);
    if (!load->conns) {
        (void)fprintf(stderr, "load: there is no memory for %u connections of depth %u.\n",
                      options->connections, options->depth);
        return -1;
    }
    load->is_holding = options->workload != LOAD_CONNECT;
    make_schedule(load, part);
    for (unsigned i = load->conn_count; i-- > 0;) {
        struct load_conn *conn = load_conn_at(load, i);

        *conn = (struct load_conn){.load = load, .number = first + i, .state = LOAD_CLOSED};
        add_missing(load, conn);
    }
    return 0;
}

void load_unmake(struct load *load)
{
    free(load->conns);
    load->conns = NULL;
}

static void open_missing(struct load *load)
{
    if (load->now_ns >= load->retry_ns) {
        struct load_conn *conn = load->failed;

        load->retry_ns = load->now_ns + retry_interval_ns;
        load->failed = NULL;
        while (conn) {
            struct load_conn *next = conn->link;

            add_missing(load, conn);
            conn = next;
        }
    }
    while (load->missing && load->opening < OPENING_MAX) {
        struct load_conn *conn = load->missing;

        load->missing = conn->link;
        workload_open(conn, load->now_ns);
    }
}

/* Requests of those that are open would take the place of the handshakes of the others, of
 * which each that is lost costs a second: so they wait, but not beyond the warm-up. What was
 * due meanwhile is sent by nobody. */
static void release(struct load *load)
{
    bool all_are_open = !load->missing && !load->failed && load->opening == 0;

    if (!all_are_open && load->now_ns < load->start_ns) {
        return;
    }
    while (load->schedule.next_ns < load->now_ns && load->schedule.next_ns < load->start_ns) {
        (void)schedule_take(&load->schedule);
    }
    workload_release(load);
}

static void start_measuring(struct load *load)
{
    load->measuring = true;
    load->started_ns = load->now_ns;
    if (load->counts_cpu) {
        load->results.cpu_s = -process_cpu_s();
    }
}

static void stop_measuring(struct load *load)
{
    load->measuring = false;
    /* An open loop counts what was due, which is exact. */
    load->results.seconds = load_is_open_loop(load) && !load->failed_data
                                ? (double)(load->end_ns - load->start_ns) / 1e9
                                : (double)(load->now_ns - load->started_ns) / 1e9;
    if (load->counts_cpu) {
        load->results.cpu_s += process_cpu_s();
    }
}

static bool has_ended(const struct load *load)
{
    bool owes = load->results.requests < load->due || load->schedule.next_ns < load->end_ns;
    bool waits = load_is_open_loop(load) && owes && load->now_ns < load->end_ns + drain_ns;

    return load->failed_data || (load->now_ns >= load->end_ns && !waits);
}

bool load_tick(struct load *load)
{
    if (load->is_over) {
        return false;
    }
    if (load->now_ns < load->end_ns && atomic_load_explicit(&told_to_end, memory_order_relaxed)) {
        load->end_ns = load->now_ns + 1; /* what was due until now still counts */
    }
    if (load->end_ns < load->start_ns) { /* nothing was, and nothing is waited for */
        load->is_over = true;
        return false;
    }
    if (!load->measuring && load->started_ns == 0 && load->now_ns >= load->start_ns) {
        start_measuring(load);
    }
    if (load->measuring && (load->now_ns >= load->end_ns || load->failed_data)) {
        stop_measuring(load);
    }
    if (has_ended(load)) {
        load->is_over = true;
        return false;
    }
    if (load->missing || load->failed) {
        open_missing(load);
    }
    if (load->is_holding) {
        release(load);
    }
    if (!load->is_holding) {
        workload_issue_due(load);
    }
    atomic_store_explicit(&load->shown_requests, load->results.requests, memory_order_relaxed);
    atomic_store_explicit(&load->shown_in, load->results.bytes_in, memory_order_relaxed);
    atomic_store_explicit(&load->shown_out, load->results.bytes_out, memory_order_relaxed);
    return true;
}

/* Who has waited since before measuring began was not served: for its turn, for the
 * handshake, or, with a connection for each request, for whatever comes next. */
static bool was_not_served(const struct load *load, const struct load_conn *conn)
{
    bool is_connect = load->options->workload == LOAD_CONNECT;

    if (conn->state == LOAD_CLOSED) {
        return conn->since_ns == 0 && !(is_connect && load_is_open_loop(load));
    }
    return (conn->state == LOAD_OPENING || is_connect) && conn->since_ns <= load->started_ns;
}

void load_finish(struct load *load)
{
    for (unsigned i = 0; i < load->conn_count; i++) {
        load->results.errors[LOAD_ERROR_CONNECT] += was_not_served(load, load_conn_at(load, i));
    }
    /* Requests for which no connection was free. */
    while (!load->failed_data && load->schedule.next_ns < load->end_ns) {
        load->due += schedule_take(&load->schedule) >= load->start_ns;
    }
    load->results.unanswered = load_is_open_loop(load) ? load->due - load->results.requests : 0;
}

void load_results_add(struct load_results *sum, const struct load_results *results)
{
    if (results->seconds > sum->seconds) {
        sum->seconds = results->seconds;
    }
    sum->cpu_s += results->cpu_s;
    sum->requests += results->requests;
    sum->unanswered += results->unanswered;
    sum->bytes_in += results->bytes_in;
    sum->bytes_out += results->bytes_out;
    sum->bytes_verified += results->bytes_verified;
    sum->time_wait_reused += results->time_wait_reused;
    for (unsigned i = 0; i < LOAD_ERROR_COUNT; i++) {
        sum->errors[i] += results->errors[i];
    }
    if (sum->failure == 0) {
        sum->failure = results->failure;
    }
    histogram_merge(&sum->latency, &results->latency);
}

uint64_t load_errors(const struct load_results *results)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < LOAD_ERROR_COUNT; i++) {
        sum += results->errors[i];
    }
    return sum;
}
