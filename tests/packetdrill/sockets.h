/*
 * Sockets over the stack: as much of the system's semantics as scripts ask for, and no more.
 * Errors are negative errno, as inside a kernel.
 *
 * A descriptor is a real one, of an eventfd, so that the system knows it too: the runner
 * gives it to calls of the system's own. The socket of a connection reads from the stack's
 * own queue: delivery is paused but while a call reads.
 *
 * Owner: struct drill, the object. Its lock is held in every call.
 *
 * Invariant: sock->conn is the connection that has conn->app == sock, from its beginning until
 * the stack says it is over or the socket is closed. What waits to be accepted has no
 * descriptor yet.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_SOCKETS_H
#define HEADRACE_TESTS_PACKETDRILL_SOCKETS_H

#include "datapath/slice.h"
#include "tcp/user.h"
#include "tests/packetdrill/clock.h"
#include "tests/packetdrill/stack.h"
#include "tests/packetdrill/sysctl.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define DRILL_FDS 1024

struct epoll_set;

enum sock_state {
    SOCK_NEW,
    SOCK_LISTENING,
    SOCK_DEFERRED, /* connected as TCP_FASTOPEN_CONNECT does it: the first write will */
    SOCK_CONNECTING,
    SOCK_CONNECTED, /* was, at the least: conn is NULL when it is over */
    SOCK_FAILED,    /* its connection never was */
};

/* Where a reading call wants bytes. */
struct sock_reader {
    uint8_t *to; /* NULL: dropped */
    size_t wanted;
    size_t got;
};

struct sock {
    struct drill *drill;
    struct sock *next;       /* among those that wait to be accepted */
    struct epoll_set *epoll; /* it is no socket but this */
    int fd;                  /* -1 before it is accepted */
    enum sock_state state;
    bool v6;
    bool nonblock;
    bool shut_read;
    bool shut_write;
    bool linger;
    bool keepalive;
    bool fast_open_connect;
    bool fast_open_no_cookie; /* by the socket option; the sysctl may say it as well */
    bool syn_data;            /* text of the SYN was taken, by the peer or from it */
    bool reuse;
    bool cork;
    bool inq;       /* recvmsg tells how much is left */
    bool eof;       /* it was read */
    bool told_open; /* a call has said that it is connected */
    bool early;     /* by Fast Open, from a listener */
    uint16_t linger_s;
    uint32_t notsent_lowat; /* 0: what the sysctl says */
    int error;              /* positive errno, until it is told */
    struct ip_addr local, remote;
    uint16_t local_port, remote_port;
    struct sysctl_values values;
    struct tcp_conn *conn;
    struct sock_reader *reader;
    struct slice rest; /* what a reader left of a slice, or FRAME_NONE */
    /* A listener. */
    uint32_t listener;
    uint32_t fast_open_backlog;
    struct sock *waiting; /* the oldest first */
};

struct drill {
    struct clock clock;
    struct stack stack;
    struct ip_addr local[2];
    char folder[128];      /* of the sysctls; empty: defaults */
    struct ip_addr remote; /* whose route is asked for; unspecified: none */
    struct untold untold;
    bool keys_set; /* by a socket option: the sysctl is not looked at any more */
    uint64_t fast_open_taken;
    struct sock *socks[DRILL_FDS];
};

extern const struct tcp_events drill_events;

/* The socket of a descriptor of ours, or NULL; of an epoll descriptor too. */
struct sock *sock_find(const struct drill *drill, int fd);
/* A socket with a descriptor of its own. NULL without one. */
struct sock *sock_new(struct drill *drill);
int sock_give_fd(struct sock *sock);
/* The sysctls as they are now. */
void drill_read_sysctls(struct drill *drill, struct sysctl_values *values);

int sock_socket(struct drill *drill, int domain, int type);
int sock_bind(struct sock *sock, const struct sockaddr *addr, socklen_t length);
int sock_listen(struct sock *sock, int backlog);
/* What a listener's connections are given. */
struct tcp_settings sock_listener_settings(const struct sock *sock);
int sock_accept(struct sock *sock, struct sockaddr *addr, socklen_t *length);
int sock_connect(struct sock *sock, const struct sockaddr *addr, socklen_t length);
int sock_shutdown(struct sock *sock, int how);
int sock_close(struct sock *sock);

/* SYN, with what is sent before the next turn when Fast Open is asked for. */
int sock_begin(struct sock *sock, bool fast_open);
/* 0 the first time that a connection is asked for that is there by now, then -EISCONN. */
int sock_told_open(struct sock *sock);
/* The sysctl allows Fast Open to clients. */
bool sock_may_fast_open(struct sock *sock);
/* Text may go with a SYN, since a Fast Open cookie of the peer is kept or none is needed: connect()
 * is over at once then, and the first write sends it all. */
bool sock_carries(struct sock *sock);
int sock_take_addr(struct sock *sock, const struct sockaddr *addr, socklen_t length,
                   struct ip_addr *ip, uint16_t *port);
void sock_put_addr(const struct sock *sock, struct sockaddr *addr, socklen_t *length);

/* Until the connection is there or has failed; -EINPROGRESS or the like when it may not wait. */
int sock_await_open(struct sock *sock, int not_waiting);

/* What would not wait, as poll says it. */
unsigned sock_ready(const struct sock *sock);

/* Bytes to read, bytes without an ACK, of them such as never went. */
uint32_t sock_readable(const struct sock *sock);
uint32_t sock_unsent(const struct sock *sock);

/* The error that is pending, which is told once; positive. */
int sock_take_error(struct sock *sock);

/* Whether it may not wait in this call. */
static inline bool sock_is_nonblocking(const struct sock *sock, int flags)
{
    return sock->nonblock || flags & MSG_DONTWAIT;
}

#endif
