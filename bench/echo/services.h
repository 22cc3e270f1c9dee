/*
 * The three services, as tables of callbacks. A connection's context is its
 * listener's; only an echo that was refused its send keeps state of its own.
 */
#ifndef HEADRACE_BENCH_ECHO_SERVICES_H
#define HEADRACE_BENCH_ECHO_SERVICES_H

#include "bench/echo/options.h"

#include <headrace/headrace.h>

extern const struct hr_conn_ops *const echo_services[];

/* Echo that half-closes first. The listener's context points to the number of
 * bytes after which it does so, at the end of the call that brings them. */
extern const struct hr_conn_ops echo_limited;

#endif
