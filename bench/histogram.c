#include "bench/histogram.h"

/* Values below 2,048 have a bucket each; from there on the highest eleven bits
 * choose, the first of which is always set. */
static unsigned bucket_of(uint64_t value)
{
    unsigned doublings;

    if (value > HISTOGRAM_HIGHEST) {
        value = HISTOGRAM_HIGHEST;
    }
    doublings =
        63u - HISTOGRAM_HALF_BITS - (unsigned)__builtin_clzll(value | (HISTOGRAM_LINEAR - 1));
    return (doublings << HISTOGRAM_HALF_BITS) + (unsigned)(value >> doublings);
}

/* The largest value of a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned doublings = bucket < HISTOGRAM_LINEAR ? 0 : (bucket >> HISTOGRAM_HALF_BITS) - 1;
    uint64_t place = bucket - (doublings << HISTOGRAM_HALF_BITS);

    return ((place + 1) << doublings) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    histogram->sum += value;
    if (value < histogram->smallest || histogram->count == 0) {
        histogram->smallest = value;
    }
    if (value > histogram->largest) {
        histogram->largest = value;
    }
    histogram->count++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    if (other->count == 0) {
        return;
    }
    if (other->smallest < histogram->smallest || histogram->count == 0) {
        histogram->smallest = other->smallest;
    }
    if (other->largest > histogram->largest) {
        histogram->largest = other->largest;
    }
    histogram->count += other->count;
    histogram->sum += other->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->buckets[i] += other->buckets[i];
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

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count > 0 ? (double)histogram->sum / (double)histogram->count : 0;
}
