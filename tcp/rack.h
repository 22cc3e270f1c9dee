/*
 * RACK (RFC 8985 section 6.2): a segment is lost when one that was sent later has been
 * delivered, and a reordering window has passed since. Its state is the connection's,
 * in the flight, and goes with it when nothing is queued.
 */
#ifndef HEADRACE_TCP_RACK_H
#define HEADRACE_TCP_RACK_H

#include "tcp/tcp.h"

/* A record was delivered, by ACK or SACK: steps 1 to 3. */
void tcp_rack_delivered(struct tcp_conn *conn, const struct tcp_record *record,
                        const struct tcp_ack_news *news);

/* A D-SACK came: step 4. */
void tcp_rack_dsack(struct tcp_conn *conn);

/* The reordering window by so many quarters of the shortest round trip: step 4. */
static inline uint64_t tcp_rack_quarters_ns(const struct tcp_conn *conn, unsigned quarters)
{
    return min_u64((uint64_t)quarters * (conn->rtt.min_rtt_ns / 4), conn->rtt.srtt_ns);
}

/* How long a segment may be late before it is lost: step 4. The connection has a flight. */
uint64_t tcp_rack_window_ns(const struct tcp_conn *conn);

/* Step 5: marks what is lost, and sets the deadline of what may be. True when any was. */
bool tcp_rack_detect_loss(struct tcp_conn *conn);

#endif
