/*
 * Keepalives (RFC 9293 section 3.8.4): a connection on which nothing was heard for a while is
 * asked for an ACK, by a segment without text just before what the peer expects (SHLD-12).
 * Answers are no other than ACKs, so what counts is when anything was heard at all.
 *
 * While something is queued to be sent, retransmissions and probes of the window ask, and
 * keepalives wait, as in Linux. With a user timeout that decides when silence has lasted too
 * long, instead of their count (as in Linux; RFC 5482 section 4.1 has the two side by side).
 *
 * The deadline is conn->life_ns, which is no other's while the application has not closed.
 */
#ifndef HEADRACE_TCP_KEEPALIVE_H
#define HEADRACE_TCP_KEEPALIVE_H

struct tcp_conn;

/* From now, in whatever state: as the policy says. */
void keepalive_begin(struct tcp_conn *conn);

/* The deadline has come. */
void keepalive_due(struct tcp_conn *conn);

/* So many have gone since anything was heard. */
unsigned keepalives_unanswered(const struct tcp_conn *conn);

#endif
