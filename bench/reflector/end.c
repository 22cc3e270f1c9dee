#include "bench/reflector/end.h"

#include "datapath/net/checksum.h"
#include "datapath/util.h"
#include "datapath/xdp/numa.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* As a stack has (api/stack.c). */
#define RECEIVE_FLOOR_BURSTS 4u

static void path_changed(void *ctx, struct list *waiters, bool reachable)
{
    (void)ctx;
    (void)waiters;
    (void)reachable;
}

static void icmp_error(void *ctx, const struct net_icmp_error *error, uint64_t now_ns)
{
    (void)ctx;
    (void)error;
    (void)now_ns;
}

static const struct net_transport transport = {
    .path_changed = path_changed,
    .icmp_error = icmp_error,
};

static int fail(const struct xdp_error *error)
{
    (void)fprintf(stderr, "reflector: %s\n", error->text);
    return 1;
}

static int complain(const char *format, unsigned value)
{
    (void)fprintf(stderr, "reflector: ");
    (void)fprintf(stderr, format, value);
    (void)fprintf(stderr, "\n");
    return 1;
}

/* Core number `which` of those that this process may use. */
static unsigned usable_core(unsigned which, const cpu_set_t *allowed)
{
    which %= (unsigned)CPU_COUNT(allowed);
    for (unsigned core = 0; core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, allowed) && which-- == 0) {
            return core;
        }
    }
    return 0;
}

static int take_cores(struct end *end)
{
    const struct reflector_options *options = end->options;
    cpu_set_t allowed;

    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    if (options->place.core_count > 0 && options->place.core_count != end->worker_count) {
        return complain("--cores has to name one core for each queue, %u.", end->worker_count);
    }
    for (unsigned i = 0; i < end->worker_count; i++) {
        unsigned core =
            options->place.core_count > 0 ? options->place.cores[i] : usable_core(i, &allowed);

        if (core >= CPU_SETSIZE || !CPU_ISSET(core, &allowed)) {
            return complain("Core %u is not one that this process may use: see 'taskset -p $$'.",
                            core);
        }
        end->workers[i].core = core;
    }
    return 0;
}

static uint32_t frames_lent(const struct end *end, const struct nic_facts *nic)
{
    return max_u32(nic_frames_to_lend(nic), end->options->place.receive_frames);
}

static int open_memory(struct end *end, const struct nic_facts *nic)
{
    struct xdp_memory_config config = xdp_memory_config_default;
    struct xdp_error error = {0};
    int nodes[PLACE_WORKERS_MAX];

    for (unsigned i = 0; i < end->worker_count; i++) {
        nodes[i] = numa_node_near(end->workers[i].core);
    }
    config.nodes = nodes;
    config.pool_count = end->worker_count;
    config.frames_per_pool = max_u32(config.frames_per_pool, 2 * frames_lent(end, nic));
    config.floor[FRAME_BUDGET_RECEIVE] = frames_lent(end, nic) + RECEIVE_FLOOR_BURSTS * PORT_BURST;
    return xdp_memory_open(&end->memory, &config, &error) == 0 ? 0 : fail(&error);
}

static int open_interface(struct end *end, const struct nic_facts *nic)
{
    static const enum xdp_mode modes[] = {
        [PLACE_MODE_AUTO] = XDP_MODE_AUTO,
        [PLACE_MODE_ZEROCOPY] = XDP_MODE_ZEROCOPY,
        [PLACE_MODE_NATIVE] = XDP_MODE_NATIVE,
        [PLACE_MODE_GENERIC] = XDP_MODE_GENERIC,
    };
    const struct reflector_options *options = end->options;
    struct xdp_queue_config queues[PLACE_WORKERS_MAX];
    struct ip_addr addresses[PLACE_ADDRESSES_MAX];
    struct xdp_config config = xdp_config_default;
    struct xdp_error error = {0};

    for (unsigned i = 0; i < end->worker_count; i++) {
        queues[i].queue = options->place.queues[i];
        queues[i].pool = &end->memory.pools[i];
    }
    config.interface = options->place.interface;
    config.mode = modes[options->place.mode];
    config.queues = queues;
    config.queue_count = end->worker_count;
    config.region = &end->memory.region;
    config.entries[XSK_FILL] = frames_lent(end, nic);
    config.entries[XSK_RX] = frames_lent(end, nic) / 2;
    for (unsigned i = 0; i < options->place.address_count; i++) {
        addresses[i] = options->addresses[i].addr;
    }
    config.addresses = addresses;
    config.address_count = options->place.address_count;
    return xdp_open(&config, &end->interface, &error) == 0 ? 0 : fail(&error);
}

static int make_worker(struct end *end, unsigned index)
{
    const struct reflector_options *options = end->options;
    struct end_worker *worker = &end->workers[index];
    struct net_config config = {
        .port = &end->interface->ports[index].port,
        .pool = &end->memory.pools[index],
        .mac = end->interface->nic.mac,
        .mtu = (uint16_t)min_u32(end->interface->mtu_bytes, NET_MTU_MAX),
        .address_count = options->place.address_count,
        .addresses = options->addresses,
        .neighbours = worker->neighbours,
        .neighbours_max = END_NEIGHBOURS,
        .transport = &transport,
        .checksum_tx = true,
    };

    worker->options = options;
    worker->xdp = &end->interface->ports[index];
    worker->pool = &end->memory.pools[index];
    worker->is_stopping = &end->is_stopping;
    worker->stop_fd = end->stop_fd;
    if (net_init(&worker->net, &config) != 0) {
        (void)fprintf(stderr, "reflector: A host can't have the addresses of --address.\n");
        return 2;
    }
    return 0;
}

static int take_queues(struct end *end, const struct nic_facts *nic)
{
    struct reflector_options *options = end->options;

    if (options->place.queue_count == 0) {
        options->place.queue_count = min_u32(nic->queue_count, PLACE_WORKERS_MAX);
        for (unsigned i = 0; i < options->place.queue_count; i++) {
            options->place.queues[i] = i;
        }
    }
    for (unsigned i = 0; i < options->place.queue_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (options->place.queues[j] == options->place.queues[i]) {
                return complain("Queue %u is named twice: name it once.", options->place.queues[i]);
            }
        }
    }
    end->worker_count = options->place.queue_count;
    end->workers = aligned_alloc(64, end->worker_count * sizeof *end->workers);
    if (!end->workers) {
        return complain("There is no memory for %u workers.", end->worker_count);
    }
    memset(end->workers, 0, end->worker_count * sizeof *end->workers);
    return 0;
}

int end_open(struct end *end, struct reflector_options *options)
{
    struct xdp_error error = {0};
    struct nic_facts nic;
    int status;

    *end = (struct end){.options = options};
    end->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (end->stop_fd < 0) {
        return complain("No descriptor can be had: errno %u.", (unsigned)errno);
    }
    checksum_init();
    if (nic_read(options->place.interface, &nic, &error) != 0) {
        return fail(&error);
    }
    status = take_queues(end, &nic);
    if (status == 0) {
        status = take_cores(end);
    }
    if (status == 0) {
        status = open_memory(end, &nic);
    }
    if (status == 0) {
        status = open_interface(end, &nic);
    }
    if (status == 0 && options->is_driver &&
        options->size + IPV4_HEADER_BYTES + UDP_HEADER_BYTES > end->interface->mtu_bytes) {
        (void)fprintf(stderr, "reflector: --size %u is too large for %s: %u at the most.\n",
                      options->size, options->place.interface,
                      end->interface->mtu_bytes - IPV4_HEADER_BYTES - UDP_HEADER_BYTES);
        status = 2;
    }
    for (unsigned i = 0; i < end->worker_count && status == 0; i++) {
        status = make_worker(end, i);
    }
    return status;
}

void end_close(struct end *end)
{
    if (end->interface) {
        xdp_close(end->interface);
    }
    if (end->memory.pools) {
        xdp_memory_close(&end->memory);
    }
    free(end->workers);
    if (end->stop_fd >= 0) {
        (void)close(end->stop_fd);
    }
}

int end_start(struct end *end, void *(*run)(void *worker))
{
    for (unsigned i = 0; i < end->worker_count; i++) {
        struct end_worker *worker = &end->workers[i];
        pthread_attr_t attributes;
        cpu_set_t core;
        int error;

        CPU_ZERO(&core);
        CPU_SET(worker->core, &core);
        (void)pthread_attr_init(&attributes);
        error = pthread_attr_setaffinity_np(&attributes, sizeof core, &core);
        if (error == 0) {
            error = pthread_create(&worker->thread, &attributes, run, worker);
        }
        (void)pthread_attr_destroy(&attributes);
        if (error != 0) {
            (void)complain("No thread can be started on core %u.", worker->core);
            end->worker_count = i;
            end_stop(end);
            return -1;
        }
    }
    return 0;
}

void end_join(struct end *end)
{
    for (unsigned i = 0; i < end->worker_count; i++) {
        (void)pthread_join(end->workers[i].thread, NULL);
    }
}

void end_stop(struct end *end)
{
    uint64_t one = 1;

    atomic_store(&end->is_stopping, true);
    (void)!write(end->stop_fd, &one, sizeof one);
    end_join(end);
}
