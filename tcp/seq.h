/*
 * Sequence numbers: arithmetic modulo 2^32 (RFC 9293 section 3.4). The only
 * place that compares them. Two numbers are compared by the shorter way round,
 * so both must lie within half the space, which a window of at most 1 GiB keeps.
 */
#ifndef HEADRACE_TCP_SEQ_H
#define HEADRACE_TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

static inline bool seq_lt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static inline bool seq_ge(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
    return seq_lt(a, b) ? b : a;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
    return seq_lt(a, b) ? a : b;
}

/* x in [low, high). */
static inline bool seq_between(uint32_t x, uint32_t low, uint32_t high)
{
    return x - low < high - low;
}

/* What ends at `end` is no longer within what is out, [una, nxt): it was acknowledged, or that was
 * 2 GiB ago, and it seems to end beyond all that was sent. */
static inline bool seq_is_over(uint32_t end, uint32_t una, uint32_t nxt)
{
    return !seq_between(end - 1, una, nxt);
}

#endif
