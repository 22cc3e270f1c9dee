/* The model of the path (draft-ietf-ccwg-bbr-06, "Updating Network Path Model Parameters"). */
#include "tcp/cc_bbr.h"
#include "tcp/tcp.h"

/* BBR.LossThresh. */
static const uint32_t loss_percent = 2;
/* BBR.MinRTTFilterLen and BBR.ProbeRTTInterval. */
static const uint64_t min_rtt_filter_ns = 10 * NS_PER_S;
static const uint64_t probe_rtt_interval_ns = 5 * NS_PER_S;
/* Half of BBR.ExtraAckedFilterLen, a half being one place of the filter; in Startup 1. */
static const uint32_t extra_acked_half = 5;

uint64_t bbr_max_bw(const struct tcp_bbr *bbr)
{
    return max_u64(bbr->max_bw_filter[0], bbr->max_bw_filter[1]);
}

uint32_t bbr_extra_acked(const struct tcp_bbr *bbr)
{
    return max_u32(bbr->extra_acked_filter[0], bbr->extra_acked_filter[1]);
}

void bbr_start_round(struct tcp_conn *conn)
{
    bbr_of(conn)->next_round_delivered = rate_of(conn)->delivered;
}

static void update_round(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    struct tcp_rate *rate = rate_of(conn);

    bbr->round_start = rs->has_data && rs->prior_delivered >= bbr->next_round_delivered;
    bbr->is_cwnd_limited = bbr->cwnd_limited_before || rate->cwnd_limited;
    if (!bbr->round_start) {
        return;
    }
    bbr_start_round(conn);
    bbr->round_count++;
    bbr->rounds_since_probe_up++;
    bbr->cwnd_limited_before = rate->cwnd_limited;
    rate->cwnd_limited = false;
}

/* A cycle without a sample leaves the filter what it has. */
void bbr_advance_max_bw(struct tcp_bbr *bbr)
{
    if (bbr->max_bw_filter[0] == 0) {
        return;
    }
    bbr->max_bw_filter[1] = bbr->max_bw_filter[0];
    bbr->max_bw_filter[0] = 0;
}

static void update_max_bw(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    update_round(conn, rs);
    if (rs->rate > 0 && (rs->rate >= bbr_max_bw(bbr) || !rs->is_app_limited)) {
        bbr->max_bw_filter[0] = max_u64(bbr->max_bw_filter[0], rs->rate);
    }
}

void bbr_reset_congestion_signals(struct tcp_bbr *bbr)
{
    bbr->is_loss_in_round = false;
    bbr->loss_ranges = 0;
    bbr->bw_latest = 0;
    bbr->inflight_latest = 0;
}

void bbr_reset_short_term(struct tcp_bbr *bbr)
{
    bbr->bw_shortterm = BBR_INFINITE_BW;
    bbr->inflight_shortterm = BBR_INFINITE;
}

void bbr_update_latest(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->loss_round_start = false;
    bbr->bw_latest = max_u64(bbr->bw_latest, rs->rate);
    bbr->inflight_latest = max_u32(bbr->inflight_latest, rs->delivered);
    if (rs->has_data && rs->prior_delivered >= bbr->loss_round_delivered) {
        bbr->loss_round_delivered = rate_of(conn)->delivered;
        bbr->loss_round_start = true;
    }
}

void bbr_advance_latest(struct tcp_bbr *bbr, const struct tcp_rate_sample *rs)
{
    if (bbr->loss_round_start) {
        bbr->bw_latest = rs->rate;
        bbr->inflight_latest = rs->delivered;
    }
}

/* Once a round trip in which something was lost, while not probing: down to what was delivered
 * in it, by a factor of Beta at the most. */
static void adapt_lower_bounds(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t bw = bbr->bw_shortterm;
    uint64_t inflight = bbr->inflight_shortterm;

    if (bbr_is_probing(bbr) || !bbr->is_loss_in_round) {
        return;
    }
    bw = bw == BBR_INFINITE_BW ? bbr_max_bw(bbr) : bw;
    inflight = inflight == BBR_INFINITE ? conn->cwnd : inflight;
    bbr->bw_shortterm = max_u64(bbr->bw_latest, bw * BBR_BETA_PERCENT / 100);
    bbr->inflight_shortterm =
        max_u32(bbr->inflight_latest, (uint32_t)(inflight * BBR_BETA_PERCENT / 100));
}

/* Startup wants to know of losses in the round before it is forgotten. */
void bbr_update_congestion(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    update_max_bw(conn, rs);
    if (bbr->loss_round_start) {
        adapt_lower_bounds(conn);
    }
}

void bbr_update_aggregation(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t span_ns = conn->tcp->now_ns - bbr->extra_acked_start_ns;
    uint64_t expected = (uint64_t)(((unsigned __int128)bbr->bw * span_ns) >> TCP_RATE_SHIFT);
    uint64_t extra;

    if (bbr->round_start &&
        ++bbr->extra_acked_rounds >= (bbr->full_bw_reached ? extra_acked_half : 1)) {
        bbr->extra_acked_rounds = 0;
        bbr->extra_acked_filter[1] = bbr->full_bw_reached ? bbr->extra_acked_filter[0] : 0;
        bbr->extra_acked_filter[0] = 0;
    }
    if (bbr->extra_acked_delivered <= expected) {
        bbr->extra_acked_delivered = 0;
        bbr->extra_acked_start_ns = conn->tcp->now_ns;
        expected = 0;
    }
    bbr->extra_acked_delivered += rs->newly_acked;
    extra = min_u64(bbr->extra_acked_delivered - expected, conn->cwnd);
    bbr->extra_acked_filter[0] = max_u32(bbr->extra_acked_filter[0], (uint32_t)extra);
}

void bbr_update_min_rtt(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t now_ns = conn->tcp->now_ns;
    bool has_rtt = rs->has_data && rs->rtt_ns != UINT64_MAX;

    bbr->probe_rtt_expired = now_ns > bbr->probe_rtt_min_stamp_ns + probe_rtt_interval_ns;
    if (has_rtt && (rs->rtt_ns < bbr->probe_rtt_min_delay_ns || bbr->probe_rtt_expired)) {
        bbr->probe_rtt_min_delay_ns = rs->rtt_ns;
        bbr->probe_rtt_min_stamp_ns = now_ns;
    }
    if (bbr->probe_rtt_min_delay_ns < bbr->min_rtt_ns ||
        now_ns > bbr->min_rtt_stamp_ns + min_rtt_filter_ns) {
        bbr->min_rtt_ns = bbr->probe_rtt_min_delay_ns;
        bbr->min_rtt_stamp_ns = bbr->probe_rtt_min_stamp_ns;
    }
}

/* SaveStateUponLoss(). Once for a recovery, as its text has it: the pseudocode would do so again
 * for the second loss that leads from ProbeBW_UP to ProbeBW_DOWN, and forget where it was. */
static void save_state(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->has_saved) {
        return;
    }
    bbr->has_saved = true;
    bbr_save_cwnd(conn);
    bbr->undo_state = BBR_STATE_COUNT;
    bbr->undo_bw_shortterm = bbr->bw_shortterm;
    bbr->undo_inflight_shortterm = bbr->inflight_shortterm;
    bbr->undo_inflight_longterm = bbr->inflight_longterm;
}

void bbr_note_loss(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (!bbr->is_loss_in_round) {
        bbr->loss_round_delivered = rate_of(conn)->delivered;
    }
    bbr->is_loss_in_round = true;
    save_state(conn);
}

bool bbr_is_inflight_too_high(const struct tcp_conn *conn, uint32_t lost, uint32_t tx_in_flight)
{
    return (uint64_t)lost * 100 > (uint64_t)tx_in_flight * loss_percent ||
           (lost > 0 && !tcp_conn_has(conn, TCP_CONN_SACK_OK));
}

/* InflightAtLoss(): what was in flight when the losses crossed the threshold, which may have
 * been inside of this record. */
static uint32_t inflight_at_loss(const struct tcp_record *record, uint32_t tx_in_flight,
                                 uint32_t lost)
{
    uint64_t before = tx_in_flight - min_u32(record->length, tx_in_flight);
    uint64_t allowed = before * loss_percent;
    uint64_t lost_before = (uint64_t)(lost - min_u32(record->length, lost)) * 100;
    uint64_t prefix = allowed > lost_before ? (allowed - lost_before) / (100 - loss_percent) : 0;

    return (uint32_t)(before + prefix);
}

static void count_range(struct tcp_bbr *bbr, const struct tcp_record *record)
{
    if ((bbr->loss_ranges == 0 || record->seq != bbr->loss_end_seq) &&
        bbr->loss_ranges < UINT8_MAX) {
        bbr->loss_ranges++;
    }
    bbr->loss_end_seq = tcp_record_end(record);
}

/* HandleLostPacket(). */
void bbr_each_loss(struct tcp_conn *conn, const struct tcp_record *record)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint32_t tx_in_flight = (uint32_t)record->tx_in_flight << TCP_RECORD_BYTES_SHIFT;
    uint32_t lost;

    bbr_note_loss(conn);
    count_range(bbr, record);
    if (!bbr->is_bw_probe_sample || !record->stamped) {
        return;
    }
    lost = rate_lost_since(conn, (uint32_t)record->lost_before);
    if (bbr_is_inflight_too_high(conn, lost, tx_in_flight)) {
        bbr_inflight_too_high(conn, inflight_at_loss(record, tx_in_flight, lost),
                              record->app_limited);
    }
}
