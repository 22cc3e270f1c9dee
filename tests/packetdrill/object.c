/* What packetdrill calls: each entry takes the lock, finds the socket and says errors as the
 * system does. */
#include "tests/packetdrill/object.h"
#include "tests/packetdrill/interface.h"
#include "tests/packetdrill/options.h"
#include "tests/packetdrill/ready.h"
#include "tests/packetdrill/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

/* At most so much in one call of sendfile(). */
#define SENDFILE_BYTES 65536u

#define EXPORT __attribute__((visibility("default")))

/* For calls that come without userdata. */
static struct drill *the_object;

static int on_socket(void *userdata, int domain, int type, int protocol)
{
    struct drill *drill = enter(userdata);

    (void)protocol;
    return (int)leave(drill, sock_socket(drill, domain, type));
}

static int on_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t length)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return (int)leave(drill, sock ? sock_bind(sock, addr, length) : -EBADF);
}

static int on_listen(void *userdata, int fd, int backlog)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return (int)leave(drill, sock ? sock_listen(sock, backlog) : -EBADF);
}

static int on_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *length)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return (int)leave(drill, sock ? sock_accept(sock, addr, length) : -EBADF);
}

static int on_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t length)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return (int)leave(drill, sock ? sock_connect(sock, addr, length) : -EBADF);
}

static int on_fcntl(void *userdata, int fd, int command, ...)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);
    va_list arguments;
    long argument;

    va_start(arguments, command);
    argument = command == F_GETFL ? 0 : va_arg(arguments, long);
    va_end(arguments);
    return (int)leave(drill, sock ? sock_fcntl(sock, command, argument) : -EBADF);
}

static int on_ioctl(void *userdata, int fd, unsigned long request, ...)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);
    va_list arguments;
    int *to;

    va_start(arguments, request);
    to = va_arg(arguments, int *);
    va_end(arguments);
    return (int)leave(drill, sock ? sock_ioctl(sock, request, to) : -EBADF);
}

static int on_close(void *userdata, int fd)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return (int)leave(drill, sock ? sock_close(sock) : -EBADF);
}

static int on_shutdown(void *userdata, int fd, int how)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);

    return (int)leave(drill, sock ? sock_shutdown(sock, how) : -EBADF);
}

static int on_getsockopt(void *userdata, int fd, int level, int name, void *value,
                         socklen_t *length)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);
    struct sockopt option = {level, name, value, length};

    return (int)leave(drill, sock ? sock_get_option(sock, &option) : -EBADF);
}

static int on_setsockopt(void *userdata, int fd, int level, int name, const void *value,
                         socklen_t length)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, fd);
    struct sockopt option = {level, name, (void *)(uintptr_t)value, &length};

    return (int)leave(drill, sock ? sock_set_option(sock, &option) : -EBADF);
}

static int on_poll(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct drill *drill = enter(userdata);

    return (int)leave(drill, ready_poll(drill, fds, count, timeout_ms));
}

static int on_netdev_send(void *userdata, const void *packet, size_t bytes)
{
    struct drill *drill = enter(userdata);
    int error = netport_inject(&drill->stack.netport, packet, bytes);

    if (error == 0) {
        clock_turn(&drill->clock);
    }
    return (int)leave(drill, error == 0 ? 0 : -EINVAL);
}

static int on_netdev_receive(void *userdata, void *packet, size_t *bytes, long long *time_us)
{
    struct drill *drill = enter(userdata);
    uint64_t sent_ns = drill->clock.now_ns;

    if (clock_await_packet(&drill->clock)) {
        *bytes = netport_take(&drill->stack.netport, packet, *bytes, &sent_ns);
    } else {
        *bytes = 0;
    }
    *time_us = (long long)(sent_ns / NS_PER_US);
    return (int)leave(drill, 0);
}

static int on_usleep(void *userdata, useconds_t us)
{
    struct drill *drill = enter(userdata);

    clock_sleep(&drill->clock, us * (uint64_t)NS_PER_US);
    return (int)leave(drill, 0);
}

static int on_gettimeofday(void *userdata, struct timeval *time, struct timezone *zone)
{
    struct drill *drill = enter(userdata);
    uint64_t now_us = clock_ask(&drill->clock) / NS_PER_US;

    (void)zone;
    time->tv_sec = (time_t)(now_us / 1000000);
    time->tv_usec = (suseconds_t)(now_us % 1000000);
    return (int)leave(drill, 0);
}

static int on_epoll_create(void *userdata, int size)
{
    struct drill *drill = enter(userdata);

    return (int)leave(drill, size > 0 ? ready_create(drill) : -EINVAL);
}

static int on_epoll_ctl(void *userdata, int epoll, int op, int fd, struct epoll_event *event)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, epoll);

    return (int)leave(drill, sock ? ready_control(sock, op, fd, event) : -EBADF);
}

static int on_epoll_wait(void *userdata, int epoll, struct epoll_event *events, int count,
                         int timeout_ms)
{
    struct drill *drill = enter(userdata);
    struct sock *sock = sock_find(drill, epoll);

    return (int)leave(drill, sock ? ready_wait(sock, events, count, timeout_ms) : -EBADF);
}

static int on_pipe(void *userdata, int fds[2])
{
    (void)userdata;
    return pipe(fds);
}

/* There is none: bytes are copied out of the stack, or lent to callbacks. */
static ssize_t on_splice(void *userdata, int from, loff_t *from_offset, int to, loff_t *to_offset,
                         size_t count, unsigned flags)
{
    (void)userdata;
    (void)from;
    (void)from_offset;
    (void)to;
    (void)to_offset;
    (void)count;
    (void)flags;
    errno = EINVAL;
    return -1;
}

static void on_free(void *userdata)
{
    struct drill *drill = userdata;

    for (int fd = 0; fd < DRILL_FDS; fd++) {
        if (drill->socks[fd]) {
            (void)on_close(drill, fd);
        }
    }
    the_object = NULL;
    stack_destroy(&drill->stack);
    clock_destroy(&drill->clock);
    free(drill);
}

/* "local=192.168.0.1,local6=fd00::1,remote=192.0.2.1,mtu=1500,sysctl=/proc/sys/net/ipv4", each as
 * one likes. */
static void read_flags(struct drill *drill, const char *flags, struct stack_config *config)
{
    char text[256];
    char *rest = text;
    char *item;

    (void)snprintf(text, sizeof text, "%s", flags ? flags : "");
    while ((item = strsep(&rest, ", ")) != NULL) {
        char *value = strchr(item, '=');

        if (!value) {
            continue;
        }
        *value++ = '\0';
        if (strcmp(item, "local") == 0) {
            (void)ip_addr_parse(value, &drill->local[0]);
        } else if (strcmp(item, "local6") == 0) {
            (void)ip_addr_parse(value, &drill->local[1]);
        } else if (strcmp(item, "remote") == 0) {
            (void)ip_addr_parse(value, &drill->remote);
        } else if (strcmp(item, "mtu") == 0) {
            config->mtu = (uint16_t)strtoul(value, NULL, 10);
        } else if (strcmp(item, "sysctl") == 0) {
            (void)snprintf(drill->folder, sizeof drill->folder, "%s", value);
        }
    }
}

static struct drill *drill_new(const char *flags)
{
    struct drill *drill = calloc(1, sizeof *drill);
    struct stack_config config = {.mtu = 1500, .events = &drill_events};

    if (!drill) {
        abort(); /* a test's own memory */
    }
    (void)ip_addr_parse("192.168.0.1", &drill->local[0]);
    (void)ip_addr_parse("fd3d:a0b:17d6::1", &drill->local[1]);
    read_flags(drill, flags, &config);
    clock_init(&drill->clock, &drill->stack);
    if (drill->folder[0] != '\0') {
        untold_begin(&drill->untold, drill->folder, sysctl_is_read);
    }
    config.local[0] = drill->local[0];
    config.local[1] = drill->local[1];
    config.app = drill;
    config.now_ns = &drill->clock.now_ns;
    if (stack_init(&drill->stack, &config) != 0) {
        (void)fprintf(stderr, "packetdrill object: flags '%s' make no stack\n", flags);
        abort();
    }
    return drill;
}

EXPORT void packetdrill_interface_init(const char *flags, struct packetdrill_interface *table)
{
    *table = (struct packetdrill_interface){
        .userdata = drill_new(flags),
        .free = on_free,
        .socket = on_socket,
        .bind = on_bind,
        .listen = on_listen,
        .accept = on_accept,
        .connect = on_connect,
        .read = object_read,
        .readv = object_readv,
        .recv = object_recv,
        .recvfrom = object_recvfrom,
        .recvmsg = object_recvmsg,
        .write = object_write,
        .writev = object_writev,
        .send = object_send,
        .sendto = object_sendto,
        .sendmsg = object_sendmsg,
        .fcntl = on_fcntl,
        .ioctl = on_ioctl,
        .close = on_close,
        .shutdown = on_shutdown,
        .getsockopt = on_getsockopt,
        .setsockopt = on_setsockopt,
        .poll = on_poll,
        .netdev_send = on_netdev_send,
        .netdev_receive = on_netdev_receive,
        .usleep = on_usleep,
        .gettimeofday = on_gettimeofday,
        .epoll_create = on_epoll_create,
        .epoll_ctl = on_epoll_ctl,
        .epoll_wait = on_epoll_wait,
        .pipe = on_pipe,
        .splice = on_splice,
    };
    the_object = table->userdata;
}

/* The runner gives descriptors of ours to the system's calls in places: with the object in
 * LD_PRELOAD they come here. */
EXPORT int close(int fd)
{
    if (the_object && sock_find(the_object, fd)) {
        return on_close(the_object, fd);
    }
    return (int)syscall(SYS_close, fd);
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
    if (the_object && sock_find(the_object, fd)) {
        return on_getsockopt(the_object, fd, level, name, value, length);
    }
    return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t count)
{
    uint8_t bytes[SENDFILE_BYTES];
    ssize_t got;

    if (!the_object || !sock_find(the_object, to)) {
        return syscall(SYS_sendfile, to, from, offset, count);
    }
    count = count < sizeof bytes ? count : sizeof bytes;
    got = offset ? pread(from, bytes, count, *offset) : read(from, bytes, count);
    got = got > 0 ? object_write(the_object, to, bytes, (size_t)got) : got;
    if (offset && got > 0) {
        *offset += got;
    }
    return got;
}
