/*
 * Beginning a connection: what the passive and the active open share.
 */
#ifndef HEADRACE_TCP_OPEN_H
#define HEADRACE_TCP_OPEN_H

#include "tcp/tcp.h"

/* The record of the SYN, with ISS taken. False when there is no memory. */
bool tcp_queue_syn(struct tcp_conn *conn);

/* Before the SYN is sent: our numbers go on behind `snd_nxt`, where those of the
 * incarnation before ended (RFC 9293 MAY-2). */
void tcp_open_behind(struct tcp_conn *conn, uint32_t snd_nxt);

/* The first receive window, from RCV.NXT, which of our own SYN is 0. */
void tcp_open_window(struct tcp_conn *conn);

/* A connection or entry of TIME-WAIT has left the table: its port may be had again. */
static inline void tcp_port_is_free(struct tcp *tcp, const struct tcp_tuple *tuple)
{
    if (ip_addr_equal(&tuple->remote, &tcp->no_port.tuple.remote) &&
        tuple->remote_port == tcp->no_port.tuple.remote_port) {
        tcp->no_port.until_ns = 0;
    }
}

#endif
