/*
 * A histogram of high dynamic range: nanoseconds from 0 to 2^40 (18 minutes) with
 * a relative error below 1%, in constant memory. Each power of two has 128
 * linear buckets (the idea of HdrHistogram). One thread.
 */
#ifndef HEADRACE_BENCH_HISTOGRAM_H
#define HEADRACE_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7u
#define HISTOGRAM_MAX_BITS 40u
#define HISTOGRAM_BUCKETS ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

/* All zero is empty. */
struct histogram {
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `percent` of all, 0 to 100, do not exceed; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
