#include "api/control.h"

#include "api/stack.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A worker that has not turned for so long has stalled. */
static const int watch_ms = 1000;
static const unsigned looks_asleep = 3;

static void tell(struct control *control, struct hr_event event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct control *control, struct hr_event event, const char *format, ...)
{
    struct hr_stack *stack = control->stack;
    va_list arguments;

    if (!stack->on_event) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(event.text, sizeof event.text, format, arguments);
    va_end(arguments);
    stack->on_event(stack, &event, stack->event_context);
}

static void see_link(struct control *control, bool is_up)
{
    const char *name = control->stack->interface->nic.name;

    if (is_up == control->link_is_up) {
        return;
    }
    control->link_is_up = is_up;
    if (is_up) {
        tell(control, (struct hr_event){.kind = HR_EVENT_LINK_UP}, "%s is up again.", name);
    } else {
        tell(control, (struct hr_event){.kind = HR_EVENT_LINK_DOWN},
             "%s is down: nothing is sent or received until 'ip link set %s up' and a carrier.",
             name, name);
    }
}

static int see_message(const struct nlmsghdr *message, void *ctx)
{
    struct control *control = ctx;
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    const struct nic_facts *nic = &control->stack->interface->nic;

    if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) ||
        (uint32_t)link->ifi_index != nic->ifindex) {
        return MNL_CB_OK;
    }
    if (message->nlmsg_type == RTM_DELLINK) {
        tell(control, (struct hr_event){.kind = HR_EVENT_INTERFACE_GONE},
             "%s has been removed: the stack will not receive anything any more.", nic->name);
    } else {
        see_link(control, (link->ifi_flags & IFF_UP) && (link->ifi_flags & IFF_LOWER_UP));
    }
    return MNL_CB_OK;
}

/* Until nothing waits. A message that was lost (ENOBUFS) is followed by others. */
static void hear_kernel(struct control *control)
{
    char buffer[16384]; /* more than MNL_SOCKET_BUFFER_SIZE is at most */
    ssize_t bytes;

    do {
        bytes = mnl_socket_recvfrom(control->netlink, buffer, sizeof buffer);
        if (bytes > 0) {
            (void)mnl_cb_run(buffer, (size_t)bytes, 0, 0, see_message, control);
        }
    } while (bytes > 0 || (bytes < 0 && errno == ENOBUFS));
}

/* A worker that sleeps wakes within a second by itself, so a few looks later it has
 * turned too. */
static bool is_stalled_now(struct control_watch *watch, uint64_t turns, bool is_asleep)
{
    watch->looks = turns == watch->turns ? watch->looks + 1 : 0;
    watch->turns = turns;
    return watch->looks >= (is_asleep ? looks_asleep : 1);
}

static void watch_workers(struct control *control)
{
    struct hr_stack *stack = control->stack;

    for (unsigned i = 0; i < stack->worker_count; i++) {
        struct control_watch *watch = &control->watches[i];
        struct hr_worker *worker = &stack->workers[i];
        bool is_asleep = atomic_load(&worker->mailbox.sleeping);
        struct hr_stats stats;
        bool is_stalled;

        hr_stack_stats(stack, i, &stats);
        is_stalled = is_stalled_now(watch, stats.turns, is_asleep);
        if (is_stalled == watch->is_stalled) {
            continue;
        }
        watch->is_stalled = is_stalled;
        if (is_stalled) {
            tell(control, (struct hr_event){.kind = HR_EVENT_WORKER_STALLED, .worker = i},
                 "Worker %u on core %u has not turned for a while: a callback blocks, or "
                 "something else has the core.",
                 i, worker->core);
        } else {
            tell(control, (struct hr_event){.kind = HR_EVENT_WORKER_GOES_ON, .worker = i},
                 "Worker %u on core %u turns again.", i, worker->core);
        }
    }
}

static uint64_t now_ms(void)
{
    return worker_clock_ns() / NS_PER_MS;
}

static void *control_main(void *argument)
{
    struct control *control = argument;
    struct pollfd fds[] = {
        {.fd = mnl_socket_get_fd(control->netlink), .events = POLLIN},
        {.fd = control->stop_fd, .events = POLLIN},
    };
    uint64_t watch_at_ms = now_ms() + (uint64_t)watch_ms;

    while (!(fds[1].revents & POLLIN)) {
        uint64_t at_ms = now_ms();

        if (at_ms >= watch_at_ms) {
            watch_workers(control);
            watch_at_ms = at_ms + (uint64_t)watch_ms;
        }
        (void)poll(fds, COUNT_OF(fds), (int)(watch_at_ms - at_ms));
        if (fds[0].revents & POLLIN) {
            hear_kernel(control);
        }
    }
    return NULL;
}

static int open_descriptors(struct control *control)
{
    control->stop_fd = eventfd(0, EFD_CLOEXEC);
    control->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (control->stop_fd < 0 || !control->netlink ||
        mnl_socket_bind(control->netlink, RTMGRP_LINK, MNL_SOCKET_AUTOPID) != 0) {
        return -errno;
    }
    return 0;
}

static void close_descriptors(struct control *control)
{
    if (control->netlink) {
        (void)mnl_socket_close(control->netlink);
    }
    if (control->stop_fd >= 0) {
        (void)close(control->stop_fd);
    }
}

int control_start(struct control *control, struct hr_stack *stack)
{
    int result;

    *control = (struct control){.stack = stack, .link_is_up = true, .stop_fd = -1};
    for (unsigned i = 0; i < stack->worker_count; i++) {
        control->watches[i].turns = UINT64_MAX; /* of nobody: the first look finds them turning */
    }
    result = open_descriptors(control);
    if (result == 0) {
        result = -pthread_create(&control->thread, NULL, control_main, control);
    }
    control->is_running = result == 0;
    if (result == 0) {
        (void)pthread_setname_np(control->thread, "hr-control");
    }
    if (result != 0) {
        close_descriptors(control);
    }
    return result;
}

void control_stop(struct control *control)
{
    if (control->is_running) {
        (void)eventfd_write(control->stop_fd, 1);
        (void)pthread_join(control->thread, NULL);
        close_descriptors(control);
        control->is_running = false;
    }
}
