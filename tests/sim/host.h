/*
 * One stack of the simulator: pool, protocol below TCP and TCP over one end of
 * a wire in memory, run by the caller in virtual time on its thread.
 */
#ifndef HEADRACE_TESTS_SIM_HOST_H
#define HEADRACE_TESTS_SIM_HOST_H

#include "datapath/net/net.h"
#include "datapath/wire/wire.h"
#include "tcp/tcp.h"

#define HOST_NEIGHBOURS 8u

struct host_config {
    unsigned side; /* of the wire: 0 or 1 */
    bool v6;
    bool static_neighbour; /* else ARP asks */
    uint16_t mtu;
    struct tcp_config tcp; /* net, pool and secret are set here */
    uint64_t seed;
};

struct host {
    struct frame_pool *pool;
    struct wire *wire;
    unsigned side;
    struct net net;
    struct neighbour neighbours[HOST_NEIGHBOURS];
    struct tcp tcp;
    void *memory;
    size_t memory_bytes;
};

/* The address of a side, of either family. */
struct ip_addr host_addr(unsigned side, bool v6);
struct mac_addr host_mac(unsigned side);

/* 0, or -1. The wire is initialised, with a pool for each end. */
int host_init(struct host *host, struct wire *wire, struct frame_pool *pool,
              const struct host_config *config);
void host_destroy(struct host *host);

/* One turn of a worker, or its two halves: until all that arrived is taken, and
 * the rest. */
void host_turn(struct host *host, uint64_t now_ns);
void host_receive(struct host *host, uint64_t now_ns);
void host_finish(struct host *host, uint64_t now_ns);

/* When it has something to do next. */
uint64_t host_next_ns(const struct host *host);

#endif
