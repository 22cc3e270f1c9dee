/*
 * Virtual time. It moves only while the runner waits: in usleep, in netdev_receive, and by a
 * microsecond with each gettimeofday, since the runner turns in a loop of those before an
 * event. While it moves, the stack takes its turns at the time at which each is due.
 *
 * A call that blocks comes from a second thread, which really sleeps. When what it waits for
 * has come, time is held until that thread has asked what time it is, or it would see a
 * later one by chance of scheduling. A blocking call of the runner's own thread can't wait
 * for anybody: it moves the time itself.
 *
 * One lock, the clock's, is held by whoever is inside the object.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_CLOCK_H
#define HEADRACE_TESTS_PACKETDRILL_CLOCK_H

#include "tests/packetdrill/stack.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct clock_waiter {
    bool (*ready)(const void *ctx);
    const void *ctx;
    uint64_t deadline_ns; /* UINT64_MAX: none */
    bool woken;
};

struct clock {
    uint64_t now_ns;
    struct stack *stack;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t runner;            /* the thread that made the object */
    struct clock_waiter *waiter; /* of the other thread */
    bool held;                   /* that thread was woken, and has not asked for the time */
    bool busy;                   /* nor has it left the object, or blocked again */
};

void clock_init(struct clock *clock, struct stack *stack);
void clock_destroy(struct clock *clock);

void clock_enter(struct clock *clock);
void clock_leave(struct clock *clock);

/* A turn of the stack now, and whoever waited for what it brought is woken. */
void clock_turn(struct clock *clock);

/* Blocks until waiter->ready(), or the deadline: false. */
bool clock_wait(struct clock *clock, struct clock_waiter *waiter);

/* The runner sleeps so long. */
void clock_sleep(struct clock *clock, uint64_t ns);

/* What gettimeofday says: a microsecond later each time. */
uint64_t clock_ask(struct clock *clock);

/* Moves time until the stack has sent something; false when nothing is to be expected. */
bool clock_await_packet(struct clock *clock);

#endif
