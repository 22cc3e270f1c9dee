/*
 * What reflector prints and writes. Main thread, when the workers have stopped.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_REPORT_H
#define HEADRACE_BENCH_REFLECTOR_REPORT_H

#include "bench/reflector/drive.h"

#include <stdio.h>

void report_ready(const struct end *end);

/* `json` may be NULL. */
void report_server(const struct end *end, FILE *json);
void report_driver(const struct end *end, const struct drive_result *result, FILE *json);

#endif
