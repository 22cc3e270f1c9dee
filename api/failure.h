/*
 * How a failure of the start is told: a number for programs and a sentence for
 * people, in the caller's structure.
 */
#ifndef HEADRACE_API_FAILURE_H
#define HEADRACE_API_FAILURE_H

#include "datapath/xdp/error.h"

#include <headrace/error.h>

/* Both return the error, so that a caller can return it on. */
int failure_set(struct hr_failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int failure_set_xdp(struct hr_failure *failure, const struct xdp_error *error);

#endif
