/*
 * The stack: what its workers share. Made, changed and destroyed by the
 * application's threads under one lock; workers read `listeners` through RCU
 * and the rest is constant while they run.
 */
#ifndef HEADRACE_API_STACK_H
#define HEADRACE_API_STACK_H

#include "api/worker.h"
#include "datapath/xdp/memory.h"
#include "datapath/xdp/xdp_interface.h"

#include <stdatomic.h>

struct listener_entry {
    struct hr_addr addr;
    const struct hr_conn_ops *ops;
    struct hr_listen_options options;
};

/* An immutable snapshot (design section 3); replaced as a whole. */
struct listener_set {
    uint64_t version;
    unsigned count;
    struct listener_entry entries[TCP_LISTENERS_MAX];
};

struct hr_stack {
    pthread_mutex_t lock;
    struct xdp_memory memory;
    struct xdp_interface *interface;
    unsigned worker_count;
    struct hr_worker *workers;
    struct rumour_ring *rumours; /* worker_count squared: [teller][hearer] */
    struct listener_set *listeners;
    atomic_bool stopping;
    enum hr_wait wait;
    uint64_t spin_ns;
    unsigned address_count;
    struct ip_prefix addresses[NET_ADDRESSES_MAX];
    unsigned gateway_count;
    struct ip_addr gateways[2];
};

static inline struct rumour_ring *stack_rumours(struct hr_stack *stack, unsigned teller,
                                                unsigned hearer)
{
    return &stack->rumours[teller * stack->worker_count + hearer];
}

/* Brings a worker's listeners up to the set; in listen.c. */
void worker_take_listeners(struct hr_worker *worker, const struct listener_set *set);

#endif
