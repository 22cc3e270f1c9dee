/*
 * The stack under packetdrill: pool, the protocol below TCP and TCP, over a port of raw IP
 * packets, with its memory handed in as a worker's is.
 *
 * Owner: the object. Whoever calls it holds the object's lock.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_STACK_H
#define HEADRACE_TESTS_PACKETDRILL_STACK_H

#include "datapath/net/net.h"
#include "tcp/tcp.h"
#include "tests/packetdrill/netport.h"

#define STACK_NEIGHBOURS 4u

struct stack_config {
    struct ip_addr local[2]; /* an IPv4 address and an IPv6 one */
    uint16_t mtu;
    const struct tcp_events *events;
    void *app;
    const uint64_t *now_ns;
};

struct stack {
    struct frame_pool pool;
    struct netport netport;
    struct net net;
    struct neighbour neighbours[STACK_NEIGHBOURS];
    struct tcp tcp;
    void *memory;
};

/* 0, or -1. */
int stack_init(struct stack *stack, const struct stack_config *config);
void stack_destroy(struct stack *stack);

/* Calls of an application may follow, then stack_turn(). */
void stack_begin(struct stack *stack, uint64_t now_ns);

/* What arrived is taken, timers run, output goes. */
void stack_turn(struct stack *stack, uint64_t now_ns);

/* When it has something to do next; UINT64_MAX never. */
uint64_t stack_next_ns(const struct stack *stack);

#endif
