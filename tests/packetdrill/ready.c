#include "tests/packetdrill/ready.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SET_MAX 64u

struct epoll_entry {
    int fd; /* -1: free */
    uint32_t wanted;
    epoll_data_t data;
    uint32_t told; /* with EPOLLET: what was told, and at how much news */
    uint64_t news;
};

struct epoll_set {
    struct epoll_entry entries[SET_MAX];
};

/* Room as Linux wants it: a third of the buffer, and little enough that never went. */
static bool is_writable(const struct sock *sock)
{
    const struct tcp_conn *conn = sock->conn;
    uint32_t limit = tcp_send_limit(conn);
    uint32_t lowat = sock->notsent_lowat > 0 ? sock->notsent_lowat : sock->values.notsent_lowat;

    return tcp_unacked(conn) < limit - limit / 3 && sock_unsent(sock) < lowat;
}

static unsigned ready_open(const struct sock *sock)
{
    bool ended = !sock->conn || tcp_conn_has(sock->conn, TCP_CONN_FIN_RECEIVED) || sock->shut_read;
    unsigned ready = 0;

    if (sock_readable(sock) > 0 || ended) {
        ready |= POLLIN | POLLRDNORM;
    }
    if (ended) {
        ready |= POLLRDHUP;
    }
    if (!sock->conn || (ended && sock->shut_write)) {
        ready |= POLLHUP;
    }
    if (!sock->conn || sock->shut_write || is_writable(sock)) {
        ready |= POLLOUT | POLLWRNORM;
    }
    return ready;
}

unsigned sock_ready(const struct sock *sock)
{
    unsigned error = sock->error != 0 ? POLLERR : 0;

    switch (sock->state) {
    case SOCK_LISTENING:
        return sock->waiting ? POLLIN | POLLRDNORM : 0;
    case SOCK_CONNECTING:
        return 0;
    case SOCK_DEFERRED:
        return POLLOUT | POLLWRNORM;
    case SOCK_CONNECTED:
        return ready_open(sock) | error;
    case SOCK_FAILED:
        return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLHUP | POLLRDHUP | error;
    default:
        return sock->epoll ? 0 : POLLOUT | POLLWRNORM | POLLHUP;
    }
}

struct poll_call {
    struct drill *drill;
    struct pollfd *fds;
    nfds_t count;
};

static short revents(const struct drill *drill, const struct pollfd *poll)
{
    const struct sock *sock = sock_find(drill, poll->fd);
    unsigned ready = sock ? sock_ready(sock) : POLLNVAL;
    unsigned wanted = (unsigned)(unsigned short)poll->events;

    return (short)(poll->fd < 0 ? 0 : ready & (wanted | POLLERR | POLLHUP | POLLNVAL));
}

static bool poll_is_ready(const void *ctx)
{
    const struct poll_call *call = ctx;
    bool ready = false;

    for (nfds_t i = 0; i < call->count; i++) {
        call->fds[i].revents = revents(call->drill, &call->fds[i]);
        ready |= call->fds[i].revents != 0;
    }
    return ready;
}

static uint64_t deadline(const struct drill *drill, int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : drill->clock.now_ns + (unsigned)timeout_ms * NS_PER_MS;
}

int ready_poll(struct drill *drill, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct poll_call call = {drill, fds, count};
    struct clock_waiter waiter = {poll_is_ready, &call, deadline(drill, timeout_ms), false};
    int found = 0;

    if (timeout_ms != 0) {
        (void)clock_wait(&drill->clock, &waiter);
    } else {
        (void)poll_is_ready(&call);
    }
    for (nfds_t i = 0; i < count; i++) {
        found += fds[i].revents != 0;
    }
    return found;
}

int ready_create(struct drill *drill)
{
    struct sock *sock = sock_new(drill);
    int fd = sock_give_fd(sock);

    if (fd < 0) {
        free(sock);
        return fd;
    }
    sock->epoll = calloc(1, sizeof *sock->epoll);
    if (!sock->epoll) {
        abort(); /* a test's own memory */
    }
    for (unsigned i = 0; i < SET_MAX; i++) {
        sock->epoll->entries[i].fd = -1;
    }
    return fd;
}

static struct epoll_entry *find(struct epoll_set *set, int fd)
{
    for (unsigned i = 0; i < SET_MAX; i++) {
        if (set->entries[i].fd == fd) {
            return &set->entries[i];
        }
    }
    return NULL;
}

int ready_control(struct sock *epoll, int op, int fd, const struct epoll_event *event)
{
    struct epoll_entry *entry;

    if (!epoll->epoll) {
        return -EINVAL;
    }
    if (!sock_find(epoll->drill, fd)) {
        return -EBADF;
    }
    entry = find(epoll->epoll, fd);
    if ((op == EPOLL_CTL_ADD) == (entry != NULL)) {
        return entry ? -EEXIST : -ENOENT;
    }
    switch (op) {
    case EPOLL_CTL_ADD:
        entry = find(epoll->epoll, -1);
        if (!entry) {
            return -ENOSPC;
        }
        /* fall through */
    case EPOLL_CTL_MOD:
        *entry = (struct epoll_entry){.fd = fd, .wanted = event->events, .data = event->data};
        return 0;
    case EPOLL_CTL_DEL:
        entry->fd = -1;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Grows with all that may be worth a new edge. */
static uint64_t news_of(const struct sock *sock)
{
    return sock->conn ? sock->conn->tally.bytes_in + sock->conn->recvq.bytes : 0;
}

static uint32_t entry_ready(const struct sock *epoll, const struct epoll_entry *entry)
{
    const struct sock *sock = entry->fd >= 0 ? sock_find(epoll->drill, entry->fd) : NULL;
    uint32_t mask = entry->wanted & (uint32_t)(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI);
    uint32_t ready;

    if (!sock || (mask == 0 && entry->wanted & EPOLLONESHOT)) {
        return 0; /* told once, and not asked again */
    }
    ready = sock_ready(sock) & (mask | EPOLLERR | EPOLLHUP);
    if (entry->wanted & EPOLLET && (ready & ~entry->told) == 0 && news_of(sock) == entry->news) {
        return 0;
    }
    return ready;
}

static bool epoll_is_ready(const void *ctx)
{
    const struct sock *epoll = ctx;

    for (unsigned i = 0; i < SET_MAX; i++) {
        struct epoll_entry *entry = &epoll->epoll->entries[i];
        const struct sock *sock = entry->fd >= 0 ? sock_find(epoll->drill, entry->fd) : NULL;

        if (sock && entry_ready(epoll, entry) != 0) {
            return true;
        }
        entry->told &= sock ? sock_ready(sock) : 0; /* what went away may come again */
    }
    return false;
}

int ready_wait(struct sock *epoll, struct epoll_event *events, int count, int timeout_ms)
{
    struct clock_waiter waiter = {epoll_is_ready, epoll, UINT64_MAX, false};
    int found = 0;

    if (!epoll->epoll || count <= 0) {
        return -EINVAL;
    }
    waiter.deadline_ns = deadline(epoll->drill, timeout_ms);
    if (timeout_ms != 0) {
        (void)clock_wait(&epoll->drill->clock, &waiter);
    } else {
        (void)epoll_is_ready(epoll);
    }
    for (unsigned i = 0; i < SET_MAX && found < count; i++) {
        struct epoll_entry *entry = &epoll->epoll->entries[i];
        const struct sock *sock = entry->fd >= 0 ? sock_find(epoll->drill, entry->fd) : NULL;
        uint32_t ready = sock ? entry_ready(epoll, entry) : 0;

        if (ready == 0) {
            continue;
        }
        events[found++] = (struct epoll_event){.events = ready, .data = entry->data};
        entry->told = sock_ready(sock);
        entry->news = news_of(sock);
        if (entry->wanted & EPOLLONESHOT) {
            entry->wanted &= (uint32_t)(EPOLLONESHOT | EPOLLET);
        }
    }
    return found;
}

void ready_forget(struct drill *drill, int fd)
{
    for (int i = 0; i < DRILL_FDS; i++) {
        struct epoll_entry *entry =
            drill->socks[i] && drill->socks[i]->epoll ? find(drill->socks[i]->epoll, fd) : NULL;

        if (entry) {
            entry->fd = -1;
        }
    }
}

void ready_destroy(struct epoll_set *set)
{
    free(set);
}
