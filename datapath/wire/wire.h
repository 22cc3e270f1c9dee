/*
 * The wire in memory: two ports joined back to back, each with a frame pool of
 * its own. A packet is copied from the sender's frame into one of those that
 * the receiver has lent, as a copying AF_XDP socket does. Nothing is shared
 * between the ends but the wire itself.
 *
 * Both ends, and so the wire, belong to one thread. Time is what the caller
 * says it is. All memory is reserved by wire_init; the pools are the caller's
 * and outlive the wire.
 *
 * Invariants:
 *   - each end has lent_frames frames lent (KERNEL_RX), always: one is taken
 *     from RX only when another can be given to FILL;
 *   - a frame given to be sent has KERNEL_TX until its completion is reaped.
 *
 * An unimpaired direction hands packets over at once, in port_flush or the
 * submit before it: that path is what the micro-benchmarks stand on.
 */
#ifndef HEADRACE_DATAPATH_WIRE_WIRE_H
#define HEADRACE_DATAPATH_WIRE_WIRE_H

#include "datapath/port.h"
#include "datapath/wire/heap.h"
#include "datapath/wire/link.h"

#define WIRE_ENDS 2

struct wire_end_config {
    struct frame_pool *pool; /* its receive floor is above lent_frames */
    uint32_t lent_frames;    /* for receiving; a power of two */
    uint32_t tx_packets_max; /* in the TX ring, on the way and not completed */
    uint16_t rx_offset;      /* of a received packet in its chunk */
};

struct wire_config {
    struct wire_end_config end[WIRE_ENDS];
    uint32_t flight_packets_max; /* on the way in each direction */
    uint32_t packet_bytes_max;   /* Ethernet header included; longer ones are dropped */
    uint64_t seed;
    uint64_t now_ns; /* where time begins */
};

/* 256 frames lent, 512 to send, the offset of XDP's headroom (256), 1,024
 * packets on the way, 1,518 bytes (Ethernet with a VLAN tag). The pools are the
 * caller's to set. */
extern const struct wire_config wire_config_default;

/* What the tap sees. The bytes are the sender's for WIRE_SENT, else as they
 * are on the wire, and are valid until the tap returns. */
struct wire_sight {
    uint64_t now_ns;
    enum wire_event event;
    unsigned from; /* the sending end */
    const uint8_t *bytes;
    uint32_t length;
};

struct wire_tap {
    void (*on_packet)(void *ctx, const struct wire_sight *sight); /* NULL: none */
    void *ctx;
};

struct wire;

struct wire_end {
    struct port port;
    struct wire *wire;
    unsigned side;
    uint32_t lent_mask;
    uint32_t fill_head; /* the ring of frames lent and empty: [head, tail) */
    uint32_t fill_tail;
    uint32_t rx_head; /* the ring of packets that have arrived: [head, tail) */
    uint32_t rx_tail;
    uint32_t tx_packets_max;
    uint32_t done_count; /* completions of the unimpaired path */
    uint16_t rx_offset;
    uint32_t *fill;
    struct port_packet *rx;
    uint32_t *done;
    struct wire_heap late;   /* completions of the impaired path */
    uint64_t completed;      /* all that were reaped */
    uint64_t tx_rewritten;   /* changed while the kernel held them: a bug of the sender */
    struct wire_link link;   /* what this end sends goes through it */
    struct wire_heap flight; /* packets on the way from this end */
    uint32_t *slots_free;    /* a stack of places in flight_bytes */
    uint8_t *flight_bytes;
    uint64_t counts[WIRE_EVENT_COUNT]; /* of packets that this end has sent */
};

struct wire {
    struct wire_end end[WIRE_ENDS];
    struct wire_tap tap;
    uint64_t now_ns;
    uint32_t packet_bytes_max;
};

extern const char *const wire_event_names[WIRE_EVENT_COUNT];

/* 0, or -1: not consistent, a pool that can't lend, or no memory. The wire must
 * not move in memory afterwards. */
int wire_init(struct wire *wire, const struct wire_config *config);

/* Completes all that was sent, takes back what was lent, and gives the memory
 * back. Packets on the way are gone. */
void wire_destroy(struct wire *wire);

static inline struct port *wire_port(struct wire *wire, unsigned side)
{
    return &wire->end[side].port;
}

/* What `side` sends meets these from now on. */
void wire_impair(struct wire *wire, unsigned side, const struct wire_impairment *impairment);

/* Moves time, never backwards, and delivers what is due. */
void wire_advance(struct wire *wire, uint64_t now_ns);

/* When something is due next: a delivery, or a completion, which counts until
 * its port has been flushed or reaped. UINT64_MAX when nothing is. */
uint64_t wire_next_ns(const struct wire *wire);

/* Packets that have arrived at `side` and not been received. */
uint32_t wire_arrived(const struct wire *wire, unsigned side);

void wire_tap(struct wire *wire, const struct wire_tap *tap);

#endif
