#include "api/worker.h"

#include "api/receive.h"
#include "api/stack.h"
#include "datapath/util.h"
#include "datapath/xdp/numa.h"
#include "tcp/path.h"
#include "tcp/user.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <urcu-qsbr.h>

#define WORKER_NEIGHBOURS 1024u

/* Statistics are copied out this often. */
static const uint64_t publish_interval_ns = NS_PER_MS;
/* Application timers run in one turn; the rest waits for the next. */
static const unsigned timers_per_turn = 1024;

static const struct net_transport transport = {
    .path_changed = tcp_path_changed,
    .icmp_error = tcp_icmp_error,
};

uint64_t worker_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int init_net(struct hr_worker *worker)
{
    const struct hr_stack *stack = worker->stack;
    struct net_config config = {
        .port = &worker->port->port,
        .pool = worker->pool,
        .mac = stack->interface->nic.mac,
        .mtu = (uint16_t)min_u32(stack->interface->mtu_bytes, NET_MTU_MAX),
        .address_count = stack->address_count,
        .addresses = stack->addresses,
        .gateway_count = stack->gateway_count,
        .gateways = stack->gateways,
        .neighbours = worker->neighbours,
        .neighbours_max = WORKER_NEIGHBOURS,
        .transport = &transport,
        .transport_ctx = &worker->tcp,
        .checksum_tx = true,
    };

    return net_init(&worker->net, &config) == 0 ? HR_OK : HR_ERR_ARGUMENT;
}

static int init_tcp(struct hr_worker *worker, const struct hr_stack_options *options)
{
    struct tcp_config config = tcp_config_default;

    config.net = &worker->net;
    config.pool = worker->pool;
    config.events = &worker_events;
    config.app = worker;
    config.connections_max = options->connections_max;
    config.flights_max = options->connections_max;
    config.half_open_max = max_u32(options->connections_max / 2, 1);
    config.timewaits_max = stack_time_waits_max(options->connections_max);
    config.pieces_max = 4 * options->frames_per_worker;
    config.time_wait_ns = options->time_wait_ms * NS_PER_MS;
    config.ack_every_segments = options->ack_segments;
    config.ack_hold_ns = options->ack_hold_us * NS_PER_US;
    memcpy(config.secret, worker->stack->secret, sizeof config.secret);
    config.port_count = worker->stack->ports_per_worker;
    config.port_first =
        (uint16_t)(worker->stack->port_first + worker->index * worker->stack->ports_per_worker);
    config.owners = worker->stack->worker_count > 1 ? &worker_owners : NULL;
    /* Untouched pages cost nothing, so a large limit is not a large process: only the table,
     * 16 to 32 bytes for each that may be in it, is touched at the start. */
    worker->memory_bytes = tcp_memory_bytes(&config);
    worker->memory = mmap(NULL, worker->memory_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (worker->memory == MAP_FAILED) {
        worker->memory = NULL;
        return HR_ERR_NO_MEMORY;
    }
    numa_prefer(worker->memory, worker->memory_bytes, numa_node_near(worker->core));
    (void)madvise(worker->memory, worker->memory_bytes, MADV_HUGEPAGE);
    (void)madvise(worker->memory, worker->memory_bytes, MADV_DONTFORK);
    return tcp_init(&worker->tcp, &config, worker->memory, worker_clock_ns()) == 0
               ? HR_OK
               : HR_ERR_ARGUMENT;
}

int worker_init(struct hr_worker *worker, const struct hr_stack_options *options)
{
    int error;

    if (mailbox_open(&worker->mailbox) != 0) {
        return HR_ERR_NO_MEMORY;
    }
    worker->neighbours = calloc(WORKER_NEIGHBOURS, sizeof *worker->neighbours);
    if (!worker->neighbours) {
        return HR_ERR_NO_MEMORY;
    }
    wheel_init(&worker->timers, worker_clock_ns());
    error = init_net(worker);
    return error != HR_OK ? error : init_tcp(worker, options);
}

void worker_destroy(struct hr_worker *worker)
{
    mailbox_close(&worker->mailbox);
    free(worker->neighbours);
    if (worker->memory) {
        (void)munmap(worker->memory, worker->memory_bytes);
    }
}

static bool take_messages(struct hr_worker *worker)
{
    struct hr_message *message = mailbox_take(&worker->mailbox);
    bool any = message != NULL;

    while (message) {
        struct hr_message *next = message->next;

        message->on_message(message, worker);
        message = next;
    }
    return any;
}

static void expire(struct wheel_entry *entry, void *ctx)
{
    char *opaque = (char *)entry;
    struct hr_timer *timer = (void *)(opaque - offsetof(struct hr_timer, opaque));

    timer->on_expiry(timer, ctx);
}

static void run_timers(struct hr_worker *worker, uint64_t now_ns)
{
    net_tick(&worker->net, now_ns);
    tcp_timers(&worker->tcp, now_ns);
    wheel_advance(&worker->timers, now_ns, expire, worker, timers_per_turn);
}

/* Before packets are looked at. hr_listen waits until every worker has come to the end
 * of a turn, so whoever connects once it has returned meets the new set. */
static void take_listeners(struct hr_worker *worker)
{
    const struct listener_set *set = __atomic_load_n(&worker->stack->listeners, __ATOMIC_ACQUIRE);

    if (set->version != worker->listeners_version) {
        worker_take_listeners(worker, set);
    }
}

/* The life of a request, in its order: received and answered by the application,
 * timers, what is to be sent, one flush. */
bool worker_turn(struct hr_worker *worker)
{
    uint64_t now_ns = worker_clock_ns();
    bool is_alone = worker->stack->worker_count == 1;
    bool is_busy;

    take_listeners(worker);
    tcp_turn_begin(&worker->tcp, now_ns);
    is_busy = receive_burst(&worker->tcp, now_ns, is_alone ? NULL : worker_tell_neighbour) > 0;
    if (!is_alone) {
        worker_hear_neighbours(worker, now_ns);
        is_busy |= worker_take_crossings(worker, now_ns);
    }
    is_busy |= take_messages(worker);
    run_timers(worker, is_busy ? worker_clock_ns() : now_ns);
    tcp_transmit(&worker->tcp);
    tcp_turn_end(&worker->tcp);
    port_flush(&worker->port->port);
    worker_wake_others(worker);
    worker->turns++;
    if (now_ns - worker->published_ns >= publish_interval_ns) {
        worker->published_ns = now_ns;
        worker_publish(worker);
    }
    return is_busy || tcp_has_output(&worker->tcp);
}

/* The end: every connection is reset, its application told. */
static void abort_all(struct hr_worker *worker)
{
    tcp_turn_begin(&worker->tcp, worker_clock_ns());
    for (uint32_t i = 0; i < worker->tcp.conns.untouched; i++) {
        if (slab_generation(&worker->tcp.conns, i) & 1) {
            tcp_abort(slab_at(&worker->tcp.conns, i));
        }
        if (i % PORT_BURST == 0) {
            port_flush(&worker->port->port);
        }
    }
    tcp_turn_end(&worker->tcp);
    port_flush(&worker->port->port);
    worker_publish(worker);
}

void *worker_main(void *argument)
{
    struct hr_worker *worker = argument;

    rcu_register_thread();
    if (worker->index == 0) {
        net_announce(&worker->net);
    }
    while (!atomic_load_explicit(&worker->stack->stopping, memory_order_relaxed)) {
        bool busy = worker_turn(worker);

        rcu_quiescent_state();
        if (busy) {
            worker->idle_since_ns = 0;
        } else {
            worker_wait(worker);
        }
    }
    abort_all(worker);
    rcu_unregister_thread();
    return NULL;
}
