#include "tcp/hystart.h"

#include "tcp/conn.h"
#include "tcp/seq.h"

static const uint32_t none = UINT32_MAX;

/* Section 4.3. */
static const uint32_t min_rtt_thresh_us = 4000;
static const uint32_t max_rtt_thresh_us = 16000;
static const unsigned min_rtt_divisor_shift = 3;
static const uint8_t n_rtt_sample = 8;
static const unsigned css_growth_divisor_shift = 2;
static const uint8_t css_rounds = 5;

static void begin_round(const struct tcp_conn *conn, struct tcp_hystart *hystart)
{
    hystart->window_end = conn->snd.nxt;
    hystart->last_round_min_us = hystart->current_round_min_us;
    hystart->current_round_min_us = none;
    hystart->rtt_sample_count = 0;
}

void hystart_open(struct tcp_conn *conn, struct tcp_hystart *hystart)
{
    hystart->current_round_min_us = none;
    hystart->css_baseline_min_us = none;
    hystart->css_rounds = 0;
    begin_round(conn, hystart);
}

static bool is_conservative(const struct tcp_hystart *hystart)
{
    return hystart->css_baseline_min_us != none;
}

static void take_sample(struct tcp_hystart *hystart, uint64_t rtt_ns)
{
    uint32_t rtt_us = (uint32_t)min_u64(rtt_ns >> 10, none / 2); /* 1,024 ns: near enough */

    hystart->current_round_min_us = min_u32(hystart->current_round_min_us, rtt_us);
    if (hystart->rtt_sample_count < n_rtt_sample) {
        hystart->rtt_sample_count++;
    }
}

/* The round trip has risen since the last round: the queue fills. */
static bool has_risen(const struct tcp_hystart *hystart)
{
    uint32_t last = hystart->last_round_min_us;
    uint32_t thresh =
        min_u32(max_u32(last >> min_rtt_divisor_shift, min_rtt_thresh_us), max_rtt_thresh_us);

    return last != none && hystart->current_round_min_us >= last + thresh;
}

static void judge(struct tcp_hystart *hystart)
{
    if (hystart->rtt_sample_count < n_rtt_sample) {
        return;
    }
    if (!is_conservative(hystart)) {
        if (has_risen(hystart)) {
            hystart->css_baseline_min_us = hystart->current_round_min_us;
            hystart->css_rounds = 0;
        }
    } else if (hystart->current_round_min_us < hystart->css_baseline_min_us) {
        hystart->css_baseline_min_us = none; /* it was jitter: slow start goes on */
    }
}

uint32_t hystart_on_ack(struct tcp_conn *conn, struct tcp_hystart *hystart, uint32_t bytes,
                        uint64_t rtt_ns)
{
    if (rtt_ns != UINT64_MAX) {
        take_sample(hystart, rtt_ns);
        judge(hystart);
    }
    /* A sender that its window does not limit asks for nothing here, for 2 GiB perhaps. */
    if (seq_is_over(hystart->window_end, conn->snd.una, conn->snd.nxt)) {
        begin_round(conn, hystart);
        if (is_conservative(hystart) && ++hystart->css_rounds >= css_rounds) {
            conn->ssthresh = conn->cwnd;
            hystart->css_baseline_min_us = none;
            return bytes;
        }
    }
    return is_conservative(hystart)
               ? min_u32(bytes, TCP_SLOW_START_SEGMENTS * conn->snd.mss) >> css_growth_divisor_shift
               : bytes;
}
