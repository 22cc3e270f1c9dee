/*
 * A stack of our own at the place that a command line names.
 */
#ifndef HEADRACE_BENCH_PLACE_STACK_H
#define HEADRACE_BENCH_PLACE_STACK_H

#include "bench/place_options.h"

#include <headrace/headrace.h>

/* The preset, and over it what was given. It points into *place, which must not move. */
struct hr_stack_options place_stack(const struct place_options *place);

#endif
