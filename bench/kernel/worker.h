/*
 * What the engines of kernel_echo have in common: a worker, its listener, its numbers,
 * how it waits, and what RFC 864 sends.
 *
 * A worker is one thread with a listening socket of its own (SO_REUSEPORT). Main makes
 * and closes it; between the two it is its thread's, but for the numbers, which main
 * reads while the thread counts.
 */
#ifndef HEADRACE_BENCH_KERNEL_WORKER_H
#define HEADRACE_BENCH_KERNEL_WORKER_H

#include "bench/kernel/options.h"

#include <pthread.h>
#include <stddef.h>

/* Named as those of echo_server. */
#define KERNEL_STATS(FIELD)                                                                        \
    FIELD(connections)                                                                             \
    FIELD(accepted)                                                                                \
    FIELD(data_in)                                                                                 \
    FIELD(data_out)                                                                                \
    FIELD(sleeps)

struct kernel_stats {
#define FIELD(name) uint64_t name;
    KERNEL_STATS(FIELD)
#undef FIELD
};

struct kernel_worker {
    _Alignas(64) const struct kernel_options *options;
    const struct kernel_engine *engine;
    int listen_fd;
    int stop_fd;            /* readable when the thread is to end */
    uint32_t conns_max;     /* descriptors that the process may have */
    uint64_t idle_since_ns; /* 0: the last turn had something to do */
    void *state;            /* the engine's */
    struct kernel_stats stats;
    pthread_t thread;
};

struct kernel_engine {
    /* 0, or -1 after a sentence. What it made is in worker->state. */
    int (*open)(struct kernel_worker *worker);
    /* The thread, until stop_fd is readable. */
    void (*serve)(struct kernel_worker *worker);
    /* Also after an open that failed, and without one. */
    void (*close)(struct kernel_worker *worker);
    const char *(*note)(void); /* what the kernel lacks, or NULL */
};

extern const struct kernel_engine kernel_epoll;
extern const struct kernel_engine kernel_busy_poll;
extern const struct kernel_engine kernel_uring;

/* Listener and eventfd, then the engine; 0, or -1 after a sentence. */
int kernel_worker_open(struct kernel_worker *worker, const struct kernel_options *options);
/* On core `core`, or on any when it is negative; 0, or -1 after a sentence. */
int kernel_worker_start(struct kernel_worker *worker, int core);
void kernel_worker_stop(struct kernel_worker *worker);
void kernel_worker_close(struct kernel_worker *worker);

/* Whether the thread may sleep after a turn that had something to do, or not. */
bool kernel_worker_may_sleep(struct kernel_worker *worker, bool was_busy);

/* The thread counts, main reads: neither waits for the other. */
static inline void kernel_count(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* RFC 864: 95 printing characters, 72 to a line, each line begins one further. A
 * period of 95 lines of 74 bytes, nine times, so that one call sends much. */
#define KERNEL_CHARGEN_PERIOD (95u * 74u)
#define KERNEL_CHARGEN_BYTES (9u * KERNEL_CHARGEN_PERIOD)

extern char kernel_chargen[KERNEL_CHARGEN_BYTES];

#endif
