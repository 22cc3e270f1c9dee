#include "bench/place_stack.h"

#include <assert.h>

static_assert(PLACE_WORKERS_MAX == HR_WORKERS_MAX, "a place has room for all workers of a stack");

struct hr_stack_options place_stack(const struct place_options *place)
{
    static const enum hr_mode modes[] = {
        [PLACE_MODE_AUTO] = HR_MODE_AUTO,
        [PLACE_MODE_ZEROCOPY] = HR_MODE_ZEROCOPY,
        [PLACE_MODE_NATIVE] = HR_MODE_NATIVE,
        [PLACE_MODE_GENERIC] = HR_MODE_GENERIC,
    };
    static const enum hr_wait waits[] = {
        [PLACE_WAIT_ADAPTIVE] = HR_WAIT_ADAPTIVE,
        [PLACE_WAIT_BUSY] = HR_WAIT_BUSY,
        [PLACE_WAIT_SLEEP] = HR_WAIT_SLEEP,
    };
    struct hr_stack_options stack = hr_stack_options_default;

    stack.interface = place->interface;
    stack.addresses = place->addresses;
    stack.address_count = place->address_count;
    stack.gateways = place->gateways;
    stack.gateway_count = place->gateway_count;
    stack.mode = modes[place->mode];
    stack.wait = waits[place->wait];
    if (place->queue_count > 0) {
        stack.queues = place->queues;
        stack.queue_count = place->queue_count;
    }
    if (place->core_count > 0) {
        stack.cores = place->cores;
        stack.core_count = place->core_count;
    }
    if (place->receive_frames > 0) {
        stack.receive_frames = place->receive_frames;
        /* Half of them at the most may be lent, and data needs some. */
        stack.frames_per_worker += 2 * place->receive_frames;
    }
    if (place->time_wait_s > 0) {
        stack.time_wait_ms = place->time_wait_s * 1000;
    }
    if (place->ack_segments > 0) {
        stack.ack_segments = place->ack_segments;
    }
    if (place->ack_hold_is_given) {
        stack.ack_hold_us = place->ack_hold_us;
    }
    return stack;
}
