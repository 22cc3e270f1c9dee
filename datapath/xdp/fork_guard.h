/*
 * What a forked child must not inherit. A child that keeps one of our
 * descriptors keeps the XDP program attached and the queue busy after we have
 * died, and it never asked for either. So each holder of a descriptor registers
 * it here, and the child closes all of them before fork() returns in it.
 *
 * In the child the guarded descriptors are -1: that is how the holders know that
 * their memory is not mapped there, and that closing is to free the heap only.
 *
 * Not covered: vfork and posix_spawn (they execute at once, and all descriptors
 * are CLOEXEC), and the bare clone system call.
 *
 * The holder owns the link; a lock protects the list, so any thread may call.
 */
#ifndef HEADRACE_DATAPATH_XDP_FORK_GUARD_H
#define HEADRACE_DATAPATH_XDP_FORK_GUARD_H

#include "datapath/list.h"

struct guarded_fd {
    struct list_link link;
    int fd; /* -1: none, or in a forked child */
};

/* Takes over `fd` (or -1, which registers nothing). The structure must not move
 * until guarded_fd_close. */
void guarded_fd_open(struct guarded_fd *guarded, int fd);

/* Closes and forgets; nothing when the descriptor is -1. */
void guarded_fd_close(struct guarded_fd *guarded);

#endif
