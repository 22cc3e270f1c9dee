/* NewReno: RFC 5681, RFC 6582, with growth by bytes acknowledged (RFC 3465). */
#include "tcp/cc.h"

uint32_t tcp_cc_initial_window(const struct tcp_conn *conn)
{
    uint32_t mss = conn->snd.mss;

    /* RFC 5681 section 3.1: one segment after a lost SYN. */
    if (tcp_conn_has(conn, TCP_CONN_SYN_LOST)) {
        return mss;
    }
    return min_u32(TCP_INITIAL_WINDOW_SEGMENTS * mss, max_u32(2 * mss, TCP_INITIAL_WINDOW_BYTES));
}

static uint32_t half(const struct tcp_conn *conn, uint32_t in_flight)
{
    return max_u32(in_flight / 2, 2u * conn->snd.mss);
}

static void open_window(struct tcp_conn *conn)
{
    conn->cwnd = tcp_cc_initial_window(conn);
    conn->ssthresh = UINT32_MAX;
    conn->cc_acked = 0;
}

/* The product of a window and a segment never comes near this. */
static const uint32_t cwnd_bytes_max = 1u << 30;

/* Slow start by what was acknowledged, up to L of RFC 3465. The bytes that are left for
 * avoidance. */
static uint32_t slow_start(struct tcp_conn *conn, uint32_t bytes)
{
    uint32_t grown = min_u32(bytes, TCP_SLOW_START_SEGMENTS * conn->snd.mss);
    uint32_t room = min_u32(conn->ssthresh, cwnd_bytes_max) - conn->cwnd;

    conn->cwnd += min_u32(grown, room);
    return grown > room && conn->cwnd == conn->ssthresh ? grown - room : 0;
}

static void acked(struct tcp_conn *conn, uint32_t bytes)
{
    uint32_t mss = conn->snd.mss;

    if (conn->cwnd < conn->ssthresh) {
        bytes = slow_start(conn, bytes);
    }
    conn->cc_acked += bytes;
    if (conn->cc_acked >= conn->cwnd) {
        conn->cc_acked -= conn->cwnd;
        conn->cwnd = min_u32(conn->cwnd + mss, cwnd_bytes_max);
    }
}

static void loss(struct tcp_conn *conn, uint32_t in_flight)
{
    conn->ssthresh = half(conn, in_flight);
    conn->cwnd = conn->ssthresh;
    conn->cc_acked = 0;
}

static void recovered(struct tcp_conn *conn)
{
    conn->cwnd = max_u32(conn->ssthresh, conn->snd.mss);
}

static void timeout(struct tcp_conn *conn, uint32_t in_flight, bool first)
{
    /* RFC 5681 section 3.1: ssthresh stays when the same segment times out
     * again; the loss window is one segment. */
    if (first) {
        conn->ssthresh = half(conn, in_flight);
    }
    conn->cwnd = conn->snd.mss;
    conn->cc_acked = 0;
}

static void idle(struct tcp_conn *conn)
{
    uint32_t restart = tcp_cc_initial_window(conn);

    /* What was acknowledged towards an increase counted for a wider window. */
    if (conn->cwnd > restart) {
        conn->cwnd = restart;
        conn->cc_acked = 0;
    }
}

const struct tcp_cc_ops tcp_cc_newreno = {
    .name = "newreno",
    .open = open_window,
    .acked = acked,
    .loss = loss,
    .recovered = recovered,
    .timeout = timeout,
    .idle = idle,
};
