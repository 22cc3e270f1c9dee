#include "bench/load_client/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Of a connection in a turn: a server that takes all would keep the others, and the
 * clock, waiting for ever. */
#define WRITES_MAX 16u

uint64_t load_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void watch(const struct load *load, struct load_conn *conn, int operation, bool writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = conn};

    conn->blocked = writing;
    (void)epoll_ctl(load->epoll_fd, operation, conn->fd, &event);
}

static void want_writing(const struct load *load, struct load_conn *conn, bool writing)
{
    if (conn->blocked != writing) {
        watch(load, conn, EPOLL_CTL_MOD, writing);
    }
}

void load_conn_open(struct load *load, struct load_conn *conn)
{
    const struct load_options *options = load->options;
    int one = 1;

    conn->connected = false;
    conn->sent = 0;
    conn->received = 0;
    conn->request_first = 0;
    conn->request_next = 0;
    conn->opened_ns = load->now_ns;
    conn->fd = socket(options->target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        load->results->errors_connect++;
        return;
    }
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(conn->fd, (const struct sockaddr *)&options->target, options->target_bytes) != 0 &&
        errno != EINPROGRESS) {
        load->results->errors_connect++;
        (void)close(conn->fd);
        conn->fd = -1;
        return;
    }
    watch(load, conn, EPOLL_CTL_ADD, true);
}

void load_conn_close(struct load *load, struct load_conn *conn)
{
    (void)load;
    if (conn->fd >= 0) {
        (void)close(conn->fd);
        conn->fd = -1;
    }
}

/* The answer to connect(): a refusal makes the socket writable as well. */
static bool finish_connect(struct load *load, struct load_conn *conn)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
        load->results->errors_connect++;
        load_conn_close(load, conn);
        return false;
    }
    conn->connected = true;
    return true;
}

/* How many bytes of the stream may be sent by now. */
static uint64_t allowed(const struct load *load, const struct load_conn *conn)
{
    const struct load_options *options = load->options;

    switch (options->workload) {
    case LOAD_CONNECT:
        return options->size;
    case LOAD_UPLOAD:
        return UINT64_MAX;
    case LOAD_DOWNLOAD:
        return 0;
    default:
        return (conn->received / options->size + options->depth) * options->size;
    }
}

/* A request that begins with this byte has its time from now. */
static void note_starts(struct load *load, struct load_conn *conn, uint64_t until)
{
    const struct load_options *options = load->options;

    if (options->workload == LOAD_ECHO) {
        while (conn->request_next * options->size < until) {
            conn->starts[conn->request_next++ % options->depth] = load->now_ns;
        }
    }
}

void load_conn_writable(struct load *load, struct load_conn *conn)
{
    uint64_t limit = allowed(load, conn);

    if (!conn->connected && !finish_connect(load, conn)) {
        return;
    }
    for (unsigned i = 0; i < WRITES_MAX && conn->sent < limit; i++) {
        uint64_t left = limit - conn->sent;
        size_t chunk = left < LOAD_BUFFER_BYTES / 16 ? (size_t)left : LOAD_BUFFER_BYTES / 16;
        ssize_t done;

        if (load->options->verify) {
            pattern_fill(conn->number, conn->sent, load->buffer, chunk);
        }
        note_starts(load, conn, conn->sent + chunk);
        done = send(conn->fd, load->buffer, chunk, MSG_NOSIGNAL);
        if (done < 0) {
            if (errno == EAGAIN) {
                want_writing(load, conn, true);
                return;
            }
            load->results->errors_reset++;
            load_conn_close(load, conn);
            return;
        }
        conn->sent += (uint64_t)done;
        load->results->bytes_out += load->measuring ? (uint64_t)done : 0;
    }
    want_writing(load, conn, conn->sent < limit);
}

static bool verify(struct load *load, const struct load_conn *conn, size_t length)
{
    bool right = load->options->workload == LOAD_DOWNLOAD
                     ? chargen_matches(conn->received, load->buffer, length)
                     : pattern_matches(conn->number, conn->received, load->buffer, length);

    load->results->bytes_verified += right ? length : 0;
    load->results->errors_data += !right;
    load->failed |= !right;
    return right;
}

/* Requests that are whole now. */
static void take_answers(struct load *load, struct load_conn *conn)
{
    const struct load_options *options = load->options;
    uint64_t whole = conn->received / options->size;

    if (options->workload != LOAD_ECHO) {
        return;
    }
    for (; conn->request_first < whole; conn->request_first++) {
        if (load->measuring) {
            histogram_add(&load->results->latency,
                          load->now_ns - conn->starts[conn->request_first % options->depth]);
            load->results->requests++;
        }
    }
    load_conn_writable(load, conn);
}

/* The one request of the connect workload is answered: the next connection. */
static void take_connection(struct load *load, struct load_conn *conn)
{
    if (load->measuring) {
        histogram_add(&load->results->latency, load->now_ns - conn->opened_ns);
        load->results->requests++;
    }
    load_conn_close(load, conn);
    load_conn_open(load, conn);
}

void load_conn_readable(struct load *load, struct load_conn *conn)
{
    /* One read a call: what is left makes the socket readable again. */
    ssize_t done = recv(conn->fd, load->buffer, LOAD_BUFFER_BYTES, 0);

    if (done < 0 && errno == EAGAIN) {
        return;
    }
    if (done <= 0) {
        if (done == 0) {
            load->results->errors_closed++;
        } else {
            load->results->errors_reset++;
        }
        load_conn_close(load, conn);
        return;
    }
    if (load->options->verify && !verify(load, conn, (size_t)done)) {
        return;
    }
    conn->received += (uint64_t)done;
    load->results->bytes_in += load->measuring ? (uint64_t)done : 0;
    if (load->options->workload == LOAD_CONNECT && conn->received >= load->options->size) {
        take_connection(load, conn);
    } else {
        take_answers(load, conn);
    }
}
