/*
 * What loss costs a sender: one flow with so many segments in flight, without loss and with
 * one segment of a hundred lost, to a receiver that acknowledges every second one, with SACK.
 */
#ifndef HEADRACE_BENCH_MICRO_LOSS_H
#define HEADRACE_BENCH_MICRO_LOSS_H

#include "bench/micro/server.h"

/* On the only connection of the server, which is good for nothing else after. Prints a row for
 * each share of loss: cycles of a byte that arrived, all in all (writing, ACKs, timers, sending).
 * 0, or -1 when the flow stood still. */
int loss_run(struct server *server, struct clients *clients);

#endif
