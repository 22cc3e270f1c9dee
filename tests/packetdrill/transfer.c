#include "tests/packetdrill/transfer.h"

#include "tcp/urgent.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

static size_t total(const struct transfer *transfer)
{
    size_t bytes = 0;

    for (size_t i = 0; i < transfer->count; i++) {
        bytes += transfer->iov[i].iov_len;
    }
    return bytes;
}

/* Nothing more will come. */
static bool is_at_end(const struct sock *sock)
{
    return sock->eof || sock->shut_read || !sock->conn ||
           tcp_conn_has(sock->conn, TCP_CONN_FIN_RECEIVED);
}

static bool may_read(const void *ctx)
{
    const struct sock *sock = ctx;

    return sock_readable(sock) > 0 || sock->error != 0 ||
           (sock->state != SOCK_CONNECTING && is_at_end(sock));
}

/* What a reader left before. */
static void take_rest(struct sock *sock)
{
    struct sock_reader *reader = sock->reader;
    struct tcp *tcp = &sock->drill->stack.tcp;
    struct slice rest = sock->rest;
    struct slice front = rest;
    size_t left = reader->wanted - reader->got;

    if (rest.frame == FRAME_NONE || left == 0) {
        return;
    }
    if (left < rest.length) {
        front = slice_take_front(tcp->pool, &sock->rest, (uint16_t)left);
    }
    if (reader->to) {
        memcpy(reader->to + reader->got, slice_data(tcp->pool, &front), front.length);
    }
    reader->got += front.length;
    if (front.length < rest.length) {
        if (sock->conn) { /* the frame stays, the window opens by what was read */
            frame_hold(tcp->pool, front.frame, FRAME_APP);
        }
    } else {
        sock->rest.frame = FRAME_NONE;
    }
    if (sock->conn) {
        tcp_data_release(sock->conn, &front);
    } else if (sock->rest.frame == FRAME_NONE) {
        tcp_data_release_orphan(tcp, &front);
    }
}

/* Delivery is on while the reader wants more. */
static void read_into(struct sock *sock, void *to, size_t wanted, size_t *got)
{
    struct sock_reader reader = {.to = to, .wanted = wanted};

    sock->reader = &reader;
    take_rest(sock);
    if (sock->conn && reader.got < reader.wanted) {
        tcp_resume(sock->conn);
        if (sock->conn) {
            tcp_pause(sock->conn);
        }
    }
    sock->reader = NULL;
    *got += reader.got;
}

static size_t read_some(struct sock *sock, const struct transfer *transfer, size_t skip)
{
    size_t got = 0;

    stack_begin(&sock->drill->stack, sock->drill->clock.now_ns);
    for (size_t i = 0; i < transfer->count && sock_readable(sock) > 0; i++) {
        size_t length = transfer->iov[i].iov_len;
        uint8_t *to = transfer->iov[i].iov_base;

        if (skip >= length) {
            skip -= length;
            continue;
        }
        to = transfer->flags & MSG_TRUNC ? NULL : to + skip;
        read_into(sock, to, length - skip, &got);
        skip = 0;
    }
    return got;
}

/* The end of the stream is read too: then the connection may end. */
static void read_end(struct sock *sock)
{
    uint8_t none;
    size_t got = 0;

    if (sock->conn && tcp_conn_has(sock->conn, TCP_CONN_FIN_RECEIVED)) {
        stack_begin(&sock->drill->stack, sock->drill->clock.now_ns);
        read_into(sock, &none, 1, &got);
        clock_turn(&sock->drill->clock);
    }
}

ssize_t sock_read(struct sock *sock, const struct transfer *transfer)
{
    struct clock_waiter waiter = {may_read, sock, UINT64_MAX, false};
    size_t wanted = total(transfer);
    size_t got = 0;

    if (sock->epoll || transfer->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)) {
        return sock->epoll ? -EINVAL : transfer->flags & MSG_ERRQUEUE ? -EAGAIN : -EOPNOTSUPP;
    }
    if (sock->state == SOCK_DEFERRED) {
        return -EAGAIN; /* there is nobody yet who could send */
    }
    if (sock->state != SOCK_CONNECTED && sock->state != SOCK_CONNECTING && sock->error == 0) {
        return -ENOTCONN;
    }
    while (got < wanted) {
        if (sock_readable(sock) > 0) {
            got += read_some(sock, transfer, got);
            clock_turn(&sock->drill->clock);
            if (!(transfer->flags & MSG_WAITALL)) {
                break;
            }
        } else if (sock->error != 0 && got == 0) {
            return -sock_take_error(sock);
        } else if (sock->state != SOCK_CONNECTING && is_at_end(sock)) {
            read_end(sock);
            break;
        } else if (sock_is_nonblocking(sock, transfer->flags) ||
                   !clock_wait(&sock->drill->clock, &waiter)) {
            return got > 0 ? (ssize_t)got : -EAGAIN;
        }
    }
    return (ssize_t)got;
}

ssize_t sock_read_message(struct sock *sock, struct msghdr *msg, int flags)
{
    struct transfer transfer = {msg->msg_iov, msg->msg_iovlen, flags};
    ssize_t got = sock_read(sock, &transfer);
    struct cmsghdr *told = CMSG_FIRSTHDR(msg);

    if (got < 0 || !sock->inq || !told || msg->msg_controllen < CMSG_SPACE(sizeof(int))) {
        msg->msg_controllen = 0;
        return got;
    }
    told->cmsg_level = IPPROTO_TCP;
    told->cmsg_type = TCP_CM_INQ;
    told->cmsg_len = CMSG_LEN(sizeof(int));
    /* That the stream has ended is worth a call more. */
    *(int *)(void *)CMSG_DATA(told) =
        sock_readable(sock) > 0 ? (int)sock_readable(sock) : is_at_end(sock);
    msg->msg_controllen = CMSG_SPACE(sizeof(int));
    return got;
}

/* The stack would take some: as much room as the system wakes a writer for. */
static bool may_write(const void *ctx)
{
    const struct sock *sock = ctx;

    return sock->state != SOCK_CONNECTING &&
           (!sock->conn || sock->shut_write || sock->error != 0 || tcp_send_has_room(sock->conn));
}

/* As much as the stack takes, or an error. */
static ssize_t write_some(struct sock *sock, const struct transfer *transfer, size_t skip)
{
    size_t done = 0;

    for (size_t i = 0; i < transfer->count; i++) {
        const uint8_t *from = transfer->iov[i].iov_base;
        size_t length = transfer->iov[i].iov_len;
        int32_t taken;

        if (skip >= length) {
            skip -= length;
            continue;
        }
        length -= skip;
        taken = transfer->flags & MSG_OOB
                    ? tcp_send_urgent(sock->conn, from + skip, (uint32_t)length)
                    : tcp_send(sock->conn, from + skip, (uint32_t)length);
        if (taken < 0) {
            return done > 0 ? (ssize_t)done : taken == TCP_ERR_STATE ? -EPIPE : -EAGAIN;
        }
        done += (size_t)taken;
        skip = 0;
        if ((size_t)taken < length) {
            break;
        }
    }
    return (ssize_t)done;
}

/* What may be held back for more waits until somebody says that there is none. */
static void set_cork(struct sock *sock, int flags)
{
    bool cork = sock->cork || flags & MSG_MORE;

    if (sock->conn && cork != tcp_conn_has(sock->conn, TCP_CONN_CORK)) {
        tcp_set_cork(sock->conn, cork);
    }
}

/* As much of it as fits in a SYN. */
static ssize_t fill_syn(struct sock *sock, const struct transfer *transfer)
{
    size_t room = sock->conn->snd.mss;
    size_t done = 0;

    for (size_t i = 0; i < transfer->count && done < room; i++) {
        struct iovec part = transfer->iov[i];
        ssize_t taken;

        part.iov_len = part.iov_len < room - done ? part.iov_len : room - done;
        taken = write_some(sock, &(struct transfer){&part, 1, 0}, 0);
        if (taken < 0) {
            break;
        }
        done += (size_t)taken;
    }
    return (ssize_t)done;
}

/* The first write goes with the SYN; who may wait, waits for the answer. */
static ssize_t write_with_syn(struct sock *sock, const struct transfer *transfer)
{
    bool waits = !sock_is_nonblocking(sock, transfer->flags);
    ssize_t done = 0;
    int error = sock_begin(sock, true);

    if (error != 0) {
        sock->state = SOCK_NEW;
        return error;
    }
    if (sock_carries(sock)) {
        done = fill_syn(sock, transfer);
    }
    clock_turn(&sock->drill->clock);
    if (waits) {
        error = sock_await_open(sock, 0);
        return error != 0 ? error : done;
    }
    return done == 0 ? -EINPROGRESS : done;
}

/* What has to be before bytes can go: more than 0 when some have gone already. */
static ssize_t begin_write(struct sock *sock, const struct transfer *transfer,
                           const struct sockaddr *addr, socklen_t length)
{
    int error;

    if (sock->state == SOCK_DEFERRED) {
        return write_with_syn(sock, transfer);
    }
    if (!(transfer->flags & MSG_FASTOPEN)) {
        return 0;
    }
    if (!sock_may_fast_open(sock)) {
        return -EOPNOTSUPP;
    }
    if (sock->state == SOCK_CONNECTING) {
        return -EALREADY;
    }
    if (sock->state != SOCK_NEW) {
        return sock_told_open(sock);
    }
    if (!addr) {
        return -EDESTADDRREQ;
    }
    if (length >= (socklen_t)sizeof addr->sa_family && addr->sa_family == AF_UNSPEC) {
        return -EOPNOTSUPP;
    }
    error = sock_take_addr(sock, addr, length, &sock->remote, &sock->remote_port);
    return error != 0 ? error : write_with_syn(sock, transfer);
}

static ssize_t refused(struct sock *sock)
{
    return sock->error != 0 ? -sock_take_error(sock) : -EPIPE;
}

ssize_t sock_write(struct sock *sock, const struct transfer *transfer, const struct sockaddr *addr,
                   socklen_t length)
{
    struct clock_waiter waiter = {may_write, sock, UINT64_MAX, false};
    size_t wanted = total(transfer);
    ssize_t done = sock->epoll ? -EINVAL : begin_write(sock, transfer, addr, length);
    bool waits = !sock_is_nonblocking(sock, transfer->flags);

    if (done < 0 || (done > 0 && !waits)) {
        return done;
    }
    while (sock->state == SOCK_CONNECTING && (size_t)done < wanted) {
        if (!waits || !clock_wait(&sock->drill->clock, &waiter)) {
            return done > 0 ? done : -EAGAIN;
        }
    }
    while ((size_t)done < wanted) {
        ssize_t taken;

        if (!sock->conn || sock->shut_write || sock->error != 0) {
            return done > 0 ? done : refused(sock);
        }
        stack_begin(&sock->drill->stack, sock->drill->clock.now_ns);
        taken = write_some(sock, transfer, (size_t)done);
        set_cork(sock, transfer->flags);
        clock_turn(&sock->drill->clock);
        if (taken > 0) {
            done += taken;
        } else if (taken != -EAGAIN) {
            return done > 0 ? done : taken;
        } else if (!waits || !clock_wait(&sock->drill->clock, &waiter)) {
            return done > 0 ? done : -EAGAIN;
        }
        if (!waits) {
            break;
        }
    }
    return done;
}
