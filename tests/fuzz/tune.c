#include "tests/fuzz/tune.h"

#include "datapath/util.h"
#include "tcp/limits.h"
#include "tcp/mtu.h"

/* What bounds the RTO, by tables. */
enum tune_rto {
    RTO_MIN = 7,
    RTO_MAX_SHIFT = 3,     /* two bits */
    RTO_INITIAL_SHIFT = 5, /* three bits */
};

/* What of loss recovery is off, and DupThresh. Without adaption and count there is no RACK at
 * all. */
enum tune_recovery {
    NO_TAIL_PROBES = 1 << 0,
    NO_FRTO = 1 << 1,
    NO_IDLE_RESTART = 1 << 2,
    NO_ADAPTION = 1 << 3,
    NO_COUNT = 1 << 4,
    NO_QUICK_ACKS = 1 << 5,
    DUP_THRESHOLD_SHIFT = 6, /* two bits */
};

/* What else is on or off. */
enum tune_switch {
    SWITCH_PACING = 1 << 0,
    SWITCH_RATES = 1 << 1,
    SWITCH_DSACK = 1 << 2,
    SWITCH_ECN_OPTION = 1 << 3,
    SWITCH_KEEPALIVE = 1 << 4,
    SWITCH_MTU_PROBING_SHIFT = 5, /* two bits */
};

void tune_rto(struct rto_bounds *rto, uint8_t bounds)
{
    static const uint64_t min_ms[] = {200, 1, 4, 20, 50, 500, 1000, 120000};
    static const uint64_t max_ms[] = {120000, 1000, 3000, 20000};

    rto->max_ns = NS_PER_MS * max_ms[bounds >> RTO_MAX_SHIFT & 3];
    rto->min_ns = min_u64(NS_PER_MS * min_ms[bounds & RTO_MIN], rto->max_ns);
    rto->initial_ns = rto->min_ns + (rto->max_ns - rto->min_ns) / 8 * (bounds >> RTO_INITIAL_SHIFT);
}

void tune_recovery(struct tcp_policy *policy, uint8_t recovery)
{
    static const uint8_t dup_threshold[] = {TCP_DUPTHRESH, 4, 10, 127};

    policy->tail_probes = !(recovery & NO_TAIL_PROBES);
    policy->frto = !(recovery & NO_FRTO);
    policy->idle_restart = !(recovery & NO_IDLE_RESTART);
    policy->reordering_adapts = !(recovery & NO_ADAPTION);
    policy->reordering_by_count = !(recovery & NO_COUNT);
    policy->rack = policy->reordering_adapts || policy->reordering_by_count;
    policy->quick_acks = recovery & NO_QUICK_ACKS ? 0 : policy->quick_acks;
    policy->dup_threshold = dup_threshold[recovery >> DUP_THRESHOLD_SHIFT];
}

static void turn_switches(struct tcp_policy *policy, uint8_t switches)
{
    policy->pacing = (switches & SWITCH_PACING) != 0;
    policy->rates = (switches & SWITCH_RATES) != 0;
    policy->dsack = (switches & SWITCH_DSACK) != 0;
    policy->ecn_option = (switches & SWITCH_ECN_OPTION) != 0;
    policy->keepalive = (switches & SWITCH_KEEPALIVE) != 0;
    policy->mtu_probing =
        min_u32(switches >> SWITCH_MTU_PROBING_SHIFT & 3, TCP_MTU_PROBING_ALWAYS) & 3;
}

/* How long a silent peer is waited for. */
static void tune_patience(struct tcp_policy *policy, uint8_t value)
{
    static const uint32_t user_timeout_ms[] = {0, 1, 3000, 100000};
    static const uint8_t retransmissions[] = {TCP_R2_RETRANSMISSIONS, 1, 3, 255};

    policy->user_timeout_ms = user_timeout_ms[value & 3];
    policy->r2 = retransmissions[value >> 2 & 3];
    policy->r1 = retransmissions[value >> 4 & 3];
    policy->fin_wait_2_s = value & 64 ? 1 : TCP_FIN_WAIT_2_S;
    policy->keepalive_idle_s = value & 128 ? 1 : 7200;
    policy->keepalive_gap_s = policy->keepalive_idle_s;
}

void tune_part(struct tcp_policy *policy, uint8_t part, uint8_t value)
{
    switch (part & 7) {
    case 0:
    case 1:
        tune_recovery(policy, value);
        break;
    case 2:
        tune_rto(&policy->rto, value);
        break;
    case 3:
        turn_switches(policy, value);
        break;
    case 4:
        tune_patience(policy, value);
        break;
    case 5:
        policy->quick_acks = value & 31;
        policy->ack_delay_ms = (value >> 5) * 70;
        break;
    case 6:
        policy->initial_window = (uint8_t)(1 + value % 100);
        break;
    default:
        policy->send_buffer_max = (value & 15u) << 12;
        policy->receive_buffer_max = (value >> 4) * 4096u;
        break;
    }
}
