/*
 * The interface by which packetdrill tests a stack in a shared object: it loads the object,
 * calls packetdrill_interface_init() with the text of --so_flags, and from then on makes
 * every call of a script, and every packet of it, through this table.
 *
 * The order of the fields is the ABI. `userdata` is handed back with each call. Errors are -1
 * with errno, as those of the calls of the system that have the same names.
 *
 * Threads: the runner makes calls that a script expects to block on a second thread, and lets
 * go of its own lock only around those and around usleep.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_INTERFACE_H
#define HEADRACE_TESTS_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
    void *userdata;
    void (*free)(void *userdata);
    int (*socket)(void *userdata, int domain, int type, int protocol);
    int (*bind)(void *userdata, int fd, const struct sockaddr *addr, socklen_t length);
    int (*listen)(void *userdata, int fd, int backlog);
    int (*accept)(void *userdata, int fd, struct sockaddr *addr, socklen_t *length);
    int (*connect)(void *userdata, int fd, const struct sockaddr *addr, socklen_t length);
    ssize_t (*read)(void *userdata, int fd, void *to, size_t count);
    ssize_t (*readv)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*recv)(void *userdata, int fd, void *to, size_t count, int flags);
    ssize_t (*recvfrom)(void *userdata, int fd, void *to, size_t count, int flags,
                        struct sockaddr *addr, socklen_t *length);
    ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *userdata, int fd, const void *from, size_t count);
    ssize_t (*writev)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*send)(void *userdata, int fd, const void *from, size_t count, int flags);
    ssize_t (*sendto)(void *userdata, int fd, const void *from, size_t count, int flags,
                      const struct sockaddr *addr, socklen_t length);
    ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *userdata, int fd, int command, ...);
    int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
    int (*close)(void *userdata, int fd);
    int (*shutdown)(void *userdata, int fd, int how);
    int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *length);
    int (*setsockopt)(void *userdata, int fd, int level, int name, const void *value,
                      socklen_t length);
    int (*poll)(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms);
    /* A packet to the stack, from its IP header on. */
    int (*netdev_send)(void *userdata, const void *packet, size_t bytes);
    /* The next packet of the stack: `bytes` is the room, then the packet's length, 0 when none
     * came; `time_us` is on the clock of gettimeofday. -1 would be asked again for ever. */
    int (*netdev_receive)(void *userdata, void *packet, size_t *bytes, long long *time_us);
    int (*usleep)(void *userdata, useconds_t us);
    int (*gettimeofday)(void *userdata, struct timeval *time, struct timezone *zone);
    int (*epoll_create)(void *userdata, int size);
    int (*epoll_ctl)(void *userdata, int epoll, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *userdata, int epoll, struct epoll_event *events, int count,
                      int timeout_ms);
    int (*pipe)(void *userdata, int fds[2]);
    ssize_t (*splice)(void *userdata, int from, loff_t *from_offset, int to, loff_t *to_offset,
                      size_t count, unsigned flags);
};

/* What the object exports. */
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *table);

#endif
