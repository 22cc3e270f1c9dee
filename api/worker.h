/*
 * A worker: one thread, one port, one TCP. The one place where datapath and tcp
 * meet. Everything here is its thread's own but for the mailbox, what
 * passes between workers, and the published statistics.
 */
#ifndef HEADRACE_API_WORKER_H
#define HEADRACE_API_WORKER_H

#include "api/mailbox.h"
#include "api/rumour.h"
#include "datapath/util.h"
#include "datapath/xdp/port_xdp.h"
#include "tcp/tcp.h"

#include <headrace/stack.h>
#include <headrace/stats.h>
#include <headrace/worker.h>

#include <pthread.h>
#include <stdatomic.h>

/* In whole cache lines: the workers of a stack stand side by side. */
struct hr_worker {
    /* In an array of them none shares a line with the next. */
    _Alignas(CACHE_LINE_BYTES) struct hr_stack *stack;
    unsigned index;
    unsigned core;
    unsigned queue; /* of the interface */
    struct port_xdp *port;
    struct frame_pool *pool;
    struct net net;
    struct tcp tcp;
    struct wheel timers; /* the application's */
    struct mailbox mailbox;
    uint64_t listeners_version; /* of the set that tcp.listeners copies */
    uint64_t idle_since_ns;     /* 0: the last turn had something to do */
    uint64_t published_ns;
    uint64_t rx_ring_full;    /* what the kernel has told last */
    uint64_t rx_ring_full_ns; /* and when */
    uint64_t turns;
    uint64_t sleeps;
    uint64_t to_wake; /* workers whom something was given in this turn, a bit each */
    uint64_t crossed_out;
    uint64_t crossed_dropped;
    uint64_t directory_full;
    struct neighbour *neighbours;
    void *memory; /* tcp's */
    size_t memory_bytes;
    pthread_t thread;
    bool is_running;
    bool is_cut_off;            /* the interface was removed: its socket has nothing to wait for */
    struct hr_segment_row *row; /* where its numbers are published */
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* The memory and the protocol of worker `index`; its port and pool are set. HR_OK
 * or an error. */
int worker_init(struct hr_worker *worker, const struct hr_stack_options *options);
void worker_destroy(struct hr_worker *worker);

/* The thread: turns until the stack stops. */
void *worker_main(void *worker);

/* One turn; true when there was something to do. */
bool worker_turn(struct hr_worker *worker);

/* Sleeps until a frame, a timer or a message; in wait.c. */
void worker_wait(struct hr_worker *worker);

/* Takes what other workers have given, and gives back what they have copied; in
 * crossroads.c. True when there was something. */
bool worker_take_crossings(struct hr_worker *worker, uint64_t now_ns);
/* Tells the other workers of a neighbour heard here, for receive_burst(), and hears
 * what they tell. */
void worker_tell_neighbour(struct tcp *tcp, const struct packet *packet);
void worker_hear_neighbours(struct hr_worker *worker, uint64_t now_ns);
/* Wakes those of them who sleep. */
void worker_wake_others(struct hr_worker *worker);

uint64_t worker_clock_ns(void);

/* Copies the numbers to where others read them; in stats.c. */
void worker_publish(struct hr_worker *worker);

/* What tcp tells, passed on to the application; in events.c. */
extern const struct tcp_events worker_events;
/* How workers side by side find the owner of a flow; in owners.c. */
extern const struct tcp_owners worker_owners;

#endif
