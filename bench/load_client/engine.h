/*
 * The engine of load: connections over the kernel's sockets, one epoll loop, one
 * thread. Everything is bounded by the options' time.
 */
#ifndef HEADRACE_BENCH_LOAD_ENGINE_H
#define HEADRACE_BENCH_LOAD_ENGINE_H

#include "bench/histogram.h"
#include "bench/load_client/options.h"

struct load_results {
    double seconds;
    uint64_t requests; /* answered, or connections made and ended */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t bytes_verified;
    uint64_t errors_connect; /* refused, or not answered until the end */
    uint64_t errors_reset;
    uint64_t errors_closed;   /* the server ended a stream too early */
    uint64_t errors_data;     /* a byte was wrong: the run ends there */
    struct histogram latency; /* ns, of requests or connections */
};

/* Called about five times a second while it runs. */
typedef void load_progress(const struct load_results *so_far, double seconds_left);

/* 0, or -1 and a sentence on standard error. `progress` may be NULL. */
int load_run(const struct load_options *options, struct load_results *results,
             load_progress *progress);

#endif
