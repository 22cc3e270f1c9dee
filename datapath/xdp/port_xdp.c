#include "datapath/xdp/port_xdp.h"

#include <errno.h>

/* Kicks in one flush. A budget of 32 (before Linux 6.17) needs 64 of them for a
 * full ring of 2,048; more than that is a kernel that makes no progress. */
#define KICKS_MAX 64

/* Flushes between two kicks while the interface is down: it says nothing when it
 * comes back, and asking costs a system call. */
#define DOWN_PAUSE 1024

const char *const port_xdp_event_names[PORT_XDP_EVENT_COUNT] = {
    [PORT_XDP_KICK_AGAIN] = "kick_again",   [PORT_XDP_KICK_FULL] = "kick_full",
    [PORT_XDP_KICK_NOBUFS] = "kick_nobufs", [PORT_XDP_KICK_BUSY] = "kick_busy",
    [PORT_XDP_KICK_DOWN] = "kick_down",     [PORT_XDP_KICK_OTHER] = "kick_other",
    [PORT_XDP_WAKEUPS] = "rx_wakeups",      [PORT_XDP_RX_MALFORMED] = "rx_malformed",
};

static struct port_xdp *xdp_of(struct port *port)
{
    return container_of(port, struct port_xdp, port);
}

static void set_tx_room(struct port_xdp *xdp)
{
    uint32_t busy = xdp->tx_in_flight + xdp->port.tx_count;

    assert(busy <= xdp->socket.ring[XSK_TX].size);
    xdp->port.tx_room = xdp->socket.ring[XSK_TX].size - busy;
}

/* The kernel's descriptor, asserted to be a frame that we lent. False for what is
 * not a whole packet; its frame is dropped. */
static bool accept_packet(struct port_xdp *xdp, const struct xdp_desc *descriptor,
                          struct port_packet *packet)
{
    uint32_t chunk_bytes = 1u << xdp->chunk_shift;
    uint32_t frame = (uint32_t)(descriptor->addr >> xdp->chunk_shift);
    uint32_t offset = (uint32_t)descriptor->addr & (chunk_bytes - 1);

    assert(offset + descriptor->len <= chunk_bytes);
    *packet = (struct port_packet){frame, (uint16_t)offset, (uint16_t)descriptor->len};
    frame_arrive(xdp->port.pool, frame, (uint16_t)(offset + descriptor->len));
    if (descriptor->options != 0) {
        xdp->events[PORT_XDP_RX_MALFORMED]++;
        frame_drop(xdp->port.pool, frame, FRAME_WORKER);
        return false;
    }
    return true;
}

/* One is taken only for another given: see the invariant. */
static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    struct port_xdp *xdp = xdp_of(port);
    struct xsk_ring *rx = &xdp->socket.ring[XSK_RX];
    struct xsk_ring *fill = &xdp->socket.ring[XSK_FILL];
    uint32_t index;
    uint32_t available = xsk_ring_peek(rx, max, &index);
    uint32_t taken;
    unsigned count = 0;

    assert(max <= PORT_BURST);
    if (available == 0) {
        return 0;
    }
    /* FILL has room for all that is lent, and what is in RX is not in FILL. */
    available = min_u32(available, xsk_ring_room(fill, available));
    for (taken = 0; taken < available; taken++) {
        uint32_t lent = frame_take(port->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);

        if (lent == FRAME_NONE) {
            port->counters.rx_starved++;
            break;
        }
        fill->addresses[xsk_ring_reserve(fill, 1) & fill->mask] = (uint64_t)lent
                                                                  << xdp->chunk_shift;
        if (accept_packet(xdp, &rx->packets[(index + taken) & rx->mask], &burst[count])) {
            port->counters.rx_bytes += burst[count].length;
            count++;
        }
    }
    xsk_ring_submit(fill);
    xsk_ring_release(rx, taken);
    port->counters.rx_packets += count;
    return count;
}

static void submit(struct port *port)
{
    struct port_xdp *xdp = xdp_of(port);
    struct xsk_ring *tx = &xdp->socket.ring[XSK_TX];
    uint32_t count = port->tx_count;
    uint32_t index;

    if (count == 0) {
        return;
    }
    /* In flight is at most the size, and what the kernel has completed it has
     * taken: the room is there. */
    (void)xsk_ring_room(tx, count);
    index = xsk_ring_reserve(tx, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct port_packet *packet = &port->tx[i];

        tx->packets[(index + i) & tx->mask] = (struct xdp_desc){
            .addr = ((uint64_t)packet->frame << xdp->chunk_shift) + packet->offset,
            .len = packet->length,
        };
    }
    xsk_ring_submit(tx);
    xdp->tx_in_flight += count;
    port->tx_count = 0;
    set_tx_room(xdp);
}

/* Returns how many completions there were. */
static uint32_t reap_all(struct port_xdp *xdp)
{
    struct xsk_ring *done = &xdp->socket.ring[XSK_COMPLETION];
    uint32_t index;
    uint32_t count;

    if (xdp->tx_in_flight == 0) {
        return 0;
    }
    count = xsk_ring_peek(done, done->size, &index);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t address = done->addresses[(index + i) & done->mask];

        frame_drop(xdp->port.pool, (uint32_t)(address >> xdp->chunk_shift), FRAME_KERNEL_TX);
    }
    if (count > 0) {
        xsk_ring_release(done, count);
        assert(xdp->tx_in_flight >= count);
        xdp->tx_in_flight -= count;
    }
    return count;
}

static void reap(struct port *port)
{
    struct port_xdp *xdp = xdp_of(port);

    reap_all(xdp);
    set_tx_room(xdp);
}

enum kick_action {
    KICK_AGAIN, /* at once */
    KICK_LATER, /* at the next flush */
    KICK_DOWN,  /* the interface is down: seldom */
};

/* What each errno of the kick means (xsk_sendmsg, xsk_generic_xmit and the
 * drivers' wakeup), and what follows. EAGAIN is decided by progress. */
static const struct kick_row {
    int errnum;
    enum kick_action action;
    enum port_xdp_event event;
} kick_rows[] = {
    {ENOBUFS, KICK_LATER, PORT_XDP_KICK_NOBUFS}, {ENOMEM, KICK_LATER, PORT_XDP_KICK_NOBUFS},
    {EBUSY, KICK_LATER, PORT_XDP_KICK_BUSY},     {ENETDOWN, KICK_DOWN, PORT_XDP_KICK_DOWN},
    {ENXIO, KICK_DOWN, PORT_XDP_KICK_DOWN},      {EINTR, KICK_AGAIN, PORT_XDP_KICK_AGAIN},
};

/* EAGAIN says two things. Emptying COMPLETION is progress, too, for the kernel
 * also stops when that is full. */
static enum kick_action kick_refused(struct port_xdp *xdp, uint32_t untaken_before)
{
    bool progress = reap_all(xdp) > 0;

    progress = xsk_ring_untaken(&xdp->socket.ring[XSK_TX]) < untaken_before || progress;
    xdp->events[progress ? PORT_XDP_KICK_AGAIN : PORT_XDP_KICK_FULL]++;
    return progress ? KICK_AGAIN : KICK_LATER;
}

static enum kick_action kick_failed(struct port_xdp *xdp, int errnum)
{
    for (unsigned i = 0; i < COUNT_OF(kick_rows); i++) {
        if (kick_rows[i].errnum == errnum) {
            xdp->events[kick_rows[i].event]++;
            return kick_rows[i].action;
        }
    }
    xdp->events[PORT_XDP_KICK_OTHER]++;
    xdp->last_errno = errnum;
    return KICK_LATER;
}

/* Until the kernel has taken all that is in TX, or says later. */
static void kick(struct port_xdp *xdp)
{
    struct xsk_ring *tx = &xdp->socket.ring[XSK_TX];
    enum kick_action action = KICK_AGAIN;

    for (unsigned i = 0; i < KICKS_MAX && action == KICK_AGAIN; i++) {
        uint32_t untaken = xsk_ring_untaken(tx);

        if (untaken == 0 || !xsk_ring_needs_wakeup(tx)) {
            break;
        }
        xdp->port.counters.kicks++;
        if (sendto(xdp->socket.handle.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0) {
            xdp->is_link_down = false;
            return;
        }
        action = errno == EAGAIN ? kick_refused(xdp, untaken) : kick_failed(xdp, errno);
    }
    xdp->is_link_down = action == KICK_DOWN;
    xdp->kick_pause = action == KICK_DOWN ? DOWN_PAUSE : 0;
}

static void flush(struct port *port)
{
    struct port_xdp *xdp = xdp_of(port);

    submit(port);
    if (xdp->kick_pause > 0) {
        xdp->kick_pause--;
    } else if (xdp->tx_in_flight > 0) {
        kick(xdp);
    }
    reap_all(xdp);
    set_tx_room(xdp);
    /* Zero-copy only: the driver ran out of FILL and went to sleep over it. */
    if (xsk_ring_needs_wakeup(&xdp->socket.ring[XSK_FILL])) {
        xdp->events[PORT_XDP_WAKEUPS]++;
        (void)recvfrom(xdp->socket.handle.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    }
}

static const struct port_ops port_xdp_ops = {
    .receive = receive,
    .submit = submit,
    .flush = flush,
    .reap = reap,
};

static void lend_all(struct port_xdp *xdp)
{
    struct xsk_ring *fill = &xdp->socket.ring[XSK_FILL];
    uint32_t room = xsk_ring_room(fill, fill->size);
    uint32_t index = xsk_ring_reserve(fill, room);

    for (uint32_t i = 0; i < room; i++) {
        uint32_t frame = frame_take(xdp->port.pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);

        assert(frame != FRAME_NONE); /* the floor covers them */
        fill->addresses[(index + i) & fill->mask] = (uint64_t)frame << xdp->chunk_shift;
    }
    xsk_ring_submit(fill);
}

int port_xdp_init(struct port_xdp *xdp, struct frame_pool *pool)
{
    const struct xsk_ring *ring = xdp->socket.ring;
    uint32_t lent = ring[XSK_FILL].size;

    if (pool->floor[FRAME_BUDGET_RECEIVE] <= pool->used[FRAME_BUDGET_RECEIVE] + lent ||
        ring[XSK_RX].size >= lent || ring[XSK_COMPLETION].size < ring[XSK_TX].size) {
        return -1;
    }
    xdp->port = (struct port){
        .ops = &port_xdp_ops,
        .pool = pool,
        .tx_room = ring[XSK_TX].size,
    };
    xdp->chunk_shift = pool->chunk_shift;
    lend_all(xdp);
    return 0;
}

void port_xdp_recall(struct port_xdp *xdp)
{
    struct frame_pool *pool = xdp->port.pool;

    for (uint32_t i = pool->first; i < pool->first + pool->count; i++) {
        if (frame_is_held_by(pool, i, FRAME_KERNEL_RX)) {
            frame_drop(pool, i, FRAME_KERNEL_RX);
        }
        if (frame_is_held_by(pool, i, FRAME_KERNEL_TX)) {
            frame_drop(pool, i, FRAME_KERNEL_TX);
        }
    }
    xdp->tx_in_flight = 0;
    xdp->port.tx_count = 0;
}
