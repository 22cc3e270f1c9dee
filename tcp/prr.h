/*
 * Proportional rate reduction (RFC 9937): in fast recovery the window follows what was
 * delivered, so that it arrives at ssthresh when the recovery ends, neither in silence nor
 * in bursts.
 *
 * Invariant: during fast recovery conn->cwnd is the pipe and what may be sent now (sndcnt).
 * `delivered` counts every byte once, when it is first acknowledged or SACKed: SND.UNA and
 * what is SACKed beyond it, as a position in the sequence space.
 *
 * Owner: the flight; recovery calls it.
 */
#ifndef HEADRACE_TCP_PRR_H
#define HEADRACE_TCP_PRR_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;

struct tcp_prr {
    uint32_t start;      /* tcp_delivered() before the ACK that began it */
    uint32_t last;       /* tcp_delivered() after the last ACK */
    uint32_t recover_fs; /* RecoverFS: bytes that may be delivered in this recovery */
    uint32_t out;        /* prr_out: bytes sent in it */
};

/* Where delivery stands. */
uint32_t tcp_delivered(const struct tcp_conn *conn);

/* Fast recovery begins, with ssthresh set: by an ACK, before which `delivered` was taken, or
 * by RACK's timer. */
void prr_begin(struct tcp_conn *conn, uint32_t delivered);

/* An ACK of it, that which began it included. `safe`: SND.UNA advanced, and no further
 * loss was found (SafeACK). */
void prr_on_ack(struct tcp_conn *conn, bool safe);

#endif
