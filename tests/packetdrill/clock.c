#include "tests/packetdrill/clock.h"

#include "datapath/util.h"

#include <assert.h>
#include <string.h>
#include <time.h>

/* Some time in 2001: no difference of times goes below zero. */
#define START_NS (1000000000 * NS_PER_S)

/* What comes later than that is not what a script waits for: its timers end after 10 minutes. */
#define PATIENCE_NS (1000 * NS_PER_S)

/* Real time for which the woken thread is waited for; the runner may have ended it. */
#define HOLD_S 5

void clock_init(struct clock *clock, struct stack *stack)
{
    memset(clock, 0, sizeof *clock);
    clock->now_ns = START_NS;
    clock->stack = stack;
    clock->runner = pthread_self();
    pthread_mutex_init(&clock->lock, NULL);
    pthread_cond_init(&clock->changed, NULL);
}

void clock_destroy(struct clock *clock)
{
    pthread_cond_destroy(&clock->changed);
    pthread_mutex_destroy(&clock->lock);
}

void clock_enter(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
}

void clock_leave(struct clock *clock)
{
    if (clock->busy && !pthread_equal(pthread_self(), clock->runner)) {
        clock->busy = false;
        pthread_cond_broadcast(&clock->changed);
    }
    pthread_mutex_unlock(&clock->lock);
}

static bool is_over(const struct clock *clock, const struct clock_waiter *waiter)
{
    return waiter->ready(waiter->ctx) || clock->now_ns >= waiter->deadline_ns;
}

static void wake(struct clock *clock)
{
    if (clock->waiter && is_over(clock, clock->waiter)) {
        clock->waiter->woken = true;
        clock->waiter = NULL;
        clock->held = true;
        clock->busy = true;
        pthread_cond_broadcast(&clock->changed);
    }
}

void clock_turn(struct clock *clock)
{
    stack_turn(clock->stack, clock->now_ns);
    wake(clock);
}

static uint64_t next_ns(const struct clock *clock)
{
    uint64_t stack_ns = stack_next_ns(clock->stack);

    return clock->waiter ? min_u64(stack_ns, clock->waiter->deadline_ns) : stack_ns;
}

/* To what is due next, but not beyond `until_ns`. */
static void step(struct clock *clock, uint64_t until_ns)
{
    clock->now_ns = max_u64(clock->now_ns, min_u64(until_ns, next_ns(clock)));
    clock_turn(clock);
}

static void wait_alone(struct clock *clock, const struct clock_waiter *waiter)
{
    uint64_t limit_ns = min_u64(waiter->deadline_ns, clock->now_ns + PATIENCE_NS);

    while (!is_over(clock, waiter) && clock->now_ns < limit_ns) {
        step(clock, limit_ns);
    }
}

bool clock_wait(struct clock *clock, struct clock_waiter *waiter)
{
    if (waiter->ready(waiter->ctx)) {
        return true;
    }
    if (pthread_equal(pthread_self(), clock->runner)) {
        wait_alone(clock, waiter);
        return waiter->ready(waiter->ctx);
    }
    assert(!clock->waiter); /* the runner has one such thread */
    waiter->woken = false;
    clock->waiter = waiter;
    clock->held = false;
    clock->busy = false;
    pthread_cond_broadcast(&clock->changed);
    while (!waiter->woken) {
        pthread_cond_wait(&clock->changed, &clock->lock);
    }
    return waiter->ready(waiter->ctx);
}

static void wait_while(struct clock *clock, bool *flag)
{
    struct timespec until;

    if (!*flag) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HOLD_S;
    while (*flag) {
        if (pthread_cond_timedwait(&clock->changed, &clock->lock, &until) != 0) {
            *flag = false;
        }
    }
}

void clock_sleep(struct clock *clock, uint64_t ns)
{
    uint64_t until_ns = clock->now_ns + ns;

    wait_while(clock, &clock->held);
    while (clock->now_ns < until_ns) {
        step(clock, until_ns);
        wait_while(clock, &clock->held);
    }
}

uint64_t clock_ask(struct clock *clock)
{
    clock->now_ns += NS_PER_US;
    if (!pthread_equal(pthread_self(), clock->runner)) {
        clock->held = false;
        pthread_cond_broadcast(&clock->changed);
    }
    if (next_ns(clock) <= clock->now_ns) {
        clock_turn(clock);
    }
    return clock->now_ns;
}

bool clock_await_packet(struct clock *clock)
{
    uint64_t limit_ns = clock->now_ns + PATIENCE_NS;

    wait_while(clock, &clock->busy);
    while (!netport_has_sent(&clock->stack->netport)) {
        if (next_ns(clock) > limit_ns) {
            return false;
        }
        step(clock, limit_ns);
        wait_while(clock, &clock->busy);
    }
    return true;
}
