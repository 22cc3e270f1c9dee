#include "api/tuning.h"

#include "api/convert.h"
#include "tcp/limits.h"
#include "tcp/mtu.h"
#include "tcp/user.h"

#include <assert.h>
#include <string.h>

const struct hr_tuning hr_tuning_default = TUNING_DEFAULT;

static_assert((int)HR_MTU_PROBING_ALWAYS == (int)TCP_MTU_PROBING_ALWAYS &&
                  (int)HR_MTU_PROBING_AFTER_BLACK_HOLE == (int)TCP_MTU_PROBING_AFTER_BLACK_HOLE,
              "the public numbers are the core's");

static bool lies_within(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most;
}

/* The bounds of the longest are Linux's (TCP_RTO_MAX_MS). */
static bool rto_is_valid(const struct hr_tuning *tuning)
{
    return lies_within(tuning->rto_max_ms, 1000, TCP_RTO_MAX_NS / NS_PER_MS) &&
           lies_within(tuning->rto_min_ms, 1, tuning->rto_max_ms) &&
           lies_within(tuning->rto_initial_ms, tuning->rto_min_ms, tuning->rto_max_ms);
}

/* Linux's: keepalives (MAX_TCP_KEEPIDLE and the two behind it), SYNs sent again (MAX_TCP_SYNCNT;
 * here SYN-ACKs too), the user timeout. RFCs': the delay of ACKs (RFC 9293 section 3.8.6.3), the
 * least DupThresh (RFC 5681), DSCP, TTL. Ours: FIN-WAIT-2 (of which Linux has 120 s), the initial
 * window, the most of DupThresh, R1 and R2, buffers. */
bool tuning_is_valid(const struct hr_tuning *tuning)
{
    return rto_is_valid(tuning) && lies_within(tuning->fin_wait_2_s, 1, 3600) &&
           lies_within(tuning->initial_window_segments, 1, 100) &&
           lies_within(tuning->dup_threshold, 3, 127) &&
           lies_within(tuning->keepalive_idle_s, 1, 32767) &&
           lies_within(tuning->keepalive_interval_s, 1, 32767) &&
           lies_within(tuning->keepalive_probes, 1, 127) && tuning->user_timeout_ms <= INT32_MAX &&
           tuning->send_buffer_max <= BUFFER_BYTES_MAX &&
           tuning->receive_buffer_max <= BUFFER_BYTES_MAX && tuning->r1_retransmissions > 0 &&
           tuning->r2_retransmissions > 0 && lies_within(tuning->syn_retransmissions, 1, 127) &&
           lies_within(tuning->syn_ack_retransmissions, 1, 127) && tuning->ack_delay_ms < 500 &&
           tuning->mtu_probing <= HR_MTU_PROBING_ALWAYS && tuning->dscp < 64 && tuning->ttl > 0;
}

static struct tcp_policy policy_of(const struct hr_tuning *tuning)
{
    return (struct tcp_policy){
        .rto = {.initial_ns = tuning->rto_initial_ms * (uint64_t)NS_PER_MS,
                .min_ns = tuning->rto_min_ms * (uint64_t)NS_PER_MS,
                .max_ns = tuning->rto_max_ms * (uint64_t)NS_PER_MS},
        .send_buffer_max = tuning->send_buffer_max,
        .receive_buffer_max = tuning->receive_buffer_max,
        .user_timeout_ms = tuning->user_timeout_ms,
        .keepalive_idle_s = tuning->keepalive_idle_s,
        .keepalive_gap_s = tuning->keepalive_interval_s,
        .ack_delay_ms = tuning->ack_delay_ms,
        .fin_wait_2_s = tuning->fin_wait_2_s,
        .keepalive_count = tuning->keepalive_probes,
        .keepalive = tuning->keepalive,
        .pacing = tuning->pacing,
        .rates = tuning->delivery_rates,
        .dsack = tuning->dsack,
        .mtu_probing = tuning->mtu_probing & 3u,
        .r1 = tuning->r1_retransmissions,
        .r2 = tuning->r2_retransmissions,
        .r2_syn = tuning->syn_retransmissions,
        .r2_syn_ack = tuning->syn_ack_retransmissions,
        .initial_window = tuning->initial_window_segments,
        .dup_threshold = tuning->dup_threshold,
        .quick_acks = tuning->quick_acks,
        .idle_restart = tuning->idle_restart,
        .reordering_adapts = tuning->reordering_adapts,
        .reordering_by_count = tuning->reordering_by_count,
        .rack = tuning->rack,
        .tail_probes = tuning->tail_probes,
        .frto = tuning->frto,
        .ecn_option = tuning->ecn_option,
    };
}

void tuning_take(struct tcp_settings *settings, const struct hr_tuning *tuning)
{
    settings->policy = policy_of(tuning);
    settings->tos = (uint8_t)(tuning->dscp << 2);
    settings->ttl = tuning->ttl;
}

bool settings_equal(const struct tcp_settings *a, const struct tcp_settings *b)
{
    return memcmp(&a->policy, &b->policy, sizeof a->policy) == 0 &&
           a->receive_buffer == b->receive_buffer && a->send_buffer == b->send_buffer &&
           a->cc == b->cc && a->nodelay == b->nodelay && a->sack == b->sack &&
           a->timestamps == b->timestamps && a->window_scale == b->window_scale &&
           a->fast_open == b->fast_open && a->fast_open_no_cookie == b->fast_open_no_cookie &&
           a->ecn == b->ecn && a->tos == b->tos && a->ttl == b->ttl && a->mss_max == b->mss_max;
}

void hr_conn_tuning(const struct hr_conn *conn, struct hr_tuning *tuning)
{
    const struct tcp_conn *inner = conn_inner(conn);
    const struct tcp_policy *policy = tcp_conn_policy(inner);

    *tuning = (struct hr_tuning){
        .keepalive = policy->keepalive,
        .keepalive_idle_s = policy->keepalive_idle_s,
        .keepalive_interval_s = policy->keepalive_gap_s,
        .keepalive_probes = policy->keepalive_count,
        .send_buffer_max = policy->send_buffer_max,
        .receive_buffer_max = policy->receive_buffer_max,
        .user_timeout_ms = policy->user_timeout_ms,
        .r1_retransmissions = policy->r1,
        .r2_retransmissions = policy->r2,
        .syn_retransmissions = policy->r2_syn,
        .syn_ack_retransmissions = policy->r2_syn_ack,
        .ack_delay_ms = policy->ack_delay_ms,
        .rto_initial_ms = (uint32_t)(policy->rto.initial_ns / NS_PER_MS),
        .rto_min_ms = (uint32_t)(policy->rto.min_ns / NS_PER_MS),
        .rto_max_ms = (uint32_t)(policy->rto.max_ns / NS_PER_MS),
        .fin_wait_2_s = policy->fin_wait_2_s,
        .initial_window_segments = policy->initial_window,
        .dup_threshold = policy->dup_threshold,
        .quick_acks = policy->quick_acks,
        .idle_restart = policy->idle_restart,
        .reordering_adapts = policy->reordering_adapts,
        .reordering_by_count = policy->reordering_by_count,
        .rack = policy->rack,
        .tail_probes = policy->tail_probes,
        .frto = policy->frto,
        .dsack = policy->dsack,
        .ecn_option = policy->ecn_option,
        .delivery_rates = policy->rates,
        .pacing = policy->pacing,
        .mtu_probing = policy->mtu_probing,
        .dscp = inner->tos >> 2,
        .ttl = inner->ttl,
    };
}

int hr_conn_tune(struct hr_conn *conn, const struct hr_tuning *tuning)
{
    struct tcp_conn *inner = conn_inner(conn);
    struct tcp_policy policy;
    int error;

    if (!tuning_is_valid(tuning)) {
        return HR_ERR_ARGUMENT;
    }
    policy = policy_of(tuning);
    error = tcp_set_policy(inner, &policy);
    if (error == TCP_OK) {
        tcp_set_dscp(inner, tuning->dscp);
        tcp_set_ttl(inner, tuning->ttl);
    }
    return error_outer(error);
}
