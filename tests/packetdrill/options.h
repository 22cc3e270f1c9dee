/*
 * setsockopt and getsockopt, fcntl and ioctl of sockets. 0 or more, or negative errno. What the
 * stack has no setting for is refused with ENOPROTOOPT.
 *
 * Owner and lock: see sockets.h.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_OPTIONS_H
#define HEADRACE_TESTS_PACKETDRILL_OPTIONS_H

#include "tests/packetdrill/sockets.h"

/* Which option, and its value. */
struct sockopt {
    int level;
    int name;
    void *value;
    socklen_t *length;
};

int sock_set_option(struct sock *sock, const struct sockopt *option);
int sock_get_option(struct sock *sock, const struct sockopt *option);

int sock_fcntl(struct sock *sock, int command, long argument);
/* `to` takes an int. */
int sock_ioctl(const struct sock *sock, unsigned long request, int *to);

#endif
