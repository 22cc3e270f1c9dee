#include "bench/load_client/workload.h"

#include "bench/load_client/pattern.h"

#include <string.h>

static bool is_workload(const struct load *load, enum load_workload workload)
{
    return load->options->workload == workload;
}

/* In a closed loop what is answered while measuring counts, in an open one what was due
 * then: the slow answers to late requests are those that matter. */
static void record(struct load *load, uint64_t since_ns)
{
    bool counts = load_is_open_loop(load) ? since_ns >= load->start_ns && since_ns < load->end_ns
                                          : load->measuring;

    if (counts) {
        histogram_add(&load->results.latency, load->now_ns - since_ns);
        load->results.requests++;
    }
}

void workload_open(struct load_conn *conn, uint64_t since_ns)
{
    struct load *load = conn->load;
    int error;

    conn->state = LOAD_OPENING;
    conn->sent = 0;
    conn->limit = 0;
    conn->received = 0;
    conn->answer_end = load->options->size;
    conn->first = 0;
    conn->next = 0;
    conn->since_ns = since_ns;
    load->opening++;
    error = load->transport->open(conn);
    if (error != 0) {
        workload_lost(conn, error);
    }
}

/* One more request may be sent. */
static void grant(struct load_conn *conn, uint64_t since_ns)
{
    conn->starts[conn->next++ & conn->load->ring_mask] = since_ns;
    conn->limit += conn->load->options->size;
}

/* Sends what may be sent, straight into the transport's place. */
static void push(struct load_conn *conn)
{
    struct load *load = conn->load;

    while (conn->sent < conn->limit) {
        uint64_t left = conn->limit - conn->sent;
        size_t room = 0;
        uint8_t *place = load->transport->reserve(conn, &room);
        size_t length = left < room ? (size_t)left : room;
        size_t done;

        if (!place) {
            return;
        }
        if (load->options->verify) {
            pattern_fill(conn->number, conn->sent, place, length);
        } else {
            memset(place, 0, length);
        }
        done = load->transport->commit(conn, place, length);
        conn->sent += done;
        load->results.bytes_out += load->measuring ? done : 0;
        if (done < length) {
            return;
        }
    }
}

void workload_ready(struct load_conn *conn)
{
    struct load *load = conn->load;

    if (conn->is_ready) {
        return;
    }
    conn->is_ready = true;
    conn->link = NULL;
    if (load->ready_first) {
        load->ready_last->link = conn;
    } else {
        load->ready_first = conn;
    }
    load->ready_last = conn;
}

static void fail_later(struct load_conn *conn)
{
    conn->link = conn->load->failed;
    conn->load->failed = conn;
}

/* The next connection that may take a request; those that were lost meanwhile leave. */
static struct load_conn *take_ready(struct load *load)
{
    uint8_t wanted = is_workload(load, LOAD_CONNECT) ? LOAD_CLOSED : LOAD_OPEN;
    struct load_conn *conn;

    while ((conn = load->ready_first) != NULL) {
        load->ready_first = conn->link;
        conn->is_ready = false;
        if (conn->state == wanted) {
            return conn;
        }
        if (conn->state == LOAD_CLOSED) {
            fail_later(conn);
        }
    }
    return NULL;
}

static bool may_take_more(const struct load_conn *conn)
{
    return conn->next - conn->first < conn->load->options->depth;
}

void workload_issue_due(struct load *load)
{
    uint64_t until_ns = load->now_ns < load->end_ns ? load->now_ns + 1 : load->end_ns;

    while (load->schedule.next_ns < until_ns) {
        struct load_conn *conn = take_ready(load);
        uint64_t due_ns;

        if (!conn) {
            return; /* what waits is due since then, whenever it is sent */
        }
        due_ns = schedule_take(&load->schedule);
        load->due += due_ns >= load->start_ns;
        if (is_workload(load, LOAD_CONNECT)) {
            workload_open(conn, due_ns);
            continue;
        }
        grant(conn, due_ns);
        if (may_take_more(conn)) {
            workload_ready(conn);
        }
        push(conn);
    }
}

static void begin(struct load_conn *conn)
{
    struct load *load = conn->load;

    switch (load->options->workload) {
    case LOAD_CONNECT:
        conn->limit = load->options->size;
        break;
    case LOAD_UPLOAD:
        conn->limit = UINT64_MAX;
        break;
    case LOAD_ECHO:
        if (load_is_open_loop(load)) {
            workload_ready(conn);
        }
        while (!load_is_open_loop(load) && may_take_more(conn)) {
            grant(conn, load->now_ns);
        }
        break;
    default:
        break;
    }
    push(conn);
}

void workload_release(struct load *load)
{
    load->is_holding = false;
    for (unsigned i = 0; i < load->conn_count; i++) {
        struct load_conn *conn = load_conn_at(load, i);

        if (conn->state == LOAD_OPEN) {
            begin(conn);
        }
    }
}

void workload_opened(struct load_conn *conn)
{
    conn->load->opening--;
    conn->state = LOAD_OPEN;
    if (!conn->load->is_holding) {
        begin(conn);
    }
}

void workload_early(struct load_conn *conn)
{
    conn->limit = conn->load->options->size;
    push(conn);
}

void workload_writable(struct load_conn *conn)
{
    if (conn->state == LOAD_OPEN) {
        push(conn);
    }
}

void workload_received(struct load_conn *conn, const uint8_t *bytes, size_t length)
{
    struct load *load = conn->load;

    if (load->options->verify) {
        bool right = is_workload(load, LOAD_DOWNLOAD)
                         ? chargen_matches(conn->received, bytes, length)
                         : pattern_matches(conn->number, conn->received, bytes, length);

        load->results.bytes_verified += right ? length : 0;
        load->results.errors[LOAD_ERROR_DATA] += !right;
        load->failed_data |= !right;
    }
    conn->received += length;
    load->results.bytes_in += load->measuring ? length : 0;
}

/* The connect workload: the next connection. */
static void open_next(struct load_conn *conn)
{
    struct load *load = conn->load;

    load->transport->close(conn);
    conn->state = LOAD_CLOSED;
    if (load_is_open_loop(load)) {
        workload_ready(conn);
    } else {
        workload_open(conn, load->now_ns);
    }
}

static void take_connection(struct load_conn *conn)
{
    if (conn->state != LOAD_OPEN || conn->received < conn->load->options->size) {
        return;
    }
    record(conn->load, conn->since_ns);
    if (conn->load->options->close == LOAD_CLOSE_SERVER) {
        conn->state = LOAD_ENDING;
    } else {
        open_next(conn);
    }
}

static void take_answers(struct load_conn *conn)
{
    struct load *load = conn->load;

    while (conn->first != conn->next && conn->received >= conn->answer_end) {
        record(load, conn->starts[conn->first++ & load->ring_mask]);
        conn->answer_end += load->options->size;
        if (load_is_open_loop(load)) {
            workload_ready(conn);
        } else {
            grant(conn, load->now_ns);
        }
    }
    push(conn);
}

void workload_answered(struct load_conn *conn)
{
    struct load *load = conn->load;

    if (!is_workload(load, LOAD_DOWNLOAD) && conn->received > conn->sent) {
        load->results.errors[LOAD_ERROR_DATA]++; /* bytes that nobody sent */
        load->failed_data = true;
    }
    if (load->failed_data) {
        return;
    }
    if (is_workload(load, LOAD_CONNECT)) {
        take_connection(conn);
    } else if (is_workload(load, LOAD_ECHO)) {
        take_answers(conn);
    }
}

static void give_up(struct load_conn *conn, enum load_error kind)
{
    struct load *load = conn->load;

    load->results.errors[kind]++;
    conn->state = LOAD_CLOSED;
    if (!conn->is_ready) { /* else its link is taken, and take_ready() does it */
        fail_later(conn);
    }
}

void workload_eof(struct load_conn *conn)
{
    if (conn->state == LOAD_ENDING) {
        open_next(conn);
    } else {
        conn->load->transport->close(conn);
        give_up(conn, LOAD_ERROR_CLOSED);
    }
}

void workload_lost(struct load_conn *conn, int error)
{
    struct load *load = conn->load;
    bool was_opening = conn->state == LOAD_OPENING;

    load->opening -= was_opening;
    if (was_opening && load->results.failure == 0) {
        load->results.failure = error;
    }
    give_up(conn, was_opening ? LOAD_ERROR_CONNECT : LOAD_ERROR_RESET);
}
