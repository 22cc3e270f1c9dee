/*
 * Spurious recovery: what was sent again had not been lost, only late. Found by
 *
 *   timestamps   the ACK of what was sent again echoes the first transmission (RFC 3522)
 *   D-SACK       the peer had all of it already (RFC 3708)
 *   F-RTO        behind a timeout, what was sent but once is acknowledged (RFC 5682)
 *
 * and then the windows are what they were before (RFC 4015 section 3.2, RFC 9438 section
 * 4.9), and what was taken for lost is in flight again.
 *
 * Invariant: with flight->can_undo, flight->undo tells of the last recovery and of what was
 * before it.
 *
 * Owner: the flight, so that an idle connection forgets it.
 */
#ifndef HEADRACE_TCP_UNDO_H
#define HEADRACE_TCP_UNDO_H

#include "tcp/cc_cubic.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp_ack_news;
struct tcp_conn;

struct tcp_undo {
    struct tcp_cubic cubic;
    uint32_t cwnd; /* bytes */
    uint32_t ssthresh;
    uint32_t start;   /* SND.UNA when the recovery began */
    uint32_t end;     /* SND.NXT then */
    uint32_t again;   /* segments of it that were sent again, and no D-SACK has told of */
    uint32_t ts_sent; /* the timestamp of the first that was sent again; 0: none was */
};

/* Where F-RTO stands (RFC 5682 section 2.1). */
enum tcp_frto {
    TCP_FRTO_OFF,
    TCP_FRTO_AGAIN, /* the oldest segment went again, nothing else */
    TCP_FRTO_NEW,   /* an ACK of it came: data never sent goes before what is lost */
};

/* A recovery begins; the windows are not touched yet. One that a timeout interrupts keeps
 * what was before it. */
void undo_begin(struct tcp_conn *conn);

/* A segment is sent again. */
void undo_count(struct tcp_conn *conn);

/* An ACK came: true when it shows that the recovery was needless, which is over now. */
bool undo_on_ack(struct tcp_conn *conn, const struct tcp_ack_news *news);

/* Whether the SYN that is answered was sent again for nothing. */
bool undo_of_syn(const struct tcp_conn *conn, uint32_t ts_ecr);

/* The RTO has expired: whether F-RTO can tell. */
void frto_begin(struct tcp_conn *conn);

/* What an ACK in recovery from a timeout tells it, undo_on_ack() having found nothing. */
void frto_on_ack(struct tcp_conn *conn, const struct tcp_ack_news *news);

#endif
