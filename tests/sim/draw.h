/* What the editions of a plan draw by. The caller owns the source of randomness. */
#ifndef HEADRACE_TESTS_SIM_DRAW_H
#define HEADRACE_TESTS_SIM_DRAW_H

#include "datapath/wire/random.h"
#include "tcp/policy.h"

static inline bool chance(struct random *random, unsigned percent)
{
    return random_chance(random, percent * 10000);
}

/* From 2^low to 2^high, every size class as likely as another. */
static inline uint64_t draw_log(struct random *random, unsigned low, unsigned high)
{
    unsigned bits = low + (unsigned)random_below(random, high - low);

    return (1ull << bits) + random_below(random, 1ull << bits);
}

/* plan_fourth.c: what bounds the RTO; how losses are found and doubted, and quick ACKs. */
void draw_rto(struct random *random, bool calm, struct rto_bounds *rto);
void draw_recovery(struct random *random, struct tcp_policy *policy);

#endif
