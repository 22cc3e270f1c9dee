#include "tcp/rtt.h"

#include "datapath/util.h"

void rtt_init(struct tcp_rtt *rtt, const struct rto_bounds *bounds)
{
    rtt->srtt_ns = 0;
    rtt->rttvar_ns = 0;
    rtt->rto_ns = bounds->initial_ns;
    rtt->min_rtt_ns = UINT32_MAX;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

void rtt_sample(struct tcp_rtt *rtt, const struct rto_bounds *bounds, uint64_t sample_ns)
{
    /* 0 means "no sample yet"; no path is that quick. */
    sample_ns = max_u64(sample_ns, 1);
    if (rtt->srtt_ns == 0) {
        rtt->srtt_ns = sample_ns;
        rtt->rttvar_ns = (uint32_t)min_u64(sample_ns / 2, UINT32_MAX);
    } else {
        rtt->rttvar_ns = (uint32_t)min_u64(rtt->rttvar_ns - rtt->rttvar_ns / 4 +
                                               distance(rtt->srtt_ns, sample_ns) / 4,
                                           UINT32_MAX);
        rtt->srtt_ns = max_u64(rtt->srtt_ns - rtt->srtt_ns / 8 + sample_ns / 8, 1);
    }
    rtt->min_rtt_ns = (uint32_t)min_u64(rtt->min_rtt_ns, sample_ns);
    rtt->rto_ns =
        min_u64(rtt->srtt_ns + max_u64(4ull * rtt->rttvar_ns, bounds->min_ns), bounds->max_ns);
}
