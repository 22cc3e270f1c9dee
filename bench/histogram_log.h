/*
 * A histogram as a file in HdrHistogram's log format (version 1.3), which the tools
 * of that project read: one line for the whole run, its histogram in the V2 encoding,
 * deflated, in base64.
 *
 *   base64( cookie | length | zlib( cookie | length | 0 | digits | lowest | highest |
 *           ratio | counts ) )
 *
 * Numbers are big-endian; the counts are ZigZag LEB128, a run of empty buckets is one
 * negative number.
 */
#ifndef HEADRACE_BENCH_HISTOGRAM_LOG_H
#define HEADRACE_BENCH_HISTOGRAM_LOG_H

#include "bench/histogram.h"

#include <stdio.h>

/* Writes the histogram of nanoseconds that began `start_s` after 1970 and lasted
 * `seconds`. 0, or -1 when there is no memory; whether the file took it all is its
 * owner's to see. */
int histogram_log_write(FILE *file, const struct histogram *histogram, double start_s,
                        double seconds);

#endif
