/*
 * The receive half of a turn: a burst is taken from the port, each packet parsed
 * and given to whom it belongs.
 *
 * Pure, like all that it calls; only the port behind it may not be. The worker,
 * the simulator, the tests' fixture and bench/micro run this same code. One
 * thread, the one of `tcp`, between tcp_turn_begin() and tcp_timers().
 */
#ifndef HEADRACE_API_RECEIVE_H
#define HEADRACE_API_RECEIVE_H

#include "tcp/tcp.h"

/* Takes a burst from the port of tcp->net and returns how many packets it had.
 * `on_arp` is shown the ARP packets for all of us, before net has them: they land
 * on one queue only, and others want to know. NULL: there are no others. */
unsigned receive_burst(struct tcp *tcp, uint64_t now_ns,
                       void (*on_arp)(struct tcp *tcp, const struct packet *packet));

#endif
