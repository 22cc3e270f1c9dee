#include "bench/histogram.h"

#define SUB (1u << HISTOGRAM_SUB_BITS)

/* Values below 128 have a bucket each; from there on the highest eight bits
 * choose. */
static unsigned bucket_of(uint64_t value)
{
    unsigned shift;

    if (value < SUB) {
        return (unsigned)value;
    }
    if (value >= 1ull << HISTOGRAM_MAX_BITS) {
        return HISTOGRAM_BUCKETS - 1;
    }
    shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((shift + 1) << HISTOGRAM_SUB_BITS) + (unsigned)((value >> shift) & (SUB - 1));
}

/* The largest value of a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned shift;

    if (bucket < SUB) {
        return bucket;
    }
    shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    return ((uint64_t)(SUB + (bucket & (SUB - 1)) + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
    if (value > histogram->largest) {
        histogram->largest = value;
    }
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * percent / 100.0 + 0.5);
    uint64_t seen = 0;

    if (wanted == 0) {
        wanted = 1;
    }
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= wanted) {
            uint64_t end = bucket_end(bucket);

            return end < histogram->largest ? end : histogram->largest;
        }
    }
    return histogram->largest;
}
