#include "tests/packetdrill/info.h"

#include "tcp/cc.h"
#include "tcp/pacing.h"
#include "tcp/rate.h"
#include "tcp/window.h"

#include <linux/tcp.h>
#include <string.h>

/* Linux's numbers. */
#define LINUX_LISTEN 10
#define LINUX_CLOSE 7
#define SSTHRESH_INFINITE 0x7fffffffu

static const uint8_t states[TCP_STATE_COUNT] = {
    [TCP_CLOSED] = LINUX_CLOSE, [TCP_SYN_SENT] = 2,   [TCP_SYN_RECEIVED] = 3, [TCP_ESTABLISHED] = 1,
    [TCP_FIN_WAIT_1] = 4,       [TCP_FIN_WAIT_2] = 5, [TCP_CLOSE_WAIT] = 8,   [TCP_LAST_ACK] = 9,
    [TCP_CLOSING] = 11,         [TCP_TIME_WAIT] = 6,
};

static uint32_t microseconds(uint64_t ns)
{
    return (uint32_t)min_u64(ns / NS_PER_US, UINT32_MAX);
}

static uint8_t congestion_state(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;

    if (!flight) {
        return TCP_CA_Open;
    }
    switch (flight->recovery) {
    case TCP_RECOVERY_CWR:
        return TCP_CA_CWR;
    case TCP_RECOVERY_FAST:
        return TCP_CA_Recovery;
    case TCP_RECOVERY_LOSS:
        return TCP_CA_Loss;
    default:
        return flight->sendq.sacked_count > 0 || flight->dup_acks > 0 ? TCP_CA_Disorder
                                                                      : TCP_CA_Open;
    }
}

/* Linux counts a lost segment that was sent again as lost until it is acknowledged. */
static void count_flight(const struct tcp_conn *conn, struct tcp_info *info)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    for (uint32_t at = sendq->head; at != sendq->next; at++) {
        uint8_t flags = sendq_at(sendq, at)->flags;
        bool again =
            flags & TCP_RECORD_RETRANSMITTED && !(flags & (TCP_RECORD_SACKED | TCP_RECORD_LOST));

        info->tcpi_unacked++;
        info->tcpi_sacked += (flags & TCP_RECORD_SACKED) != 0;
        info->tcpi_lost += flags & TCP_RECORD_LOST || again;
        info->tcpi_retrans += again;
    }
}

static void tell_options(const struct sock *sock, struct tcp_info *info)
{
    const struct tcp_conn *conn = sock->conn;

    info->tcpi_options |= tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) ? TCPI_OPT_TIMESTAMPS : 0;
    info->tcpi_options |= tcp_conn_has(conn, TCP_CONN_SACK_OK) ? TCPI_OPT_SACK : 0;
    info->tcpi_options |= conn->ecn.mode != TCP_ECN_OFF ? TCPI_OPT_ECN : 0;
    if (tcp_conn_has(conn, TCP_CONN_WSCALE)) {
        info->tcpi_options |= TCPI_OPT_WSCALE;
        info->tcpi_snd_wscale = conn->snd.wscale & 15u;
        info->tcpi_rcv_wscale = conn->rcv.wscale & 15u;
    }
}

static void tell_window(const struct tcp_conn *conn, struct tcp_info *info)
{
    uint32_t mss = conn->snd.mss;
    uint32_t cwnd = conn->cwnd > 0 ? conn->cwnd : tcp_cc_initial_window(conn);

    info->tcpi_snd_mss = mss;
    info->tcpi_rcv_mss = conn->rcv.mss;
    info->tcpi_advmss =
        conn->mss_told - (tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) ? TCP_TIMESTAMP_BYTES : 0);
    info->tcpi_pmtu = conn->path.mtu;
    info->tcpi_snd_cwnd = cwnd / mss;
    info->tcpi_snd_ssthresh =
        conn->ssthresh >= TCP_CWND_MAX ? SSTHRESH_INFINITE : conn->ssthresh / mss;
    info->tcpi_reordering = tcp_conn_policy(conn)->dup_threshold;
    info->tcpi_snd_wnd = conn->snd.wnd;
    info->tcpi_notsent_bytes = 0;
}

static void tell_times(const struct tcp_conn *conn, struct tcp_info *info)
{
    uint64_t now_ns = conn->tcp->now_ns;

    info->tcpi_rto = microseconds(tcp_rto_ns(conn));
    info->tcpi_ato = microseconds(tcp_conn_policy(conn)->ack_delay_ms * NS_PER_MS);
    info->tcpi_rtt = microseconds(conn->rtt.srtt_ns);
    info->tcpi_rttvar = microseconds(conn->rtt.rttvar_ns);
    info->tcpi_min_rtt =
        conn->rtt.min_rtt_ns == UINT32_MAX ? UINT32_MAX : microseconds(conn->rtt.min_rtt_ns);
    info->tcpi_last_data_sent =
        conn->last_send_ns == 0 ? 0 : (uint32_t)((now_ns - conn->last_send_ns) / NS_PER_MS);
    info->tcpi_last_ack_recv = conn->tcp->now_ms - conn->heard_ms;
}

static void tell_counts(const struct tcp_conn *conn, struct tcp_info *info)
{
    info->tcpi_retransmits = conn->retransmissions;
    info->tcpi_probes = conn->keepalives;
    info->tcpi_backoff = conn->snd.backoff;
    info->tcpi_total_retrans = conn->tally.retransmissions;
    info->tcpi_bytes_acked = conn->tally.bytes_acked;
    info->tcpi_bytes_received = conn->tally.bytes_in + conn->recvq.bytes;
    info->tcpi_segs_out = conn->tally.segments_out;
    info->tcpi_segs_in = conn->tally.segments_in;
    info->tcpi_bytes_retrans = conn->tally.retransmitted_bytes;
    info->tcpi_dsack_dups = mishaps_so_far(conn)->dsacks;
    info->tcpi_reord_seen = mishaps_so_far(conn)->reordered;
    info->tcpi_rcv_ooopack = mishaps_so_far(conn)->ahead;
}

/* Rates of the core count 2^30 ns. */
static uint64_t per_second(uint64_t rate)
{
    return (uint64_t)((double)rate * NS_PER_S / (1u << TCP_RATE_SHIFT));
}

/* Linux counts from the handshake where none came. */
static uint32_t since_text_ms(const struct tcp_conn *conn)
{
    uint64_t text_ns = rate_of(conn)->text_in_ns;

    return text_ns == 0 ? conn->tcp->now_ms - conn->heard_ms
                        : (uint32_t)((conn->tcp->now_ns - text_ns) / NS_PER_MS);
}

static void tell_rates(const struct tcp_conn *conn, struct tcp_info *info)
{
    uint64_t window_ns = rate_spent_ns(conn, RATE_WINDOW);
    uint64_t buffer_ns = rate_spent_ns(conn, RATE_BUFFER);

    info->tcpi_data_segs_in = rate_of(conn)->text_in;
    info->tcpi_data_segs_out = rate_of(conn)->text_out;
    info->tcpi_delivered = rate_of(conn)->segments_delivered;
    info->tcpi_last_data_recv = since_text_ms(conn);
    info->tcpi_delivery_rate = per_second(rate_of(conn)->latest);
    info->tcpi_delivery_rate_app_limited = rate_of(conn)->latest_app_limited;
    info->tcpi_rwnd_limited = microseconds(window_ns);
    info->tcpi_sndbuf_limited = microseconds(buffer_ns);
    info->tcpi_busy_time = microseconds(rate_spent_ns(conn, RATE_BUSY) + window_ns + buffer_ns);
    info->tcpi_pacing_rate =
        tcp_conn_has(conn, TCP_CONN_PACED) ? per_second(pacing_rate(conn)) : UINT64_MAX;
}

int info_fill(const struct sock *sock, void *to, socklen_t *length)
{
    const struct tcp_conn *conn = sock->conn;
    socklen_t room = *length;
    struct tcp_info info;

    memset(&info, 0, sizeof info);
    info.tcpi_state = sock->state == SOCK_LISTENING ? LINUX_LISTEN : LINUX_CLOSE;
    info.tcpi_options = sock->syn_data ? TCPI_OPT_SYN_DATA : 0;
    if (conn) {
        info.tcpi_state = states[conn->state];
        info.tcpi_ca_state = congestion_state(conn);
        tell_options(sock, &info);
        tell_window(conn, &info);
        tell_times(conn, &info);
        tell_counts(conn, &info);
        tell_rates(conn, &info);
        info.tcpi_notsent_bytes = sock_unsent(sock);
        if (conn->flight) {
            count_flight(conn, &info);
        }
    }
    memset(to, 0, room);
    memcpy(to, &info, room < sizeof info ? room : sizeof info);
    return 0;
}
