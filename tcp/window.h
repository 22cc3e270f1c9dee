/*
 * The receive window: what we promise. The right edge, RCV.EDGE, never moves left
 * (RFC 9293 SHLD-14); it moves right in steps worth a segment (section 3.8.6.2.2).
 * What is told of it is rounded up to the window's scale, and down only when nobody
 * reads (RFC 7323 section 2.4).
 *
 * The buffer grows with what the peer sends in a round trip while the application reads all of
 * it, up to the policy's most and out of the budget that nobody was promised; it never shrinks.
 * While more is promised than the limit a window begins with two segments and is earned: it
 * opens as far as the application has been given bytes.
 */
#ifndef HEADRACE_TCP_WINDOW_H
#define HEADRACE_TCP_WINDOW_H

#include "tcp/tcp.h"

/* RCV.WND: what is left of the promise. */
static inline uint32_t tcp_window(const struct tcp_conn *conn)
{
    return conn->rcv.edge - conn->rcv.nxt;
}

/* The first window of a connection, by the promises that are out already. */
uint32_t tcp_window_initial(const struct tcp *tcp, uint32_t buffer, uint32_t mss);

/* The shift for a buffer as large as it may become: the smallest that lets 16 bits tell it. */
uint8_t tcp_window_scale(const struct tcp_settings *settings);

/* The connection is established: the first round of what the peer sends begins. */
void tcp_window_tune_begin(struct tcp_conn *conn);

/* Opens the window as far as it may be now. */
void tcp_window_open(struct tcp_conn *conn);

/* Opens the window and returns the field of the next segment. A SYN's window
 * is never scaled (RFC 7323 section 2.2). */
uint16_t tcp_window_field(struct tcp_conn *conn, bool syn);

/* SQUEEZED or STARVED: in a while the timer looks whether there are frames. */
void tcp_recheck_frames(struct tcp_conn *conn, uint32_t flag);

/* The application gave room back: sends an ACK when that opened the window by
 * enough for the peer to know. */
void tcp_window_freed(struct tcp_conn *conn);

/* RCV.NXT moves on: so much of the promise is kept. A FIN may step over the
 * edge by one. */
static inline void tcp_window_keep(struct tcp_conn *conn, uint32_t bytes)
{
    uint32_t kept = min_u32(bytes, tcp_window(conn));

    conn->tcp->promised_bytes -= kept;
    conn->rcv.nxt += bytes;
    conn->rcv.edge += bytes - kept;
}

/* Takes back the connection's share of the promises, at its end. */
void tcp_window_forget(struct tcp_conn *conn);

#endif
