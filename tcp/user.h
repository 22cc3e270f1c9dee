/*
 * The calls of an application (RFC 9293 section 3.9.1), one connection of the
 * calling worker each. Errors are negative enumerators of tcp_error.
 */
#ifndef HEADRACE_TCP_USER_H
#define HEADRACE_TCP_USER_H

#include "tcp/tcp.h"

enum tcp_error {
    TCP_OK = 0,
    TCP_ERR_AGAIN = -1,     /* the send buffer is full; on_writable follows */
    TCP_ERR_NO_MEMORY = -2, /* no frame, record or connection; on_writable follows for sends */
    TCP_ERR_STATE = -3,     /* not in this state: shut down, closed */
    TCP_ERR_IN_USE = -4,    /* address or port in use */
    TCP_ERR_ADDRESS = -5,   /* no such local address, or a peer that is no single host */
    TCP_ERR_ROUTE = -6,     /* no route to the peer */
    TCP_ERR_ARGUMENT = -7,  /* out of range */
};

/* Active OPEN. A zero local port is chosen by RFC 6056, an unspecified local
 * address by the route. *out is set with TCP_OK alone; `tuple` and `settings` are copied. */
int tcp_connect(struct tcp *tcp, const struct tcp_tuple *tuple, const struct tcp_settings *settings,
                struct tcp_conn **out);

/* Bytes that may be queued to send now: what was set, or up to the policy's most so much as
 * keeps the congestion window full. */
uint32_t tcp_send_limit(const struct tcp_conn *conn);

/* A writer that was refused is to write again: a third of what may be queued is free, in bytes
 * and in frames. */
bool tcp_send_has_room(const struct tcp_conn *conn);

/* SEND, copying: takes as much of `data` as fits and returns how much, or an
 * error when it is nothing. */
int32_t tcp_send(struct tcp_conn *conn, const void *data, uint32_t length);

/* SEND of received bytes without a copy. `from` is the holder that gives its
 * hold away: FRAME_WORKER inside on_data (the hold itself stays with the
 * worker), FRAME_APP for retained data. All or nothing. */
int tcp_send_slice(struct tcp_conn *conn, const struct slice *slice, enum frame_holder from);

/* SEND in place: a frame of the data budget with room behind the headers. The
 * caller writes at most *room bytes at the returned place and commits them. NULL
 * when it is refused, and on_writable follows, or when nothing may be sent any more;
 * *room is as it was then. */
uint8_t *tcp_reserve(struct tcp_conn *conn, uint32_t *room);
/* The first `length` bytes are sent; with 0 nothing is. The place is TCP's again, whatever comes
 * back: TCP_OK, TCP_ERR_ARGUMENT for more than a frame holds, TCP_ERR_STATE, or
 * TCP_ERR_NO_MEMORY, and on_writable follows. */
int tcp_commit(struct tcp_conn *conn, uint8_t *place, uint32_t length);

/* Inside on_data: `slice` is to stay. Small ones are copied, behind the one retained
 * before where there is room. The window stays smaller by what is held until
 * tcp_data_release. False when no frame is left, or the slice was retained
 * 65,535 times, which cannot be for the slices of one on_data each retained once. */
bool tcp_data_retain(struct tcp_conn *conn, const struct slice *slice, struct slice *out);
void tcp_data_release(struct tcp_conn *conn, const struct slice *slice);
/* Retained data went on to be sent with tcp_send_slice(): `conn`, which it came
 * through, has its window back. */
void tcp_data_passed(struct tcp_conn *conn, uint32_t bytes);
/* Gives back retained data of a connection that is gone. */
void tcp_data_release_orphan(struct tcp *tcp, const struct slice *slice);

/* Stops and resumes delivery; data waits in the receive queue. */
void tcp_pause(struct tcp_conn *conn);
void tcp_resume(struct tcp_conn *conn);

/* Half close: FIN behind what is queued, now or once there is memory. TCP_ERR_STATE when it was
 * asked for before, or there is nothing to shut. */
int tcp_shutdown(struct tcp_conn *conn);
/* CLOSE: FIN, and nobody reads any more. What is queued has a time to be taken in (see user.c;
 * TCP_REASON_TIMEOUT). A RST instead where data is unread (TCP_REASON_UNREAD; RFC 2525), or where
 * orphans_max were closed before and have not ended (TCP_REASON_NO_MEMORY); later, at a timeout,
 * where frames are critical (likewise). */
void tcp_close(struct tcp_conn *conn);
/* ABORT: RST. on_close comes at the end of the turn. */
void tcp_abort(struct tcp_conn *conn);

/* Queues the FIN of a connection that is shut down. False when there is no
 * memory; output tries again. */
bool tcp_queue_fin(struct tcp_conn *conn);

/* Bytes of text taken to be sent and not acknowledged yet. */
uint32_t tcp_unacked(const struct tcp_conn *conn);

/* CLOSE, but what the peer has not acknowledged after so long is given up with a RST; at once
 * with 0. */
void tcp_close_within(struct tcp_conn *conn, uint64_t linger_ns);

void tcp_set_nodelay(struct tcp_conn *conn, bool nodelay);

/* While it is set, what does not fill a segment waits for more, for TCP_SWS_OVERRIDE_NS once
 * nothing else waits for an ACK. */
void tcp_set_cork(struct tcp_conn *conn, bool cork);

/* Of what is sent from now on. The ECN bits are TCP's own. */
void tcp_set_dscp(struct tcp_conn *conn, uint8_t dscp);
void tcp_set_ttl(struct tcp_conn *conn, uint8_t ttl);

/* What is received is acknowledged at once for a while, as at the start; an ACK that is held or
 * delayed goes now. */
void tcp_hurry_acks(struct tcp_conn *conn);

#endif
