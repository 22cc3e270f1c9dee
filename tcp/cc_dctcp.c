#include "tcp/cc_dctcp.h"

#include "tcp/cc.h"
#include "tcp/seq.h"

/* g of RFC 8257 section 4.2: 1/16. */
static const unsigned g_shift = 4;

static void open_window(struct tcp_conn *conn)
{
    tcp_cc_newreno.open(conn);
    /* Nothing is known: section 4.2 has 1, so that the first mark halves. */
    conn->cc_state.dctcp = (struct tcp_dctcp){
        .alpha = DCTCP_ALPHA_ONE,
        .window_end = conn->snd.nxt,
    };
}

/* Section 3.3, steps 5 and 6. The division is one a round trip. */
static void end_window(struct tcp_conn *conn)
{
    struct tcp_dctcp *dctcp = &conn->cc_state.dctcp;
    uint64_t marked = (uint64_t)dctcp->bytes_marked * DCTCP_ALPHA_ONE;
    uint32_t share = (uint32_t)(marked / max_u32(dctcp->bytes_acked, 1));

    dctcp->alpha += (share >> g_shift) - (dctcp->alpha >> g_shift);
    dctcp->alpha = min_u32(dctcp->alpha, DCTCP_ALPHA_ONE);
    dctcp->bytes_acked = 0;
    dctcp->bytes_marked = 0;
    dctcp->window_end = conn->snd.nxt;
}

static void each_mark(struct tcp_conn *conn, uint32_t bytes, uint32_t ce_bytes)
{
    struct tcp_dctcp *dctcp = &conn->cc_state.dctcp;

    dctcp->bytes_acked += bytes;
    dctcp->bytes_marked += min_u32(ce_bytes, bytes);
    if (seq_gt(conn->snd.una, dctcp->window_end)) {
        end_window(conn);
    }
}

/* Section 3.3, step 9. */
static void congested(struct tcp_conn *conn, uint32_t in_flight)
{
    uint64_t cut = (uint64_t)conn->cwnd * conn->cc_state.dctcp.alpha / (2 * DCTCP_ALPHA_ONE);

    (void)in_flight;
    conn->ssthresh = max_u32(conn->cwnd - (uint32_t)cut, 2u * conn->snd.mss);
    conn->cwnd = conn->ssthresh;
    conn->cc_state.dctcp.acked = 0;
}

static void acked(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns)
{
    tcp_cc_newreno.acked(conn, bytes, rtt_ns);
}

/* Section 3.5: lost is lost. */
static void loss(struct tcp_conn *conn, uint32_t in_flight)
{
    tcp_cc_newreno.loss(conn, in_flight);
}

static void timeout(struct tcp_conn *conn, uint32_t in_flight, bool first)
{
    tcp_cc_newreno.timeout(conn, in_flight, first);
}

static void idle(struct tcp_conn *conn)
{
    tcp_cc_newreno.idle(conn);
}

const struct tcp_cc_ops tcp_cc_dctcp = {
    .name = "dctcp",
    .open = open_window,
    .acked = acked,
    .loss = loss,
    .congested = congested,
    .each_mark = each_mark,
    .recovered = tcp_cc_recovered,
    .timeout = timeout,
    .undo = tcp_cc_undo,
    .idle = idle,
};
