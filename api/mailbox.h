/*
 * Messages to a worker from any thread: a lock-free list with many producers
 * and one consumer, and the descriptor that wakes a worker which sleeps.
 *
 * The worker says that it sleeps, looks at its rings and its mailbox once more,
 * and only then sleeps; a poster adds its message and then looks whether the
 * worker sleeps. Both in sequentially consistent order, so one of them sees the
 * other. Messages are their senders' memory until they are taken.
 */
#ifndef HEADRACE_API_MAILBOX_H
#define HEADRACE_API_MAILBOX_H

#include <headrace/worker.h>

#include <stdatomic.h>
#include <stdbool.h>

struct mailbox {
    _Atomic(struct hr_message *) newest;
    atomic_bool sleeping;
    int wake_fd; /* an eventfd */
};

/* 0 or a negative errno. */
int mailbox_open(struct mailbox *mailbox);
void mailbox_close(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct hr_message *message);
/* Any thread: the worker turns at least once more. */
void mailbox_wake(struct mailbox *mailbox);

/* The worker's: the messages in the order in which they were posted, or NULL. */
struct hr_message *mailbox_take(struct mailbox *mailbox);
/* The worker's: between the two it may sleep on wake_fd. */
void mailbox_sleep(struct mailbox *mailbox);
void mailbox_awake(struct mailbox *mailbox);

#endif
