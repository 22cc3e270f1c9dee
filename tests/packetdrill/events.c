/* What the stack tells of its connections, as sockets see it. */
#include "tests/packetdrill/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A connection that was accepted becomes a socket that waits with its listener. */
static void open_passive(struct drill *drill, struct tcp_conn *conn)
{
    struct sock *listener = drill->stack.tcp.listeners[conn->listener].app;
    struct sock *sock;
    struct sock **last;

    if (!listener) {
        tcp_abort(conn); /* closed while the handshake was under way */
        return;
    }
    sock = sock_new(drill);
    sock->v6 = listener->v6;
    sock->values = listener->values;
    sock->notsent_lowat = listener->notsent_lowat;
    sock->keepalive = listener->keepalive;
    sock->linger = listener->linger;
    sock->linger_s = listener->linger_s;
    sock->state = SOCK_CONNECTED;
    sock->local = conn->tuple.local;
    sock->local_port = conn->tuple.local_port;
    sock->remote = conn->tuple.remote;
    sock->remote_port = conn->tuple.remote_port;
    sock->early = conn->state == TCP_SYN_RECEIVED; /* Fast Open tells so early */
    sock->told_open = true;
    sock->conn = conn;
    conn->app = sock;
    last = &listener->waiting;
    while (*last) {
        last = &(*last)->next;
    }
    *last = sock;
}

static void on_open(struct tcp_conn *conn)
{
    struct drill *drill = conn->tcp->app;
    struct sock *sock = conn->app;

    tcp_pause(conn);
    if (tcp_conn_has(conn, TCP_CONN_PASSIVE)) {
        open_passive(drill, conn);
    } else if (sock) {
        sock->state = SOCK_CONNECTED;
        sock->syn_data = conn->tcp->counters.fast_open_taken != drill->fast_open_taken;
    }
    drill->fast_open_taken = conn->tcp->counters.fast_open_taken;
}

/* What the reader does not want of it is kept for the next. */
static void take(struct sock *sock, const struct slice *slice)
{
    struct sock_reader *reader = sock->reader;
    struct tcp_conn *conn = sock->conn;
    size_t left = reader->wanted - reader->got;
    uint16_t length = slice->length < left ? slice->length : (uint16_t)left;
    struct slice rest = *slice;

    if (reader->to) {
        memcpy(reader->to + reader->got, slice_data(conn->tcp->pool, slice), length);
    }
    reader->got += length;
    if (length < slice->length) {
        (void)slice_take_front(conn->tcp->pool, &rest, length);
        if (!tcp_data_retain(conn, &rest, &sock->rest)) {
            abort(); /* it cannot fail for slices of this call */
        }
    }
    if (reader->got == reader->wanted) {
        tcp_pause(conn);
    }
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct sock *sock = conn->app;

    for (unsigned i = 0; i < count; i++) {
        take(sock, &slices[i]);
    }
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    (void)conn;
    (void)bytes;
}

static void on_writable(struct tcp_conn *conn)
{
    (void)conn; /* who waits looks after every turn */
}

static void on_eof(struct tcp_conn *conn)
{
    struct sock *sock = conn->app;

    if (sock) {
        sock->eof = true;
    }
}

/* A path that has told of trouble is what Linux blames a timeout on. */
static int error_of(const struct tcp_conn *conn)
{
    static const int troubles[TCP_TROUBLE_COUNT] = {
        [TCP_TROUBLE_NEIGHBOUR] = EHOSTUNREACH, [TCP_TROUBLE_UNREACHABLE] = EHOSTUNREACH,
        [TCP_TROUBLE_REFUSED] = ECONNREFUSED,   [TCP_TROUBLE_PROHIBITED] = EACCES,
        [TCP_TROUBLE_TIME] = EHOSTUNREACH,      [TCP_TROUBLE_PARAMETER] = EPROTO,
    };
    static const int reasons[TCP_REASON_COUNT] = {
        [TCP_REASON_RESET] = ECONNRESET,         [TCP_REASON_REFUSED] = ECONNREFUSED,
        [TCP_REASON_TIMEOUT] = ETIMEDOUT,        [TCP_REASON_UNREAD] = ECONNRESET,
        [TCP_REASON_UNREACHABLE] = EHOSTUNREACH, [TCP_REASON_NO_MEMORY] = ENOBUFS,
    };

    if ((conn->reason == TCP_REASON_TIMEOUT || conn->reason == TCP_REASON_UNREACHABLE) &&
        troubles[conn->trouble] != 0) {
        return troubles[conn->trouble];
    }
    /* RFC 9293 section 3.10.7.4: after the peer's FIN nobody is left to be told of a reset but
     * who writes. */
    if (conn->reason == TCP_REASON_RESET && tcp_conn_has(conn, TCP_CONN_FIN_RECEIVED)) {
        return EPIPE;
    }
    return reasons[conn->reason];
}

static void on_close(struct tcp_conn *conn)
{
    struct sock *sock = conn->app;

    if (!sock) {
        return;
    }
    sock->error = error_of(conn);
    sock->state = sock->state == SOCK_CONNECTING ? SOCK_FAILED : sock->state;
    sock->conn = NULL;
    sock->shut_write = true;
}

const struct tcp_events drill_events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .close = on_close,
};
