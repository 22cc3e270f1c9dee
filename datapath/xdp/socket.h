/*
 * One AF_XDP socket on one queue: the region registered as its UMEM, its four
 * rings mapped. Opened, its FILL ring filled by the port, bound: in this order,
 * because a queue in zero-copy mode that is bound with an empty FILL ring
 * silences the kernel's own traffic until frames come.
 *
 * Made and closed by the control thread, used by one worker. Nothing but raw
 * system calls: libxdp 1.3.1 has no CLOEXEC and not the newer options.
 */
#ifndef HEADRACE_DATAPATH_XDP_SOCKET_H
#define HEADRACE_DATAPATH_XDP_SOCKET_H

#include "datapath/xdp/error.h"
#include "datapath/xdp/fork_guard.h"
#include "datapath/xdp/region.h"
#include "datapath/xdp/ring.h"

/* The kernel's room before a received packet (XDP_PACKET_HEADROOM). The UMEM's
 * own headroom is 0: this is more than FRAME_HEADROOM already. */
#define XSK_PACKET_OFFSET 256

enum xsk_ring_kind {
    XSK_RX,
    XSK_TX,
    XSK_FILL,
    XSK_COMPLETION,
    XSK_RING_COUNT,
};

struct xsk_socket_config {
    const struct region *region;
    uint32_t entries[XSK_RING_COUNT]; /* powers of two */
};

struct xsk_map {
    void *base;
    size_t bytes;
};

struct xsk_socket {
    struct guarded_fd handle;
    struct xsk_ring ring[XSK_RING_COUNT];
    struct xsk_map map[XSK_RING_COUNT];
    bool zero_copy; /* the kernel's word, after bind */
};

/* Where to bind. */
struct xsk_address {
    const char *interface; /* its name, for the error sentence */
    uint32_t ifindex;
    uint32_t queue;
    bool zero_copy; /* asked for; else copy */
    bool is_chosen; /* the mode, by the user: who is refused it is told of others */
};

int xsk_socket_open(struct xsk_socket *sock, const struct xsk_socket_config *config,
                    struct xdp_error *error);

/* A queue of a process that died is busy for up to 70 ms: EBUSY is retried for
 * two seconds. */
int xsk_socket_bind(struct xsk_socket *sock, const struct xsk_address *address,
                    struct xdp_error *error);

/* Packets that the kernel has dropped since as many waited as RX has entries; 0 where it
 * does not tell. A system call. */
uint64_t xsk_socket_rx_full(const struct xsk_socket *sock);

/* Unmaps the rings before it closes: a mapping would keep the queue busy. */
void xsk_socket_close(struct xsk_socket *sock);

static inline int xsk_socket_fd(const struct xsk_socket *sock)
{
    return sock->handle.fd;
}

#endif
