#include "datapath/xdp/fork_guard.h"

#include "datapath/util.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static struct list guarded_fds;

/* Held across the fork, so that the child finds the list whole. */
static void before_fork(void)
{
    pthread_mutex_lock(&guard_lock);
}

static void after_fork_parent(void)
{
    pthread_mutex_unlock(&guard_lock);
}

/* close() only: it is safe after a fork of a program with threads. */
static void after_fork_child(void)
{
    struct list_link *link;

    while ((link = list_pop_front(&guarded_fds)) != NULL) {
        struct guarded_fd *guarded = container_of(link, struct guarded_fd, link);

        close(guarded->fd);
        guarded->fd = -1;
    }
    pthread_mutex_unlock(&guard_lock);
}

static void install(void)
{
    list_init(&guarded_fds);
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void guarded_fd_open(struct guarded_fd *guarded, int fd)
{
    pthread_once(&guard_once, install);
    list_link_init(&guarded->link);
    pthread_mutex_lock(&guard_lock);
    guarded->fd = fd;
    if (fd >= 0) {
        list_push_back(&guarded_fds, &guarded->link);
    }
    pthread_mutex_unlock(&guard_lock);
}

void guarded_fd_close(struct guarded_fd *guarded)
{
    pthread_mutex_lock(&guard_lock);
    if (guarded->fd >= 0) {
        list_link_remove(&guarded->link);
        close(guarded->fd);
        guarded->fd = -1;
    }
    pthread_mutex_unlock(&guard_lock);
}
