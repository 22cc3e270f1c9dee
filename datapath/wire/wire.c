#include "datapath/wire/wire.h"

#include "datapath/util.h"

#include <stdlib.h>
#include <string.h>

const struct wire_config wire_config_default = {
    .end = {{.lent_frames = 256, .tx_packets_max = 512, .rx_offset = 256},
            {.lent_frames = 256, .tx_packets_max = 512, .rx_offset = 256}},
    .flight_packets_max = 1024,
    .packet_bytes_max = 1518,
    .seed = 1,
};

const char *const wire_event_names[WIRE_EVENT_COUNT] = {
#define X(name, text) [WIRE_##name] = (text),
    WIRE_EVENTS(X)
#undef X
};

static struct wire_end *end_of(struct port *port)
{
    return container_of(port, struct wire_end, port);
}

static struct wire_end *other_end(const struct wire_end *end)
{
    return &end->wire->end[1 - end->side];
}

/* A packet on its way through this file. */
struct passing {
    uint64_t now_ns;
    const uint8_t *bytes;
    uint32_t length;
};

/* Counts an event of a packet that `from` has sent, and shows it. */
static inline void happen(struct wire_end *from, enum wire_event event,
                          const struct passing *packet)
{
    const struct wire_tap *tap = &from->wire->tap;

    from->counts[event]++;
    if (__builtin_expect(tap->on_packet != NULL, 0)) {
        tap->on_packet(tap->ctx, &(struct wire_sight){
                                     .now_ns = packet->now_ns,
                                     .event = event,
                                     .from = from->side,
                                     .bytes = packet->bytes,
                                     .length = packet->length,
                                 });
    }
}

static inline void deliver(struct wire_end *from, const struct passing *packet)
{
    struct wire_end *to = other_end(from);
    struct frame_pool *pool = to->port.pool;
    uint32_t frame;

    if (packet->length > from->wire->packet_bytes_max ||
        to->rx_offset + packet->length > frame_chunk_bytes(pool)) {
        happen(from, WIRE_TOO_LONG, packet);
        return;
    }
    if (to->fill_head == to->fill_tail || from->link.impairment.receiver_starved) {
        happen(from, WIRE_STARVED, packet);
        return;
    }
    frame = to->fill[to->fill_head++ & to->lent_mask];
    memcpy(frame_data(pool, frame) + to->rx_offset, packet->bytes, packet->length);
    to->rx[to->rx_tail++ & to->lent_mask] =
        (struct port_packet){frame, to->rx_offset, (uint16_t)packet->length};
    happen(from, WIRE_DELIVERED, packet);
}

/* Not for secrets, only to notice that a packet was written to: a few cycles
 * for each eight bytes, and the position of a byte counts. */
static uint32_t fingerprint(const uint8_t *bytes, uint32_t length)
{
    const uint64_t factor = 0x9e3779b97f4a7c15ull;
    uint64_t hash = length;
    uint64_t word;

    for (; length >= sizeof word; bytes += sizeof word, length -= (uint32_t)sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = ((hash ^ word) * factor) ^ (hash >> 29);
    }
    word = 0;
    memcpy(&word, bytes, length);
    hash = (hash ^ word) * factor;
    return (uint32_t)(hash >> 32);
}

static const uint8_t *packet_bytes(const struct wire_end *end, const struct port_packet *packet)
{
    return frame_data(end->port.pool, packet->frame) + packet->offset;
}

/* What happens to its bytes. Corruption comes last: who rewrites a packet mends its sum. */
static void spoil(struct wire_end *from, struct passing *packet, uint8_t *bytes, bool marked)
{
    struct wire_link *link = &from->link;

    if (wire_middlebox_acts(&link->impairment.middlebox)) {
        wire_middlebox_pass(&link->impairment.middlebox, bytes, packet->length);
    }
    packet->bytes = bytes;
    if (marked && wire_mark(bytes, packet->length)) {
        happen(from, WIRE_MARKED, packet);
    }
    if (wire_link_corrupt(link, bytes, packet->length)) {
        happen(from, WIRE_CORRUPTED, packet);
    }
    if (wire_link_scramble(link, bytes, packet->length)) {
        happen(from, WIRE_CORRUPTED, packet);
    }
}

static void fly(struct wire_end *from, struct passing packet, uint64_t due_ns, bool marked)
{
    uint32_t slot;
    uint8_t *bytes;

    if (from->flight.count == from->flight.capacity) {
        happen(from, WIRE_FLIGHT_FULL, &packet);
        return;
    }
    slot = from->slots_free[from->flight.count];
    bytes = from->flight_bytes + (size_t)slot * from->wire->packet_bytes_max;
    memcpy(bytes, packet.bytes, packet.length);
    spoil(from, &packet, bytes, marked);
    wire_heap_push(&from->flight, (struct wire_heap_entry){
                                      .due_ns = due_ns,
                                      .packet = {.frame = slot, .length = (uint16_t)packet.length},
                                  });
}

/* The earliest packet on the way arrives. The stack of free slots and the heap
 * are two halves of one thing: there are always capacity - count free slots,
 * at slots_free[count] and behind. */
static void land(struct wire_end *from)
{
    struct wire_heap_entry entry = wire_heap_pop(&from->flight);
    uint32_t slot = entry.packet.frame;

    from->slots_free[from->flight.count] = slot;
    deliver(from, &(struct passing){
                      .now_ns = entry.due_ns,
                      .bytes = from->flight_bytes + (size_t)slot * from->wire->packet_bytes_max,
                      .length = entry.packet.length,
                  });
}

static void transmit_impaired(struct wire_end *from, const struct port_packet *frame,
                              const struct passing *packet)
{
    struct wire_fate fate = wire_link_decide(&from->link, packet->length, packet->now_ns);
    uint32_t path_max = from->link.impairment.packet_bytes_max;
    uint32_t wire_max = from->wire->packet_bytes_max;

    wire_heap_push(&from->late, (struct wire_heap_entry){
                                    .due_ns = wire_link_complete_ns(&from->link, &fate),
                                    .packet = *frame,
                                    .check = fingerprint(packet->bytes, packet->length),
                                });
    if (fate.event != WIRE_SENT) {
        happen(from, fate.event, packet);
        return;
    }
    if (packet->length > (path_max > 0 ? min_u32(path_max, wire_max) : wire_max)) {
        happen(from, WIRE_TOO_LONG, packet);
        return;
    }
    if (fate.reordered) {
        happen(from, WIRE_REORDERED, packet);
    }
    fly(from, *packet, fate.due_ns, fate.marked);
    if (fate.duplicated) {
        happen(from, WIRE_DUPLICATED, packet);
        fly(from, *packet, fate.copy_due_ns, fate.marked);
    }
}

static void transmit(struct wire_end *from, const struct port_packet *frame)
{
    const struct passing packet = {
        .now_ns = from->wire->now_ns,
        .bytes = packet_bytes(from, frame),
        .length = frame->length,
    };

    assert(frame->length > 0);
    assert((uint32_t)frame->offset + frame->length <= frame_chunk_bytes(from->port.pool));
    happen(from, WIRE_SENT, &packet);
    /* What is still on the way from an impaired time must not be overtaken. */
    if (from->link.impaired || from->flight.count > 0) {
        transmit_impaired(from, frame, &packet);
        return;
    }
    deliver(from, &packet);
    from->done[from->done_count++] = frame->frame;
}

static void land_due(struct wire_end *from)
{
    while (wire_heap_is_due(&from->flight, from->wire->now_ns)) {
        land(from);
    }
}

static void set_tx_room(struct wire_end *end)
{
    uint32_t busy = end->port.tx_count + end->done_count + end->late.count;

    assert(busy <= end->tx_packets_max);
    end->port.tx_room = end->tx_packets_max - busy;
}

static void complete_late(struct wire_end *end)
{
    struct port_packet packet;
    uint32_t check = end->late.entries[0].check;

    packet = wire_heap_pop(&end->late).packet;
    if (fingerprint(packet_bytes(end, &packet), packet.length) != check) {
        end->tx_rewritten++;
    }
    frame_drop(end->port.pool, packet.frame, FRAME_KERNEL_TX);
    end->completed++;
}

static void complete_done(struct wire_end *end)
{
    for (uint32_t i = 0; i < end->done_count; i++) {
        frame_drop(end->port.pool, end->done[i], FRAME_KERNEL_TX);
    }
    end->completed += end->done_count;
    end->done_count = 0;
}

/* One is taken only for another given: see the invariant. */
static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    struct wire_end *end = end_of(port);
    unsigned count = 0;

    assert(max <= PORT_BURST);
    while (count < max && end->rx_head != end->rx_tail) {
        uint32_t replacement = frame_take(port->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
        struct port_packet *packet = &burst[count];

        if (replacement == FRAME_NONE) {
            port->counters.rx_starved++;
            break;
        }
        end->fill[end->fill_tail++ & end->lent_mask] = replacement;
        *packet = end->rx[end->rx_head++ & end->lent_mask];
        frame_arrive(port->pool, packet->frame, (uint16_t)(packet->offset + packet->length));
        port->counters.rx_bytes += packet->length;
        count++;
    }
    port->counters.rx_packets += count;
    return count;
}

static void submit(struct port *port)
{
    struct wire_end *end = end_of(port);

    for (uint32_t i = 0; i < port->tx_count; i++) {
        transmit(end, &port->tx[i]);
    }
    port->tx_count = 0;
    land_due(end);
    set_tx_room(end);
}

static void reap(struct port *port)
{
    struct wire_end *end = end_of(port);

    if (!end->link.impairment.completions_stalled) {
        complete_done(end);
        while (wire_heap_is_due(&end->late, end->wire->now_ns)) {
            complete_late(end);
        }
    }
    set_tx_room(end);
}

static void flush(struct port *port)
{
    submit(port);
    reap(port);
}

static const struct port_ops wire_ops = {
    .receive = receive,
    .submit = submit,
    .flush = flush,
    .reap = reap,
};

static bool config_is_consistent(const struct wire_config *config)
{
    for (unsigned i = 0; i < WIRE_ENDS; i++) {
        const struct wire_end_config *end = &config->end[i];

        if (end->pool == NULL || !is_power_of_two(end->lent_frames) ||
            end->pool->floor[FRAME_BUDGET_RECEIVE] <= end->lent_frames ||
            end->tx_packets_max == 0 || end->rx_offset >= frame_chunk_bytes(end->pool)) {
            return false;
        }
    }
    return config->flight_packets_max > 0 && config->packet_bytes_max > 0 &&
           config->packet_bytes_max <= UINT16_MAX;
}

static bool reserve_memory(struct wire_end *end, const struct wire_config *config)
{
    uint32_t lent = config->end[end->side].lent_frames;
    uint32_t flights = config->flight_packets_max;

    end->fill = calloc(lent, sizeof *end->fill);
    end->rx = calloc(lent, sizeof *end->rx);
    end->done = calloc(end->tx_packets_max, sizeof *end->done);
    end->late.entries = calloc(end->tx_packets_max, sizeof *end->late.entries);
    end->late.capacity = end->tx_packets_max;
    end->flight.entries = calloc(flights, sizeof *end->flight.entries);
    end->flight.capacity = flights;
    end->slots_free = calloc(flights, sizeof *end->slots_free);
    end->flight_bytes = malloc((size_t)flights * config->packet_bytes_max);
    return end->fill != NULL && end->rx != NULL && end->done != NULL && end->late.entries != NULL &&
           end->flight.entries != NULL && end->slots_free != NULL && end->flight_bytes != NULL;
}

static int end_init(struct wire *wire, unsigned side, const struct wire_config *config)
{
    struct wire_end *end = &wire->end[side];
    const struct wire_end_config *own = &config->end[side];

    end->port.ops = &wire_ops;
    end->port.pool = own->pool;
    end->port.tx_room = own->tx_packets_max;
    end->wire = wire;
    end->side = side;
    end->lent_mask = own->lent_frames - 1;
    end->tx_packets_max = own->tx_packets_max;
    end->rx_offset = own->rx_offset;
    wire_link_init(&end->link, config->seed + side);
    if (!reserve_memory(end, config)) {
        return -1;
    }
    for (uint32_t i = 0; i < config->flight_packets_max; i++) {
        end->slots_free[i] = i;
    }
    while (end->fill_tail < own->lent_frames) {
        uint32_t frame = frame_take(own->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);

        if (frame == FRAME_NONE) {
            return -1;
        }
        end->fill[end->fill_tail++] = frame;
    }
    return 0;
}

int wire_init(struct wire *wire, const struct wire_config *config)
{
    if (!config_is_consistent(config)) {
        return -1;
    }
    *wire = (struct wire){.now_ns = config->now_ns, .packet_bytes_max = config->packet_bytes_max};
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        if (end_init(wire, side, config) != 0) {
            wire_destroy(wire);
            return -1;
        }
    }
    return 0;
}

static void end_destroy(struct wire_end *end)
{
    for (uint32_t i = 0; i < end->port.tx_count; i++) {
        frame_drop(end->port.pool, end->port.tx[i].frame, FRAME_KERNEL_TX);
    }
    complete_done(end);
    while (end->late.count > 0) {
        complete_late(end);
    }
    for (; end->fill_head != end->fill_tail; end->fill_head++) {
        frame_drop(end->port.pool, end->fill[end->fill_head & end->lent_mask], FRAME_KERNEL_RX);
    }
    for (; end->rx_head != end->rx_tail; end->rx_head++) {
        frame_drop(end->port.pool, end->rx[end->rx_head & end->lent_mask].frame, FRAME_KERNEL_RX);
    }
    free(end->fill);
    free(end->rx);
    free(end->done);
    free(end->late.entries);
    free(end->flight.entries);
    free(end->slots_free);
    free(end->flight_bytes);
}

void wire_destroy(struct wire *wire)
{
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        end_destroy(&wire->end[side]);
    }
    *wire = (struct wire){0};
}

void wire_impair(struct wire *wire, unsigned side, const struct wire_impairment *impairment)
{
    wire_link_impair(&wire->end[side].link, impairment);
}

void wire_advance(struct wire *wire, uint64_t now_ns)
{
    assert(now_ns >= wire->now_ns);
    wire->now_ns = now_ns;
    for (;;) {
        struct wire_end *first = &wire->end[0];

        if (wire_heap_due_ns(&wire->end[1].flight) < wire_heap_due_ns(&first->flight)) {
            first = &wire->end[1];
        }
        if (!wire_heap_is_due(&first->flight, now_ns)) {
            return;
        }
        land(first);
    }
}

uint64_t wire_next_ns(const struct wire *wire)
{
    uint64_t next_ns = UINT64_MAX;

    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        const struct wire_end *end = &wire->end[side];

        next_ns = min_u64(next_ns, wire_heap_due_ns(&end->flight));
        if (!end->link.impairment.completions_stalled) {
            next_ns = min_u64(next_ns, wire_heap_due_ns(&end->late));
        }
    }
    return next_ns;
}

uint32_t wire_arrived(const struct wire *wire, unsigned side)
{
    return wire->end[side].rx_tail - wire->end[side].rx_head;
}

void wire_tap(struct wire *wire, const struct wire_tap *tap)
{
    wire->tap = *tap;
}
