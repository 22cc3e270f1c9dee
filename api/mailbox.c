#include "api/mailbox.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_open(struct mailbox *mailbox)
{
    atomic_init(&mailbox->newest, NULL);
    atomic_init(&mailbox->sleeping, false);
    mailbox->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return mailbox->wake_fd < 0 ? -errno : 0;
}

void mailbox_close(struct mailbox *mailbox)
{
    if (mailbox->wake_fd >= 0) {
        (void)close(mailbox->wake_fd);
        mailbox->wake_fd = -1;
    }
}

static void ring(struct mailbox *mailbox)
{
    uint64_t one = 1;
    ssize_t written = write(mailbox->wake_fd, &one, sizeof one);

    (void)written; /* EAGAIN: the counter is full, so it is ringing already */
}

void mailbox_post(struct mailbox *mailbox, struct hr_message *message)
{
    struct hr_message *newest = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);

    do {
        message->next = newest;
    } while (!atomic_compare_exchange_weak(&mailbox->newest, &newest, message));
    if (atomic_load(&mailbox->sleeping)) {
        ring(mailbox);
    }
}

void mailbox_wake(struct mailbox *mailbox)
{
    ring(mailbox);
}

struct hr_message *mailbox_take(struct mailbox *mailbox)
{
    struct hr_message *newest;
    struct hr_message *oldest = NULL;

    /* Sequentially consistent, as all that is looked at after saying "I sleep" has to
     * be: anything weaker may be read before that is said. */
    if (atomic_load(&mailbox->newest) == NULL) {
        return NULL;
    }
    newest = atomic_exchange(&mailbox->newest, NULL);
    while (newest) {
        struct hr_message *before = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    return oldest;
}

void mailbox_sleep(struct mailbox *mailbox)
{
    atomic_store(&mailbox->sleeping, true);
}

void mailbox_awake(struct mailbox *mailbox)
{
    uint64_t count;
    ssize_t got;

    atomic_store(&mailbox->sleeping, false);
    got = read(mailbox->wake_fd, &count, sizeof count);
    (void)got; /* EAGAIN: it was something else that woke us */
}
