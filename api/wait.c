/* Waiting: spin for a bounded time, then sleep until a frame, a timer or a
 * message. */
#include "api/stack.h"
#include "datapath/util.h"

#include <poll.h>
#include <time.h>
#include <urcu-qsbr.h>

/* Sleeps are bounded, so that the statistics of an idle worker stay fresh. */
static const uint64_t sleep_ns_max = NS_PER_S;
/* The kernel has not taken all that was sent: flush again soon. */
static const uint64_t pending_ns = 50 * NS_PER_US;

static uint64_t sleep_ns(struct hr_worker *worker)
{
    uint64_t due_ns =
        min_u64(min_u64(tcp_next_deadline(&worker->tcp), net_next_deadline(&worker->net)),
                wheel_next_ns(&worker->timers));
    uint64_t now_ns = worker_clock_ns();
    uint64_t span_ns = due_ns > now_ns ? min_u64(due_ns - now_ns, sleep_ns_max) : 0;

    return port_xdp_is_pending(worker->port) ? min_u64(span_ns, pending_ns) : span_ns;
}

static void sleep_until_woken(struct hr_worker *worker)
{
    struct pollfd fds[] = {
        {.fd = worker->is_cut_off ? -1 : xsk_socket_fd(&worker->port->socket), .events = POLLIN},
        {.fd = worker->mailbox.wake_fd, .events = POLLIN},
    };
    uint64_t span_ns = sleep_ns(worker);
    struct timespec span = {(time_t)(span_ns / NS_PER_S), (long)(span_ns % NS_PER_S)};

    if (span_ns == 0) {
        return;
    }
    worker->sleeps++;
    worker_publish(worker);
    rcu_thread_offline();
    (void)ppoll(fds, COUNT_OF(fds), &span, NULL);
    /* Without its interface a socket says so for ever, and nobody would sleep. */
    worker->is_cut_off |= (fds[0].revents & POLLERR) != 0;
    rcu_thread_online();
}

static bool may_spin(struct hr_worker *worker)
{
    const struct hr_stack *stack = worker->stack;
    uint64_t now_ns = worker->tcp.now_ns;

    if (stack->wait != HR_WAIT_ADAPTIVE) {
        return stack->wait == HR_WAIT_BUSY;
    }
    if (worker->idle_since_ns == 0) {
        worker->idle_since_ns = now_ns;
    }
    return now_ns - worker->idle_since_ns < stack->spin_ns;
}

void worker_wait(struct hr_worker *worker)
{
    const struct hr_stack *stack = worker->stack;

    if (may_spin(worker)) {
        port_xdp_look(worker->port);
        return;
    }
    /* Said first, looked once more, slept last: see mailbox.h. */
    mailbox_sleep(&worker->mailbox);
    if (!worker_turn(worker) && !atomic_load(&stack->stopping)) {
        sleep_until_woken(worker);
    }
    mailbox_awake(&worker->mailbox);
}
