/*
 * What must hold of any connection between two turns, whoever its peer is: whoever owes
 * something has somebody to remind him. Shared by the simulator and the fuzz targets.
 */
#ifndef HEADRACE_TESTS_SIM_CARE_H
#define HEADRACE_TESTS_SIM_CARE_H

#include "tcp/tcp.h"

/* What nobody will ever look at again, in words; NULL when there is nothing. */
const char *care_forgotten(const struct tcp_conn *conn);

/* The earliest of the deadlines of a connection; UINT64_MAX never. */
uint64_t care_deadline_ns(const struct tcp_conn *conn);

/* It was over by `turned_ns`, when all that were due ran, and the wheel does not hold it: one that
 * was over when it was set runs with the next tick. */
bool care_passes_over(const struct tcp_conn *conn, uint64_t turned_ns);

#endif
