/*
 * What an ACK may cost: the SACK blocks that are the worst for a sender, against a queue as
 * long as one may be, all of it in flight.
 */
#ifndef HEADRACE_BENCH_MICRO_ATTACK_H
#define HEADRACE_BENCH_MICRO_ATTACK_H

#include "bench/micro/server.h"

/* On the only connection of the server, which is good for nothing else after. Prints rows:
 * cycles of the arrival of an ACK, what is sent in answer not included. 0, or -1 when the
 * queue could not be filled. */
int attack_run(struct server *server, struct clients *clients);

#endif
