/*
 * Finding and repairing loss: RACK-TLP (RFC 8985) for peers with SACK, or counts of what is SACKed
 * where RACK is off (RFC 6675), the duplicate-ACK rules of RFC 5681 and RFC 6582 for those without,
 * and the retransmission timeout of RFC 6298 below all. Its state is the connection's, in the
 * flight.
 */
#ifndef HEADRACE_TCP_RECOVERY_H
#define HEADRACE_TCP_RECOVERY_H

#include "tcp/tcp.h"

/* What one ACK told, gathered while it was processed. */
struct tcp_ack_news {
    uint32_t acked;           /* sequence space by which SND.UNA moved */
    uint32_t data;            /* bytes of it: SYN and FIN left out */
    uint32_t sacked;          /* bytes newly SACKed */
    uint64_t rtt_ns;          /* UINT64_MAX: no sample */
    uint32_t ts_ecr;          /* TSecr; 0: none */
    uint32_t prior_in_flight; /* the pipe before this ACK */
    uint32_t prior_delivered; /* tcp_delivered() before it */
    uint32_t prior_head;      /* the oldest record before it */
    uint32_t prior_fack;      /* RACK.fack before it */
    bool duplicate;           /* RFC 5681's duplicate ACK */
    bool dsack;
    bool marked;           /* ECN tells of marks */
    bool congested;        /* and they are to be answered */
    uint32_t ce_bytes;     /* about so many bytes of them */
    bool retransmitted;    /* something that was sent more than once was acknowledged */
    bool echoes_earlier;   /* the oldest of all was, and TSecr is of before it went again */
    bool original;         /* and something, neither SACKed before, that was sent once: */
    uint32_t original_seq; /* the oldest of it */
    struct tcp_sack_block dsack_block; /* with dsack */
    bool window_changed;
};

/* A record that was sent once is acknowledged, or SACKed, for the first time. */
static inline void tcp_note_original(struct tcp_ack_news *news, const struct tcp_record *record)
{
    if (!news->original || seq_lt(record->seq, news->original_seq)) {
        news->original = true;
        news->original_seq = record->seq;
    }
}

/* After the scoreboard was updated: marks losses, enters and leaves recovery,
 * lets the congestion window grow. */
void tcp_recovery_on_ack(struct tcp_conn *conn, const struct tcp_ack_news *news);

/* Of an ACK that tells of nothing else: the congestion window grows by `credit` bytes, if it is
 * what limits. RFC 5681 section 3.1: the ACK of a SYN lets nothing grow. */
void tcp_recovery_grow(struct tcp_conn *conn, const struct tcp_ack_news *news, uint32_t credit);

/* Loss is repaired anew, in slow start: after an RTO, or with `too_big` after ICMP's word, when one
 * segment goes whatever the pipe holds. */
void tcp_recovery_restart(struct tcp_conn *conn, bool too_big);

/* The shared retransmission timer ran out. */
void tcp_recovery_on_timer(struct tcp_conn *conn);

static inline void tcp_mark_lost(struct tcp_conn *conn, uint32_t position)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;

    sendq_mark_lost(sendq, position);
    if (tcp_conn_has(conn, TCP_CONN_RATED)) {
        rate_lost(conn, sendq_at(sendq, position));
    }
}

/* DupThresh. What was set is more than a small flight can bring: there, what was out before
 * limited transmit let new text out is the most, or each loss would cost a timeout, and each
 * duplicate a segment more than the window has. */
uint32_t tcp_dup_threshold(const struct tcp_conn *conn);

/* The pipe: what is in the network by all that the ACKs told. */
static inline uint32_t tcp_pipe(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    uint32_t left;

    if (flight->dup_acks == 0) {
        return flight->sendq.in_flight_bytes;
    }
    left = (uint32_t)flight->dup_acks * conn->snd.mss;
    return flight->sendq.in_flight_bytes - min_u32(left, flight->sendq.in_flight_bytes);
}

#endif
