#include "datapath/xdp/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* 2 s are 30 times the longest wait seen (70 ms, igb and virtio_net). */
#define BIND_RETRY_NS (2 * NS_PER_S)
#define BIND_PAUSE_NS (2 * NS_PER_MS)

/* An skb of a full frame is charged with its data and its structures. */
#define SKB_OVERHEAD_BYTES 1024

static const struct {
    int option;
    uint64_t map_offset;
    size_t descriptor_bytes;
} ring_kinds[XSK_RING_COUNT] = {
    [XSK_RX] = {XDP_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)},
    [XSK_TX] = {XDP_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)},
    [XSK_FILL] = {XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t)},
    [XSK_COMPLETION] = {XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)},
};

static int set_option(const struct xsk_socket *sock, int option, const void *value, size_t bytes)
{
    return setsockopt(sock->handle.fd, SOL_XDP, option, value, (socklen_t)bytes) == 0 ? 0 : -errno;
}

/* All zero first: what is padding in the headers of Linux 6.1 is the length of
 * the TX metadata since 6.8. */
static int register_region(const struct xsk_socket *sock, const struct region *region)
{
    struct xdp_umem_reg reg;

    memset(&reg, 0, sizeof reg);
    reg.addr = (uint64_t)(uintptr_t)region->base;
    reg.len = (uint64_t)region->chunk_count * region->chunk_bytes;
    reg.chunk_size = region->chunk_bytes;
    return set_option(sock, XDP_UMEM_REG, &reg, sizeof reg);
}

static int map_ring(struct xsk_socket *sock, enum xsk_ring_kind kind,
                    const struct xdp_ring_offset *offset, uint32_t entries)
{
    size_t bytes = offset->desc + entries * ring_kinds[kind].descriptor_bytes;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                      sock->handle.fd, (off_t)ring_kinds[kind].map_offset);

    if (base == MAP_FAILED) {
        return -errno;
    }
    sock->map[kind] = (struct xsk_map){base, bytes};
    /* A ring that a child has mapped keeps the queue busy after our death. */
    if (madvise(base, bytes, MADV_DONTFORK) != 0) {
        return -errno;
    }
    xsk_ring_init(&sock->ring[kind], base, offset, entries);
    return 0;
}

static int make_rings(struct xsk_socket *sock, const struct xsk_socket_config *config)
{
    struct xdp_mmap_offsets offsets;
    socklen_t bytes = sizeof offsets;
    int result = 0;

    for (unsigned i = 0; i < XSK_RING_COUNT && result == 0; i++) {
        result = set_option(sock, ring_kinds[i].option, &config->entries[i], sizeof(uint32_t));
    }
    if (result != 0) {
        return result;
    }
    if (getsockopt(sock->handle.fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &bytes) != 0) {
        return -errno;
    }
    for (unsigned i = 0; i < XSK_RING_COUNT && result == 0; i++) {
        const struct xdp_ring_offset *of_kind[XSK_RING_COUNT] = {
            [XSK_RX] = &offsets.rx,
            [XSK_TX] = &offsets.tx,
            [XSK_FILL] = &offsets.fr,
            [XSK_COMPLETION] = &offsets.cr,
        };

        result = map_ring(sock, (enum xsk_ring_kind)i, of_kind[i], config->entries[i]);
    }
    return result;
}

/* So that one kick moves a whole ring in copy mode. Both are wishes: without
 * them a kick moves less, and the port kicks again. */
static void raise_limits(const struct xsk_socket *sock, const struct xsk_socket_config *config)
{
    uint32_t budget = config->entries[XSK_TX];
    int send_bytes =
        (int)(config->entries[XSK_TX] * (config->region->chunk_bytes + SKB_OVERHEAD_BYTES));

    (void)set_option(sock, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget);
    if (setsockopt(sock->handle.fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof send_bytes) !=
        0) {
        (void)setsockopt(sock->handle.fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    }
}

static int explain_socket(struct xdp_error *error, int errnum)
{
    if (errnum == -EPERM || errnum == -EACCES) {
        return xdp_error_set(error, errnum,
                             "Not enough privilege for an AF_XDP socket: run as root, or with the "
                             "capabilities CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON and "
                             "CAP_IPC_LOCK.");
    }
    if (errnum == -EAFNOSUPPORT) {
        return xdp_error_set(error, errnum,
                             "This kernel has no AF_XDP sockets: use Linux 6.1 or later, built "
                             "with CONFIG_XDP_SOCKETS.");
    }
    return xdp_error_set(error, errnum, "Can't make an AF_XDP socket: %s.", strerror(-errnum));
}

static int explain_memory(struct xdp_error *error, int errnum, const struct region *region)
{
    if (errnum == -ENOBUFS || errnum == -ENOMEM) {
        return xdp_error_set(error, errnum,
                             "The kernel can't pin %zu MiB of frames for a socket: raise ulimit -l "
                             "(RLIMIT_MEMLOCK), grant CAP_IPC_LOCK, or use fewer frames or queues.",
                             region->bytes >> 20);
    }
    return xdp_error_set(error, errnum, "The kernel refused the frames as a UMEM: %s.",
                         strerror(-errnum));
}

int xsk_socket_open(struct xsk_socket *sock, const struct xsk_socket_config *config,
                    struct xdp_error *error)
{
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    int result;

    *sock = (struct xsk_socket){.handle = {.fd = -1}};
    if (fd < 0) {
        return explain_socket(error, -errno);
    }
    guarded_fd_open(&sock->handle, fd);
    result = register_region(sock, config->region);
    if (result != 0) {
        result = explain_memory(error, result, config->region);
        goto fail;
    }
    result = make_rings(sock, config);
    if (result != 0) {
        result = xdp_error_set(error, result, "Can't make the rings of an AF_XDP socket: %s.",
                               strerror(-result));
        goto fail;
    }
    raise_limits(sock, config);
    return 0;
fail:
    xsk_socket_close(sock);
    return result;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int bind_patiently(const struct xsk_socket *sock, const struct sockaddr_xdp *name)
{
    const struct timespec pause = {.tv_nsec = BIND_PAUSE_NS};
    uint64_t give_up_ns = monotonic_ns() + BIND_RETRY_NS;

    while (bind(sock->handle.fd, (const struct sockaddr *)(const void *)name, sizeof *name) != 0) {
        if (errno != EBUSY || monotonic_ns() >= give_up_ns) {
            return -errno;
        }
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int explain_bind(struct xdp_error *error, int errnum, const struct xsk_address *address)
{
    switch (errnum) {
    case -EBUSY:
        return xdp_error_set(error, errnum,
                             "Queue %u of %s is held by another AF_XDP socket: stop the program "
                             "that has it, or use another queue.",
                             address->queue, address->interface);
    case -ENODEV:
        return xdp_error_set(error, errnum, "The interface %s has just gone away.",
                             address->interface);
    case -ENETDOWN:
        return xdp_error_set(error, errnum,
                             "The interface %s is down: bring it up with 'ip link set %s up'.",
                             address->interface, address->interface);
    default:
        return xdp_error_set(error, errnum, "%s refused %s mode on queue %u: %s%s.",
                             address->interface, address->zero_copy ? "zero-copy" : "copy",
                             address->queue, strerror(-errnum),
                             address->zero_copy && address->is_chosen
                                 ? "; use --mode native or generic with this driver"
                                 : "");
    }
}

int xsk_socket_bind(struct xsk_socket *sock, const struct xsk_address *address,
                    struct xdp_error *error)
{
    const struct sockaddr_xdp name = {
        .sxdp_family = AF_XDP,
        .sxdp_flags =
            (uint16_t)(XDP_USE_NEED_WAKEUP | (address->zero_copy ? XDP_ZEROCOPY : XDP_COPY)),
        .sxdp_ifindex = address->ifindex,
        .sxdp_queue_id = address->queue,
    };
    struct xdp_options options = {0};
    socklen_t bytes = sizeof options;
    int result = bind_patiently(sock, &name);

    if (result != 0) {
        return explain_bind(error, result, address);
    }
    if (getsockopt(sock->handle.fd, SOL_XDP, XDP_OPTIONS, &options, &bytes) == 0) {
        sock->zero_copy = (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
    }
    /* The mode that is told to people is the kernel's word, not what it was asked for. */
    return sock->zero_copy == address->zero_copy ? 0 : explain_bind(error, -EOPNOTSUPP, address);
}

uint64_t xsk_socket_rx_full(const struct xsk_socket *sock)
{
    struct xdp_statistics told = {0};
    socklen_t bytes = sizeof told;

    if (getsockopt(sock->handle.fd, SOL_XDP, XDP_STATISTICS, &told, &bytes) != 0) {
        return 0;
    }
    return told.rx_ring_full;
}

void xsk_socket_close(struct xsk_socket *sock)
{
    /* In a forked child nothing is mapped, and the places may be another's. */
    for (unsigned i = 0; i < XSK_RING_COUNT && sock->handle.fd >= 0; i++) {
        if (sock->map[i].base != NULL) {
            munmap(sock->map[i].base, sock->map[i].bytes);
        }
    }
    memset(sock->map, 0, sizeof sock->map);
    guarded_fd_close(&sock->handle);
}
