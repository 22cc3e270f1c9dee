/*
 * The control thread: does what may wait. It hears from the kernel what becomes of
 * the interface, looks every second whether all workers still turn, and tells the
 * application of both. It touches nothing of a worker but what is published.
 *
 * Started before the workers and ended after them, by the thread that starts the
 * stack; owns its two descriptors.
 */
#ifndef HEADRACE_API_CONTROL_H
#define HEADRACE_API_CONTROL_H

#include <headrace/stack.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;

/* What was last seen of a worker. */
struct control_watch {
    uint64_t turns;
    unsigned looks;  /* since they changed */
    bool is_stalled; /* and that has been told */
};

struct control {
    struct hr_stack *stack;
    struct mnl_socket *netlink;
    int stop_fd; /* an eventfd */
    bool link_is_up;
    struct control_watch watches[HR_WORKERS_MAX];
    pthread_t thread;
    bool is_running;
};

/* In the network namespace of the interface. 0 or -errno. */
int control_start(struct control *control, struct hr_stack *stack);
void control_stop(struct control *control);

#endif
