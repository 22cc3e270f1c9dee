/* The kernel's sockets under load: one epoll loop, one thread. */
#include "bench/clock.h"
#include "bench/load_client/engine.h"
#include "bench/load_client/stacks.h"
#include "bench/load_client/tcp_ext.h"
#include "bench/load_client/workload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define BUFFER_BYTES (1u << 20)
#define WRITE_BYTES (BUFFER_BYTES / 16)
/* Of a connection in a turn: a server that takes all would keep the others, and the
 * clock, waiting for ever. */
#define WRITES_MAX 16u

/* One thread, so one of each. */
static int epoll_fd = -1;
static uint8_t *buffer;
static unsigned opened; /* sockets so far: their addresses are taken in turn */

static void watch(struct load_conn *conn, int operation, bool writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = conn};

    conn->is_blocked = writing;
    (void)epoll_ctl(epoll_fd, operation, conn->under.fd, &event);
}

static socklen_t address(const struct hr_addr *addr, struct sockaddr_storage *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (memcmp(addr->bytes, mapped, sizeof mapped) == 0) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(addr->port);
        memcpy(&v4->sin_addr, addr->bytes + sizeof mapped, sizeof v4->sin_addr);
        return sizeof *v4;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(addr->port);
    memcpy(&v6->sin6_addr, addr->bytes, sizeof v6->sin6_addr);
    return sizeof *v6;
}

static int bind_next(const struct load_options *options, int fd)
{
    struct sockaddr_storage from;
    int one = 1;

    if (options->place.address_count == 0) {
        return 0;
    }
    /* The port is chosen with the peer in view, or addresses would share one range. */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    return bind(fd, (const struct sockaddr *)&from,
                address(&options->addresses[opened++ % options->place.address_count], &from));
}

static int set_congestion(const struct load_options *options, int fd)
{
    return options->congestion ? setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options->congestion,
                                            (socklen_t)strlen(options->congestion))
                               : 0;
}

static int kernel_open(struct load_conn *conn)
{
    const struct load_options *options = conn->load->options;
    struct sockaddr_storage target;
    socklen_t target_bytes = address(&options->target, &target);
    int one = 1;
    int error;
    int fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return errno;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)set_congestion(options, fd);
    if (bind_next(options, fd) != 0 ||
        (connect(fd, (const struct sockaddr *)&target, target_bytes) != 0 &&
         errno != EINPROGRESS)) {
        error = errno;
        (void)close(fd);
        return error;
    }
    conn->under.fd = fd;
    conn->writes = 0;
    watch(conn, EPOLL_CTL_ADD, true);
    return 0;
}

static void kernel_close(struct load_conn *conn)
{
    (void)close(conn->under.fd);
    conn->under.fd = -1;
}

static void want_writing(struct load_conn *conn, bool writing)
{
    if (conn->is_blocked != writing) {
        watch(conn, EPOLL_CTL_MOD, writing);
    }
}

static uint8_t *kernel_reserve(struct load_conn *conn, size_t *room)
{
    if (conn->writes == WRITES_MAX) {
        want_writing(conn, true);
        return NULL;
    }
    *room = WRITE_BYTES;
    return buffer;
}

/* What went wrong is heard of by the next read. */
static size_t kernel_commit(struct load_conn *conn, uint8_t *place, size_t length)
{
    ssize_t done = send(conn->under.fd, place, length, MSG_NOSIGNAL);

    conn->writes++;
    if (done < (ssize_t)length) {
        want_writing(conn, done >= 0 || errno == EAGAIN);
    }
    return done > 0 ? (size_t)done : 0;
}

static const struct load_transport transport = {
    .open = kernel_open,
    .reserve = kernel_reserve,
    .commit = kernel_commit,
    .close = kernel_close,
};

static void lose(struct load_conn *conn, int error)
{
    kernel_close(conn);
    workload_lost(conn, error);
}

/* The answer to connect(): a refusal makes the socket writable as well. */
static void finish_connect(struct load_conn *conn)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(conn->under.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
        error = errno;
    }
    if (error != 0) {
        lose(conn, error);
    } else {
        want_writing(conn, false);
        workload_opened(conn);
    }
}

/* One read a turn: what is left makes the socket readable again. */
static void take_bytes(struct load_conn *conn)
{
    ssize_t done = recv(conn->under.fd, buffer, BUFFER_BYTES, 0);

    if (done > 0) {
        workload_received(conn, buffer, (size_t)done);
        workload_answered(conn);
    } else if (done == 0) {
        workload_eof(conn);
    } else if (errno != EAGAIN) {
        lose(conn, errno);
    }
}

static void handle(const struct epoll_event *event)
{
    struct load_conn *conn = event->data.ptr;
    int fd = conn->under.fd;

    conn->writes = 0;
    if (event->events & EPOLLOUT && conn->state == LOAD_OPENING) {
        finish_connect(conn);
    } else if (event->events & EPOLLOUT) {
        want_writing(conn, false);
        workload_writable(conn);
    }
    /* Unless it was closed by that, and opened anew. */
    if (conn->under.fd == fd && fd >= 0 && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
        conn->state != LOAD_CLOSED && conn->state != LOAD_OPENING) {
        take_bytes(conn);
    }
}

/* An open loop never sleeps: to be woken takes longer than what it measures. */
static void turn(struct load *load)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, load_is_open_loop(load) ? 0 : 10);

    load->now_ns = clock_now_ns();
    for (int i = 0; i < count && !load->failed_data; i++) {
        handle(&events[i]);
    }
}

static void raise_file_limit(unsigned connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < connections + 64) {
        limit.rlim_cur = connections + 64 < limit.rlim_max ? connections + 64 : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void run(struct load *load, load_show *show)
{
    const uint64_t show_interval_ns = 200000000;
    uint64_t show_ns = 0;

    while (load_tick(load)) {
        turn(load);
        if (show && load->now_ns >= show_ns) {
            struct load_progress progress = {load->results.requests, load->results.bytes_in,
                                             load->results.bytes_out,
                                             ((double)load->end_ns - (double)load->now_ns) / 1e9};

            show_ns = load->now_ns + show_interval_ns;
            show(&progress);
        }
    }
}

/* Asked once before the start, so that no connection can fail of it. */
static bool has_congestion(const struct load_options *options)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd < 0 || set_congestion(options, fd) == 0;

    if (!has) {
        (void)fprintf(stderr,
                      "load: the kernel gives no congestion control '%s': %s. It has those of "
                      "net.ipv4.tcp_available_congestion_control.\n",
                      options->congestion, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return has;
}

int kernel_run(const struct load_options *options, struct load_results *results, load_show *show)
{
    static struct load load;
    struct load_part part = {.begin_ns = clock_now_ns(), .index = 0, .count = 1};
    uint64_t reused = tcp_ext_time_wait_recycled();
    int result = -1;

    if (!has_congestion(options)) {
        return -1;
    }
    raise_file_limit(options->connections);
    buffer = malloc(BUFFER_BYTES);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!buffer || epoll_fd < 0) {
        (void)fprintf(stderr, "load: there is no memory for a buffer, or no descriptor.\n");
    } else if (load_make(&load, options, &transport, &part) == 0) {
        load.now_ns = part.begin_ns;
        run(&load, show);
        load_finish(&load);
        load.results.time_wait_reused = tcp_ext_time_wait_recycled() - reused;
        load_results_add(results, &load.results);
        for (unsigned i = 0; i < load.conn_count; i++) {
            if (load_conn_at(&load, i)->state != LOAD_CLOSED) {
                kernel_close(load_conn_at(&load, i));
            }
        }
        load_unmake(&load);
        result = 0;
    }
    if (results->failure != 0) {
        (void)fprintf(stderr, "load: %s could not be connected to: %s.\n", options->target_text,
                      strerror(results->failure));
    }
    free(buffer);
    if (epoll_fd >= 0) {
        (void)close(epoll_fd);
    }
    return result;
}
