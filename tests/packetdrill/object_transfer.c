/* What packetdrill calls to read and write. */
#include "tests/packetdrill/object.h"
#include "tests/packetdrill/transfer.h"

#include <errno.h>
#include <unistd.h>

/* As a kernel finds out, before anything is touched. */
static bool is_memory(const struct transfer *transfer)
{
    for (size_t i = 0; i < transfer->count; i++) {
        uint8_t byte;
        struct iovec here = {&byte, 1};
        struct iovec there = {transfer->iov[i].iov_base, 1};

        if (transfer->iov[i].iov_len > 0 &&
            process_vm_readv(getpid(), &here, 1, &there, 1, 0) != 1) {
            return false;
        }
    }
    return true;
}

static ssize_t read_all(void *userdata, int fd, const struct transfer *transfer)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    if (!is_memory(transfer)) {
        return leave(drill, -EFAULT);
    }
    return leave(drill, sock ? sock_read(sock, transfer) : -EBADF);
}

ssize_t object_recv(void *userdata, int fd, void *to, size_t count, int flags)
{
    struct iovec iov = {to, count};

    return read_all(userdata, fd, &(struct transfer){&iov, 1, flags});
}

ssize_t object_read(void *userdata, int fd, void *to, size_t count)
{
    return object_recv(userdata, fd, to, count, 0);
}

ssize_t object_readv(void *userdata, int fd, const struct iovec *iov, int count)
{
    return read_all(userdata, fd, &(struct transfer){iov, (size_t)count, 0});
}

ssize_t object_recvfrom(void *userdata, int fd, void *to, size_t count, int flags,
                        struct sockaddr *addr, socklen_t *length)
{
    (void)addr;
    if (length) {
        *length = 0; /* as Linux does it for TCP */
    }
    return object_recv(userdata, fd, to, count, flags);
}

ssize_t object_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return leave(drill, sock ? sock_read_message(sock, msg, flags) : -EBADF);
}

struct destination {
    const struct sockaddr *addr;
    socklen_t length;
};

static ssize_t write_all(void *userdata, int fd, const struct transfer *transfer,
                         const struct destination *to)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    if (!is_memory(transfer)) {
        return leave(drill, -EFAULT);
    }
    return leave(drill, sock ? sock_write(sock, transfer, to->addr, to->length) : -EBADF);
}

static const struct destination nowhere;

ssize_t object_sendto(void *userdata, int fd, const void *from, size_t count, int flags,
                      const struct sockaddr *addr, socklen_t length)
{
    struct iovec iov = {(void *)(uintptr_t)from, count};

    return write_all(userdata, fd, &(struct transfer){&iov, 1, flags},
                     &(struct destination){addr, length});
}

ssize_t object_send(void *userdata, int fd, const void *from, size_t count, int flags)
{
    return object_sendto(userdata, fd, from, count, flags, NULL, 0);
}

ssize_t object_write(void *userdata, int fd, const void *from, size_t count)
{
    return object_sendto(userdata, fd, from, count, 0, NULL, 0);
}

ssize_t object_writev(void *userdata, int fd, const struct iovec *iov, int count)
{
    return write_all(userdata, fd, &(struct transfer){iov, (size_t)count, 0}, &nowhere);
}

ssize_t object_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags)
{
    return write_all(userdata, fd, &(struct transfer){msg->msg_iov, msg->msg_iovlen, flags},
                     &(struct destination){msg->msg_name, msg->msg_namelen});
}
