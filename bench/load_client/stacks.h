/*
 * The two stacks that load runs over, each the whole of a run: from its begin to the sum
 * of its threads' results. Main's thread; memory that they take they give back.
 */
#ifndef HEADRACE_BENCH_LOAD_STACKS_H
#define HEADRACE_BENCH_LOAD_STACKS_H

#include "bench/load_client/load.h"

/* Called about five times a second while it runs. */
struct load_progress {
    uint64_t requests;
    uint64_t bytes_in;
    uint64_t bytes_out;
    double seconds_left;
};
typedef void load_show(const struct load_progress *progress);

/* 0, or -1 and a sentence on standard error, or -2 when what was
 * wrong is the command line. `show` may be NULL. */
int kernel_run(const struct load_options *options, struct load_results *results, load_show *show);
int headrace_run(const struct load_options *options, struct load_results *results, load_show *show);

#endif
