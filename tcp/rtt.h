/*
 * The round-trip time and the retransmission timeout (RFC 6298). Karn's rule,
 * which segment may give a sample, is the caller's; so is backoff.
 */
#ifndef HEADRACE_TCP_RTT_H
#define HEADRACE_TCP_RTT_H

#include <stdint.h>

struct tcp_rtt {
    uint64_t srtt_ns;    /* 0: no sample yet */
    uint64_t rto_ns;     /* without backoff */
    uint32_t rttvar_ns;  /* 4.3 s at the most */
    uint32_t min_rtt_ns; /* UINT32_MAX: so much, or none */
};

/* Between what the RTO lies; the defaults are in limits.h. */
struct rto_bounds {
    uint64_t initial_ns; /* before the first sample */
    uint64_t min_ns;     /* of what is added to the smoothed round trip */
    uint64_t max_ns;     /* doublings included */
};

/* Section 2.1. */
void rtt_init(struct tcp_rtt *rtt, const struct rto_bounds *bounds);

/* Sections 2.2 and 2.3. */
void rtt_sample(struct tcp_rtt *rtt, const struct rto_bounds *bounds, uint64_t sample_ns);

#endif
