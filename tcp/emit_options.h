/*
 * The options of what a connection sends. They are written right before the text, so each function
 * takes where that begins, and returns their bytes.
 */
#ifndef HEADRACE_TCP_EMIT_OPTIONS_H
#define HEADRACE_TCP_EMIT_OPTIONS_H

#include "tcp/emit.h"

/* Of a SYN, or a SYN-ACK that a connection sends. */
unsigned emit_syn_options(struct tcp_conn *conn, uint8_t *payload);

/* Of a record, while there is something to tell of ECN: with the option of accurate ECN, when it
 * goes for the first time and leaves room for it. */
unsigned emit_told_options(struct tcp_conn *conn, const struct tcp_record *record,
                           uint8_t *payload);

/* Of a pure ACK: with SACK blocks, and what is to be told of ECN. */
unsigned emit_ack_options(struct tcp_conn *conn, uint8_t *payload);

/* Of all others. */
static inline unsigned emit_timestamps(const struct tcp_conn *conn, uint8_t *payload)
{
    return tcp_conn_has(conn, TCP_CONN_TIMESTAMPS)
               ? tcp_timestamps_write(payload, tcp_timestamp(conn), conn->ts_recent)
               : 0;
}

#endif
