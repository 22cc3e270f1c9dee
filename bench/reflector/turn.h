/*
 * What the turns of both ends have in common: a turn like that of a stack's worker is
 * receive, answer, flush, turn_wait(). Everything that is no datagram of ours goes to
 * datapath/net, which answers ARP and ping. The worker's thread.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_TURN_H
#define HEADRACE_BENCH_REFLECTOR_TURN_H

#include "bench/reflector/end.h"

/* What is no datagram of ours. The frame stays the caller's. */
void turn_other(struct end_worker *worker, const struct port_packet *raw, uint64_t now_ns);

/* The timers of the neighbours. */
static inline void turn_tick(struct end_worker *worker, uint64_t now_ns)
{
    if (now_ns >= net_next_deadline(&worker->net)) {
        net_tick(&worker->net, now_ns);
    }
}

/* After a turn: sleeps when the options say so, until a packet, the end, or 10 ms. */
void turn_wait(struct end_worker *worker, bool was_busy, uint64_t now_ns);

#endif
