/*
 * Reading and writing of sockets. Negative errno, or the number of bytes.
 *
 * Owner and lock: see sockets.h.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_TRANSFER_H
#define HEADRACE_TESTS_PACKETDRILL_TRANSFER_H

#include "tests/packetdrill/sockets.h"

#include <sys/uio.h>

/* A call's buffers. */
struct transfer {
    const struct iovec *iov;
    size_t count;
    int flags; /* MSG_... */
};

ssize_t sock_read(struct sock *sock, const struct transfer *transfer);

/* With MSG_FASTOPEN `addr` is whom to connect to; else it is not looked at. */
ssize_t sock_write(struct sock *sock, const struct transfer *transfer, const struct sockaddr *addr,
                   socklen_t length);

/* As recvmsg: with what an option asks to be told beside. */
ssize_t sock_read_message(struct sock *sock, struct msghdr *msg, int flags);

#endif
