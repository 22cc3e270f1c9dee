/*
 * Bytes of a connection by subsystem, printed as a table. The parts follow each other
 * from member to member, so they add up to the whole; conn.h and flight.h assert its
 * limits.
 */
#ifndef HEADRACE_BENCH_MICRO_SIZES_H
#define HEADRACE_BENCH_MICRO_SIZES_H

void sizes_print(void);

#endif
