/*
 * Congestion control behind one table of functions. An algorithm owns conn->cwnd,
 * conn->ssthresh and conn->cc_state; recovery tells it what happened. Others set the windows, too:
 * rate reduction (prr.c, islost.c) cwnd while a recovery lasts, but for an algorithm with a model;
 * mtu.c, when a path has dropped segments for their size: cwnd down, and ssthresh to where it was;
 * hystart.c ssthresh, when the first slow start ends; undo.c puts both back.
 */
#ifndef HEADRACE_TCP_CC_H
#define HEADRACE_TCP_CC_H

#include "tcp/rate.h"
#include "tcp/tcp.h"

struct tcp_cc_ops {
    const char *name;
    /* The connection is established: the initial window. */
    void (*open)(struct tcp_conn *conn);
    /* So many bytes were newly acknowledged outside of recovery, while the
     * window was what limited the sender. `rtt_ns` is this ACK's sample of the round
     * trip, or UINT64_MAX. */
    void (*acked)(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns);
    /* Loss was found: ssthresh and the window for the recovery. `in_flight` is
     * the pipe before it. */
    void (*loss)(struct tcp_conn *conn, uint32_t in_flight);
    /* Packets were marked (ECN): as loss(), once in a round trip. */
    void (*congested)(struct tcp_conn *conn, uint32_t in_flight);
    /* Of so many bytes acknowledged or SACKed so many were marked: each ACK tells. NULL: of no
     * interest. */
    void (*each_mark)(struct tcp_conn *conn, uint32_t bytes, uint32_t ce_bytes);
    /* The recovery is over. */
    void (*recovered)(struct tcp_conn *conn);
    /* Retransmission timeout; `first` for the first of a row. */
    void (*timeout)(struct tcp_conn *conn, uint32_t in_flight, bool first);
    /* A recovery was needless: the windows are restored, and this is from before it. */
    void (*undo)(struct tcp_conn *conn, const struct tcp_undo *undo);
    /* The connection was idle for longer than an RTO. */
    void (*idle)(struct tcp_conn *conn);
    /* An ACK was processed, its losses found, and this is its sample. With it, the algorithm has
     * a model: it is paced, sets tcp_pacing.rate, and owns the window also in recovery (no rate
     * reduction). NULL: a window is all; so with the next two. */
    void (*each_ack)(struct tcp_conn *conn, const struct tcp_rate_sample *sample);
    /* The record was marked lost. */
    void (*each_loss)(struct tcp_conn *conn, const struct tcp_record *record);
    /* Nothing was in flight, for want of data, and something is about to be. */
    void (*restart)(struct tcp_conn *conn);
};

/* The algorithm has a model of the path. */
static inline bool tcp_cc_has_model(const struct tcp_cc_ops *cc)
{
    return cc->each_ack != NULL;
}

/* The algorithm answers each mark, by their share (RFC 8257): it needs ECN. */
static inline bool tcp_cc_counts_marks(const struct tcp_cc_ops *cc)
{
    return cc->each_mark != NULL;
}

/* Its answer to marks is another than that to a loss. */
static inline bool tcp_cc_tells_marks_apart(const struct tcp_cc_ops *cc)
{
    return tcp_cc_has_model(cc) || tcp_cc_counts_marks(cc);
}

extern const struct tcp_cc_ops tcp_cc_newreno;
extern const struct tcp_cc_ops tcp_cc_cubic;
extern const struct tcp_cc_ops tcp_cc_dctcp;
extern const struct tcp_cc_ops tcp_cc_bbr;

/* All names; ended by NULL, the default first. */
extern const char *const tcp_cc_names[];

/* By name, or by Linux's: "reno" is "newreno". NULL is the default. NULL when there is none of
 * that name. */
const struct tcp_cc_ops *tcp_cc_find(const char *name);

/* RFC 6928's initial window for a segment size, of as many segments as the policy has. */
uint32_t tcp_cc_initial_window(const struct tcp_conn *conn);

/* Slow start by what was acknowledged, up to L of RFC 3465 and to ssthresh. The bytes that
 * are left for avoidance. */
uint32_t tcp_cc_slow_start(struct tcp_conn *conn, uint32_t bytes);

/* The window for the time after a recovery. */
void tcp_cc_recovered(struct tcp_conn *conn);

/* For those that have nothing else to restore. */
void tcp_cc_undo(struct tcp_conn *conn, const struct tcp_undo *undo);

/* The time in which something was in flight, since the start of some epoch. */
static inline uint32_t tcp_busy_time(const struct tcp_conn *conn)
{
    return (uint32_t)(conn->tcp->now_ns >> TCP_BUSY_SHIFT) - conn->idle;
}

#endif
