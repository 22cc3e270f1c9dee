/*
 * Busy polling, of sockets and of one epoll: epoll_wait() polls the queue that its
 * sockets' packets come from, instead of waiting for an interrupt. Definitions newer
 * than Debian 12's headers are carried here. Main thread, before any connection.
 */
#ifndef HEADRACE_BENCH_KERNEL_EPOLL_PARAMS_H
#define HEADRACE_BENCH_KERNEL_EPOLL_PARAMS_H

#include <stdbool.h>

/* Of the epoll, and of the listener for what it will accept. *lacks: the kernel is older
 * than 6.9 and can't do the first. 0, or -1 and errno. */
int epoll_params_set(int epoll_fd, int listen_fd, bool *lacks);

#endif
