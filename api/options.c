#include "api/options.h"

#include "api/failure.h"
#include "datapath/util.h"
#include "tcp/cc.h"
#include "tcp/limits.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>

/* Half of them can be lent, and no queue is lent less than that. */
#define FRAMES_PER_WORKER_MIN (2 * NIC_FRAMES_TO_LEND_MIN)
/* As many as struct tcp_config takes. */
#define CONNECTIONS_MAX (1u << 24)
/* Twice the MSL of RFC 9293 section 3.4.2, two minutes; the least is ours. */
#define TIME_WAIT_MS_MIN 1000u
#define TIME_WAIT_MS_MAX 240000u
#define ACK_SEGMENTS_MAX 256u
#define ACK_HOLD_US_MAX ((uint32_t)(TCP_DELAYED_ACK_NS / NS_PER_US))

const struct hr_stack_options hr_stack_options_default = {
    .mode = HR_MODE_AUTO,
    .wait = HR_WAIT_ADAPTIVE,
    .spin_us = 100,
    .frames_per_worker = 16384,
    .receive_frames = NIC_FRAMES_TO_LEND_MIN,
    .connections_max = 16384,
    .time_wait_ms = 60000,
    .ack_segments = TCP_ACK_EVERY_SEGMENTS,
    .ack_hold_us = TCP_ACK_HOLD_NS / NS_PER_US,
};

int options_check_numbers(const struct hr_stack_options *options, struct hr_failure *failure)
{
    if (options->frames_per_worker < FRAMES_PER_WORKER_MIN) {
        return failure_set(failure, HR_ERR_ARGUMENT, "%u frames a worker are too few: at least %u.",
                           options->frames_per_worker, FRAMES_PER_WORKER_MIN);
    }
    if (options->receive_frames < NIC_FRAMES_TO_LEND_MIN ||
        options->receive_frames > NIC_RX_RING_FRAMES_MAX ||
        !is_power_of_two(options->receive_frames)) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "%u frames to receive with can't be: a power of two from %u to %u.",
                           options->receive_frames, NIC_FRAMES_TO_LEND_MIN, NIC_RX_RING_FRAMES_MAX);
    }
    if (options->connections_max == 0 || options->connections_max > CONNECTIONS_MAX) {
        return failure_set(failure, HR_ERR_ARGUMENT, "%u connections a worker: 1 to %u can be had.",
                           options->connections_max, CONNECTIONS_MAX);
    }
    if (options->time_wait_ms < TIME_WAIT_MS_MIN || options->time_wait_ms > TIME_WAIT_MS_MAX) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "A TIME-WAIT of %u milliseconds: %u to %u can be had.",
                           options->time_wait_ms, TIME_WAIT_MS_MIN, TIME_WAIT_MS_MAX);
    }
    if (options->ack_segments == 0 || options->ack_segments > ACK_SEGMENTS_MAX) {
        return failure_set(failure, HR_ERR_ARGUMENT, "An ACK for %u segments: 1 to %u can be had.",
                           options->ack_segments, ACK_SEGMENTS_MAX);
    }
    if (options->ack_hold_us > ACK_HOLD_US_MAX) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "ACKs held for %u microseconds: at most %u can be had.",
                           options->ack_hold_us, ACK_HOLD_US_MAX);
    }
    if (!tcp_cc_find(options->congestion_control)) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "'%s' is no congestion control: give one of hr_congestion_controls().",
                           options->congestion_control);
    }
    if ((unsigned)options->mode > HR_MODE_GENERIC) {
        return failure_set(failure, HR_ERR_ARGUMENT, "%u is no mode: give one of enum hr_mode.",
                           (unsigned)options->mode);
    }
    if ((unsigned)options->wait > HR_WAIT_SLEEP) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "%u is no way of waiting: give one of enum hr_wait.",
                           (unsigned)options->wait);
    }
    if (!options->interface) {
        return failure_set(failure, HR_ERR_ARGUMENT, "No interface was named.");
    }
    return HR_OK;
}

/* What lands on a queue without a worker is ours all the same, and nobody takes it. */
static void note_unserved(struct hr_stack *stack, const struct xdp_queue_config *queues,
                          const struct nic_facts *nic)
{
    for (unsigned queue = 0; queue < nic->queue_count; queue++) {
        bool is_served = false;

        for (unsigned i = 0; i < stack->worker_count; i++) {
            is_served |= queues[i].queue == queue;
        }
        if (!is_served) {
            (void)snprintf(stack->note, sizeof stack->note,
                           "Queue %u of %s has no worker: what arrives there for our addresses is "
                           "dropped. Give it one, or keep flows off it ('ethtool -X', 'ethtool "
                           "-L').",
                           queue, nic->name);
            return;
        }
    }
}

/* Half of a worker's frames at the most, so that the other half can hold data. */
int options_take_lent(struct hr_stack *stack, const struct hr_stack_options *options,
                      const struct nic_facts *nic, struct hr_failure *failure)
{
    uint32_t lent = nic_frames_to_lend(nic);

    if (options->receive_frames > options->frames_per_worker / 2) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "%u frames a worker are too few to receive with %u of them: give at "
                           "least %u.",
                           options->frames_per_worker, options->receive_frames,
                           2 * options->receive_frames);
    }
    lent = max_u32(lent, options->receive_frames);
    if (lent > options->frames_per_worker / 2) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "%u frames a worker are too few for the receive ring of %s, which has "
                           "%u: give at least %u, or make the ring smaller ('ethtool -G %s rx "
                           "1024').",
                           options->frames_per_worker, nic->name, nic->rx_ring_frames, 2 * lent,
                           nic->name);
    }
    stack->frames_lent = lent;
    return HR_OK;
}

int options_take_queues(struct hr_stack *stack, const struct hr_stack_options *options,
                        struct xdp_queue_config queues[HR_WORKERS_MAX], struct hr_failure *failure)
{
    struct nic_facts nic;
    struct xdp_error error = {0};

    if (nic_read(options->interface, &nic, &error) != 0) {
        return failure_set_xdp(failure, &error);
    }
    stack->worker_count = options->queue_count > 0 ? options->queue_count : nic.queue_count;
    if (stack->worker_count == 0 || stack->worker_count > HR_WORKERS_MAX) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "%u workers can't be made: name 1 to %u of the queues of %s.",
                           stack->worker_count, HR_WORKERS_MAX, options->interface);
    }
    for (unsigned i = 0; i < stack->worker_count; i++) {
        queues[i].queue = options->queue_count > 0 ? options->queues[i] : i;
        for (unsigned j = 0; j < i; j++) {
            if (queues[j].queue == queues[i].queue) {
                return failure_set(failure, HR_ERR_ARGUMENT,
                                   "Queue %u is named twice: name it once.", queues[i].queue);
            }
        }
    }
    note_unserved(stack, queues, &nic);
    return options_take_lent(stack, options, &nic, failure);
}

/* Core number `which` of those that this process may use. */
static unsigned usable_core(unsigned which, const cpu_set_t *allowed)
{
    unsigned count = (unsigned)CPU_COUNT(allowed);

    which %= count;
    for (unsigned core = 0; core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, allowed) && which-- == 0) {
            return core;
        }
    }
    return 0;
}

int options_take_cores(struct hr_stack *stack, const struct hr_stack_options *options,
                       struct hr_failure *failure)
{
    cpu_set_t allowed;

    assert(stack->workers != NULL); /* allocate() came before */
    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    if (options->core_count > 0 && options->core_count != stack->worker_count) {
        return failure_set(failure, HR_ERR_ARGUMENT,
                           "%u cores are named for %u workers: name one for each queue.",
                           options->core_count, stack->worker_count);
    }
    for (unsigned i = 0; i < stack->worker_count; i++) {
        unsigned core = options->core_count > 0 ? options->cores[i] : usable_core(i, &allowed);

        if (core >= CPU_SETSIZE || !CPU_ISSET(core, &allowed)) {
            return failure_set(failure, HR_ERR_ARGUMENT,
                               "Core %u is not one that this process may use: see 'taskset -p $$'.",
                               core);
        }
        stack->workers[i].core = core;
    }
    return HR_OK;
}
