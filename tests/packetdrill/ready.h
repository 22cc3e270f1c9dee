/*
 * poll and epoll over sockets: what would not wait, and waiting for it in virtual time.
 *
 * Owner and lock: see sockets.h.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_READY_H
#define HEADRACE_TESTS_PACKETDRILL_READY_H

#include "tests/packetdrill/sockets.h"

#include <poll.h>
#include <sys/epoll.h>

int ready_poll(struct drill *drill, struct pollfd *fds, nfds_t count, int timeout_ms);

/* A descriptor of a new set, or negative errno. */
int ready_create(struct drill *drill);
int ready_control(struct sock *epoll, int op, int fd, const struct epoll_event *event);
int ready_wait(struct sock *epoll, struct epoll_event *events, int count, int timeout_ms);

/* The descriptor is closed: no set knows it any more. */
void ready_forget(struct drill *drill, int fd);
void ready_destroy(struct epoll_set *set);

#endif
