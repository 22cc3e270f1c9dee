/*
 * Urgent data (RFC 9293 section 3.8.5, RFC 6093): a mark in the stream, which each side may
 * move on, and nothing else. No byte is taken out of the stream.
 *
 * The urgent pointer is the sequence number behind the last urgent byte (MUST-62), as an offset
 * from the segment's own number. A mark farther off than the field reaches is told as
 * 65,535 and moves on with the segments that follow: a run of any length (MUST-31).
 *
 * Invariant: TCP_CONN_URGENT_IN exactly while the application has bytes before RCV.UP to
 * read. TCP_CONN_URGENT_OUT is set while bytes before SND.UP are unacknowledged, and until
 * something is sent after.
 */
#ifndef HEADRACE_TCP_URGENT_H
#define HEADRACE_TCP_URGENT_H

#include "tcp/tcp.h"

/* Sixth step of RFC 9293 section 3.10.7.4, for a segment with URG: tells the application when
 * there is a mark where there was none, or it has moved on (MUST-32). */
void urgent_arrived(struct tcp_conn *conn, const struct tcp_segment *seg);

/* The application was given bytes. */
void urgent_delivered(struct tcp_conn *conn);

/* Bytes that the application has not been given before the mark; 0 without one (MUST-33). */
uint32_t tcp_urgent_left(const struct tcp_conn *conn);

/* SEND with the URGENT flag: takes as much as tcp_send() would, which see, and the mark is
 * behind it. */
int32_t tcp_send_urgent(struct tcp_conn *conn, const void *data, uint32_t length);

/* The pointer of a segment that begins at `seq`; 0 when it has nothing to tell. */
uint16_t urgent_pointer(struct tcp_conn *conn, uint32_t seq);

#endif
