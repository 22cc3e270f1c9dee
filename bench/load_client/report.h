/*
 * The results of load: for people on standard output, for programs as JSON and as a
 * histogram file.
 */
#ifndef HEADRACE_BENCH_LOAD_REPORT_H
#define HEADRACE_BENCH_LOAD_REPORT_H

#include "bench/load_client/load.h"

#include <stdio.h>

void report_print(const struct load_options *options, const struct load_results *results);
void report_json(FILE *file, const struct load_options *options,
                 const struct load_results *results);

#endif
