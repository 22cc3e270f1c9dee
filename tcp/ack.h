/*
 * When what was received is acknowledged (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2).
 *
 *   at once   out of order, duplicates, a hole filled, FIN, a window that opens; the start,
 *             and what follows a loss
 *   held      two full segments and more: until `ack_every_segments` of them, a good part of
 *             the window, or `ack_hold_ns` after the second, whichever is first
 *   delayed   less than that: with the next data, or after 40 ms
 *
 * A burst of a NIC is cut by when the worker looks, so it is held over a few turns what
 * would else be an ACK for every second segment. Whatever is sent meanwhile carries it.
 *
 * Invariant: a connection has TCP_CONN_ACK_HELD exactly while it stands on tcp->held, which
 * is in order of time, all being held equally long: whoever is due stands in front.
 */
#ifndef HEADRACE_TCP_ACK_H
#define HEADRACE_TCP_ACK_H

#include "tcp/tcp.h"

/* An ACK goes with this turn's output. */
void tcp_ack_now(struct tcp_conn *conn);

/* From here on so many segments as the policy says are each answered at once. */
static inline void tcp_ack_quickly(struct tcp_conn *conn)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);

    conn->rcv.quick_acks = policy->quick_acks;
    if (policy->ack_delay_ms == 0 && policy->quick_acks == 0) {
        conn->rcv.quick_acks = 1; /* and it stays so: nothing is delayed */
    }
}

/* The same, for a peer that has lost something: the segments that follow are answered as at
 * the start, because its window is as small. */
void tcp_ack_loss(struct tcp_conn *conn);

/* So many bytes came in order: acknowledged by the rules above. */
void tcp_ack_owe(struct tcp_conn *conn, uint32_t bytes);

/* Output had nothing that could carry it: what is owed is held or delayed. */
void tcp_ack_later(struct tcp_conn *conn);

/* An ACK before the end of the burst, if it can go; ACK_NOW stays set if it can't. */
void tcp_ack_in_burst(struct tcp_conn *conn);

/* Before a duplicate is noted: if the one before it still waits for its report, that goes
 * first, since each has its own (RFC 2883 section 4). */
void tcp_ack_duplicate_before(struct tcp_conn *conn);

/* Those that were held long enough go to the transmit list. */
void tcp_ack_release(struct tcp *tcp);

/* When the first of the held is due; UINT64_MAX with none. */
uint64_t tcp_ack_next_ns(const struct tcp *tcp);

/* Since when the ACK is held: much less than 2^32 ns. */
static inline uint64_t tcp_ack_held_since(const struct tcp_conn *conn)
{
    return conn->tcp->now_ns - ((uint32_t)conn->tcp->now_ns - conn->ack_held_ns);
}

/* Off the held, for whoever puts the connection on another list. */
static inline void tcp_ack_let_go(struct tcp_conn *conn)
{
    if (tcp_conn_has(conn, TCP_CONN_ACK_HELD)) {
        conn->flags &= ~(uint32_t)TCP_CONN_ACK_HELD;
        list_link_remove(&conn->output_link);
    }
}

/* A segment carried the ACK: nothing is owed. */
static inline void tcp_ack_went(struct tcp_conn *conn)
{
    tcp_ack_let_go(conn);
    conn->flags &= ~(uint32_t)(TCP_CONN_ACK_NOW | TCP_CONN_KEEPALIVE);
    conn->rcv.acked = conn->rcv.nxt;
    if (!tcp_conn_has(conn, TCP_CONN_SQUEEZED | TCP_CONN_STARVED)) {
        conn->ack_ns = UINT64_MAX; /* the wheel's entry comes due for nothing, once */
    }
}

#endif
