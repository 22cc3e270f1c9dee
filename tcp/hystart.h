/*
 * HyStart++ (RFC 9406): leaves the first slow start when the round-trip time rises, before
 * the queue overflows, by way of a slower one that may turn out to be needless.
 *
 * Owner: the flight. The RFC's names, times in microseconds.
 */
#ifndef HEADRACE_TCP_HYSTART_H
#define HEADRACE_TCP_HYSTART_H

#include <stdint.h>

struct tcp_conn;

struct tcp_hystart {
    uint32_t window_end;
    uint32_t last_round_min_us;    /* UINT32_MAX: none yet */
    uint32_t current_round_min_us; /* likewise */
    uint32_t css_baseline_min_us;  /* UINT32_MAX: not in conservative slow start */
    uint8_t rtt_sample_count;
    uint8_t css_rounds;
};

/* Slow start begins. */
void hystart_open(struct tcp_conn *conn, struct tcp_hystart *hystart);

/* An ACK in slow start, with its sample of the round trip or UINT64_MAX: by how much of
 * `bytes` the window may grow. At the end of it ssthresh is the window. */
uint32_t hystart_on_ack(struct tcp_conn *conn, struct tcp_hystart *hystart, uint32_t bytes,
                        uint64_t rtt_ns);

#endif
