/*
 * Several TCPs side by side, one per worker: who owns a flow. A flow belongs to the
 * worker that began it; a packet that lands elsewhere finds nothing there, and is
 * given to its owner by the layer above, which knows all workers. So no RST is sent
 * before it is known that nobody owns the flow.
 *
 * All are called on the worker of the `tcp` that is given, within a turn.
 */
#ifndef HEADRACE_TCP_OWNERS_H
#define HEADRACE_TCP_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

struct packet;
struct tcp;
struct tcp_tuple;

struct tcp_owners {
    /* The flow is this TCP's from now on: a connection, or its entry in TIME-WAIT.
     * It may be claimed again before it is released. `hash` is tuple_hash() with the
     * table's key, which all of them share. */
    void (*claim)(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash);
    void (*release)(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash);
    /* This TCP does not know the flow of `packet`, a segment or an ICMP error that
     * quotes one. True when another one owns it and the packet is on its way
     * there, or was dropped on it: then nothing is answered here. */
    bool (*pass)(struct tcp *tcp, const struct tcp_tuple *tuple, const struct packet *packet);
};

#endif
