/*
 * Writing segments. A header is written in the moment in which the segment gets
 * its place in the port, never earlier, so its ACK, window and timestamp are
 * the newest. The caller has seen room in the port and a path that is ready.
 */
#ifndef HEADRACE_TCP_EMIT_H
#define HEADRACE_TCP_EMIT_H

#include "tcp/options.h"
#include "tcp/tcp.h"

/* Sends the record at `position` for the first time or again. False when it
 * must wait: no frame for a copy or a SYN. */
bool emit_record(struct tcp_conn *conn, uint32_t position);

/* Sends a pure ACK, with SACK blocks when there are any. False when no control
 * frame is free; then ACK_NOW stays set. */
bool emit_ack(struct tcp_conn *conn);

/* Sends <SEQ=SND.NXT><CTL=RST,ACK> for a connection that is being aborted. */
void emit_reset(struct tcp_conn *conn);

/* The RST of RFC 9293 section 3.5.2 group 1: in answer to a segment that no
 * connection wants. */
void emit_reset_to(struct tcp *tcp, const struct tcp_tuple *tuple, const struct tcp_segment *seg);

/* The ACK of a TIME-WAIT entry. False when no control frame is free. */
bool emit_timewait_ack(struct tcp *tcp, const struct timewait_entry *entry);

/* A SYN-ACK of no connection. False when no control frame is free. */
struct emit_syn_ack {
    uint32_t seq;
    uint32_t ack;
    uint16_t flags; /* of ECN */
    uint16_t window;
    uint8_t tos;
    uint8_t ttl;
    struct tcp_options_out options;
};
bool emit_syn_ack(struct tcp *tcp, const struct tcp_tuple *tuple, const struct emit_syn_ack *what);

/* Room for one more packet. */
static inline bool emit_has_room(const struct tcp *tcp)
{
    return tcp->net->port->tx_room > 0;
}

/* The timestamp clock of a connection: 1 ms, with its own offset (RFC 7323
 * section 5.4). */
static inline uint32_t tcp_timestamp(const struct tcp_conn *conn)
{
    return conn->tcp->now_ms + conn->ts_offset;
}

#endif
