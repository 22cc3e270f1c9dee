/*
 * Who gives up text that came out of order when frames or pieces are short: not only the
 * connection to which more comes. A receiver may drop what it has SACKed (RFC 2018 section 8);
 * the sender keeps it until it is acknowledged.
 *
 *   - Whoever has more than twice as many pieces out of order as another makes room for it: a
 *     single segment does not cost somebody all that is behind a loss.
 *   - While things are short, what waits behind a hole that has not moved for some seconds goes.
 *
 * A hand goes round the connections, some places with each call, so that no call costs more,
 * however many there are.
 *
 * Owner: the worker's `struct tcp`, which has the hand.
 */
#ifndef HEADRACE_TCP_PRUNE_H
#define HEADRACE_TCP_PRUNE_H

#include "tcp/tcp.h"

/* Drops the highest range of some connection that has so many more pieces than this one.
 * False when the hand has met none: it may with the next call. */
bool tcp_prune_other(const struct tcp_conn *conn);

/* Each turn: what is old, while frames or pieces are short. */
void tcp_prune_old(struct tcp *tcp);

/* The hole has moved, or is new. */
static inline void tcp_prune_later(struct tcp_conn *conn)
{
    conn->reassembly.since = (uint16_t)tcp_age(conn->tcp);
}

#endif
