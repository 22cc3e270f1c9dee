/*
 * TCP_INFO of a socket, as the system's struct tcp_info has it, which begins like the runner's
 * own. What the stack does not count stays 0.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_INFO_H
#define HEADRACE_TESTS_PACKETDRILL_INFO_H

#include "tests/packetdrill/sockets.h"

/* `*length` is the room, then what was written. 0. */
int info_fill(const struct sock *sock, void *to, socklen_t *length);

#endif
