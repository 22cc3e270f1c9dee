/* NewReno: RFC 5681, RFC 6582, with growth by bytes acknowledged (RFC 3465). */
#include "tcp/cc.h"

static uint32_t half(const struct tcp_conn *conn, uint32_t in_flight)
{
    return max_u32(in_flight / 2, 2u * conn->snd.mss);
}

static void open_window(struct tcp_conn *conn)
{
    conn->cwnd = tcp_cc_initial_window(conn);
    conn->ssthresh = UINT32_MAX;
    conn->cc_state.acked = 0;
}

static void acked(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns)
{
    uint32_t mss = conn->snd.mss;

    (void)rtt_ns;
    if (conn->cwnd < conn->ssthresh) {
        bytes = tcp_cc_slow_start(conn, bytes);
    }
    conn->cc_state.acked += bytes;
    if (conn->cc_state.acked >= conn->cwnd) {
        conn->cc_state.acked -= conn->cwnd;
        conn->cwnd = min_u32(conn->cwnd + mss, TCP_CWND_MAX);
    }
}

static void loss(struct tcp_conn *conn, uint32_t in_flight)
{
    conn->ssthresh = half(conn, in_flight);
    conn->cwnd = conn->ssthresh;
    conn->cc_state.acked = 0;
}

static void timeout(struct tcp_conn *conn, uint32_t in_flight, bool first)
{
    /* RFC 5681 section 3.1: ssthresh stays when the same segment times out
     * again; the loss window is one segment. */
    if (first) {
        conn->ssthresh = half(conn, in_flight);
    }
    conn->cwnd = conn->snd.mss;
    conn->cc_state.acked = 0;
}

static void idle(struct tcp_conn *conn)
{
    uint32_t restart = tcp_cc_initial_window(conn);

    /* What was acknowledged towards an increase counted for a wider window. */
    if (conn->cwnd > restart) {
        conn->cwnd = restart;
        conn->cc_state.acked = 0;
    }
}

const struct tcp_cc_ops tcp_cc_newreno = {
    .name = "newreno",
    .open = open_window,
    .acked = acked,
    .loss = loss,
    .congested = loss,
    .recovered = tcp_cc_recovered,
    .timeout = timeout,
    .undo = tcp_cc_undo,
    .idle = idle,
};
