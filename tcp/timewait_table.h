/*
 * TIME-WAIT entries in the worker's table: they stand beside connections, with
 * one bit of the value telling them apart.
 */
#ifndef HEADRACE_TCP_TIMEWAIT_TABLE_H
#define HEADRACE_TCP_TIMEWAIT_TABLE_H

#include "tcp/tcp.h"

#define TCP_TABLE_TIMEWAIT (1u << 31)

/* The value of the tuple in the table: the index of a connection, or with the bit that of
 * an entry; TABLE_NONE. `hash` as for tcp_conn_create(). */
uint32_t tcp_table_find(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash);

/* The connection is over: an entry takes its place in the table, the oldest making room when all
 * are in use, and it ends with this turn. */
void tcp_enter_timewait(struct tcp_conn *conn);

/* The entry leaves before its time. */
void tcp_timewait_forget(struct tcp *tcp, uint32_t index);

/* The ACK of the entry goes, or with the port full or no frame is owed: lost, it would leave the
 * peer in LAST-ACK for an RTO. */
void tcp_timewait_ack(struct tcp *tcp, uint32_t index);

/* The same in answer to what needs none, or may be forged: at most so many a second and entry, as
 * with tcp_challenge_ack(). */
void tcp_timewait_challenge(struct tcp *tcp, uint32_t index);

/* Once a turn: those whose 2MSL has passed leave, 4,096 of them at the most, and what is owed goes
 * as far as there is room. */
void tcp_timewait_expire(struct tcp *tcp);

#endif
