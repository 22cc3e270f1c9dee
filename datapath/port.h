/*
 * A port: a queue of frames in and out. There are two: an AF_XDP socket
 * (datapath/xdp) and a wire in memory (datapath/wire).
 *
 * A port belongs to one worker. Frames that it hands in are held by
 * FRAME_WORKER and charged to the receive budget; frames that it is given to
 * send gain the holder FRAME_KERNEL_TX until their completion has been seen.
 * Nothing may write into a frame's packet while it has that holder.
 */
#ifndef HEADRACE_DATAPATH_PORT_H
#define HEADRACE_DATAPATH_PORT_H

#include "datapath/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* Packets taken from a port at a time; also what is handed to it at a time.
 * 64 fills the kernel's own batch of 32 twice and stays inside the L1 cache. */
#define PORT_BURST 64

/* A packet: bytes [offset, offset + length) of a chunk. */
struct port_packet {
    uint32_t frame;
    uint16_t offset;
    uint16_t length;
};

struct port;

struct port_ops {
    /* Takes up to `max` (at most PORT_BURST) packets that have arrived. Never
     * takes more than the receive budget can replace. */
    unsigned (*receive)(struct port *port, struct port_packet *burst, unsigned max);
    /* Moves port->tx[0..tx_count) towards the wire and sets tx_count to 0 and
     * tx_room anew. Does not kick the kernel. */
    void (*submit)(struct port *port);
    /* End of a turn: submits, kicks where needed, reaps completions, fills up
     * what receives, sets tx_room. */
    void (*flush)(struct port *port);
    /* Reaps completions now: for a sender that must know whether a frame is
     * free again before it retransmits. */
    void (*reap)(struct port *port);
};

struct port_counters {
    uint64_t rx_packets;
    uint64_t rx_bytes;
    uint64_t tx_packets;
    uint64_t tx_bytes;
    uint64_t rx_starved; /* turns in which FILL could not be topped up */
    uint64_t kicks;
};

struct port {
    const struct port_ops *ops;
    struct frame_pool *pool;
    uint32_t tx_room;  /* packets that port_send will still take before the next flush */
    uint32_t tx_count; /* in tx[], not yet submitted */
    struct port_packet tx[PORT_BURST];
    struct port_counters counters;
};

/* Queues a packet. The caller has seen tx_room > 0. The frame gains
 * FRAME_KERNEL_TX, which it must not have yet. */
static inline void port_send(struct port *port, uint32_t frame, uint16_t offset, uint16_t length)
{
    assert(port->tx_room > 0);
    frame_hold(port->pool, frame, FRAME_KERNEL_TX);
    port->tx[port->tx_count++] = (struct port_packet){frame, offset, length};
    port->tx_room--;
    port->counters.tx_packets++;
    port->counters.tx_bytes += length;
    if (port->tx_count == PORT_BURST) {
        port->ops->submit(port);
    }
}

static inline unsigned port_receive(struct port *port, struct port_packet *burst, unsigned max)
{
    return port->ops->receive(port, burst, max);
}

static inline void port_flush(struct port *port)
{
    port->ops->flush(port);
}

static inline void port_reap(struct port *port)
{
    port->ops->reap(port);
}

#endif
