/*
 * Segment arrival, split by the numbered steps of RFC 9293 section 3.10.7.
 *
 *   burst.c         a burst parsed, the connections found
 *   input.c         steps in order; state by state
 *   input_open.c    LISTEN, SYN-SENT, and the TIME-WAIT entries
 *   input_cookie.c  LISTEN with SYN cookies
 *   input_checks.c  steps 1 to 4: sequence, RST, SYN
 *   input_ack.c     step 5: the ACK field
 *   input_text.c    steps 6 to 8: text and FIN
 */
#ifndef HEADRACE_TCP_INPUT_H
#define HEADRACE_TCP_INPUT_H

#include "tcp/seq.h"
#include "tcp/tcp.h"

/* A segment of a burst. */
struct tcp_arrival {
    struct tcp_segment seg;
    struct tcp_tuple tuple;
    uint64_t hash;          /* of the tuple, in the table */
    struct tcp_conn *guess; /* the first with the tag of the hash, or NULL; not compared yet */
    const struct packet *packet;
};

/* A segment for a connection, in whatever state. */
void tcp_input_connection(struct tcp_conn *conn, struct tcp_segment *seg);
/* A segment that no connection has: for the TIME-WAIT entry of that index, or with
 * TIMEWAIT_NONE for a listener, another worker, or nobody (3.10.7.1). The connection that a
 * cookie in it has made, which then takes it, or NULL. */
struct tcp_conn *tcp_input_unconnected(struct tcp *tcp, uint32_t entry,
                                       const struct tcp_arrival *arrival);

/* A SYN for a listener: 3.10.7.2. */
void tcp_input_listen(struct tcp *tcp, struct tcp_listener *listener,
                      const struct tcp_arrival *arrival);
/* Answers a SYN with a cookie. */
void tcp_cookie_answer(struct tcp *tcp, struct tcp_listener *listener,
                       const struct tcp_arrival *arrival);
/* The ACK of one: false when it is none, and to be reset; *out is the connection that it has made,
 * or NULL. */
bool tcp_cookie_accept(struct tcp *tcp, struct tcp_listener *listener,
                       const struct tcp_arrival *arrival, struct tcp_conn **out);

/* 3.10.7.3. */
void tcp_input_syn_sent(struct tcp_conn *conn, struct tcp_segment *seg);

/* A segment for a TIME-WAIT entry, which may make place for a new connection. */
void tcp_input_timewait(struct tcp *tcp, uint32_t index, const struct tcp_arrival *arrival);

/* First check: the sequence number, PAWS before it (RFC 7323 section 5.3).
 * Trims the segment to the window. True to go on. */
bool tcp_check_sequence(struct tcp_conn *conn, struct tcp_segment *seg);
/* Cuts what is beyond the window, FIN included. */
void tcp_trim_right(struct tcp_conn *conn, struct tcp_segment *seg);
/* RFC 7323 section 4.3: the timestamp of the segment that the next ACK is
 * about, so that delayed ACKs echo the oldest. */
static inline void tcp_keep_timestamp(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (seq_le(seg->seq, conn->rcv.acked)) {
        conn->ts_recent = seg->ts_val;
        conn->ts_recent_age = tcp_age(conn->tcp);
    }
}

/* Second check: RST. True to go on. */
bool tcp_check_reset(struct tcp_conn *conn, const struct tcp_segment *seg);
/* Fourth check: SYN. True to go on. */
bool tcp_check_syn(struct tcp_conn *conn, const struct tcp_segment *seg);
/* RFC 5961 section 7: at most so many a second and connection. */
void tcp_challenge_ack(struct tcp_conn *conn);

/* RFC 5961 section 5.2: an ACK of nothing newer than we sent, and of nothing too old. */
static inline bool tcp_ack_is_plausible(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    return seg->flags & TCP_ACK && seq_le(seg->ack, conn->snd.nxt) &&
           seq_ge(seg->ack, conn->snd.una - conn->snd.wnd_max);
}

/* Fifth check: the ACK field. True to go on. */
bool tcp_accept_ack(struct tcp_conn *conn, const struct tcp_segment *seg);
/* The owed on_writable, when there is room again and frames are to be had. */
void tcp_tell_writable(struct tcp_conn *conn);
/* The first ACK of a handshake that we began or answered. */
void tcp_establish(struct tcp_conn *conn, const struct tcp_segment *seg);
/* What the options of the peer's SYN settle. */
void tcp_take_syn_options(struct tcp_conn *conn, const struct tcp_segment *seg);

/* Seventh: text, in order to the application, out of order to wait. */
void tcp_accept_text(struct tcp_conn *conn, struct tcp_segment *seg);
/* Eighth: FIN, when everything before it is here. */
void tcp_fin_arrived(struct tcp_conn *conn, const struct tcp_segment *seg);

static inline void tcp_accept_fin(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (seg->flags & TCP_FIN || tcp_conn_has(conn, TCP_CONN_FIN_PENDING)) {
        tcp_fin_arrived(conn, seg);
    }
}
/* Hands what waits to the application, until it pauses. */
void tcp_deliver_queued(struct tcp_conn *conn);

/* Both directions are over: TIME-WAIT, or CLOSED from LAST-ACK. Not before the
 * application has had all that arrived. */
void tcp_finish(struct tcp_conn *conn, enum tcp_state last);

#endif
