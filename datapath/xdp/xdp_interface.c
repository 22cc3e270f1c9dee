#include "datapath/xdp/xdp_interface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ethernet and two VLAN tags. */
#define LINK_HEADER_BYTES 22
#define ETHERNET_MTU_BYTES 1500u

const struct xdp_config xdp_config_default = {
    .mode = XDP_MODE_AUTO,
    .entries = {[XSK_RX] = 1024, [XSK_FILL] = 2048, [XSK_TX] = 2048, [XSK_COMPLETION] = 2048},
};

const char *xdp_mode_name(enum xdp_mode mode)
{
    static const char *const names[] = {
        [XDP_MODE_ZEROCOPY] = "zerocopy",
        [XDP_MODE_NATIVE] = "native",
        [XDP_MODE_GENERIC] = "generic",
        [XDP_MODE_AUTO] = "auto",
    };

    return names[mode];
}

static int check_rings(const struct xdp_config *config, struct xdp_error *error)
{
    const uint32_t *entries = config->entries;

    for (unsigned i = 0; i < XSK_RING_COUNT; i++) {
        if (!is_power_of_two(entries[i])) {
            return xdp_error_set(error, -EINVAL,
                                 "A ring can't have %u entries: use a power of two.", entries[i]);
        }
    }
    if (entries[XSK_RX] >= entries[XSK_FILL] || entries[XSK_TX] > entries[XSK_COMPLETION]) {
        return xdp_error_set(error, -EINVAL,
                             "Rings of RX %u, FILL %u, TX %u, COMPLETION %u can't work: RX must be "
                             "smaller than FILL, and TX not larger than COMPLETION.",
                             entries[XSK_RX], entries[XSK_FILL], entries[XSK_TX],
                             entries[XSK_COMPLETION]);
    }
    return 0;
}

static int check_queues(const struct xdp_interface *interface, const struct xdp_config *config,
                        struct xdp_error *error)
{
    if (config->queue_count == 0) {
        return xdp_error_set(error, -EINVAL, "No queue of %s is to be opened: name at least one.",
                             config->interface);
    }
    for (uint32_t i = 0; i < config->queue_count; i++) {
        int result = nic_check_queue(&interface->nic, config->queues[i].queue, error);

        if (result != 0) {
            return result;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (config->queues[i].queue == config->queues[j].queue) {
                return xdp_error_set(error, -EINVAL, "Queue %u of %s is named twice: name it once.",
                                     config->queues[i].queue, config->interface);
            }
        }
    }
    return 0;
}

/* Advice to use another mode is for who has named one: XDP_MODE_AUTO tries them itself. */
static bool is_chosen(const struct xdp_config *config)
{
    return config->mode != XDP_MODE_AUTO;
}

static struct program_target target_of(const struct xdp_interface *interface,
                                       const struct xdp_config *config, enum xdp_mode mode)
{
    return (struct program_target){
        .interface = interface->nic.name,
        .ifindex = interface->nic.ifindex,
        .generic = mode == XDP_MODE_GENERIC,
        .is_chosen = is_chosen(config),
    };
}

/* All that can be known before anything is made. */
static int check(struct xdp_interface *interface, const struct xdp_config *config,
                 struct xdp_error *error)
{
    const struct program_target target = target_of(interface, config, XDP_MODE_NATIVE);
    int result = check_rings(config, error);

    if (result == 0 && config->offloads_off) {
        result = nic_offloads_off(&interface->nic, error);
    }
    if (result == 0) {
        result = nic_check(&interface->nic, error);
    }
    if (result == 0) {
        result = check_queues(interface, config, error);
    }
    for (uint32_t i = 0; i < config->address_count && result == 0; i++) {
        result = nic_check_address(&config->addresses[i], error);
    }
    return result != 0 ? result : program_check_foreign(&target, error);
}

/* Drivers say EINVAL of an MTU that is too large for their buffers (igb, see
 * README.md), and of much else. */
static int explain_large_mtu(const struct xdp_interface *interface, int result,
                             struct xdp_error *error)
{
    const struct xdp_error refused = *error;
    uint32_t mtu_bytes = interface->nic.mtu_bytes;

    if (result != -EINVAL || mtu_bytes <= ETHERNET_MTU_BYTES) {
        return result;
    }
    return xdp_error_set(error, result,
                         "%s Its MTU of %u may be the reason: try 'ip link set %s mtu %u' first.",
                         refused.text, mtu_bytes, interface->nic.name, ETHERNET_MTU_BYTES);
}

static int open_port(struct xdp_interface *interface, const struct xdp_config *config,
                     enum xdp_mode mode, struct xdp_error *error)
{
    const struct xdp_queue_config *queue = &config->queues[interface->port_count];
    struct port_xdp *port = &interface->ports[interface->port_count];
    struct xsk_socket_config socket = {.region = config->region};
    const struct xsk_address address = {
        .interface = interface->nic.name,
        .ifindex = interface->nic.ifindex,
        .queue = queue->queue,
        .zero_copy = mode == XDP_MODE_ZEROCOPY,
        .is_chosen = is_chosen(config),
    };
    int result;

    memcpy(socket.entries, config->entries, sizeof socket.entries);
    memset(port, 0, sizeof *port);
    result = xsk_socket_open(&port->socket, &socket, error);
    if (result != 0) {
        return result;
    }
    if (port_xdp_init(port, queue->pool) != 0) {
        xsk_socket_close(&port->socket);
        return xdp_error_set(error, -EINVAL,
                             "The frame pool of queue %u can't lend %u frames: raise the floor of "
                             "its receive budget above that.",
                             queue->queue, config->entries[XSK_FILL]);
    }
    interface->port_count++; /* from here on close_all closes it */
    result = xsk_socket_bind(&port->socket, &address, error);
    return explain_large_mtu(interface, result, error);
}

/* The reverse of open_in_mode. The program first, so that no packet meets a
 * socket that is gone. */
static void close_all(struct xdp_interface *interface)
{
    program_close(&interface->program);
    while (interface->port_count > 0) {
        struct port_xdp *port = &interface->ports[--interface->port_count];

        xsk_socket_close(&port->socket);
        port_xdp_recall(port);
    }
}

static int load_program(struct xdp_interface *interface, const struct xdp_config *config,
                        bool frags, struct xdp_error *error)
{
    const struct program_config program = {
        .queue_count = interface->nic.queue_count,
        .slots_per_queue = 1,
        .frags = frags,
    };
    int result = program_load(&interface->program, &program, error);

    for (uint32_t i = 0; i < interface->port_count && result == 0; i++) {
        result = program_set_socket(&interface->program, config->queues[i].queue, 0,
                                    xsk_socket_fd(&interface->ports[i].socket), error);
    }
    for (uint32_t i = 0; i < config->address_count && result == 0; i++) {
        result = program_add_address(&interface->program, &config->addresses[i], error);
    }
    return result;
}

/* A large MTU makes a driver refuse the plain program and take the other. The
 * stack tells its peers the smaller MTU of a frame, so ours come in one buffer. */
static int attach_program(struct xdp_interface *interface, const struct xdp_config *config,
                          enum xdp_mode mode, struct xdp_error *error)
{
    const struct program_target target = target_of(interface, config, mode);
    int result = load_program(interface, config, false, error);

    if (result == 0) {
        result = program_attach(&interface->program, &target, error);
    }
    if (result == 0 || interface->nic.mtu_bytes <= interface->mtu_bytes || result == -EBUSY) {
        return result;
    }
    program_close(&interface->program);
    result = load_program(interface, config, true, error);
    return result != 0 ? result : program_attach(&interface->program, &target, error);
}

/* Sockets bound and FILL full, map filled, addresses, attach: nothing is
 * redirected before someone can receive it. */
static int open_in_mode(struct xdp_interface *interface, const struct xdp_config *config,
                        enum xdp_mode mode, struct xdp_error *error)
{
    int result = 0;

    while (interface->port_count < config->queue_count && result == 0) {
        result = open_port(interface, config, mode, error);
    }
    if (result == 0) {
        result = attach_program(interface, config, mode, error);
        result = explain_large_mtu(interface, result, error);
    }
    if (result != 0) {
        close_all(interface);
        return result;
    }
    interface->mode = mode;
    return 0;
}

/* Of what another mode can't mend, trying it would hide the reason. */
static bool is_mode_refused(int result)
{
    switch (result) {
    case -EBUSY:
    case -EPERM:
    case -EACCES:
    case -ENODEV:
    case -ENETDOWN:
    case -ENOMEM:
    case -ENOBUFS:
    case -ENOSPC:
        return false;
    default:
        return true;
    }
}

static int open_some_mode(struct xdp_interface *interface, const struct xdp_config *config,
                          struct xdp_error *error)
{
    int result;

    if (config->mode != XDP_MODE_AUTO) {
        return open_in_mode(interface, config, config->mode, error);
    }
    result = open_in_mode(interface, config, XDP_MODE_ZEROCOPY, error);
    for (unsigned mode = XDP_MODE_NATIVE;
         mode <= XDP_MODE_GENERIC && is_mode_refused(result) && result != 0; mode++) {
        memcpy(interface->reason, error->text, sizeof interface->reason);
        result = open_in_mode(interface, config, (enum xdp_mode)mode, error);
    }
    return result;
}

static uint32_t frame_mtu(const struct region *region)
{
    return region->chunk_bytes - XSK_PACKET_OFFSET - LINK_HEADER_BYTES;
}

int xdp_open(const struct xdp_config *config, struct xdp_interface **out, struct xdp_error *error)
{
    struct xdp_interface *interface = calloc(1, sizeof *interface);
    int result;

    *out = NULL;
    *error = (struct xdp_error){0};
    if (interface == NULL || (interface->ports = calloc(max_u32(config->queue_count, 1),
                                                        sizeof *interface->ports)) == NULL) {
        free(interface);
        return xdp_error_set(error, -ENOMEM, "No memory to open %s: free some.", config->interface);
    }
    interface->program = program_none;
    result = nic_read(config->interface, &interface->nic, error);
    if (result == 0) {
        result = check(interface, config, error);
    }
    if (result == 0) {
        interface->mtu_bytes = min_u32(interface->nic.mtu_bytes, frame_mtu(config->region));
        result = open_some_mode(interface, config, error);
    }
    if (result != 0) {
        free(interface->ports);
        free(interface);
        return result;
    }
    *out = interface;
    return 0;
}

void xdp_close(struct xdp_interface *interface)
{
    close_all(interface);
    free(interface->ports);
    free(interface);
}
