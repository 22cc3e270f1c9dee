/* What the editions of a plan draw by. The caller owns the source of randomness. */
#ifndef HEADRACE_TESTS_SIM_DRAW_H
#define HEADRACE_TESTS_SIM_DRAW_H

#include "datapath/wire/random.h"

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

#endif
