/*
 * A port over an AF_XDP socket: struct port with FILL, RX, TX and COMPLETION
 * rings behind it.
 *
 * Invariants:
 *   - as many frames are lent (FRAME_KERNEL_RX) as FILL has entries, always:
 *     one is taken from RX only when another is given to FILL. RX has half as
 *     many entries, so a worker that stops leaves the kernel frames to receive
 *     its own traffic with (zero-copy), and the kernel drops what is ours;
 *   - sent and not completed are never more than TX has entries, and
 *     COMPLETION has as many: so a descriptor always has a place in each.
 *
 * Belongs to one worker. The socket, the pool and their memory are the opener's.
 */
#ifndef HEADRACE_DATAPATH_XDP_PORT_XDP_H
#define HEADRACE_DATAPATH_XDP_PORT_XDP_H

#include "datapath/port.h"
#include "datapath/xdp/socket.h"

/* What became of kicks. The counters of struct port have their number. */
enum port_xdp_event {
    PORT_XDP_KICK_AGAIN,   /* EAGAIN with progress: the budget was spent */
    PORT_XDP_KICK_FULL,    /* EAGAIN without: COMPLETION or the device is full */
    PORT_XDP_KICK_NOBUFS,  /* ENOBUFS, ENOMEM: the kernel is short of memory */
    PORT_XDP_KICK_BUSY,    /* EBUSY: the device dropped the packet */
    PORT_XDP_KICK_DOWN,    /* ENETDOWN, ENXIO: the interface is down or gone */
    PORT_XDP_KICK_OTHER,   /* anything else: kept in last_errno */
    PORT_XDP_WAKEUPS,      /* calls that made the driver look at FILL */
    PORT_XDP_RX_MALFORMED, /* a packet in several buffers, which we never asked for */
    PORT_XDP_EVENT_COUNT,
};

struct port_xdp {
    struct port port;
    struct xsk_socket socket;
    uint32_t tx_in_flight; /* submitted and not completed */
    uint32_t kick_pause;   /* flushes left out after the interface was found down */
    uint32_t chunk_shift;
    bool is_link_down; /* what the last kick said */
    int last_errno;    /* of PORT_XDP_KICK_OTHER */
    uint64_t events[PORT_XDP_EVENT_COUNT];
};

extern const char *const port_xdp_event_names[PORT_XDP_EVENT_COUNT];

/* The socket, opened and not yet bound, is port->socket already. Lends the
 * frames; -1 when the pool's receive floor is not above what is to be lent. */
int port_xdp_init(struct port_xdp *port, struct frame_pool *pool);

/* After the socket is closed: takes back all frames of a pool that has no other
 * port. The queue must not be busy any more before they are used again. */
void port_xdp_recall(struct port_xdp *port);

/* Looks at RX between two idle turns, each with a pause of 40 to 140 cycles. */
#define PORT_XDP_LOOKS 16u

/* Between two idle turns: a packet is seen as soon as it is there, and not at the end of
 * a turn that has read the clock and asked every timer. Less than a microsecond, which
 * is what timers and messages wait for. Not at all while something is in flight: a turn
 * flushes, and reaps what was completed. */
static inline void port_xdp_look(const struct port_xdp *port)
{
    for (unsigned i = 0; i < PORT_XDP_LOOKS; i++) {
        if (xsk_ring_has_more(&port->socket.ring[XSK_RX]) || port->tx_in_flight > 0) {
            return;
        }
        cpu_relax();
    }
}

/* Something is in TX that the kernel has not taken: whoever goes to sleep has
 * to flush again soon, or to wait for POLLOUT. */
static inline bool port_xdp_is_pending(struct port_xdp *port)
{
    return port->tx_in_flight > 0 && xsk_ring_untaken(&port->socket.ring[XSK_TX]) > 0;
}

#endif
