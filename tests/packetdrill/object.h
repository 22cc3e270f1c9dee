/*
 * The calls of packetdrill_interface (interface.h) that carry bytes, and what every call does at
 * its beginning and end: it takes the lock, and says errors as the system does.
 *
 * `userdata` is the object, a struct drill.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_OBJECT_H
#define HEADRACE_TESTS_PACKETDRILL_OBJECT_H

#include "tests/packetdrill/sockets.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

static inline struct drill *enter(void *userdata)
{
    struct drill *drill = userdata;

    clock_enter(&drill->clock);
    return drill;
}

/* -1 and errno where `result` is a negative one. */
static inline long leave(struct drill *drill, long result)
{
    clock_leave(&drill->clock);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

ssize_t object_recv(void *userdata, int fd, void *to, size_t count, int flags);
ssize_t object_read(void *userdata, int fd, void *to, size_t count);
ssize_t object_readv(void *userdata, int fd, const struct iovec *iov, int count);
ssize_t object_recvfrom(void *userdata, int fd, void *to, size_t count, int flags,
                        struct sockaddr *addr, socklen_t *length);
ssize_t object_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags);
ssize_t object_sendto(void *userdata, int fd, const void *from, size_t count, int flags,
                      const struct sockaddr *addr, socklen_t length);
ssize_t object_send(void *userdata, int fd, const void *from, size_t count, int flags);
ssize_t object_write(void *userdata, int fd, const void *from, size_t count);
ssize_t object_writev(void *userdata, int fd, const struct iovec *iov, int count);
ssize_t object_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags);

#endif
