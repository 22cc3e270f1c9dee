/*
 * A histogram of high dynamic range: nanoseconds from 0 to an hour with three
 * significant digits, in constant memory. The buckets are HdrHistogram's for the
 * range 1 to 3,600,000,000,000 with three digits, so that histogram_log.h can write
 * them in its format: 2,048 linear ones, then 1,024 for each power of two. One
 * thread, which also owns the memory.
 */
#ifndef HEADRACE_BENCH_HISTOGRAM_H
#define HEADRACE_BENCH_HISTOGRAM_H

#include <assert.h>
#include <stdint.h>

#define HISTOGRAM_DIGITS 3u
#define HISTOGRAM_HIGHEST UINT64_C(3600000000000) /* an hour */
/* The first power of two that is at least 2 * 10^3. */
#define HISTOGRAM_LINEAR 2048u
#define HISTOGRAM_HALF_BITS 10u
/* 2^42 > HISTOGRAM_HIGHEST: 31 doublings of the linear range. */
#define HISTOGRAM_DOUBLINGS 31u
#define HISTOGRAM_BUCKETS ((HISTOGRAM_DOUBLINGS + 2) << HISTOGRAM_HALF_BITS)

static_assert(HISTOGRAM_HIGHEST >> HISTOGRAM_DOUBLINGS < HISTOGRAM_LINEAR,
              "the highest value has a bucket");

/* All zero is empty. */
struct histogram {
    uint64_t count;
    uint64_t smallest; /* valid when count > 0, as is `largest` */
    uint64_t largest;
    uint64_t sum; /* modulo 2^64: 500 years of nanoseconds */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* What is beyond the highest value counts as that, but in `largest` and `sum`. */
void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds all of `other`. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The value that `percent` of all, 0 to 100, do not exceed; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/* 0 when empty. */
double histogram_mean(const struct histogram *histogram);

#endif
