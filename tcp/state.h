/*
 * The states of RFC 9293 section 3.3.2 and the legal ways between them.
 * tcp_state_set() is the one place where a connection changes state.
 */
#ifndef HEADRACE_TCP_STATE_H
#define HEADRACE_TCP_STATE_H

#include <stdbool.h>

enum tcp_state {
    TCP_CLOSED,
    TCP_LISTEN,
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
    TCP_TIME_WAIT,
    TCP_STATE_COUNT,
};

struct tcp_conn;

/* Whether RFC 9293 allows the step; CLOSED can be reached from everywhere. */
bool tcp_state_is_legal(enum tcp_state from, enum tcp_state to);

/* Asserts that the step is legal. */
void tcp_state_set(struct tcp_conn *conn, enum tcp_state to);

/* "ESTABLISHED", as RFC 9293 spells it. */
const char *tcp_state_name(enum tcp_state state);

/* ESTABLISHED or later, TIME-WAIT included (RFC 9293 section 3.5.2). */
static inline bool tcp_state_is_synchronized(enum tcp_state state)
{
    return state >= TCP_ESTABLISHED;
}

/* Data of the application may still be queued. */
static inline bool tcp_state_may_send(enum tcp_state state)
{
    return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_SYN_SENT ||
           state == TCP_SYN_RECEIVED;
}

/* Text of the peer may still arrive; in SYN-RECEIVED that of a SYN with Fast Open. */
static inline bool tcp_state_may_receive(enum tcp_state state)
{
    return state == TCP_SYN_RECEIVED || state == TCP_ESTABLISHED || state == TCP_FIN_WAIT_1 ||
           state == TCP_FIN_WAIT_2;
}

#endif
