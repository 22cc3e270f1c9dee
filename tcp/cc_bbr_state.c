/* The states (draft-ietf-ccwg-bbr-06, "State Machine Operation"). */
#include "tcp/cc_bbr.h"
#include "tcp/recovery.h"
#include "tcp/siphash.h"

/* BBRStartupFullLossCnt. */
static const uint8_t startup_loss_ranges = 6;
/* Rounds without much growth until the pipe is full; and what is much. */
static const uint8_t full_bw_rounds = 3;
static const uint64_t full_bw_growth_percent = 125;
static const uint32_t drain_rounds_max = 3;
/* RenoCoexistence: probed as often as Reno would have grown by its window, at most. */
static const uint32_t reno_rounds_max = 63;
static const uint64_t probe_wait_ns = 2 * NS_PER_S; /* and up to one more */
static const uint8_t probe_up_rounds_max = 30;
static const uint64_t probe_rtt_duration_ns = 200 * NS_PER_MS;

/* "Summary of Control Behavior in the State Machine", percent. */
static const struct {
    uint16_t pacing;
    uint16_t cwnd;
} gains[] = {
    [BBR_STARTUP] = {277, 200},         [BBR_DRAIN] = {50, 200},
    [BBR_PROBE_BW_DOWN] = {90, 200},    [BBR_PROBE_BW_CRUISE] = {100, 200},
    [BBR_PROBE_BW_REFILL] = {100, 200}, [BBR_PROBE_BW_UP] = {125, 225},
    [BBR_PROBE_RTT] = {100, 50},
};
static_assert(COUNT_OF(gains) == BBR_STATE_COUNT, "gains for each state");

uint32_t bbr_pacing_gain(const struct tcp_bbr *bbr)
{
    return gains[bbr->state].pacing;
}

uint32_t bbr_cwnd_gain(const struct tcp_bbr *bbr)
{
    return gains[bbr->state].cwnd;
}

bool bbr_is_in_probe_bw(const struct tcp_bbr *bbr)
{
    return bbr->state >= BBR_PROBE_BW_DOWN && bbr->state <= BBR_PROBE_BW_UP;
}

bool bbr_is_probing(const struct tcp_bbr *bbr)
{
    return bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_BW_REFILL ||
           bbr->state == BBR_PROBE_BW_UP;
}

void bbr_reset_full_bw(struct tcp_bbr *bbr)
{
    bbr->full_bw = 0;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

void bbr_enter_startup(struct tcp_bbr *bbr)
{
    bbr->state = BBR_STARTUP;
}

static void enter_drain(struct tcp_bbr *bbr)
{
    bbr->state = BBR_DRAIN;
    bbr->drain_start_round = bbr->round_count;
}

/* PickProbeWait(): spread, so that flows do not probe at the same time. */
static void pick_probe_wait(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    const uint64_t words[2] = {conn->tcp->now_ns, conn->index};
    uint64_t random = siphash_2_4(conn->tcp->secret, words, sizeof words);

    bbr->rounds_since_probe_up = random & 1;
    bbr->bw_probe_wait_ns = probe_wait_ns + (((random >> 32) * NS_PER_S) >> 32);
}

void bbr_start_down(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr_reset_congestion_signals(bbr);
    bbr->probe_up_acked_per_inc = BBR_INFINITE;
    pick_probe_wait(conn);
    bbr->cycle_stamp_ns = conn->tcp->now_ns;
    bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
    bbr_start_round(conn);
    bbr->state = BBR_PROBE_BW_DOWN;
}

void bbr_start_refill(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr_reset_short_term(bbr);
    bbr->bw_probe_up_rounds = 0;
    bbr->bw_probe_up_acked = 0;
    bbr->prev_probe_precautionary = false;
    bbr->ack_phase = BBR_ACKS_REFILLING;
    bbr_start_round(conn);
    bbr->state = BBR_PROBE_BW_REFILL;
}

/* RaiseInflightLongtermSlope(): each round the double of the one before. */
static void raise_slope(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->probe_up_acked_per_inc = max_u32(conn->cwnd >> bbr->bw_probe_up_rounds, conn->snd.mss);
    if (bbr->bw_probe_up_rounds < probe_up_rounds_max) {
        bbr->bw_probe_up_rounds++;
    }
}

static void start_up(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
    bbr_start_round(conn);
    bbr_reset_full_bw(bbr);
    bbr->full_bw = rs->rate;
    bbr->state = BBR_PROBE_BW_UP;
    raise_slope(conn);
}

void bbr_check_full_bw(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->full_bw_now || !bbr->round_start || rs->is_app_limited) {
        return;
    }
    if (rs->rate >= bbr->full_bw / 100 * full_bw_growth_percent) {
        bbr_reset_full_bw(bbr);
        bbr->full_bw = rs->rate;
        return;
    }
    bbr->full_bw_count++;
    bbr->full_bw_now = bbr->full_bw_count >= full_bw_rounds;
    bbr->full_bw_reached |= bbr->full_bw_now;
}

void bbr_leave_startup_by_congestion(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->undo_state = BBR_STARTUP;
    bbr->full_bw_now = true;
    bbr->full_bw_reached = true;
    bbr->inflight_longterm = max_u32(bbr_bdp_multiple(conn, bbr->bw, 100), bbr->inflight_latest);
}

/* CheckStartupHighLoss(): a round of fast recovery, in which more than 2% and six ranges were
 * lost; without SACK, which shows one loss a round, any. */
static bool loses_much(const struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    const struct tcp_bbr *bbr = bbr_of(conn);

    if (!bbr->is_loss_in_round || conn->flight->recovery != TCP_RECOVERY_FAST) {
        return false;
    }
    return !tcp_conn_has(conn, TCP_CONN_SACK_OK) ||
           (bbr->loss_round_start && bbr->loss_ranges >= startup_loss_ranges &&
            bbr_is_inflight_too_high(conn, rs->lost, rs->tx_in_flight));
}

void bbr_check_startup(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (!bbr->full_bw_reached && loses_much(conn, rs)) {
        bbr_leave_startup_by_congestion(conn);
    }
    if (bbr->state == BBR_STARTUP && bbr->full_bw_reached) {
        enter_drain(bbr);
    }
}

void bbr_check_drain(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->state == BBR_DRAIN && (tcp_pipe(conn) <= bbr_inflight(conn, bbr->bw) ||
                                    bbr->round_count > bbr->drain_start_round + drain_rounds_max)) {
        bbr_start_down(conn);
    }
}

static bool is_time_to_probe(const struct tcp_conn *conn)
{
    const struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t reno_bytes = (uint64_t)bbr->rounds_since_probe_up * conn->snd.mss;

    return conn->tcp->now_ns > bbr->cycle_stamp_ns + bbr->bw_probe_wait_ns ||
           bbr->rounds_since_probe_up >= reno_rounds_max || reno_bytes >= bbr_target_inflight(conn);
}

static bool is_time_to_cruise(const struct tcp_conn *conn)
{
    const struct tcp_bbr *bbr = bbr_of(conn);
    uint32_t in_flight = tcp_pipe(conn);

    return in_flight <= bbr_inflight_with_headroom(conn) &&
           in_flight <= bbr_inflight(conn, bbr_max_bw(bbr));
}

static bool is_time_to_go_down(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->prev_probe_too_high && tcp_pipe(conn) >= bbr->inflight_longterm) {
        bbr->prev_probe_precautionary = true;
        return true;
    }
    if (bbr->is_cwnd_limited && conn->cwnd >= bbr->inflight_longterm) {
        bbr_reset_full_bw(bbr); /* inflight_longterm is what limits the bandwidth */
        bbr->full_bw = rs->rate;
        return false;
    }
    return bbr->full_bw_now;
}

/* ProbeInflightLongtermUpward(). */
static void probe_upward(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint32_t steps;

    if (!bbr->is_cwnd_limited || conn->cwnd < bbr->inflight_longterm) {
        return; /* it is not fully used */
    }
    bbr->bw_probe_up_acked += rs->newly_acked;
    steps = bbr->bw_probe_up_acked / bbr->probe_up_acked_per_inc;
    bbr->bw_probe_up_acked -= steps * bbr->probe_up_acked_per_inc;
    bbr->inflight_longterm = min_u32(bbr->inflight_longterm + steps * conn->snd.mss, TCP_CWND_MAX);
    if (bbr->round_start) {
        raise_slope(conn);
    }
}

/* The samples of a probe come to their end: true when the next one begins at once, the last
 * having stopped out of caution alone. */
static bool end_probe_samples(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr->is_bw_probe_sample = false;
    bbr->ack_phase = BBR_ACKS_INIT;
    if (!bbr_is_in_probe_bw(bbr)) {
        return false;
    }
    if (!rs->is_app_limited) {
        bbr_advance_max_bw(bbr);
    }
    if (bbr->prev_probe_precautionary && !bbr->prev_probe_too_high) {
        bbr_start_refill(conn);
        return true;
    }
    return false;
}

/* AdaptLongTermModel(): true when it decided on a state. */
static bool adapt_long_term(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start) {
        bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    }
    if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start &&
        end_probe_samples(conn, rs)) {
        return true;
    }
    if (bbr->inflight_longterm == BBR_INFINITE ||
        bbr_is_inflight_too_high(conn, rs->lost, rs->tx_in_flight)) {
        return false;
    }
    bbr->inflight_longterm = max_u32(bbr->inflight_longterm, rs->tx_in_flight);
    if (bbr->state == BBR_PROBE_BW_UP) {
        probe_upward(conn, rs);
    }
    return false;
}

static void leave_state(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    switch (bbr->state) {
    case BBR_PROBE_BW_DOWN:
    case BBR_PROBE_BW_CRUISE:
        if (is_time_to_probe(conn)) {
            bbr_start_refill(conn);
        } else if (bbr->state == BBR_PROBE_BW_DOWN && is_time_to_cruise(conn)) {
            bbr->state = BBR_PROBE_BW_CRUISE;
        }
        break;
    case BBR_PROBE_BW_REFILL:
        if (bbr->round_start) {
            bbr->is_bw_probe_sample = true;
            start_up(conn, rs);
        }
        break;
    case BBR_PROBE_BW_UP:
        if (is_time_to_go_down(conn, rs)) {
            bbr->prev_probe_too_high = false; /* no high loss so far */
            bbr_start_down(conn);
        }
        break;
    default:
        break;
    }
}

void bbr_update_cycle(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    if (bbr_of(conn)->full_bw_reached && !adapt_long_term(conn, rs)) {
        leave_state(conn, rs);
    }
}

/* HandleInflightTooHigh(): once a probe. */
void bbr_inflight_too_high(struct tcp_conn *conn, uint32_t tx_in_flight, bool is_app_limited)
{
    struct tcp_bbr *bbr = bbr_of(conn);
    uint64_t target = bbr_target_inflight(conn);

    bbr->prev_probe_too_high = true;
    bbr->is_bw_probe_sample = false;
    if (!is_app_limited) {
        bbr->inflight_longterm = max_u32(tx_in_flight, (uint32_t)(target * BBR_BETA_PERCENT / 100));
    }
    if (bbr->state == BBR_PROBE_BW_UP) {
        bbr->undo_state = BBR_PROBE_BW_UP;
        bbr_start_down(conn);
    }
}

static void exit_probe_rtt(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    bbr_reset_short_term(bbr);
    if (bbr->full_bw_reached) {
        bbr_start_down(conn);
        bbr->state = BBR_PROBE_BW_CRUISE; /* what is in flight is little enough */
    } else {
        bbr_enter_startup(bbr);
    }
}

void bbr_check_probe_rtt_done(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->probe_rtt_done_ns != 0 && conn->tcp->now_ns > bbr->probe_rtt_done_ns) {
        bbr->probe_rtt_min_stamp_ns = conn->tcp->now_ns;
        bbr_restore_cwnd(conn);
        exit_probe_rtt(conn);
    }
}

static void stay_in_probe_rtt(struct tcp_conn *conn)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    rate_mark_app_limited(conn); /* low rates are of our own making */
    if (bbr->probe_rtt_done_ns == 0) {
        if (tcp_pipe(conn) <= bbr_probe_rtt_cwnd(conn)) {
            bbr->probe_rtt_done_ns = conn->tcp->now_ns + probe_rtt_duration_ns;
            bbr->probe_rtt_round_done = false;
            bbr_start_round(conn);
        }
        return;
    }
    bbr->probe_rtt_round_done |= bbr->round_start;
    if (bbr->probe_rtt_round_done) {
        bbr_check_probe_rtt_done(conn);
    }
}

void bbr_check_probe_rtt(struct tcp_conn *conn, const struct tcp_rate_sample *rs)
{
    struct tcp_bbr *bbr = bbr_of(conn);

    if (bbr->state != BBR_PROBE_RTT && bbr->probe_rtt_expired && !bbr->idle_restart) {
        bbr_save_cwnd(conn);
        bbr->state = BBR_PROBE_RTT;
        bbr->probe_rtt_done_ns = 0;
        bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
        bbr_start_round(conn);
    }
    if (bbr->state == BBR_PROBE_RTT) {
        stay_in_probe_rtt(conn);
    }
    if (rs->delivered > 0) {
        bbr->idle_restart = false;
    }
}
