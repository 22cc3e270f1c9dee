#include <headrace/info.h>

#include "api/convert.h"
#include "tcp/cc.h"
#include "tcp/keepalive.h"
#include "tcp/pacing.h"
#include "tcp/rack.h"
#include "tcp/window.h"

#include <string.h>

static_assert((int)HR_STATE_SYN_SENT == TCP_SYN_SENT && (int)HR_STATE_TIME_WAIT == TCP_TIME_WAIT &&
                  (int)HR_RECOVERY_LOSS == TCP_RECOVERY_LOSS &&
                  (int)HR_TROUBLE_PARAMETER == TCP_TROUBLE_PARAMETER,
              "the numbers are the core's");

const char *hr_state_name(enum hr_state state)
{
    return (unsigned)state < TCP_STATE_COUNT ? tcp_state_name((enum tcp_state)state) : "?";
}

static void tell_path(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    info->rto_ns = tcp_rto_ns(conn);
    info->srtt_ns = conn->rtt.srtt_ns;
    info->rttvar_ns = conn->rtt.rttvar_ns;
    info->min_rtt_ns = conn->rtt.min_rtt_ns == UINT32_MAX ? UINT64_MAX : conn->rtt.min_rtt_ns;
    info->ack_delay_ms = tcp_conn_policy(conn)->ack_delay_ms;
    info->send_mss = conn->snd.mss;
    info->receive_mss = conn->rcv.mss;
    info->path_mtu = conn->path.mtu;
    info->advertised_mss = conn->mss_told;
    info->cwnd = conn->cwnd;
    info->ssthresh = conn->ssthresh;
}

static void tell_options(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    bool agreed = tcp_state_is_synchronized((enum tcp_state)conn->state);

    info->passive = tcp_conn_has(conn, TCP_CONN_PASSIVE);
    info->sack = agreed && tcp_conn_has(conn, TCP_CONN_SACK_OK);
    info->timestamps = agreed && tcp_conn_has(conn, TCP_CONN_TIMESTAMPS);
    info->window_scale = agreed && tcp_conn_has(conn, TCP_CONN_WSCALE);
    info->ecn = conn->ecn.mode;
    info->send_wscale = conn->snd.wscale;
    info->receive_wscale = conn->rcv.wscale;
}

/* A walk over what is in flight: for whoever asks, not for each segment. */
static uint32_t count_retransmitting(const struct tcp_sendq *sendq)
{
    uint32_t count = 0;

    for (uint32_t at = sendq->head; at != sendq->next; at++) {
        uint8_t flags = (uint8_t)sendq_at(sendq, at)->flags;

        count += (flags & (TCP_RECORD_RETRANSMITTED | TCP_RECORD_LOST | TCP_RECORD_SACKED)) ==
                 TCP_RECORD_RETRANSMITTED;
    }
    return count;
}

static void tell_flight(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    const struct tcp_flight *flight = conn->flight;

    if (tcp_conn_policy(conn)->rack) {
        info->reordering_window_ns =
            flight ? tcp_rack_window_ns(conn) : tcp_rack_quarters_ns(conn, 1);
    }
    if (!flight) {
        return;
    }
    info->recovery = (enum hr_recovery)flight->recovery;
    info->unsent = info->send_queue - min_u32(conn->snd.nxt - conn->snd.una, info->send_queue);
    info->in_flight = flight->sendq.in_flight_bytes;
    info->sacked = flight->sendq.sacked_bytes;
    info->lost = flight->sendq.lost_bytes;
    info->unacked_segments = flight->sendq.next - flight->sendq.head;
    info->reordering = flight->rack_reordering;
    info->retransmitting = count_retransmitting(&flight->sendq);
}

/* Rates of the core count 2^30 ns; 10^9 / 2^30 is 1953125 / 2^21. */
static uint64_t per_second(uint64_t rate)
{
    return (uint64_t)((unsigned __int128)rate * 1953125u >> 21);
}

static void tell_text(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    const struct tcp_rate *rate = rate_of(conn);

    info->data_segments_in = rate->text_in;
    info->data_segments_out = rate->text_out;
    info->segments_delivered = rate->segments_delivered;
    if (rate->text_in_ns != 0) {
        info->received_ns = conn->tcp->now_ns - rate->text_in_ns;
    }
}

static void tell_rates(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    info->received_ns = UINT64_MAX;
    if (tcp_conn_has(conn, TCP_CONN_PACED)) {
        info->pacing_rate = per_second(pacing_rate(conn));
    }
    if (tcp_conn_has(conn, TCP_CONN_RATED)) {
        tell_text(conn, info);
        info->delivery_rate = per_second(rate_of(conn)->latest);
        info->delivery_app_limited = rate_of(conn)->latest_app_limited;
        info->window_limited_ns = rate_spent_ns(conn, RATE_WINDOW);
        info->send_buffer_limited_ns = rate_spent_ns(conn, RATE_BUFFER);
        info->busy_ns =
            rate_spent_ns(conn, RATE_BUSY) + info->window_limited_ns + info->send_buffer_limited_ns;
    }
}

/* The counters of ECT(0) and ECT(1) begin with 1 (RFC 9768 section 3.2.1). */
static void tell_ecn(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    info->ecn_echo =
        conn->ecn.flags & (conn->ecn.mode == TCP_ECN_ACCURATE ? TCP_ECN_LAST_CE : TCP_ECN_ECHO);
    info->ecn_distrusted = (conn->ecn.flags & (TCP_ECN_NO_ECT | TCP_ECN_DEAF)) != 0;
    if (conn->ecn.mode == TCP_ECN_ACCURATE) {
        info->ecn_option_off = (conn->ecn.flags & TCP_ECN_NO_OPTION) != 0;
        info->ecn_ce_bytes = conn->ecn.ceb;
        info->ecn_ect0_bytes = conn->ecn.e0b - 1;
        info->ecn_ect1_bytes = conn->ecn.e1b - 1;
    }
}

static void tell_queues(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    info->send_window = conn->snd.wnd;
    info->receive_window = tcp_window(conn);
    info->receive_buffer = conn->rcv.buffer;
    info->send_queue = tcp_unacked(conn);
    info->receive_queue = conn->recvq.bytes;
    info->retained = conn->rcv.held;
    info->out_of_order = conn->reassembly.bytes;
}

static void tell_counts(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    const struct tcp_tally *tally = &conn->tally;

    info->heard_ms = conn->tcp->now_ms - conn->heard_ms;
    info->sent_ns = conn->last_send_ns == 0 ? UINT64_MAX : conn->tcp->now_ns - conn->last_send_ns;
    info->bytes_acked = tally->bytes_acked;
    info->bytes_received = tally->bytes_in + conn->recvq.bytes;
    info->segments_in = tally->segments_in;
    info->segments_out = tally->segments_out;
    info->retransmissions = tally->retransmissions;
    info->bytes_retransmitted = tally->retransmitted_bytes;
    info->bytes_sent =
        tally->bytes_acked + (info->send_queue - info->unsent) + tally->retransmitted_bytes;
    info->bytes_delivered = info->bytes_acked + info->sacked;
    info->syn_data = conn->syn_data;
}

static void tell_mishaps(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    const struct tcp_mishaps *mishaps = mishaps_so_far(conn);

    info->dsacks = mishaps->dsacks;
    info->reordered = mishaps->reordered;
    info->out_of_order_segments = mishaps->ahead;
    info->timeouts = mishaps->timeouts;
    info->timeout_recoveries = mishaps->timeout_recoveries;
    info->timeout_ns = mishaps->timeout_ns;
    if (mishaps->timeout_since_ns != 0) {
        info->timeout_ns += conn->tcp->now_ns - mishaps->timeout_since_ns;
    }
    info->ecn_ce_segments = mishaps->ce_segments;
    info->ecn_ce_bytes_delivered = mishaps->ce_bytes_delivered;
}

static void tell_model(const struct tcp_conn *conn, struct hr_conn_info *info)
{
    if (tcp_cc_counts_marks(conn->cc) && conn->cwnd > 0) {
        info->dctcp_alpha = conn->cc_state.dctcp.alpha;
        info->dctcp_bytes_acked = conn->cc_state.dctcp.bytes_acked;
        info->dctcp_bytes_marked = conn->cc_state.dctcp.bytes_marked;
    }
    if (tcp_cc_has_model(conn->cc) && conn->cwnd > 0) { /* of before it is another's */
        const struct tcp_bbr *bbr = bbr_of(conn);

        info->bbr_bandwidth = per_second(bbr->bw);
        info->bbr_min_rtt_ns = bbr->min_rtt_ns;
        info->bbr_pacing_gain = bbr_pacing_gain(bbr);
        info->bbr_cwnd_gain = bbr_cwnd_gain(bbr);
    }
}

size_t hr_conn_get_info(const struct hr_conn *conn, struct hr_conn_info *info, size_t size)
{
    const struct tcp_conn *inner = conn_inner(conn);
    struct hr_conn_info all;
    size_t known = size < sizeof all ? size : sizeof all;

    memset(&all, 0, sizeof all);
    all.state = (enum hr_state)inner->state;
    all.trouble = inner->trouble;
    all.congestion_control = inner->cc->name;
    all.backoff = inner->snd.backoff;
    all.retransmissions_in_row = inner->retransmissions;
    all.keepalives = (uint8_t)keepalives_unanswered(inner);
    tell_options(inner, &all);
    tell_path(inner, &all);
    tell_queues(inner, &all);
    tell_flight(inner, &all);
    tell_counts(inner, &all);
    tell_rates(inner, &all);
    tell_ecn(inner, &all);
    tell_mishaps(inner, &all);
    tell_model(inner, &all);
    memcpy(info, &all, known);
    memset((uint8_t *)info + known, 0, size - known);
    return known;
}
