/*
 * Values of the command lines of all the programs here, read strictly: the whole text
 * is the number, without a sign or spaces, or it is refused.
 */
#ifndef HEADRACE_BENCH_VALUES_H
#define HEADRACE_BENCH_VALUES_H

#include <stdbool.h>

/* From `min` to `max`; *value is set only then. */
bool value_unsigned(const char *text, unsigned min, unsigned max, unsigned *value);

/* The same, and a power of two. */
bool value_power_of_two(const char *text, unsigned min, unsigned max, unsigned *value);

/* Numbers with commas between them, as "0,1,5": 1 to `max` of them, each at most 65535. */
bool value_list(const char *text, unsigned *list, unsigned max, unsigned *count);

/* The place of a name in a list that NULL ends, or -1. */
int value_name(const char *text, const char *const *names);

/* Decimal seconds, 0 to a million. */
bool value_seconds(const char *text, double *seconds);

#endif
