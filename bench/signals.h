/*
 * SIGINT and SIGTERM for programs with threads: main waits for them, nobody is
 * interrupted. To be blocked before the threads exist, so that only main ever gets
 * them; main's thread.
 */
#ifndef HEADRACE_BENCH_SIGNALS_H
#define HEADRACE_BENCH_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

void signals_block(sigset_t *signals);

/* Waits for a signal for at most so many seconds; true when one came. False may come
 * early: a process that was stopped and goes on wakes up without a signal. */
bool signals_wait(const sigset_t *signals, double seconds);

#endif
