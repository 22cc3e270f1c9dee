/*
 * Beginning a connection: what the passive and the active open share.
 */
#ifndef HEADRACE_TCP_OPEN_H
#define HEADRACE_TCP_OPEN_H

#include "tcp/tcp.h"

/* The record of the SYN, with ISS taken. False when there is no memory. */
bool tcp_queue_syn(struct tcp_conn *conn);

/* The first receive window, once the peer's SYN is known; the shift when both
 * sides scale. */
void tcp_open_window(struct tcp_conn *conn);

#endif
