/*
 * The C client of network/matrix: epoll over the kernel's sockets, every byte compared
 * as it comes. Ends with a sentence and 1 on the first difference, or when nothing has
 * moved for 20 seconds.
 */
#include "bench/load_client/pattern.h"
#include "tests/network/matrix_options.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES 65536u
#define EVENTS 256
/* A slow side pauses so often in the course of its bytes, so a slow row takes about a
 * second whatever it carries. */
#define PAUSES 40u
#define PAUSE_NS 20000000ull
#define STILL_MS 20000
/* Sent after the server's end of the stream, at most; tests know it. */
#define TAIL_BYTES_MAX 1000u

struct stream {
    int fd;
    unsigned number;
    uint64_t random;
    uint64_t sent;
    uint64_t received;
    uint64_t abort_at;   /* MATRIX_END_RESET: reset when so many have come back */
    uint64_t share;      /* bytes left until the next pause */
    uint64_t wake_ns;    /* of a pause; 0: none */
    uint32_t watched;    /* events asked for */
    bool shut;           /* our half is closed */
    bool eof;            /* theirs */
    struct stream *next; /* who pauses, in order of waking */
};

struct client {
    const struct matrix_options *options;
    int epoll_fd;
    unsigned left;
    struct stream *streams;
    struct stream *first; /* of those who pause */
    struct stream *last;
    uint8_t buffer[BUFFER_BYTES];
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Marsaglia's xorshift: the same numbers in every run. */
static uint64_t draw(struct stream *stream)
{
    stream->random ^= stream->random << 13;
    stream->random ^= stream->random >> 7;
    stream->random ^= stream->random << 17;
    return stream->random;
}

static void __attribute__((noreturn)) fail(const struct stream *stream, const char *what)
{
    (void)fprintf(stderr, "matrix_client: connection %u, %llu bytes sent, %llu received: %s\n",
                  stream->number, (unsigned long long)stream->sent,
                  (unsigned long long)stream->received, what);
    exit(1);
}

static void __attribute__((noreturn)) fail_errno(const struct stream *stream)
{
    fail(stream, strerror(errno));
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t tail_bytes(const struct matrix_options *options)
{
    return options->end == MATRIX_END_SERVER ? min_of(options->bytes, TAIL_BYTES_MAX) : 0;
}

static uint64_t pause_share(const struct matrix_options *options)
{
    return options->bytes / PAUSES + 1;
}

/* Sizes of all magnitudes, small ones as often as large ones. */
static size_t chunk(struct stream *stream, const struct matrix_options *options)
{
    uint64_t drawn = draw(stream);

    return options->random_chunks ? 1 + (drawn >> 8) % (1u << drawn % 17) : BUFFER_BYTES;
}

/* How many bytes may be sent now: the tail only when the server has ended. */
static uint64_t sendable(const struct stream *stream, const struct matrix_options *options)
{
    uint64_t limit = options->bytes + (stream->eof ? tail_bytes(options) : 0);

    return limit - stream->sent;
}

static void watch(struct client *client, struct stream *stream, int operation)
{
    const struct matrix_options *options = client->options;
    bool pauses = stream->wake_ns != 0;
    /* Edge-triggered when nothing is wanted: a hang-up would be told again and again
     * while a slow reader pauses. */
    struct epoll_event event = {.data.ptr = stream, .events = EPOLLET};

    if (sendable(stream, options) > 0 && !(pauses && options->pace == MATRIX_PACE_SLOW_WRITER)) {
        event.events |= EPOLLOUT;
    }
    if (!stream->eof && !(pauses && options->pace == MATRIX_PACE_SLOW_READER)) {
        event.events |= EPOLLIN;
    }
    if (event.events != EPOLLET) {
        event.events &= ~(uint32_t)EPOLLET;
    }
    if (operation == EPOLL_CTL_MOD && event.events == stream->watched) {
        return;
    }
    stream->watched = event.events;
    if (epoll_ctl(client->epoll_fd, operation, stream->fd, &event) != 0) {
        fail_errno(stream);
    }
}

static void finish(struct client *client, struct stream *stream)
{
    (void)close(stream->fd);
    stream->fd = -1;
    client->left--;
}

static void reset(struct client *client, struct stream *stream)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) != 0) {
        fail_errno(stream);
    }
    finish(client, stream);
}

/* Pauses have all the same length, so the list is in order by itself. */
static void use_share(struct client *client, struct stream *stream, size_t bytes)
{
    stream->share -= min_of(stream->share, bytes);
    if (stream->share > 0 || stream->wake_ns != 0) {
        return;
    }
    stream->share = pause_share(client->options);
    stream->wake_ns = now_ns() + PAUSE_NS;
    stream->next = NULL;
    if (client->first) {
        client->last->next = stream;
    } else {
        client->first = stream;
    }
    client->last = stream;
}

static void wake(struct client *client)
{
    uint64_t now = client->first ? now_ns() : 0;

    while (client->first && client->first->wake_ns <= now) {
        struct stream *stream = client->first;

        client->first = stream->next;
        stream->wake_ns = 0;
        if (stream->fd >= 0) {
            watch(client, stream, EPOLL_CTL_MOD);
        }
    }
}

static void write_some(struct client *client, struct stream *stream)
{
    const struct matrix_options *options = client->options;
    size_t length = (size_t)min_of(chunk(stream, options), sendable(stream, options));
    ssize_t sent;

    if (options->pace == MATRIX_PACE_SLOW_WRITER) {
        length = (size_t)min_of(length, stream->share);
    }
    pattern_fill(stream->number, stream->sent, client->buffer, length);
    sent = send(stream->fd, client->buffer, length, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) {
            fail_errno(stream);
        }
        return;
    }
    stream->sent += (uint64_t)sent;
    if (options->pace == MATRIX_PACE_SLOW_WRITER) {
        use_share(client, stream, (size_t)sent);
    }
}

static void read_some(struct client *client, struct stream *stream)
{
    const struct matrix_options *options = client->options;
    size_t length = chunk(stream, options);
    ssize_t got;

    if (options->pace == MATRIX_PACE_SLOW_READER) {
        length = (size_t)min_of(length, stream->share);
    }
    got = recv(stream->fd, client->buffer, length, 0);
    if (got < 0) {
        if (errno != EAGAIN) {
            fail_errno(stream);
        }
        return;
    }
    if (got == 0) {
        stream->eof = true;
        return;
    }
    if ((uint64_t)got > options->bytes - stream->received) {
        fail(stream, "more comes back than was sent");
    }
    if (!pattern_matches(stream->number, stream->received, client->buffer, (size_t)got)) {
        fail(stream, "a byte of those that follow differs");
    }
    stream->received += (uint64_t)got;
    if (options->pace == MATRIX_PACE_SLOW_READER) {
        use_share(client, stream, (size_t)got);
    }
}

/* The ends of the stream, when all that precedes them has been done. */
static void end_some(struct client *client, struct stream *stream)
{
    const struct matrix_options *options = client->options;

    if (stream->eof && stream->received != options->bytes) {
        fail(stream, "the stream ended too early");
    }
    if (options->end == MATRIX_END_RESET) {
        if (stream->received >= stream->abort_at) {
            reset(client, stream);
        }
        return;
    }
    if (!stream->shut && stream->sent == options->bytes + tail_bytes(options)) {
        stream->shut = true;
        if (shutdown(stream->fd, SHUT_WR) != 0) {
            fail_errno(stream);
        }
    }
    if (stream->shut && stream->eof) {
        finish(client, stream);
    }
}

static void step(struct client *client, struct stream *stream, uint32_t events)
{
    int error = 0;
    socklen_t bytes = sizeof error;

    if (events & EPOLLERR) {
        (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
        fail(stream, strerror(error));
    }
    if (events & EPOLLOUT) {
        write_some(client, stream);
    }
    if (events & EPOLLIN) {
        read_some(client, stream);
    }
    end_some(client, stream);
    if (stream->fd >= 0) {
        watch(client, stream, EPOLL_CTL_MOD);
    }
}

/* A small receive buffer makes the slow reader's window close. */
static void set_socket(const struct stream *stream, const struct matrix_options *options)
{
    int receive_bytes = (int)min_of(options->bytes / 16 + 4096, 1u << 20);
    int nodelay = options->random_chunks;

    if (options->pace == MATRIX_PACE_SLOW_READER &&
        setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) != 0) {
        fail_errno(stream);
    }
    if (setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay) != 0) {
        fail_errno(stream);
    }
}

static void open_stream(struct client *client, unsigned number)
{
    const struct matrix_options *options = client->options;
    struct stream *stream = &client->streams[number];

    stream->number = number;
    stream->random = 0x9e3779b97f4a7c15u * (number + 1);
    stream->abort_at = 1 + draw(stream) % options->bytes;
    stream->share = pause_share(options);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0) {
        fail_errno(stream);
    }
    set_socket(stream, options);
    if (connect(stream->fd, (const struct sockaddr *)&options->server, sizeof options->server) !=
            0 &&
        errno != EINPROGRESS) {
        fail_errno(stream);
    }
    watch(client, stream, EPOLL_CTL_ADD);
}

/* Who pauses wakes us in time. */
static int wait_ms(const struct client *client)
{
    uint64_t now;

    if (!client->first) {
        return STILL_MS;
    }
    now = now_ns();
    return client->first->wake_ns > now ? (int)((client->first->wake_ns - now) / 1000000 + 1) : 0;
}

static void __attribute__((noreturn)) fail_still(const struct client *client)
{
    for (unsigned i = 0; i < client->options->connections; i++) {
        if (client->streams[i].fd >= 0) {
            (void)fprintf(stderr, "matrix_client: %u connections are left\n", client->left);
            fail(&client->streams[i], "nothing has moved for 20 seconds");
        }
    }
    abort();
}

static void run(struct client *client)
{
    struct epoll_event events[EVENTS];

    for (unsigned i = 0; i < client->options->connections; i++) {
        open_stream(client, i);
    }
    while (client->left > 0) {
        int count = epoll_wait(client->epoll_fd, events, EVENTS, wait_ms(client));

        if (count == 0 && !client->first) {
            fail_still(client);
        }
        for (int i = 0; i < count; i++) {
            struct stream *stream = events[i].data.ptr;

            step(client, stream, events[i].events);
        }
        wake(client);
    }
}

int main(int argc, char **argv)
{
    static struct matrix_options options;
    static struct client client;
    struct rlimit files;
    uint64_t compared = 0;

    matrix_options_parse(argc, argv, &options);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    client.options = &options;
    client.left = options.connections;
    client.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    client.streams = calloc(options.connections, sizeof *client.streams);
    if (!client.streams || client.epoll_fd < 0) {
        (void)fprintf(stderr, "matrix_client: no memory, or no descriptors\n");
        return 1;
    }
    run(&client);
    for (unsigned i = 0; i < options.connections; i++) {
        compared += client.streams[i].received;
    }
    (void)printf("%u connections, %llu bytes compared\n", options.connections,
                 (unsigned long long)compared);
    free(client.streams);
    return 0;
}
