/*
 * One end of the link: interface, frames, and a worker for each queue, on the same ports
 * and pools as a stack.
 *
 * Opened and closed by main; a worker is its thread's.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_END_H
#define HEADRACE_BENCH_REFLECTOR_END_H

#include "bench/reflector/datagram.h"
#include "bench/reflector/options.h"
#include "datapath/net/net.h"
#include "datapath/xdp/memory.h"
#include "datapath/xdp/xdp_interface.h"

#include <pthread.h>
#include <stdatomic.h>

#define END_NEIGHBOURS 64u

struct end_worker {
    _Alignas(64) const struct reflector_options *options;
    struct port_xdp *xdp;
    struct frame_pool *pool;
    struct net net;
    struct neighbour neighbours[END_NEIGHBOURS];
    unsigned core;
    const atomic_bool *is_stopping;
    int stop_fd;            /* readable then, for those who sleep */
    uint64_t idle_since_ns; /* 0: the last turn had something to do */
    uint64_t sleeps;
    uint64_t reflected;
    struct datagram_report counted;
    pthread_t thread;
};

struct end {
    struct reflector_options *options;
    struct xdp_memory memory;
    struct xdp_interface *interface;
    unsigned worker_count;
    atomic_bool is_stopping;
    int stop_fd;
    struct end_worker *workers;
};

/* 0, or the status to exit with after a sentence; end_close() either way. */
int end_open(struct end *end, struct reflector_options *options);
void end_close(struct end *end);

/* Calls run(worker) on each worker's core; 0, or -1 after a sentence. */
int end_start(struct end *end, void *(*run)(void *worker));
/* Tells all to stop, and waits until they have. */
void end_stop(struct end *end);
/* Waits until they have stopped by themselves. */
void end_join(struct end *end);

static inline bool end_is_stopping(const struct end_worker *worker)
{
    return atomic_load_explicit(worker->is_stopping, memory_order_relaxed);
}

#endif
