#include "bench/kernel/epoll_params.h"

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* As long as epoll_wait() polls before it sleeps; the kernel's documentation takes 50 in
 * its examples, and the next request of a closed loop comes well within. */
#define POLL_US 50
/* Packets of one poll; more than 64 would want CAP_NET_ADMIN. */
#define POLL_BUDGET 64

/* <linux/eventpoll.h> of Linux 6.9. */
struct busy_poll_params {
    uint32_t busy_poll_usecs;
    uint16_t busy_poll_budget;
    uint8_t prefer_busy_poll;
    uint8_t pad;
};
#define EPIOC_SET_PARAMS _IOW(0x8A, 0x01, struct busy_poll_params)

int epoll_params_set(int epoll_fd, int listen_fd, bool *lacks)
{
    struct busy_poll_params params = {
        .busy_poll_usecs = POLL_US, .busy_poll_budget = POLL_BUDGET, .prefer_busy_poll = 1};
    int us = POLL_US;
    int budget = POLL_BUDGET;
    int one = 1;

    if (setsockopt(listen_fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us) != 0 ||
        setsockopt(listen_fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &one, sizeof one) != 0 ||
        setsockopt(listen_fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) != 0) {
        return -1;
    }
    *lacks = ioctl(epoll_fd, EPIOC_SET_PARAMS, &params) != 0;
    return *lacks && errno != ENOTTY && errno != EINVAL ? -1 : 0;
}
