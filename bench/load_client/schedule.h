/*
 * When requests of an open loop are due: request k of a run at k/rate seconds after its
 * begin, exactly, however late the requests before it were. Several workers share one
 * schedule: each has every so-many-eth request. Pure; one thread.
 */
#ifndef HEADRACE_BENCH_LOAD_SCHEDULE_H
#define HEADRACE_BENCH_LOAD_SCHEDULE_H

#include <assert.h>
#include <stdint.h>

#define SCHEDULE_RATE_MAX 100000000u

struct schedule {
    uint64_t next_ns;   /* when the next one is due */
    uint64_t second_ns; /* the begin of its second */
    uint64_t place;     /* its number within that */
    uint64_t rate;      /* a second, of all workers */
    uint64_t stride;    /* workers */
};

/* `rate` from 1 to SCHEDULE_RATE_MAX. */
static inline void schedule_init(struct schedule *schedule, uint64_t begin_ns, uint64_t rate)
{
    *schedule = (struct schedule){
        .next_ns = begin_ns, .second_ns = begin_ns, .place = 0, .rate = rate, .stride = 1};
}

static inline void schedule_advance(struct schedule *schedule, uint64_t requests)
{
    const uint64_t ns_per_s = 1000000000;

    assert(schedule->rate > 0);
    schedule->place += requests;
    while (schedule->place >= schedule->rate) {
        schedule->place -= schedule->rate;
        schedule->second_ns += ns_per_s;
    }
    schedule->next_ns = schedule->second_ns + schedule->place * ns_per_s / schedule->rate;
}

/* Leaves to this one each `workers`th request, from number `worker` on. */
static inline void schedule_share(struct schedule *schedule, unsigned worker, unsigned workers)
{
    schedule->stride = workers;
    schedule_advance(schedule, worker);
}

/* When the next request is due, which is then taken. */
static inline uint64_t schedule_take(struct schedule *schedule)
{
    uint64_t due_ns = schedule->next_ns;

    schedule_advance(schedule, schedule->stride);
    return due_ns;
}

#endif
