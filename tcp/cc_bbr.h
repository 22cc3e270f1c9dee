/*
 * BBRv3 (draft-ietf-ccwg-bbr-06): a model of the path, of the bandwidth that it delivers and
 * of its round trip without a queue, says how fast to send and how much may be in flight. The
 * draft's names; where it says "Infinity" here stands BBR_INFINITE.
 *
 *   cc_bbr.c        what each event asks for, in its order; rate, window (5.6 of the draft)
 *   cc_bbr_model.c  the model: round trips, filters, losses (5.5)
 *   cc_bbr_state.c  the states: Startup, Drain, ProbeBW, ProbeRTT (5.3)
 *
 * It wants rate samples (tcp/rate.h) and pacing (tcp/pacing.h), which a connection has while
 * this is its congestion control; in loss recovery there is no rate reduction (RFC 9937): the
 * window stays the model's. A mark (ECN) is answered as a loss beyond the threshold.
 *
 * Owner: the worker's `struct tcp`; a place for each connection, by its index.
 */
#ifndef HEADRACE_TCP_CC_BBR_H
#define HEADRACE_TCP_CC_BBR_H

#include "tcp/rate.h"

#include <stdbool.h>
#include <stdint.h>

/* BBR.Beta. */
#define BBR_BETA_PERCENT 70u

#define BBR_INFINITE UINT32_MAX
#define BBR_INFINITE_BW UINT64_MAX

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_PROBE_BW_DOWN,
    BBR_PROBE_BW_CRUISE,
    BBR_PROBE_BW_REFILL,
    BBR_PROBE_BW_UP,
    BBR_PROBE_RTT,
    BBR_STATE_COUNT, /* also: none, of undo_state */
};

enum bbr_ack_phase {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_PROBE_STARTING,
    BBR_ACKS_PROBE_FEEDBACK,
    BBR_ACKS_PROBE_STOPPING,
};

struct tcp_bbr {
    /* Rates: bytes in 2^30 ns. */
    uint64_t max_bw_filter[2]; /* the best of this cycle, and of the one before */
    uint64_t bw;               /* what the model says: bounded by bw_shortterm */
    uint64_t bw_latest;
    uint64_t bw_shortterm;
    uint64_t undo_bw_shortterm;
    uint64_t full_bw;
    /* Times. */
    uint64_t min_rtt_ns; /* UINT64_MAX: none yet */
    uint64_t min_rtt_stamp_ns;
    uint64_t probe_rtt_min_delay_ns;
    uint64_t probe_rtt_min_stamp_ns;
    uint64_t probe_rtt_done_ns; /* 0: the pipe is not small enough yet */
    uint64_t cycle_stamp_ns;
    uint64_t bw_probe_wait_ns;
    uint64_t extra_acked_start_ns;
    /* Positions of tcp_rate.delivered. */
    uint64_t next_round_delivered;
    uint64_t loss_round_delivered;
    uint64_t extra_acked_delivered; /* bytes since then */
    /* Bytes. */
    uint32_t extra_acked_filter[2]; /* the most of this half of the window, and the other */
    uint32_t inflight_latest;
    uint32_t inflight_longterm;
    uint32_t inflight_shortterm;
    uint32_t undo_inflight_longterm;
    uint32_t undo_inflight_shortterm;
    uint32_t prior_cwnd;
    uint32_t bw_probe_up_acked;
    uint32_t probe_up_acked_per_inc;
    /* Round trips, packet-timed. */
    uint32_t round_count;
    uint32_t drain_start_round;
    uint32_t rounds_since_probe_up;
    uint32_t extra_acked_rounds; /* in this half of its window */
    uint32_t loss_end_seq;       /* of the last range that was lost in this round */
    uint8_t loss_ranges;         /* that do not touch, in this round; 255 and more */
    uint8_t bw_probe_up_rounds;
    uint8_t full_bw_count;
    uint8_t state;      /* enum bbr_state */
    uint8_t undo_state; /* likewise; BBR_STATE_COUNT: none */
    uint8_t ack_phase;  /* enum bbr_ack_phase */
    bool round_start;
    bool loss_round_start;
    bool full_bw_now;
    bool full_bw_reached;
    bool is_loss_in_round;
    bool is_bw_probe_sample;
    bool prev_probe_too_high;
    bool prev_probe_precautionary;
    bool is_cwnd_limited;
    bool cwnd_limited_before; /* the round trip before this one */
    bool probe_rtt_expired;
    bool probe_rtt_round_done;
    bool idle_restart;
    bool has_rtt;     /* the first rate was set by a round trip */
    bool in_recovery; /* losses are being repaired */
    bool has_saved;   /* undo_* is from before them */
};

struct tcp_bbr *bbr_of(const struct tcp_conn *conn);

/* cc_bbr.c: control parameters. */
void bbr_set_pacing_rate(struct tcp_conn *conn, uint32_t gain_percent);
void bbr_save_cwnd(struct tcp_conn *conn);
void bbr_restore_cwnd(struct tcp_conn *conn);
/* BDPMultiple(), Inflight(), InflightWithHeadroom(), ProbeRTTCwnd(), TargetInflight(): bytes. */
uint32_t bbr_bdp_multiple(const struct tcp_conn *conn, uint64_t bw, uint32_t gain_percent);
uint32_t bbr_inflight(const struct tcp_conn *conn, uint64_t bw);
uint32_t bbr_inflight_with_headroom(const struct tcp_conn *conn);
uint32_t bbr_probe_rtt_cwnd(const struct tcp_conn *conn);
uint32_t bbr_target_inflight(const struct tcp_conn *conn);
uint32_t bbr_min_pipe_cwnd(const struct tcp_conn *conn);

/* cc_bbr_model.c. */
uint64_t bbr_max_bw(const struct tcp_bbr *bbr);
uint32_t bbr_extra_acked(const struct tcp_bbr *bbr);
void bbr_start_round(struct tcp_conn *conn);
void bbr_reset_congestion_signals(struct tcp_bbr *bbr);
void bbr_reset_short_term(struct tcp_bbr *bbr);
void bbr_advance_max_bw(struct tcp_bbr *bbr);
void bbr_update_latest(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_update_congestion(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_update_aggregation(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_update_min_rtt(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_advance_latest(struct tcp_bbr *bbr, const struct tcp_rate_sample *rs);
void bbr_note_loss(struct tcp_conn *conn);
void bbr_each_loss(struct tcp_conn *conn, const struct tcp_record *record);
/* IsInflightTooHigh(): more than 2% of it was lost, or anything without SACK. */
bool bbr_is_inflight_too_high(const struct tcp_conn *conn, uint32_t lost, uint32_t tx_in_flight);

/* cc_bbr_state.c. */
bool bbr_is_in_probe_bw(const struct tcp_bbr *bbr);
bool bbr_is_probing(const struct tcp_bbr *bbr);
uint32_t bbr_pacing_gain(const struct tcp_bbr *bbr); /* percent, as the next */
uint32_t bbr_cwnd_gain(const struct tcp_bbr *bbr);
void bbr_reset_full_bw(struct tcp_bbr *bbr);
void bbr_enter_startup(struct tcp_bbr *bbr);
void bbr_start_down(struct tcp_conn *conn);
void bbr_start_refill(struct tcp_conn *conn);
void bbr_check_full_bw(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_check_startup(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_leave_startup_by_congestion(struct tcp_conn *conn);
void bbr_check_drain(struct tcp_conn *conn);
void bbr_update_cycle(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_inflight_too_high(struct tcp_conn *conn, uint32_t tx_in_flight, bool is_app_limited);
void bbr_check_probe_rtt(struct tcp_conn *conn, const struct tcp_rate_sample *rs);
void bbr_check_probe_rtt_done(struct tcp_conn *conn);

#endif
