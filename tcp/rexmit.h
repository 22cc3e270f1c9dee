/*
 * The retransmission timer that RTO (RFC 6298), tail loss probes and RACK (RFC 8985), window
 * probes and their override (RFC 9293 section 3.8.6) share: one of them at a
 * time. On the worker. Named floors are in limits.h.
 */
#ifndef HEADRACE_TCP_REXMIT_H
#define HEADRACE_TCP_REXMIT_H

#include "tcp/tcp.h"

/* For what is queued; tcp_rexmit_arm() calls it. */
void tcp_rexmit_arm_queued(struct tcp_conn *conn);

/* After anything that changed what is in flight or queued: starts, restarts or
 * stops the retransmission timer. */
static inline void tcp_rexmit_arm(struct tcp_conn *conn)
{
    if (conn->flight && !sendq_is_empty(&conn->flight->sendq)) {
        tcp_rexmit_arm_queued(conn);
        return;
    }
    conn->rexmit_timer = TCP_TIMER_NONE;
    conn->rexmit_ns = UINT64_MAX; /* later: nothing to tell the wheel */
}

/* When the user timeout is over, which the policy must have; UINT64_MAX while nothing waits for an
 * answer. */
static inline uint64_t tcp_user_timeout_ns(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    if (sendq->head == sendq->next) {
        return UINT64_MAX;
    }
    return sendq_at(sendq, sendq->head)->first_tx_ns +
           tcp_conn_policy(conn)->user_timeout_ms * (uint64_t)NS_PER_MS;
}

/* What was backed off and counted towards R2 was not the peer's silence. A connection that its
 * application has closed keeps the count: it is not kept for ever. */
void tcp_rexmit_forget(struct tcp_conn *conn);

/* Sends a tail loss probe (RFC 8985 section 7.3). Where it cannot go, the RTO follows. */
void tcp_tlp_send(struct tcp_conn *conn);

#endif
