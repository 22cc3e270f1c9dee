/*
 * SACK blocks that arrive (RFC 2018, RFC 2883), into the scoreboard that the send
 * queue is. On the worker.
 */
#ifndef HEADRACE_TCP_SACK_H
#define HEADRACE_TCP_SACK_H

#include "tcp/recovery.h"

/* SACK blocks and D-SACK, into the send queue and the news. */
void tcp_take_sacks(struct tcp_conn *conn, const struct tcp_segment *seg,
                    struct tcp_ack_news *news);

#endif
