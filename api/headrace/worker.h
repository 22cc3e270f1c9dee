/*
 * Workers, as an application sees them: timers, messages from other threads,
 * and connections that it opens itself.
 */
#ifndef HEADRACE_WORKER_H
#define HEADRACE_WORKER_H

#include <headrace/addr.h>
#include <headrace/conn.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_stack;
struct hr_worker;

/* 0 for the first worker of its stack. Any thread. */
unsigned hr_worker_index(const struct hr_worker *worker);
/* The stack that it is a part of. Any thread. */
struct hr_stack *hr_worker_stack(const struct hr_worker *worker);
/* The core that it is pinned to, and its queue of the interface. Any thread. */
unsigned hr_worker_core(const struct hr_worker *worker);
unsigned hr_worker_queue(const struct hr_worker *worker);
/* CLOCK_MONOTONIC in nanoseconds, as read at the start of this turn. */
uint64_t hr_worker_now_ns(const struct hr_worker *worker);

/* Opens a connection from this worker. The context is hr_conn_context() from the
 * start; on_open or on_close follows. HR_OK, HR_ERR_ADDRESS, HR_ERR_NO_ROUTE,
 * HR_ERR_NO_MEMORY, HR_ERR_IN_USE (no port left in the worker's slice of the
 * outgoing ones), or HR_ERR_STATE once hr_stack_stop() has begun. Answers that reach
 * another worker's queue are given to this one. */
int hr_connect(struct hr_worker *worker, const struct hr_addr *peer, const struct hr_conn_ops *ops,
               void *context);

/* A timer of the application: its memory is the application's, on_expiry is
 * called once for each start, on the worker, and may start it again. Zero it before
 * the first use; it stays where it is until it has expired or was stopped. */
struct hr_timer {
    void (*on_expiry)(struct hr_timer *timer, struct hr_worker *worker);
    uint64_t opaque[4];
};

/* Starts, or starts anew. Not earlier than `delay_ns` from now, later by at most
 * 66 us and a burst. */
void hr_timer_start(struct hr_worker *worker, struct hr_timer *timer, uint64_t delay_ns);
/* Then on_expiry is not called; nothing happens to one that does not run. */
void hr_timer_stop(struct hr_worker *worker, struct hr_timer *timer);

/* A message to a worker: its memory is the sender's until on_message is called. */
struct hr_message {
    void (*on_message)(struct hr_message *message, struct hr_worker *worker);
    struct hr_message *next;
};

/* Any thread, no lock. on_message is called on the worker; those of one thread
 * in the order in which they were posted. After hr_stack_stop() has begun a
 * message may never be called. */
void hr_post(struct hr_worker *worker, struct hr_message *message);

#ifdef __cplusplus
}
#endif

#endif
