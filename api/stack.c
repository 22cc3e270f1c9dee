#include "api/stack.h"

#include "api/convert.h"
#include "datapath/net/checksum.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

const struct hr_stack_options hr_stack_options_default = {
    .mode = HR_MODE_AUTO,
    .wait = HR_WAIT_ADAPTIVE,
    .spin_us = 100,
    .frames_per_worker = 16384,
    .connections_max = 16384,
    .time_wait_ms = 60000,
};

static int fail(struct hr_failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct hr_failure *failure, int error, const char *format, ...)
{
    va_list arguments;

    failure->error = error;
    va_start(arguments, format);
    (void)vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    return error;
}

static int fail_xdp(struct hr_failure *failure, const struct xdp_error *error)
{
    int number = error->errnum == -ENOMEM ? HR_ERR_NO_MEMORY : HR_ERR_INTERFACE;

    return fail(failure, number, "%s", error->text);
}

static int take_addresses(struct hr_stack *stack, const struct hr_stack_options *options,
                          struct hr_failure *failure)
{
    if (options->address_count == 0 || options->address_count > NET_ADDRESSES_MAX) {
        return fail(failure, HR_ERR_ARGUMENT, "%u addresses were given: give 1 to %u.",
                    options->address_count, NET_ADDRESSES_MAX);
    }
    for (unsigned i = 0; i < options->address_count; i++) {
        struct ip_prefix *prefix = &stack->addresses[i];
        const char *text = options->addresses[i];

        if (ip_prefix_parse(text, prefix) != 0 || !ip_addr_is_unicast(&prefix->addr)) {
            return fail(failure, HR_ERR_ADDRESS,
                        "'%s' is no address of a host: give ADDRESS/LENGTH, as in 192.0.2.1/24.",
                        text);
        }
        if (!ip_addr_is_v4(&prefix->addr)) {
            return fail(failure, HR_ERR_UNSUPPORTED,
                        "'%s' is an IPv6 address, and neighbour discovery is not built yet: give "
                        "an IPv4 address.",
                        text);
        }
    }
    stack->address_count = options->address_count;
    return HR_OK;
}

static int take_gateways(struct hr_stack *stack, const struct hr_stack_options *options,
                         struct hr_failure *failure)
{
    if (options->gateway_count > COUNT_OF(stack->gateways)) {
        return fail(failure, HR_ERR_ARGUMENT,
                    "%u gateways were given: give at most one per family.", options->gateway_count);
    }
    for (unsigned i = 0; i < options->gateway_count; i++) {
        const char *text = options->gateways[i];
        bool is_on_link = false;

        if (ip_addr_parse(text, &stack->gateways[i]) != 0) {
            return fail(failure, HR_ERR_ADDRESS, "'%s' is no address of a gateway.", text);
        }
        for (unsigned j = 0; j < stack->address_count; j++) {
            is_on_link |= ip_prefix_contains(&stack->addresses[j], &stack->gateways[i]);
        }
        if (!is_on_link) {
            return fail(failure, HR_ERR_NO_ROUTE,
                        "Gateway %s lies in the network of none of the addresses.", text);
        }
    }
    stack->gateway_count = options->gateway_count;
    return HR_OK;
}

static int check_numbers(const struct hr_stack_options *options, struct hr_failure *failure)
{
    if (options->frames_per_worker < 4096) {
        return fail(failure, HR_ERR_ARGUMENT, "%u frames a worker are too few: at least 4096.",
                    options->frames_per_worker);
    }
    if (options->connections_max == 0 || options->connections_max > 1u << 24) {
        return fail(failure, HR_ERR_ARGUMENT, "%u connections a worker: 1 to %u can be had.",
                    options->connections_max, 1u << 24);
    }
    if (!options->interface) {
        return fail(failure, HR_ERR_ARGUMENT, "No interface was named.");
    }
    return HR_OK;
}

/* All queues of the interface unless some are named. */
static int take_queues(struct hr_stack *stack, const struct hr_stack_options *options,
                       struct xdp_queue_config queues[HR_WORKERS_MAX], struct hr_failure *failure)
{
    struct nic_facts nic;
    struct xdp_error error = {0};

    if (nic_read(options->interface, &nic, &error) != 0) {
        return fail_xdp(failure, &error);
    }
    stack->worker_count = options->queue_count > 0 ? options->queue_count : nic.queue_count;
    if (stack->worker_count == 0 || stack->worker_count > HR_WORKERS_MAX) {
        return fail(failure, HR_ERR_ARGUMENT,
                    "%u workers can't be made: name 1 to %u of the queues of %s.",
                    stack->worker_count, HR_WORKERS_MAX, options->interface);
    }
    for (unsigned i = 0; i < stack->worker_count; i++) {
        queues[i].queue = options->queue_count > 0 ? options->queues[i] : i;
        for (unsigned j = 0; j < i; j++) {
            if (queues[j].queue == queues[i].queue) {
                return fail(failure, HR_ERR_ARGUMENT, "Queue %u is named twice.", queues[i].queue);
            }
        }
    }
    return HR_OK;
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

static int take_cores(struct hr_stack *stack, const struct hr_stack_options *options,
                      struct hr_failure *failure)
{
    cpu_set_t allowed;

    assert(stack->workers != NULL); /* allocate() came before */
    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    if (options->core_count > 0 && options->core_count != stack->worker_count) {
        return fail(failure, HR_ERR_ARGUMENT,
                    "%u cores for %u workers: name as many cores as queues.", options->core_count,
                    stack->worker_count);
    }
    for (unsigned i = 0; i < stack->worker_count; i++) {
        unsigned core = options->core_count > 0 ? options->cores[i] : usable_core(i, &allowed);

        if (core >= CPU_SETSIZE || !CPU_ISSET(core, &allowed)) {
            return fail(failure, HR_ERR_ARGUMENT,
                        "Core %u is not one that this process may use: see 'taskset -p $$'.", core);
        }
        stack->workers[i].core = core;
    }
    return HR_OK;
}

static int open_memory(struct hr_stack *stack, const struct hr_stack_options *options,
                       struct hr_failure *failure)
{
    struct xdp_memory_config config = xdp_memory_config_default;
    struct xdp_error error = {0};

    config.pool_count = stack->worker_count;
    config.frames_per_pool = options->frames_per_worker;
    return xdp_memory_open(&stack->memory, &config, &error) == 0 ? HR_OK
                                                                 : fail_xdp(failure, &error);
}

static enum xdp_mode mode_inner(enum hr_mode mode)
{
    static const enum xdp_mode modes[] = {
        [HR_MODE_AUTO] = XDP_MODE_AUTO,
        [HR_MODE_ZEROCOPY] = XDP_MODE_ZEROCOPY,
        [HR_MODE_NATIVE] = XDP_MODE_NATIVE,
        [HR_MODE_GENERIC] = XDP_MODE_GENERIC,
    };

    return modes[mode];
}

static int open_interface(struct hr_stack *stack, const struct hr_stack_options *options,
                          struct xdp_queue_config *queues, struct hr_failure *failure)
{
    struct ip_addr addresses[NET_ADDRESSES_MAX];
    struct xdp_config config = xdp_config_default;
    struct xdp_error error = {0};

    for (unsigned i = 0; i < stack->address_count; i++) {
        addresses[i] = stack->addresses[i].addr;
    }
    for (unsigned i = 0; i < stack->worker_count; i++) {
        queues[i].pool = &stack->memory.pools[i];
    }
    config.interface = options->interface;
    config.mode = mode_inner(options->mode);
    config.queues = queues;
    config.queue_count = stack->worker_count;
    config.region = &stack->memory.region;
    config.addresses = addresses;
    config.address_count = stack->address_count;
    return xdp_open(&config, &stack->interface, &error) == 0 ? HR_OK : fail_xdp(failure, &error);
}

static int publish(struct hr_stack *stack, struct hr_failure *failure)
{
    struct segment_config config = {
        .interface = stack->interface->nic.name,
        .mode = xdp_mode_name(stack->interface->mode),
        .worker_count = stack->worker_count,
    };

    if (segment_open(&stack->segment, &config) != 0) {
        return fail(failure, HR_ERR_NO_MEMORY, "There is no memory for the statistics.");
    }
    return HR_OK;
}

static int make_workers(struct hr_stack *stack, const struct hr_stack_options *options,
                        struct hr_failure *failure)
{
    for (unsigned i = 0; i < stack->worker_count; i++) {
        struct hr_worker *worker = &stack->workers[i];
        int error;

        worker->port = &stack->interface->ports[i];
        worker->pool = &stack->memory.pools[i];
        worker->row = segment_row(&stack->segment, i);
        worker->row->core = worker->core;
        error = worker_init(worker, options);
        if (error != HR_OK) {
            return fail(failure, error, "Worker %u can't be made: %s", i, hr_error_text(error));
        }
    }
    return HR_OK;
}

/* What workers side by side need to find the owner of a flow. */
static int allocate_shared(struct hr_stack *stack, const struct hr_stack_options *options)
{
    size_t pairs = (size_t)stack->worker_count * stack->worker_count;
    uint64_t flows_per_worker =
        (uint64_t)options->connections_max + stack_time_waits_max(options->connections_max);

    stack->port_first = tcp_config_default.port_first;
    stack->ports_per_worker = (uint16_t)(tcp_config_default.port_count / stack->worker_count);
    if (getrandom(stack->secret, sizeof stack->secret, 0) != sizeof stack->secret) {
        return -1;
    }
    if (stack->worker_count == 1) {
        return 0;
    }
    stack->crossings = aligned_alloc(64, pairs * sizeof *stack->crossings);
    if (!stack->crossings) {
        return -1;
    }
    memset(stack->crossings, 0, pairs * sizeof *stack->crossings);
    return directory_open(&stack->directory, flows_per_worker * stack->worker_count);
}

static int allocate(struct hr_stack *stack, const struct hr_stack_options *options,
                    struct hr_failure *failure)
{
    size_t worker_bytes = stack->worker_count * sizeof *stack->workers;
    size_t ring_bytes = (size_t)stack->worker_count * stack->worker_count * sizeof *stack->rumours;

    stack->workers = aligned_alloc(64, worker_bytes);
    stack->rumours = aligned_alloc(64, ring_bytes);
    stack->listeners = calloc(1, sizeof *stack->listeners);
    if (!stack->workers || !stack->rumours || !stack->listeners) {
        free(stack->workers);
        stack->workers = NULL;
        return fail(failure, HR_ERR_NO_MEMORY, "There is no memory for the workers.");
    }
    memset(stack->workers, 0, worker_bytes);
    memset(stack->rumours, 0, ring_bytes);
    for (unsigned i = 0; i < stack->worker_count; i++) {
        stack->workers[i].stack = stack;
        stack->workers[i].index = i;
        stack->workers[i].mailbox.wake_fd = -1;
    }
    if (allocate_shared(stack, options) != 0) {
        return fail(failure, HR_ERR_NO_MEMORY, "There is no memory for the flow directory.");
    }
    return HR_OK;
}

static int build(struct hr_stack *stack, const struct hr_stack_options *options,
                 struct hr_failure *failure)
{
    struct xdp_queue_config queues[HR_WORKERS_MAX] = {0};
    int error = check_numbers(options, failure);

    if (error == HR_OK) {
        error = take_addresses(stack, options, failure);
    }
    if (error == HR_OK) {
        error = take_gateways(stack, options, failure);
    }
    if (error == HR_OK) {
        error = take_queues(stack, options, queues, failure);
    }
    if (error == HR_OK) {
        error = allocate(stack, options, failure);
    }
    if (error == HR_OK) {
        error = take_cores(stack, options, failure);
    }
    if (error == HR_OK) {
        error = open_memory(stack, options, failure);
    }
    if (error == HR_OK) {
        error = open_interface(stack, options, queues, failure);
    }
    if (error == HR_OK) {
        error = publish(stack, failure);
    }
    return error == HR_OK ? make_workers(stack, options, failure) : error;
}

int hr_stack_create(const struct hr_stack_options *options, struct hr_stack **out,
                    struct hr_failure *failure)
{
    struct hr_stack *stack = calloc(1, sizeof *stack);
    int error;

    if (!stack) {
        return fail(failure, HR_ERR_NO_MEMORY, "There is no memory for the stack.");
    }
    checksum_init();
    (void)pthread_mutex_init(&stack->lock, NULL);
    atomic_init(&stack->stopping, false);
    stack->on_event = options->on_event;
    stack->event_context = options->event_context;
    stack->wait = options->wait;
    stack->spin_ns = options->spin_us * NS_PER_US;
    error = build(stack, options, failure);
    if (error != HR_OK) {
        hr_stack_destroy(stack);
        return error;
    }
    *out = stack;
    return HR_OK;
}

void hr_stack_destroy(struct hr_stack *stack)
{
    if (stack->interface) {
        xdp_close(stack->interface);
    }
    for (unsigned i = 0; stack->workers && i < stack->worker_count; i++) {
        worker_destroy(&stack->workers[i]);
    }
    if (stack->memory.pools) {
        xdp_memory_close(&stack->memory);
    }
    segment_close(&stack->segment);
    free(stack->workers);
    free(stack->rumours);
    free(stack->crossings);
    directory_close(&stack->directory);
    free(stack->listeners);
    (void)pthread_mutex_destroy(&stack->lock);
    free(stack);
}

unsigned hr_stack_worker_count(const struct hr_stack *stack)
{
    return stack->worker_count;
}

struct hr_worker *hr_stack_worker(struct hr_stack *stack, unsigned index)
{
    return index < stack->worker_count ? &stack->workers[index] : NULL;
}

const char *hr_stack_segment_path(const struct hr_stack *stack)
{
    return stack->segment.path;
}

const char *hr_stack_mode(const struct hr_stack *stack)
{
    return xdp_mode_name(stack->interface->mode);
}

const char *hr_stack_mode_reason(const struct hr_stack *stack)
{
    return stack->interface->reason;
}
