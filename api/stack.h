/*
 * The stack: what its workers share. Made, changed and destroyed by the
 * application's threads under one lock. Workers read `listeners` through RCU; the
 * rumours, crossings, directory, segment and `stopping` say how they are shared; the
 * rest is constant while they run.
 */
#ifndef HEADRACE_API_STACK_H
#define HEADRACE_API_STACK_H

#include "api/control.h"
#include "api/crossing.h"
#include "api/directory.h"
#include "api/segment.h"
#include "api/worker.h"
#include "datapath/util.h"
#include "datapath/xdp/memory.h"
#include "datapath/xdp/xdp_interface.h"
#include "tcp/cc.h"

#include <stdatomic.h>

struct listener_entry {
    struct hr_addr addr;
    const struct hr_conn_ops *ops;
    struct hr_listen_options options;
};

/* An immutable snapshot; replaced as a whole. */
struct listener_set {
    uint64_t version;
    unsigned key_count; /* of those that were set, the newest first */
    struct fast_open_key keys[2];
    unsigned count;
    struct listener_entry entries[TCP_LISTENERS_MAX];
};

struct hr_stack {
    pthread_mutex_t lock;
    struct xdp_memory memory;
    struct xdp_interface *interface;
    uint32_t frames_lent; /* to each queue */
    char note[256];       /* what somebody should know at the start; "" nothing */
    unsigned worker_count;
    struct hr_worker *workers;
    struct rumour_ring *rumours; /* worker_count squared: [teller][hearer] */
    struct crossing *crossings;  /* worker_count squared: [giver][taker]; NULL for one worker */
    struct directory directory;  /* of accepted flows; not open for one worker */
    uint16_t port_first;         /* outgoing ports: a slice of them belongs to each worker */
    uint16_t ports_per_worker;
    uint64_t secret[4];     /* of struct tcp_config; the same for all workers */
    struct segment segment; /* the published statistics */
    struct listener_set *listeners;
    atomic_bool stopping;
    struct control control;
    void (*on_event)(struct hr_stack *stack, const struct hr_event *event, void *context);
    void *event_context;
    const struct tcp_cc_ops *cc; /* of those who name none */
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

static inline struct crossing *stack_crossing(struct hr_stack *stack, unsigned giver,
                                              unsigned taker)
{
    return &stack->crossings[giver * stack->worker_count + taker];
}

/* Entries of TIME-WAIT of a worker: a server that closes first has more of them than
 * connections. */
static inline uint32_t stack_time_waits_max(uint32_t connections_max)
{
    return max_u32(connections_max, 65536);
}

/* Congestion control by its name, of those who give NULL the stack's; NULL: there is none. */
static inline const struct tcp_cc_ops *stack_cc(const struct hr_stack *stack, const char *name)
{
    return name ? tcp_cc_find(name) : stack->cc;
}

/* The worker whose slice of the outgoing ports this is, or -1; in owners.c. */
int stack_owner_of_port(const struct hr_stack *stack, uint16_t port);

/* Brings a worker's listeners up to the set; in listen.c. */
void worker_take_listeners(struct hr_worker *worker, const struct listener_set *set);

#endif
