/*
 * A client with many connections: what a run is made of. The workloads and the engine
 * exist once, over a small table of functions for each stack (struct load_transport).
 * A struct load is one thread's: its connections, lists, schedule and results. Nothing
 * is allocated while it runs.
 *
 *   main -> stacks.h                      the whole run; one struct load a thread
 *        -> engine.h                      begin, tick, end: who is to be opened, what is due
 *        -> workload.h                    what a connection does with what it is told
 */
#ifndef HEADRACE_BENCH_LOAD_LOAD_H
#define HEADRACE_BENCH_LOAD_LOAD_H

#include "bench/histogram.h"
#include "bench/load_client/options.h"
#include "bench/load_client/schedule.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_error {
    LOAD_ERROR_CONNECT, /* refused, or not answered until the end */
    LOAD_ERROR_RESET,
    LOAD_ERROR_CLOSED, /* the server ended a stream too early */
    LOAD_ERROR_DATA,   /* a byte was wrong: the run ends there */
    LOAD_ERROR_COUNT,
};

struct load_results {
    double seconds;
    double cpu_s;        /* of the whole process, in these */
    uint64_t requests;   /* answered, or connections made and ended */
    uint64_t unanswered; /* of an open loop: due in the time, and not answered a second after */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t bytes_verified;
    uint64_t time_wait_reused; /* ports taken again before their TIME-WAIT had passed */
    uint64_t errors[LOAD_ERROR_COUNT];
    int failure;              /* of the first connection that could not be opened: the
                                 transport's number, or 0 */
    struct histogram latency; /* ns, of requests or connections */
    struct hr_stats stats;    /* of --stack headrace: what it counted, opening and closing too */
};

struct load;

enum load_conn_state {
    LOAD_CLOSED,
    LOAD_OPENING,
    LOAD_OPEN,
    LOAD_ENDING, /* its one request is answered; the server is to close */
};

/* Stands in an array of load->conn_bytes each, since the ring is as long as asked for. */
struct load_conn {
    struct load *load;
    union {
        struct hr_conn *conn;
        int fd;
    } under; /* the transport's */
    uint32_t number;
    uint8_t state;   /* enum load_conn_state */
    bool is_ready;   /* stands in the ready list */
    bool is_blocked; /* kernel: waits for room to write */
    uint8_t writes;  /* kernel: in this turn */
    uint64_t sent;   /* bytes of the stream */
    uint64_t limit;  /* that may be sent by now */
    uint64_t received;
    uint64_t answer_end; /* bytes received when the oldest request is answered */
    uint32_t first;      /* the oldest request in flight, its place in the ring */
    uint32_t next;       /* one behind the youngest */
    uint64_t since_ns;   /* from when the latency of the connection counts */
    struct load_conn *link;
    uint64_t starts[]; /* from when the latency of each request in flight counts */
};

/* A stack, as the workloads see it. Functions are called on the thread of the load. */
struct load_transport {
    /* Begins to open; workload_opened() or workload_lost() follows, not from inside. 0, or
     * the number of an error, and nothing follows. */
    int (*open)(struct load_conn *conn);
    /* A place to write at most *room bytes of the stream; NULL when there is none, and
     * workload_writable() follows. */
    uint8_t *(*reserve)(struct load_conn *conn, size_t *room);
    /* Sends from that place; how much was taken. Less: workload_writable() follows. */
    size_t (*commit)(struct load_conn *conn, uint8_t *place, size_t length);
    /* Closes both ways in order. Nothing is told of it any more. */
    void (*close)(struct load_conn *conn);
};

struct load {
    const struct load_options *options;
    const struct load_transport *transport;
    uint8_t *conns;
    size_t conn_bytes;
    unsigned conn_count;
    uint32_t ring_mask;

    struct load_conn *missing;     /* to be opened as soon as few others are opening */
    struct load_conn *failed;      /* to be opened when a while has passed */
    struct load_conn *ready_first; /* of an open loop: may take a request */
    struct load_conn *ready_last;
    unsigned opening;

    uint64_t now_ns; /* the transport's, before each call */
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t started_ns; /* when measuring really began */
    uint64_t retry_ns;
    struct schedule schedule;
    uint64_t due;    /* requests of an open loop due in the measured time */
    bool is_holding; /* no requests yet: connections are opened first */
    bool measuring;
    bool is_over;
    bool failed_data;
    bool counts_cpu; /* one of all threads does */

    struct load_results results;

    /* For another thread to show, every now and then. */
    atomic_uint_fast64_t shown_requests;
    atomic_uint_fast64_t shown_in;
    atomic_uint_fast64_t shown_out;
};

static inline struct load_conn *load_conn_at(const struct load *load, unsigned index)
{
    return (struct load_conn *)(void *)(load->conns + (size_t)index * load->conn_bytes);
}

/* Requests are due by a schedule, and not when others are answered. */
static inline bool load_is_open_loop(const struct load *load)
{
    return load->options->rate > 0;
}

#endif
