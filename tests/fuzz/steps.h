/*
 * A step of the state-aware target: a byte that says what, in its high bits for whom and
 * whether a turn follows, and the bytes that the step wants.
 */
#ifndef HEADRACE_TESTS_FUZZ_STEPS_H
#define HEADRACE_TESTS_FUZZ_STEPS_H

#include "tests/fuzz/fuzz.h"

void step_take(struct input *in);

#endif
