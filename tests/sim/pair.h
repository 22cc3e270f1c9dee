/*
 * Two hosts joined by a wire, in virtual time: what the seeds and the named
 * scenarios of the simulator are made of. One thread, the caller's; all memory
 * belongs to the pair, from pair_init to pair_destroy.
 */
#ifndef HEADRACE_TESTS_SIM_PAIR_H
#define HEADRACE_TESTS_SIM_PAIR_H

#include "tests/sim/host.h"

struct pair_config {
    bool v6;
    bool static_neighbour; /* else ARP asks */
    uint16_t mtu[2];
    uint32_t frames[2];          /* of each pool */
    uint32_t lent;               /* for receiving; a power of two */
    uint32_t tx_packets_max;     /* of each port */
    uint32_t flight_packets_max; /* on the way in each direction */
    struct tcp_config tcp;       /* of both hosts */
    uint32_t connections_max[2]; /* where it is not that of both; 0: it is */
    uint32_t ack_every[2];       /* likewise, of segments; and with it: */
    uint64_t ack_hold_ns[2];
    uint64_t seed;
};

struct pair {
    struct frame_pool pool[2];
    struct wire wire;
    struct host host[2];
    uint64_t now_ns;
};

/* Both families' default: 1500 bytes, 1024 frames, 64 of them lent. */
extern const struct pair_config pair_config_default;

/* 0, or -1 and nothing to destroy. */
int pair_init(struct pair *pair, const struct pair_config *config);
void pair_destroy(struct pair *pair);

/* When a host or the wire has something to do next. */
uint64_t pair_next_ns(const struct pair *pair);

/* Moves time, and delivers what is due. */
void pair_advance(struct pair *pair, uint64_t now_ns);

/* Both hosts take their turns at whatever is due, up to that time. */
void pair_run(struct pair *pair, uint64_t until_ns);

/* Whether everything but what is lent to the ports is at home: connections,
 * timers, memory, frames. When not, `what` says what is left, and at which side. */
bool pair_is_at_home(const struct pair *pair, const char **what, unsigned *side);

/* The tuple of a connection between the two, seen from a side. */
struct tcp_tuple pair_tuple(const struct pair *pair, unsigned side, uint16_t local_port,
                            uint16_t remote_port);

#endif
