/*
 * Epoll, edge-triggered: a connection is registered once, and never again changed. Read
 * until a read is short, written in place from the buffer that was read into. What the
 * socket does not take stays in that buffer, which the connection then keeps: nothing is
 * copied, and nothing allocated once the worker has as many buffers as it ever needs.
 *
 * Busy polling is the same with the NIC's queue polled by epoll_wait itself.
 */
#include "bench/kernel/epoll_params.h"
#include "bench/kernel/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 256
#define BUFFER_BYTES (64u * 1024)
/* Of one connection in one turn, so that one that never ends can't starve the others. */
#define ROUNDS_MAX 16u

struct buffer {
    struct buffer *next;
    uint32_t from; /* what is still to be sent: [from, to) */
    uint32_t to;
    uint8_t bytes[BUFFER_BYTES];
};

struct conn {
    struct conn *next; /* on the list of those that have more to do */
    struct buffer *held;
    uint64_t left; /* bytes until this side half-closes; see close_after */
    uint32_t at;   /* in kernel_chargen */
    int fd;
    bool is_open;
    bool is_listed;
    bool is_readable; /* as far as is known */
    bool is_hung_up;  /* the peer's end has come, so a short read is not the last */
};

struct epoll_state {
    int fd;
    struct conn *listed;
    struct buffer *spare;
    struct buffer *buffer; /* read into; never NULL between calls */
    struct conn conns[];   /* by descriptor; untouched pages cost nothing */
};

/* How a connection comes out of a call. */
enum step {
    STEP_ON,   /* there is more to do */
    STEP_WAIT, /* until epoll tells */
    STEP_OVER,
};

static struct buffer *buffer_take(struct epoll_state *state)
{
    struct buffer *buffer = state->spare;

    if (!buffer) {
        return malloc(sizeof *buffer);
    }
    state->spare = buffer->next;
    return buffer;
}

static void buffer_give(struct epoll_state *state, struct buffer *buffer)
{
    buffer->next = state->spare;
    state->spare = buffer;
}

static void end(struct kernel_worker *worker, struct conn *conn)
{
    if (conn->held) {
        buffer_give(worker->state, conn->held);
    }
    (void)close(conn->fd);
    kernel_count(&worker->stats.connections, (uint64_t)-1);
    conn->is_open = false;
}

static void accept_all(struct kernel_worker *worker)
{
    struct epoll_state *state = worker->state;
    int fd;

    while ((fd = accept4(worker->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        struct conn *conn;

        if ((uint32_t)fd >= worker->conns_max) {
            (void)close(fd);
            return;
        }
        conn = &state->conns[fd];
        *conn = (struct conn){.fd = fd, .is_open = true, .left = worker->options->close_after};
        event.data.ptr = conn;
        if (epoll_ctl(state->fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            conn->is_open = false;
            (void)close(fd);
            return;
        }
        kernel_count(&worker->stats.accepted, 1);
        kernel_count(&worker->stats.connections, 1);
    }
}

static enum step send_held(struct kernel_worker *worker, struct conn *conn)
{
    struct buffer *held = conn->held;
    ssize_t sent = send(conn->fd, held->bytes + held->from, held->to - held->from, MSG_NOSIGNAL);

    if (sent < 0) {
        return errno == EAGAIN ? STEP_WAIT : STEP_OVER;
    }
    kernel_count(&worker->stats.data_out, (uint64_t)sent);
    held->from += (uint32_t)sent;
    if (held->from < held->to) {
        return STEP_WAIT;
    }
    conn->held = NULL;
    buffer_give(worker->state, held);
    return STEP_ON;
}

/* The buffer is what the connection keeps when not all of it can be sent. */
static enum step send_read(struct kernel_worker *worker, struct conn *conn, size_t length)
{
    struct epoll_state *state = worker->state;
    struct buffer *fresh;
    ssize_t sent = send(conn->fd, state->buffer->bytes, length, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN) {
        return STEP_OVER;
    }
    sent = sent < 0 ? 0 : sent;
    kernel_count(&worker->stats.data_out, (uint64_t)sent);
    if ((size_t)sent == length) {
        return STEP_ON;
    }
    fresh = buffer_take(state);
    if (!fresh) {
        return STEP_OVER; /* a byte that can't be echoed must not be missing silently */
    }
    conn->held = state->buffer;
    conn->held->from = (uint32_t)sent;
    conn->held->to = (uint32_t)length;
    state->buffer = fresh;
    return STEP_WAIT;
}

/* At most `want` bytes; *got of them. A read that brings less than was asked for has
 * emptied the socket: what comes then makes an event, for the trigger is the edge. */
static enum step read_some(struct kernel_worker *worker, struct conn *conn, size_t want,
                           size_t *got)
{
    struct epoll_state *state = worker->state;
    ssize_t length = recv(conn->fd, state->buffer->bytes, want, 0);

    *got = 0;
    if (length < 0) {
        conn->is_readable = false;
        return errno == EAGAIN ? STEP_WAIT : STEP_OVER;
    }
    if (length == 0) {
        return STEP_OVER;
    }
    *got = (size_t)length;
    conn->is_readable = (size_t)length == want || conn->is_hung_up;
    kernel_count(&worker->stats.data_in, (uint64_t)length);
    return STEP_ON;
}

static enum step discard(struct kernel_worker *worker, struct conn *conn)
{
    size_t got;

    return conn->is_readable ? read_some(worker, conn, BUFFER_BYTES, &got) : STEP_WAIT;
}

/* With --close-after, what is beyond the limit is thrown away. */
static enum step echo(struct kernel_worker *worker, struct conn *conn)
{
    bool is_limited = worker->options->close_after > 0;
    size_t want = BUFFER_BYTES;
    size_t got;
    enum step step = STEP_ON;

    if (conn->held) {
        step = send_held(worker, conn);
        if (step == STEP_ON && is_limited && conn->left == 0) {
            (void)shutdown(conn->fd, SHUT_WR);
        }
        return step;
    }
    if (is_limited && conn->left == 0) {
        return discard(worker, conn);
    }
    if (!conn->is_readable) {
        return STEP_WAIT;
    }
    want = is_limited && conn->left < want ? (size_t)conn->left : want;
    step = read_some(worker, conn, want, &got);
    if (step != STEP_ON) {
        return step;
    }
    step = send_read(worker, conn, got);
    if (is_limited) {
        conn->left -= got;
        if (conn->left == 0 && step == STEP_ON) {
            (void)shutdown(conn->fd, SHUT_WR);
        }
    }
    return step;
}

static enum step chargen(struct kernel_worker *worker, struct conn *conn)
{
    size_t length = KERNEL_CHARGEN_BYTES - conn->at;
    enum step step = discard(worker, conn);
    ssize_t sent;

    if (step == STEP_OVER) {
        return step;
    }
    sent = send(conn->fd, kernel_chargen + conn->at, length, MSG_NOSIGNAL);
    if (sent < 0) {
        /* What is to be thrown away is read all the same, for its end may be in it. */
        return errno == EAGAIN ? step : STEP_OVER;
    }
    kernel_count(&worker->stats.data_out, (uint64_t)sent);
    conn->at = (conn->at + (uint32_t)sent) % KERNEL_CHARGEN_PERIOD;
    return (size_t)sent == length ? STEP_ON : step;
}

static void serve_conn(struct kernel_worker *worker, struct conn *conn)
{
    static enum step (*const services[])(struct kernel_worker *, struct conn *) = {
        [KERNEL_ECHO] = echo,
        [KERNEL_DISCARD] = discard,
        [KERNEL_CHARGEN] = chargen,
    };
    struct epoll_state *state = worker->state;
    enum step step = STEP_ON;

    for (unsigned i = 0; i < ROUNDS_MAX && step == STEP_ON; i++) {
        step = services[worker->options->service](worker, conn);
    }
    if (step == STEP_OVER) {
        end(worker, conn);
    } else if (step == STEP_ON) {
        conn->next = state->listed;
        conn->is_listed = true;
        state->listed = conn;
    }
}

/* Those that stopped at their share, once each. */
static void serve_listed(struct kernel_worker *worker)
{
    struct epoll_state *state = worker->state;
    struct conn *conn = state->listed;

    state->listed = NULL;
    while (conn) {
        struct conn *next = conn->next;

        conn->is_listed = false;
        serve_conn(worker, conn);
        conn = next;
    }
}

/* False when the worker is to end. */
static bool take_event(struct kernel_worker *worker, const struct epoll_event *event)
{
    struct conn *conn = event->data.ptr;

    if (event->data.ptr == &worker->stop_fd) {
        return false;
    }
    if (event->data.ptr == &worker->listen_fd) {
        accept_all(worker);
        return true;
    }
    if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn->is_hung_up = true;
    }
    conn->is_readable = conn->is_readable || (event->events & EPOLLIN) || conn->is_hung_up;
    if (!conn->is_listed) {
        serve_conn(worker, conn);
    }
    return true;
}

static void serve(struct kernel_worker *worker)
{
    struct epoll_state *state = worker->state;
    struct epoll_event events[EVENTS];
    bool was_busy = true;

    for (;;) {
        bool may_sleep = kernel_worker_may_sleep(worker, was_busy) && !state->listed;
        int count = epoll_wait(state->fd, events, EVENTS, may_sleep ? -1 : 0);

        for (int i = 0; i < count; i++) {
            if (!take_event(worker, &events[i])) {
                return;
            }
        }
        was_busy = count > 0 || state->listed;
        serve_listed(worker);
    }
}

static int watch(const struct epoll_state *state, int fd, void *tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

    return epoll_ctl(state->fd, EPOLL_CTL_ADD, fd, &event);
}

static int open_epoll(struct kernel_worker *worker)
{
    struct epoll_state *state = calloc(1, sizeof *state + worker->conns_max * sizeof(struct conn));

    if (state) {
        worker->state = state;
        state->fd = epoll_create1(EPOLL_CLOEXEC);
        state->buffer = malloc(sizeof *state->buffer);
    }
    if (!state || !state->buffer || state->fd < 0 ||
        watch(state, worker->listen_fd, &worker->listen_fd) != 0 ||
        watch(state, worker->stop_fd, &worker->stop_fd) != 0) {
        (void)fprintf(stderr, "kernel_echo: epoll can't be used: %s.\n", strerror(errno));
        return -1;
    }
    return 0;
}

static void close_epoll(struct kernel_worker *worker)
{
    struct epoll_state *state = worker->state;

    for (uint32_t i = 0; i < worker->conns_max && worker->stats.connections > 0; i++) {
        if (state->conns[i].is_open) {
            end(worker, &state->conns[i]);
        }
    }
    for (struct buffer *buffer = state->spare; buffer;) {
        struct buffer *next = buffer->next;

        free(buffer);
        buffer = next;
    }
    free(state->buffer);
    if (state->fd >= 0) {
        (void)close(state->fd);
    }
    free(state);
}

const struct kernel_engine kernel_epoll = {
    .open = open_epoll,
    .serve = serve,
    .close = close_epoll,
};

static bool lacks_params;

static int open_busy_poll(struct kernel_worker *worker)
{
    int error = open_epoll(worker);

    if (error == 0) {
        error = epoll_params_set(((struct epoll_state *)worker->state)->fd, worker->listen_fd,
                                 &lacks_params);
        if (error != 0) {
            (void)fprintf(stderr, "kernel_echo: busy polling can't be switched on: %s.\n",
                          strerror(errno));
        }
    }
    return error;
}

static const char *busy_poll_note(void)
{
    return lacks_params ? "this kernel has no busy polling for one epoll alone (Linux 6.9): it "
                          "happens only if net.core.busy_poll is set."
                        : NULL;
}

const struct kernel_engine kernel_busy_poll = {
    .open = open_busy_poll,
    .serve = serve,
    .close = close_epoll,
    .note = busy_poll_note,
};
