/*
 * The packets of a run as lines of text, in tcpdump's manner.
 */
#ifndef HEADRACE_TESTS_SIM_TRACE_H
#define HEADRACE_TESTS_SIM_TRACE_H

struct sim;
struct wire_sight;

/* Prints a packet of the wire to sim->trace. */
void trace_packet(struct sim *sim, const struct wire_sight *sight);

#endif
