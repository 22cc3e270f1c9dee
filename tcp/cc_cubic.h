/*
 * CUBIC (RFC 9438): after a loss the window follows a cubic of the time since, flat where
 * the loss was, or what Reno would have where that is more.
 *
 * Owner: the connection; the functions of tcp_cc_cubic alone change it. Times are of the
 * connection's busy clock (tcp_busy_time), which stands still while nothing is sent: section
 * 5.8 lets no idle time into the cubic.
 */
#ifndef HEADRACE_TCP_CC_CUBIC_H
#define HEADRACE_TCP_CC_CUBIC_H

#include <stdbool.h>
#include <stdint.h>

/* The unit of time: 2^20 ns, about a millisecond. */
#define CUBIC_TIME_SHIFT 20u

struct tcp_cubic {
    uint64_t credit;     /* bytes acknowledged times bytes to gain, towards a segment */
    uint64_t est_credit; /* 17ths of bytes acknowledged, towards a segment of w_est */
    uint32_t w_max;      /* bytes; 0 after a timeout: the window is its own plateau */
    uint32_t w_est;      /* bytes: Reno's window in the same place */
    uint32_t cwnd_prior; /* bytes, before the last loss */
    uint32_t k : 31;     /* from the epoch to w_max, in units of time */
    uint32_t avoids : 1; /* this stage of avoidance has begun: */
    uint32_t epoch;      /* when, by tcp_busy_time(), */
    uint32_t grown;      /* and when the window was last what limited the sender */
};

/* Equation 2: when the cubic has made up for `deficit` bytes, in units of time. */
uint32_t cubic_k(uint32_t deficit, uint32_t mss);

/* Equation 1: the window at time t of the epoch. */
uint32_t cubic_window(const struct tcp_cubic *cubic, uint32_t t, uint32_t mss);

#endif
