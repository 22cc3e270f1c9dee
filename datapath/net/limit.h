/*
 * A token bucket in virtual time: each event moves the time at which the bucket
 * is full again ahead by one interval, so neither a timer nor a division is
 * needed. A plain value, zeroed at start; the owner's thread.
 */
#ifndef HEADRACE_DATAPATH_NET_LIMIT_H
#define HEADRACE_DATAPATH_NET_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
    uint64_t full_ns; /* the bucket is full from here on */
};

struct limit_rate {
    uint64_t interval_ns; /* of one event */
    uint64_t burst_ns;    /* events at once, times the interval */
};

static inline bool limit_take(struct limit *limit, const struct limit_rate *rate, uint64_t now_ns)
{
    uint64_t full_ns = limit->full_ns > now_ns ? limit->full_ns : now_ns;

    if (full_ns + rate->interval_ns > now_ns + rate->burst_ns) {
        return false;
    }
    limit->full_ns = full_ns + rate->interval_ns;
    return true;
}

#endif
