/*
 * One or two flows over a line, in virtual time: a sender that always has data, a receiver that
 * reads at once, buffers that never limit. The queue of the line holds a round trip, and 20
 * packets at least.
 *
 * One thread; flows_run() owns all that it takes until it returns.
 */
#ifndef HEADRACE_TESTS_SIM_FLOWS_H
#define HEADRACE_TESTS_SIM_FLOWS_H

#include "tests/sim/pair.h"

#define FLOWS_MAX 2u
#define FLOWS_GOALS 2u
#define FLOWS_MSS 1448.0
#define FLOWS_PACKET_BYTES 1514.0

struct flows_line {
    double mbits; /* 0: no limit */
    double rtt_ms;
    double loss;         /* of 1, of what carries data */
    double apart_ms;     /* from the beginning of one flow to that of the next */
    double mark_packets; /* waiting: more are marked; 0: none are */
};

struct flows_plan {
    struct flows_line line;
    const struct tcp_cc_ops *cc;
    unsigned flows;
    enum tcp_ecn_mode ecn;
    uint32_t ack_every; /* segments for an ACK; 0: the default */
    double skip_s;      /* does not count */
    double seconds;     /* does */
};

struct flows_result {
    double mbits[FLOWS_MAX];
    double window;        /* of the first flow: segments in flight, in the mean */
    double rtt_ms;        /* smoothed, of the first flow, likewise */
    double queue_ms;      /* that a packet would have waited, likewise */
    double queue_ms_most; /* and at worst */
    uint64_t lost;        /* at random */
    uint64_t dropped;     /* by the queue */
    uint64_t marked;
    struct tcp_counters sender;  /* in the time that counts, as all of these */
    double goal_ms[FLOWS_GOALS]; /* of the first flow, from its SYN on; 0: not reached */
};

/* Bytes in order: 100 kB and 1 MB. */
extern const uint64_t flows_goals[FLOWS_GOALS];

/* What the line holds in a round trip. */
double flows_round_trip_bytes(const struct flows_line *line);

/* Ends the program when there is no memory. */
void flows_run(const struct flows_plan *plan, struct flows_result *result);

#endif
