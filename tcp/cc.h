/*
 * Congestion control behind one table of functions. An algorithm owns
 * conn->cwnd, conn->ssthresh and conn->cc_acked; recovery tells it what
 * happened and never changes them itself.
 */
#ifndef HEADRACE_TCP_CC_H
#define HEADRACE_TCP_CC_H

#include "tcp/tcp.h"

struct tcp_cc_ops {
    const char *name;
    /* The connection is established: the initial window. */
    void (*open)(struct tcp_conn *conn);
    /* So many bytes were newly acknowledged outside of recovery, while the
     * window was what limited the sender. */
    void (*acked)(struct tcp_conn *conn, uint32_t bytes);
    /* Loss was found: ssthresh and the window for the recovery. `in_flight` is
     * the pipe before it. */
    void (*loss)(struct tcp_conn *conn, uint32_t in_flight);
    /* The recovery is over. */
    void (*recovered)(struct tcp_conn *conn);
    /* Retransmission timeout; `first` for the first of a row. */
    void (*timeout)(struct tcp_conn *conn, uint32_t in_flight, bool first);
    /* The connection was idle for longer than an RTO. */
    void (*idle)(struct tcp_conn *conn);
};

extern const struct tcp_cc_ops tcp_cc_newreno;

/* RFC 6928's initial window for a segment size. */
uint32_t tcp_cc_initial_window(const struct tcp_conn *conn);

#endif
