/*
 * What bytes of an input make of a policy: at the beginning of the connections, and of one that
 * is open, while segments are on their way and timers run.
 */
#ifndef HEADRACE_TESTS_FUZZ_TUNE_H
#define HEADRACE_TESTS_FUZZ_TUNE_H

#include "tcp/policy.h"

/* What bounds the RTO, and what of loss recovery is off. */
void tune_rto(struct rto_bounds *rto, uint8_t bounds);
void tune_recovery(struct tcp_policy *policy, uint8_t recovery);

/* One part of a policy, what is said of it by `value`. */
void tune_part(struct tcp_policy *policy, uint8_t part, uint8_t value);

#endif
