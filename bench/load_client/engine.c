#include "bench/load_client/engine.h"

#include "bench/load_client/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS 256

static const uint64_t progress_ns = 200000000;
/* A connection that failed is opened again after so long. */
static const uint64_t reopen_ns = 100000000;

static void raise_file_limit(unsigned connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < connections + 64) {
        limit.rlim_cur = connections + 64 < limit.rlim_max ? connections + 64 : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int make(struct load *load)
{
    const struct load_options *options = load->options;

    load->conns = calloc(options->connections, sizeof *load->conns);
    load->buffer = calloc(1, LOAD_BUFFER_BYTES);
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!load->conns || !load->buffer || load->epoll_fd < 0) {
        (void)fprintf(stderr, "load: there is no memory for %u connections.\n",
                      options->connections);
        return -1;
    }
    raise_file_limit(options->connections);
    for (unsigned i = 0; i < options->connections; i++) {
        load->conns[i].fd = -1;
        load->conns[i].number = i;
        load->conns[i].starts = calloc(options->depth, sizeof *load->conns[i].starts);
        if (!load->conns[i].starts) {
            (void)fprintf(stderr, "load: there is no memory for depth %u.\n", options->depth);
            return -1;
        }
    }
    return 0;
}

static void unmake(struct load *load)
{
    for (unsigned i = 0; load->conns && i < load->options->connections; i++) {
        load_conn_close(load, &load->conns[i]);
        free(load->conns[i].starts);
    }
    free(load->conns);
    free(load->buffer);
    if (load->epoll_fd >= 0) {
        (void)close(load->epoll_fd);
    }
}

static void open_missing(struct load *load)
{
    for (unsigned i = 0; i < load->options->connections; i++) {
        if (load->conns[i].fd < 0) {
            load_conn_open(load, &load->conns[i]);
        }
    }
}

static void handle(struct load *load, const struct epoll_event *event)
{
    struct load_conn *conn = event->data.ptr;

    if (conn->fd >= 0 && event->events & EPOLLOUT) {
        load_conn_writable(load, conn);
    }
    if (conn->fd >= 0 && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        load_conn_readable(load, conn);
    }
}

static void turn(struct load *load)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load->epoll_fd, events, EVENTS, 10);

    load->now_ns = load_clock_ns();
    for (int i = 0; i < count && !load->failed; i++) {
        handle(load, &events[i]);
    }
}

/* Who has waited for the handshake since before measuring began was not served. */
static void count_unopened(struct load *load, uint64_t start_ns)
{
    for (unsigned i = 0; i < load->options->connections; i++) {
        const struct load_conn *conn = &load->conns[i];

        load->results->errors_connect +=
            conn->fd >= 0 && !conn->connected && conn->opened_ns <= start_ns;
    }
}

int load_run(const struct load_options *options, struct load_results *results,
             load_progress *progress)
{
    struct load load = {.options = options, .results = results, .epoll_fd = -1};
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t progress_at_ns = 0;
    uint64_t reopen_at_ns = 0;

    if (make(&load) != 0) {
        unmake(&load);
        return -1;
    }
    load.now_ns = load_clock_ns();
    start_ns = load.now_ns + (uint64_t)(options->warmup_s * 1e9);
    end_ns = start_ns + (uint64_t)(options->duration_s * 1e9);
    while (load.now_ns < end_ns && !load.failed) {
        load.measuring = load.now_ns >= start_ns;
        if (load.now_ns >= reopen_at_ns) {
            reopen_at_ns = load.now_ns + reopen_ns;
            open_missing(&load);
        }
        turn(&load);
        if (progress && load.now_ns >= progress_at_ns) {
            progress_at_ns = load.now_ns + progress_ns;
            progress(results, ((double)end_ns - (double)load.now_ns) / 1e9);
        }
    }
    results->seconds = load.now_ns > start_ns ? (double)(load.now_ns - start_ns) / 1e9 : 0;
    count_unopened(&load, start_ns);
    unmake(&load);
    return 0;
}
