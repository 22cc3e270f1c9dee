/*
 * What a stack of our own has counted, as JSON.
 */
#ifndef HEADRACE_BENCH_STATS_WRITE_H
#define HEADRACE_BENCH_STATS_WRITE_H

#include <headrace/headrace.h>
#include <stdio.h>

/* An object with a number for each row of HR_STATS. */
void stats_write(FILE *file, const struct hr_stats *stats);

#endif
