/*
 * The engine of load: begins, opens what is missing a few at a time, sends what is due,
 * measures between two moments, and ends. Everything is bounded by the options' time.
 */
#ifndef HEADRACE_BENCH_LOAD_ENGINE_H
#define HEADRACE_BENCH_LOAD_ENGINE_H

#include "bench/load_client/load.h"

/* All that the threads of a run share: worker `index` of `count` has its part of the
 * connections and of the schedule. */
struct load_part {
    uint64_t begin_ns;
    unsigned index;
    unsigned count;
};

/* Zeroed memory becomes a load whose connections are closed. 0, or -1 and a sentence on
 * standard error; then as after load_unmake(). */
int load_make(struct load *load, const struct load_options *options,
              const struct load_transport *transport, const struct load_part *part);
void load_unmake(struct load *load);

/* With load->now_ns set, every millisecond or more often: opens, sends what is due, looks
 * at the time. False when the run is over. */
bool load_tick(struct load *load);

/* After the run: what was not answered is counted. */
void load_finish(struct load *load);

/* All runs of the process end now, with what they have measured so far; any thread, also
 * from a signal's handler. */
void load_end_early(void);

/* Adds the results of one thread. */
void load_results_add(struct load_results *sum, const struct load_results *results);
uint64_t load_errors(const struct load_results *results);

#endif
