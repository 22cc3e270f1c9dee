#include "bench/reflector/link.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

int link_watch(void)
{
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (watch >= 0 && bind(watch, (const struct sockaddr *)(const void *)&name, sizeof name) != 0) {
        int error = errno;

        (void)close(watch);
        errno = error;
        return -1;
    }
    return watch;
}

bool link_is_gone(int watch, uint32_t ifindex)
{
    char name[IF_NAMESIZE];
    char message[64];

    /* What the messages say is not looked at, since some may have been lost (ENOBUFS). */
    while (recv(watch, message, sizeof message, 0) >= 0 || errno == ENOBUFS || errno == EINTR) {
    }
    return if_indextoname(ifindex, name) == NULL && errno == ENXIO;
}
