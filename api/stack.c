#include "api/stack.h"

#include "api/failure.h"
#include "api/options.h"
#include "datapath/net/checksum.h"
#include "datapath/xdp/numa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* What the receive budget is sure of beyond the lent frames: a port that could not
 * replace what it takes could not take it (datapath/README.md). */
#define RECEIVE_FLOOR_BURSTS 4u

static int open_memory(struct hr_stack *stack, const struct hr_stack_options *options,
                       struct hr_failure *failure)
{
    struct xdp_memory_config config = xdp_memory_config_default;
    struct xdp_error error = {0};
    int nodes[HR_WORKERS_MAX];

    for (unsigned i = 0; i < stack->worker_count; i++) {
        nodes[i] = numa_node_near(stack->workers[i].core);
    }
    config.nodes = nodes;
    config.pool_count = stack->worker_count;
    config.frames_per_pool = options->frames_per_worker;
    config.floor[FRAME_BUDGET_RECEIVE] = stack->frames_lent + RECEIVE_FLOOR_BURSTS * PORT_BURST;
    return xdp_memory_open(&stack->memory, &config, &error) == 0 ? HR_OK
                                                                 : failure_set_xdp(failure, &error);
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
        stack->workers[i].queue = queues[i].queue;
    }
    config.interface = options->interface;
    config.mode = mode_inner(options->mode);
    config.offloads_off = options->offloads_off;
    config.queues = queues;
    config.queue_count = stack->worker_count;
    config.region = &stack->memory.region;
    config.entries[XSK_FILL] = stack->frames_lent;
    config.entries[XSK_RX] = stack->frames_lent / 2;
    config.addresses = addresses;
    config.address_count = stack->address_count;
    return xdp_open(&config, &stack->interface, &error) == 0 ? HR_OK
                                                             : failure_set_xdp(failure, &error);
}

static int publish(struct hr_stack *stack, struct hr_failure *failure)
{
    struct segment_config config = {
        .interface = stack->interface->nic.name,
        .mode = xdp_mode_name(stack->interface->mode),
        .worker_count = stack->worker_count,
    };

    if (segment_open(&stack->segment, &config) != 0) {
        return failure_set(failure, HR_ERR_NO_MEMORY, "There is no memory for the statistics.");
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
            return failure_set(failure, error, "Worker %u can't be made: %s", i,
                               hr_error_text(error));
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
    stack->crossings = aligned_alloc(CACHE_LINE_BYTES, pairs * sizeof *stack->crossings);
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

    stack->workers = aligned_alloc(CACHE_LINE_BYTES, worker_bytes);
    stack->rumours = aligned_alloc(CACHE_LINE_BYTES, ring_bytes);
    stack->listeners = calloc(1, sizeof *stack->listeners);
    if (!stack->workers || !stack->rumours || !stack->listeners) {
        free(stack->workers);
        stack->workers = NULL;
        return failure_set(failure, HR_ERR_NO_MEMORY, "There is no memory for the workers.");
    }
    memset(stack->workers, 0, worker_bytes);
    memset(stack->rumours, 0, ring_bytes);
    for (unsigned i = 0; i < stack->worker_count; i++) {
        stack->workers[i].stack = stack;
        stack->workers[i].index = i;
        stack->workers[i].mailbox.wake_fd = -1;
    }
    if (allocate_shared(stack, options) != 0) {
        return failure_set(failure, HR_ERR_NO_MEMORY, "There is no memory for the flow directory.");
    }
    return HR_OK;
}

static int build(struct hr_stack *stack, const struct hr_stack_options *options,
                 struct hr_failure *failure)
{
    struct xdp_queue_config queues[HR_WORKERS_MAX] = {0};
    int error = options_check_numbers(options, failure);

    if (error == HR_OK) {
        error = options_take_network(stack, options, failure);
    }
    if (error == HR_OK) {
        error = options_take_queues(stack, options, queues, failure);
    }
    if (error == HR_OK) {
        error = allocate(stack, options, failure);
    }
    if (error == HR_OK) {
        error = options_take_cores(stack, options, failure);
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

/* Not again for a second stack: the workers of the first read what it sets. */
static pthread_once_t checksum_once = PTHREAD_ONCE_INIT;

int hr_stack_create(const struct hr_stack_options *options, struct hr_stack **out,
                    struct hr_failure *failure)
{
    struct hr_stack *stack = calloc(1, sizeof *stack);
    int error;

    if (!stack) {
        return failure_set(failure, HR_ERR_NO_MEMORY, "There is no memory for the stack.");
    }
    (void)pthread_once(&checksum_once, checksum_init);
    (void)pthread_mutex_init(&stack->lock, NULL);
    atomic_init(&stack->stopping, false);
    stack->on_event = options->on_event;
    stack->event_context = options->event_context;
    stack->cc = tcp_cc_find(options->congestion_control);
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

const char *hr_stack_note(const struct hr_stack *stack)
{
    return stack->note;
}

const char *hr_stack_mode_reason(const struct hr_stack *stack)
{
    return stack->interface->reason;
}
