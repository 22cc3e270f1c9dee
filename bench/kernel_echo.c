/*
 * kernel_echo: the peer of echo_server on the kernel's sockets: TCP echo over
 * epoll, one thread per --threads with a socket of its own (SO_REUSEPORT).
 */
#include "bench/values.h"
#include <arpa/inet.h>

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define BUFFER_BYTES (256u * 1024)
#define THREADS_MAX 64u
#define DESCRIPTORS_MAX 65536

static const char help[] =
    "usage: kernel_echo --address IP [--port N] [--threads N] [--busy]\n"
    "                   [--duration SECONDS] [--help]\n"
    "\n"
    "TCP echo (RFC 862) on the kernel's sockets, to compare with.\n";

struct options {
    struct in_addr address;
    bool has_address;
    uint16_t port;
    unsigned threads;
    bool busy;
    double duration_s;
};

/* What could not be sent yet of one connection. */
struct backlog {
    int fd;
    size_t length;
    size_t done;
    uint8_t *bytes;
};

struct server {
    const struct options *options;
    int epoll_fd;
    int listen_fd;
    uint8_t *buffer;
    struct backlog **conns; /* by descriptor */
};

static int open_listener(const struct options *options)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = options->address, .sin_port = htons(options->port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
        (void)fprintf(stderr, "kernel_echo: port %u can't be listened on: %s.\n", options->port,
                      strerror(errno));
        return -1;
    }
    return fd;
}

static void watch(const struct server *server, const struct backlog *conn, int operation,
                  uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = conn->fd};

    (void)epoll_ctl(server->epoll_fd, operation, conn->fd, &event);
}

static void end(const struct server *server, struct backlog *conn)
{
    server->conns[conn->fd] = NULL;
    (void)close(conn->fd);
    free(conn->bytes);
    free(conn);
}

static void accept_all(const struct server *server)
{
    int one = 1;
    int fd;

    while ((fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct backlog *conn = fd < DESCRIPTORS_MAX ? calloc(1, sizeof *conn) : NULL;

        if (!conn) {
            (void)close(fd);
            return;
        }
        conn->fd = fd;
        server->conns[fd] = conn;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(server, conn, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* Keeps what the socket did not take, and reads no more until it has. */
static bool keep(const struct server *server, struct backlog *conn, size_t from, size_t length)
{
    conn->bytes = malloc(length);
    if (!conn->bytes) {
        return false;
    }
    memcpy(conn->bytes, server->buffer + from, length);
    conn->length = length;
    conn->done = 0;
    watch(server, conn, EPOLL_CTL_MOD, EPOLLOUT);
    return true;
}

/* False when the connection is over. */
static bool echo(const struct server *server, struct backlog *conn)
{
    ssize_t got = recv(conn->fd, server->buffer, BUFFER_BYTES, 0);
    ssize_t sent;

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    sent = send(conn->fd, server->buffer, (size_t)got, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        return false;
    }
    sent = sent < 0 ? 0 : sent;
    return sent == got || keep(server, conn, (size_t)sent, (size_t)(got - sent));
}

static bool flush(const struct server *server, struct backlog *conn)
{
    ssize_t sent =
        send(conn->fd, conn->bytes + conn->done, conn->length - conn->done, MSG_NOSIGNAL);

    if (sent < 0) {
        return errno == EAGAIN;
    }
    conn->done += (size_t)sent;
    if (conn->done == conn->length) {
        free(conn->bytes);
        conn->bytes = NULL;
        conn->length = 0;
        watch(server, conn, EPOLL_CTL_MOD, EPOLLIN);
    }
    return true;
}

static void *serve(void *argument)
{
    const struct server *server = argument;
    struct epoll_event events[EVENTS];

    for (;;) {
        int count = epoll_wait(server->epoll_fd, events, EVENTS, server->options->busy ? 0 : -1);

        for (int i = 0; i < count; i++) {
            struct backlog *conn = server->conns[events[i].data.fd];

            if (events[i].data.fd == server->listen_fd) {
                accept_all(server);
            } else if (!(conn->bytes ? flush(server, conn) : echo(server, conn))) {
                end(server, conn);
            }
        }
    }
    return NULL;
}

static int start(struct server *server)
{
    struct epoll_event event = {.events = EPOLLIN};
    pthread_t thread;

    server->listen_fd = open_listener(server->options);
    if (server->listen_fd < 0) {
        return -1;
    }
    event.data.fd = server->listen_fd;
    server->conns = calloc(DESCRIPTORS_MAX, sizeof(struct backlog *));
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->buffer = malloc(BUFFER_BYTES);
    if (server->epoll_fd < 0 || !server->buffer || !server->conns ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) != 0 ||
        pthread_create(&thread, NULL, serve, server) != 0) {
        (void)fprintf(stderr, "kernel_echo: a thread can't be started: %s.\n", strerror(errno));
        return -1;
    }
    return 0;
}

static bool take(int option, const char *value, struct options *options)
{
    unsigned number = 0;
    bool good;

    switch (option) {
    case 'a':
        options->has_address = inet_pton(AF_INET, value, &options->address) == 1;
        return options->has_address;
    case 'p':
        good = value_unsigned(value, 1, 65535, &number);
        options->port = (uint16_t)number;
        return good;
    case 't':
        return value_unsigned(value, 1, THREADS_MAX, &options->threads);
    case 'b':
        options->busy = true;
        return true;
    case 'd':
        good = value_unsigned(value, 1, 1000000, &number);
        options->duration_s = number;
        return good;
    default:
        return false;
    }
}

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"address", required_argument, NULL, 'a'},  {"port", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},  {"busy", no_argument, NULL, 'b'},
        {"duration", required_argument, NULL, 'd'}, {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!take(option, optarg, options)) {
            return -1;
        }
    }
    return options->has_address && optind == argc ? 0 : -1;
}

static void wait_for_end(const struct options *options, const sigset_t *signals)
{
    struct timespec span = {(time_t)options->duration_s, 0};

    if (options->duration_s > 0) {
        (void)sigtimedwait(signals, NULL, &span);
    } else {
        (void)sigwaitinfo(signals, NULL);
    }
}

int main(int argc, char **argv)
{
    static struct server servers[THREADS_MAX];
    static struct options options = {.port = 7, .threads = 1};
    sigset_t signals;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(help, stdout);
        return 0;
    }
    if (parse(argc, argv, &options) != 0) {
        (void)fputs(help, stderr);
        return 2;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    for (unsigned i = 0; i < options.threads; i++) {
        servers[i].options = &options;
        if (start(&servers[i]) != 0) {
            return 1;
        }
    }
    (void)printf("ready echo on port %u, %u thread%s, the kernel's sockets\n", options.port,
                 options.threads, options.threads == 1 ? "" : "s");
    (void)fflush(stdout);
    wait_for_end(&options, &signals);
    return 0;
}
