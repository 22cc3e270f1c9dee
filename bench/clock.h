/*
 * CLOCK_MONOTONIC, of all programs that measure: never set back, never set. Any thread.
 */
#ifndef HEADRACE_BENCH_CLOCK_H
#define HEADRACE_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline double clock_now_s(void)
{
    return (double)clock_now_ns() / 1e9;
}

#endif
