/*
 * What a connection may send, and when (RFC 9293 sections 3.7 and 3.8). The
 * transmit list holds connections, never built segments; tcp_transmit() in
 * transmit.c serves it.
 */
#ifndef HEADRACE_TCP_OUTPUT_H
#define HEADRACE_TCP_OUTPUT_H

#include "tcp/tcp.h"

enum output_verdict {
    OUTPUT_DONE,  /* nothing more to send now */
    OUTPUT_PACED, /* something may go, but not yet */
    OUTPUT_MORE,  /* the quantum is used up */
    OUTPUT_STUCK, /* no frame, or no place in the queue: later */
};

/* Sends what may go now, up to a quantum, and the ACK that is due. The path is ready. */
enum output_verdict output_serve(struct tcp_conn *conn);

/* Cuts the record at `position`, and counts it. False when there is no memory. */
bool tcp_split(struct tcp_conn *conn, uint32_t position, uint32_t length);

/* Bytes of new data that the peer's window still takes. */
static inline uint32_t tcp_usable_window(const struct tcp_conn *conn)
{
    uint32_t edge = conn->snd.una + conn->snd.wnd;

    return seq_gt(edge, conn->snd.nxt) ? edge - conn->snd.nxt : 0;
}

/* Something is queued that was never sent. */
static inline bool tcp_has_unsent(const struct tcp_conn *conn)
{
    return conn->flight && sendq_has_unsent(&conn->flight->sendq);
}

#endif
