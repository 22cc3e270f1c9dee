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

/* RCV.EDGE moves on. */
static inline void tcp_window_widen(struct tcp_conn *conn, uint32_t bytes)
{
    conn->tcp->promised_bytes += bytes;
    conn->rcv.edge += bytes;
}

/* Bytes that wait for the application. */
static inline uint32_t tcp_window_unread(const struct tcp_conn *conn)
{
    return conn->recvq.bytes + conn->rcv.held;
}

/* By `step` or more, if it may be; tcp_window_open() calls it. */
void tcp_window_open_by(struct tcp_conn *conn, uint32_t step);

/* Opens the window as far as it may be now. Most segments leave no room for a step. */
static inline void tcp_window_open(struct tcp_conn *conn)
{
    uint32_t step = min_u32(conn->rcv.buffer / 2, conn->snd.mss);

    if (tcp_window(conn) + step <= conn->rcv.buffer || tcp_conn_has(conn, TCP_CONN_SQUEEZED)) {
        tcp_window_open_by(conn, step);
    }
}

/* Opens the window and returns the field of the next segment.
 * Rounded up to a unit of the scale, so that the edge stays for the peer too. Each
 * segment that is no multiple of a unit would move it on so, with nobody reading: a
 * buffer that is exceeded by an eighth is told rounded down, by less than a unit, as
 * RFC 7323 section 2.4 allows; what was promised is still taken. */
static inline uint16_t tcp_window_field(struct tcp_conn *conn)
{
    unsigned shift = conn->rcv.wscale;
    uint32_t most = conn->rcv.buffer + conn->rcv.buffer / 8;
    uint32_t window, units;

    tcp_window_open(conn);
    window = tcp_window(conn);
    units = (window + (1u << shift) - 1) >> shift;
    if (tcp_window_unread(conn) + (units << shift) > most) {
        units = window >> shift;
    }
    units = min_u32(units, UINT16_MAX);
    if (units << shift > window) {
        tcp_window_widen(conn, (units << shift) - window);
    }
    return (uint16_t)units;
}

/* A SYN's is never scaled (RFC 7323 section 2.2). */
static inline uint16_t tcp_window_field_of_syn(const struct tcp_conn *conn)
{
    return (uint16_t)min_u32(tcp_window(conn), UINT16_MAX);
}

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
