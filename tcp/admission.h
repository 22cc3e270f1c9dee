/*
 * Who may come in: the limits of a listener, and of the worker, on what peers open.
 *
 * A handshake that has begun counts as half-open, on its listener and on the worker, until it
 * is over; beyond either limit a SYN is answered with a cookie (tcp/syncookie.h), of which
 * nothing is kept, or dropped. Half-open and open ones together count against the listener's
 * connections_max: beyond it, and while it is paused, nobody answers, so that the peer's
 * SYN comes again later. What was let in is never turned away after: there is no queue of
 * completed connections whose overflow would leave a peer with half of one.
 *
 * One worker's; the counts stand in its `struct tcp`.
 */
#ifndef HEADRACE_TCP_ADMISSION_H
#define HEADRACE_TCP_ADMISSION_H

#include "tcp/tcp.h"

enum tcp_admission {
    TCP_ADMIT,
    TCP_ADMIT_WITH_COOKIE,
    TCP_ADMIT_NONE, /* counted */
};

/* What becomes of a SYN. */
enum tcp_admission tcp_admission_ask(struct tcp *tcp, const struct tcp_listener *listener);
/* Whether the listener has room for one that a cookie brings back; else counted. */
bool tcp_admission_has_room(struct tcp *tcp, const struct tcp_listener *listener);

/* The connection is the listener's from here on, half-open, and has its settings. */
void tcp_admission_begin(struct tcp_conn *conn, struct tcp_listener *listener);
/* Of passive ones: the handshake is over; the end, in whatever state. */
void tcp_admission_established(struct tcp_conn *conn);
void tcp_admission_end(struct tcp_conn *conn);

#endif
