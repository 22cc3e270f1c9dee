#include "tcp/cc_bbr.h"

#include "tcp/cc.h"

#include <string.h>

/* BBR.PacingMarginPercent, BBR.Headroom, and MinPipeCwnd in segments. */
static const uint64_t pacing_margin_percent = 1;
static const uint64_t headroom_percent = 15;
static const uint32_t min_pipe_segments = 4;
static const uint32_t probe_rtt_cwnd_gain = 50;
/* Quanta that are under way beside what the path holds. */
static const uint32_t offload_quanta = 3;

struct tcp_bbr *bbr_of(const struct tcp_conn *conn)
{
    return &conn->tcp->bbrs[conn->index];
}

uint32_t bbr_min_pipe_cwnd(const struct tcp_conn *conn)
{
    return min_pipe_segments * conn->snd.mss;
}

uint32_t bbr_bdp_multiple(const struct tcp_conn *conn, uint64_t bw, uint32_t gain_percent)
{
    const struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t bdp;

    if (bbr->min_rtt_ns == UINT64_MAX) {
        return tcp_cc_initial_window(conn);
    }
    bdp = (uint64_t)(((unsigned __int128)bw * bbr->min_rtt_ns) >> TCP_RATE_SHIFT);
    return (uint32_t)min_u64(min_u64(bdp, TCP_CWND_MAX) * gain_percent / 100, TCP_CWND_MAX);
}

/* QuantizationBudget(). */
static uint32_t with_quanta(const struct tcp_conn *conn, uint32_t inflight)
{
    inflight = max_u32(inflight, offload_quanta * pacing_quantum(conn));
    inflight = max_u32(inflight, bbr_min_pipe_cwnd(conn));
    if (bbr_of(conn)->state == BBR_PROBE_BW_UP) {
        inflight += 2u * conn->snd.mss;
    }
    return inflight;
}

uint32_t bbr_inflight(const struct tcp_conn *conn, uint64_t bw)
{
    return with_quanta(conn, bbr_bdp_multiple(conn, bw, 100));
}

static uint32_t max_inflight(const struct tcp_conn *conn)
{
    const struct tcp_bbr *bbr = bbr_of(conn);
    uint32_t bytes = bbr_bdp_multiple(conn, bbr->bw, bbr_cwnd_gain(bbr));

    return min_u32(with_quanta(conn, bytes + bbr_extra_acked(bbr)), TCP_CWND_MAX);
}

uint32_t bbr_inflight_with_headroom(const struct tcp_conn *conn)
{
    uint32_t longterm = bbr_of(conn)->inflight_longterm;
    uint32_t headroom;

    if (longterm == BBR_INFINITE) {
        return BBR_INFINITE;
    }
    headroom = max_u32(conn->snd.mss, (uint32_t)(longterm * headroom_percent / 100));
    return max_u32(longterm - min_u32(headroom, longterm), bbr_min_pipe_cwnd(conn));
}

uint32_t bbr_probe_rtt_cwnd(const struct tcp_conn *conn)
{
    return max_u32(bbr_bdp_multiple(conn, bbr_of(conn)->bw, probe_rtt_cwnd_gain),
                   bbr_min_pipe_cwnd(conn));
}

uint32_t bbr_target_inflight(const struct tcp_conn *conn)
{
    return min_u32(bbr_bdp_multiple(conn, bbr_of(conn)->bw, 100), conn->cwnd);
}

void bbr_save_cwnd(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->prior_cwnd = !bbr->in_recovery && bbr->state != BBR_PROBE_RTT
                          ? conn->cwnd
                          : max_u32(bbr->prior_cwnd, conn->cwnd);
}

void bbr_restore_cwnd(struct tcp_conn *conn)
{
    conn->cwnd = max_u32(conn->cwnd, bbr_of(conn)->prior_cwnd);
}

/* InitPacingRate(): the initial window for a round trip, or for a millisecond. */
static void init_pacing_rate(struct tcp_conn *conn)
{
    uint64_t srtt_ns = conn->rtt.srtt_ns == 0 ? NS_PER_MS : conn->rtt.srtt_ns;
    uint64_t rate = ((uint64_t)tcp_cc_initial_window(conn) << TCP_RATE_SHIFT) / srtt_ns;

    pacing_set_rate(conn, rate * bbr_pacing_gain(bbr_of(conn)) / 100);
}

void bbr_set_pacing_rate(struct tcp_conn *conn, uint32_t gain_percent)
{
    const struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t rate = bbr->bw * gain_percent / 100 * (100 - pacing_margin_percent) / 100;

    if (rate > 0 && (bbr->full_bw_reached || rate > pacing_rate(conn))) {
        pacing_set_rate(conn, rate);
    }
}

static void open_window(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t now_ns = conn->tcp->now_ns;

    memset(bbr, 0, sizeof *bbr);
    conn->cwnd = tcp_cc_initial_window(conn);
    conn->ssthresh = UINT32_MAX;
    bbr->min_rtt_ns = UINT64_MAX;
    bbr->min_rtt_stamp_ns = now_ns;
    bbr->probe_rtt_min_delay_ns = UINT64_MAX;
    bbr->probe_rtt_min_stamp_ns = now_ns;
    bbr->extra_acked_start_ns = now_ns;
    bbr->inflight_longterm = BBR_INFINITE;
    bbr->probe_up_acked_per_inc = BBR_INFINITE;
    bbr->undo_state = BBR_STATE_COUNT;
    bbr_reset_short_term(bbr);
    bbr_enter_startup(bbr);
    init_pacing_rate(conn);
}

/* BoundCwndForModel(), with BoundCwndForProbeRTT(). */
static void bound_cwnd(struct tcp_conn *conn)
{
    const struct tcp_bbr *bbr = bbr_of(conn);
    uint32_t cap = BBR_INFINITE;

    if (bbr->state == BBR_PROBE_RTT || bbr->state == BBR_PROBE_BW_CRUISE) {
        cap = bbr_inflight_with_headroom(conn);
    } else if (bbr_is_in_probe_bw(bbr)) {
        cap = bbr->inflight_longterm;
    }
    cap = max_u32(min_u32(cap, bbr->inflight_shortterm), bbr_min_pipe_cwnd(conn));
    if (bbr->state == BBR_PROBE_RTT) {
        cap = min_u32(cap, bbr_probe_rtt_cwnd(conn));
    }
    conn->cwnd = min_u32(conn->cwnd, cap);
}

static void set_cwnd(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    uint32_t most = max_inflight(conn);
    uint32_t grown = min_u32(conn->cwnd + rs->newly_acked, TCP_CWND_MAX);

    if (bbr_of(conn)->full_bw_reached) {
        conn->cwnd = min_u32(grown, most);
    } else if (conn->cwnd < most || rate_of(conn)->delivered < tcp_cc_initial_window(conn)) {
        conn->cwnd = grown;
    }
    conn->cwnd = max_u32(conn->cwnd, bbr_min_pipe_cwnd(conn));
    bound_cwnd(conn);
}

/* The recovery of this ACK or one before has ended, by what means ever. */
static void watch_recovery(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    bool repairs = tcp_recovery_repairs(conn->flight->recovery);

    if (bbr->in_recovery && !repairs) {
        bbr_restore_cwnd(conn);
    }
    bbr->in_recovery = repairs;
    bbr->has_saved &= repairs;
}

static void end_loss_round(struct tcp_bbr *bbr)
{
    if (bbr->loss_round_start) {
        bbr->is_loss_in_round = false;
        bbr->loss_ranges = 0;
    }
}

/* UpdateModelAndState(). */
static void update_model(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr_update_latest(conn, rs);
    bbr_update_congestion(conn, rs);
    bbr_update_aggregation(conn, rs);
    bbr_check_full_bw(conn, rs);
    bbr_check_startup(conn, rs);
    end_loss_round(bbr);
    bbr_check_drain(conn);
    bbr_update_cycle(conn, rs);
    bbr_update_min_rtt(conn, rs);
    bbr_check_probe_rtt(conn, rs);
    bbr_advance_latest(bbr, rs);
    bbr->bw = min_u64(bbr_max_bw(bbr), bbr->bw_shortterm);
}

/* UpdateOnACK(). */
static void each_ack(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    watch_recovery(conn);
    if (rs->newly_acked == 0) {
        return;
    }
    if (!bbr->has_rtt && conn->rtt.srtt_ns != 0) {
        bbr->has_rtt = true;
        init_pacing_rate(conn);
    }
    update_model(conn, rs);
    bbr_set_pacing_rate(conn, bbr_pacing_gain(bbr));
    set_cwnd(conn, rs);
}

/* The model hears of each ACK and each loss: this is what the others go by. */
static void acked(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns)
{
    (void)conn;
    (void)bytes;
    (void)rtt_ns;
}

/* OnEnterFastRecovery(). */
static void loss(struct tcp_conn *conn, uint32_t in_flight)
{
    (void)in_flight;
    bbr_note_loss(conn);
    bbr_of(conn)->in_recovery = true;
}

/* The draft leaves the answer to marks open, but for that it is congestion. */
static void congested(struct tcp_conn *conn, uint32_t in_flight)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr_note_loss(conn);
    if (bbr->state == BBR_STARTUP) {
        bbr_leave_startup_by_congestion(conn);
    } else if (bbr->is_bw_probe_sample) {
        bbr_inflight_too_high(conn, in_flight, false);
    }
}

static void recovered(struct tcp_conn *conn)
{
    (void)conn;
}

/* OnEnterRTO(): all that was in flight is lost, and one segment goes. */
static void timeout(struct tcp_conn *conn, uint32_t in_flight, bool first)
{
    (void)in_flight;
    (void)first;
    bbr_note_loss(conn);
    bbr_of(conn)->in_recovery = true;
    conn->cwnd = conn->snd.mss;
}

/* HandleSpuriousLossDetection(). */
static void undo(struct tcp_conn *conn, const struct tcp_undo *before)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint8_t state = bbr->undo_state;

    (void)before;
    bbr_restore_cwnd(conn);
    bbr->is_loss_in_round = false;
    bbr_reset_full_bw(bbr);
    bbr->bw_shortterm = max_u64(bbr->bw_shortterm, bbr->undo_bw_shortterm);
    bbr->inflight_shortterm = max_u32(bbr->inflight_shortterm, bbr->undo_inflight_shortterm);
    bbr->inflight_longterm = max_u32(bbr->inflight_longterm, bbr->undo_inflight_longterm);
    bbr->undo_state = BBR_STATE_COUNT;
    if (state == BBR_STARTUP && bbr->state != BBR_STARTUP) {
        bbr->full_bw_reached = false;
        if (bbr->state != BBR_PROBE_RTT) {
            bbr_enter_startup(bbr);
        }
    } else if (state == BBR_PROBE_BW_UP && bbr->state != BBR_PROBE_BW_UP &&
               bbr->state != BBR_PROBE_RTT) {
        bbr_start_refill(conn);
    }
}

/* The window stays: what goes is paced. */
static void idle(struct tcp_conn *conn)
{
    (void)conn;
}

/* HandleRestartFromIdle(). */
static void restart(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->idle_restart = true;
    bbr->extra_acked_start_ns = conn->tcp->now_ns;
    if (bbr_is_in_probe_bw(bbr)) {
        bbr_set_pacing_rate(conn, 100);
    } else if (bbr->state == BBR_PROBE_RTT) {
        bbr_check_probe_rtt_done(conn);
    }
}

const struct tcp_cc_ops tcp_cc_bbr = {
    .name = "bbr",
    .open = open_window,
    .acked = acked,
    .loss = loss,
    .congested = congested,
    .recovered = recovered,
    .timeout = timeout,
    .undo = undo,
    .idle = idle,
    .each_ack = each_ack,
    .each_loss = bbr_each_loss,
    .restart = restart,
};
