/*
 * What the network below tells TCP of a connection's path, and what the application hears of
 * it: neighbours, ICMP (RFC 5927, RFC 5461), silence (RFC 9293 section 3.8.3). Nothing of it
 * ends an established connection. On the worker.
 */
#ifndef HEADRACE_TCP_PATH_H
#define HEADRACE_TCP_PATH_H

#include "tcp/tcp.h"

/* For net_transport; `ctx` is the worker's `struct tcp`. Those that waited for a neighbour are
 * taken off `waiters`: they are on the transmit list then, or told. */
void tcp_path_changed(void *ctx, struct list *waiters, bool reachable);
/* What is about nothing in flight is counted and ignored. */
void tcp_icmp_error(void *ctx, const struct net_icmp_error *error, uint64_t now_ns);

/* The application hears of it, if it wants to (RFC 9293 MUST-47, SHLD-25), and may end the
 * connection inside. */
void tcp_tell_trouble(struct tcp_conn *conn, enum tcp_trouble trouble);

/* R1 has passed (RFC 9293 section 3.8.3): IP and the application are told (MUST-20, SHLD-9). */
void tcp_path_silent(struct tcp_conn *conn);

/* The neighbour does not answer, or no route is left. */
void tcp_path_failed(struct tcp_conn *conn);

#endif
