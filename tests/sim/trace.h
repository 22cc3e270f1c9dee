/*
 * The packets of a run as lines of text, in tcpdump's manner.
 */
#ifndef HEADRACE_TESTS_SIM_TRACE_H
#define HEADRACE_TESTS_SIM_TRACE_H

struct sim;

/* Prints each packet of the wire to sim->trace, if there is one. */
void trace_attach(struct sim *sim);

#endif
