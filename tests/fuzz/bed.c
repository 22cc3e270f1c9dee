#include "tests/fuzz/bed.h"

#include "api/receive.h"
#include "datapath/net/checksum.h"
#include "tcp/isn.h"
#include "tcp/path.h"
#include "tcp/timewait_table.h"
#include "tcp/user.h"
#include "tests/fuzz/fuzz.h"

#include <sanitizer/asan_interface.h>

#define CONNECTIONS 6u
#define FLIGHTS 4u
#define TIMEWAITS 3u
#define PIECES 64u
#define BLOCKS_BYTES (1u << BLOCKS_ORDER_MAX)
#define MEMORY_BYTES (BLOCKS_BYTES + (256u << 10))
#define CONTROL_FLOOR 8u

/* Walking every frame costs more than a turn; it is done in one of so many, and at the end. */
#define TURNS_PER_WALK 8u

#define START_NS (1000 * NS_PER_S)

struct bed bed;

const struct mac_addr bed_mac = {{2, 0, 0, 0, 0, 1}};
const struct mac_addr bed_peer_mac = {{2, 0, 0, 0, 0, 2}};

static _Alignas(4096) uint8_t chunks[BED_FRAMES * BED_CHUNK_BYTES];
static _Alignas(4096) uint8_t memory[MEMORY_BYTES];
static struct frame records[BED_FRAMES];

static const struct net_transport transport = {
    .path_changed = tcp_path_changed,
    .icmp_error = tcp_icmp_error,
};

static uint64_t secret(unsigned number)
{
    return 0x243f6a8885a308d3u * (number + 1);
}

uint64_t bed_start_ns(const struct tcp_tuple *tuple, uint32_t iss)
{
    const uint64_t secrets[] = {secret(2), secret(3)};

    return START_NS + ((uint64_t)(uint32_t)(iss - isn_make(secrets, tuple, START_NS).number) << 12);
}

struct ip_addr bed_local(bool v6)
{
    struct ip_addr addr = {.bytes = {0xfd, [15] = 1}};

    return v6 ? addr : ip_addr_v4(0x0a000001u);
}

struct ip_addr bed_remote(bool v6)
{
    struct ip_addr addr = {.bytes = {0xfd, [15] = 2}};

    return v6 ? addr : ip_addr_v4(0x0a000002u);
}

static void arrive(const struct bed_packet *in, struct port_packet *out)
{
    uint32_t frame = out->frame;
    uint8_t *chunk = frame_data(&bed.pool, frame);
    uint16_t end;

    out->length = in->length;
    out->offset = BED_PACKET_OFFSET;
    end = (uint16_t)(out->offset + out->length);
    memcpy(chunk + out->offset, in->bytes, in->length);
    if (!in->tight) {
        frame_arrive(&bed.pool, frame, end);
        return;
    }
    /* With no room behind it that slice_stash could use; and nobody is given it in this turn. */
    frame_arrive(&bed.pool, frame, BED_CHUNK_BYTES);
    frame_hold(&bed.pool, frame, FRAME_CROSSING);
    bed.tight[bed.tight_count++] = frame;
    ASAN_POISON_MEMORY_REGION(chunk, out->offset);
    ASAN_POISON_MEMORY_REGION(chunk + end, BED_CHUNK_BYTES - end);
}

/* Without a frame in its FILL ring the NIC drops what comes. */
static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    unsigned count = 0;

    FUZZ_CHECK(bed.arrived <= max);
    for (unsigned i = 0; i < bed.arrived; i++) {
        uint32_t frame = frame_take(port->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);

        if (frame == FRAME_NONE) {
            break;
        }
        burst[count].frame = frame;
        arrive(&bed.inbox[i], &burst[count++]);
    }
    bed.arrived = 0;
    return count;
}

static uint64_t sum_of(const struct port_packet *packet)
{
    const uint8_t *bytes = frame_data(&bed.pool, packet->frame) + packet->offset;
    uint64_t sum = packet->length;
    uint64_t word;
    unsigned i = 0;

    for (; i + sizeof word <= packet->length; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        sum = (sum << 7 | sum >> 57) ^ word;
    }
    for (; i < packet->length; i++) {
        sum = (sum << 7 | sum >> 57) ^ bytes[i];
    }
    return sum;
}

static void submit(struct port *port)
{
    for (uint32_t i = 0; i < port->tx_count; i++) {
        const struct port_packet *packet = &port->tx[i];

        FUZZ_CHECK(packet->offset >= FRAME_TX_METADATA);
        FUZZ_CHECK(packet->offset + packet->length <= (int)BED_CHUNK_BYTES);
        FUZZ_CHECK(bed.held_count < BED_FRAMES);
        bed.held[bed.held_count++] = (struct bed_held){*packet, sum_of(packet)};
        bed.config.sent(frame_data(&bed.pool, packet->frame) + packet->offset, packet->length);
    }
    port->tx_count = 0;
}

void bed_complete(unsigned count, bool last_first)
{
    unsigned done = count < bed.held_count ? count : bed.held_count;
    struct bed_held *first = last_first ? bed.held + bed.held_count - done : bed.held;

    for (unsigned i = 0; i < done; i++) {
        FUZZ_CHECK(sum_of(&first[i].packet) == first[i].sum);
        frame_drop(&bed.pool, first[i].packet.frame, FRAME_KERNEL_TX);
    }
    bed.held_count -= done;
    if (!last_first) {
        memmove(bed.held, bed.held + done, bed.held_count * sizeof *bed.held);
    }
}

static void reap(struct port *port)
{
    (void)port;
    if (!bed.hold_completions) {
        bed_complete(bed.held_count, false);
    }
}

static void flush(struct port *port)
{
    submit(port);
    reap(port);
    port->tx_room = bed.tx_room;
}

static void open_pool(void)
{
    struct frame_pool_config config = {
        .base = chunks,
        .count = bed.config.frames,
        .chunk_bytes = BED_CHUNK_BYTES,
        .floor = {BED_BURST, CONTROL_FLOOR, 0},
        .records = records,
    };

    memset(records, 0, sizeof records);
    memset(chunks, 0xdb, (size_t)config.count * BED_CHUNK_BYTES);
    FUZZ_CHECK(frame_pool_init(&bed.pool, &config) == 0);
}

static void open_net(void)
{
    struct ip_prefix own[] = {{bed_local(false), 24}, {bed_local(true), 64}};
    struct ip_addr gateway = ip_addr_v4(0x0a0000feu);
    struct ip_addr remote[] = {bed_remote(false), bed_remote(true)};
    struct net_config config = {
        .port = &bed.port,
        .pool = &bed.pool,
        .mac = bed_mac,
        .mtu = bed.config.mtu,
        .vlan = bed.config.vlan,
        .address_count = COUNT_OF(own),
        .addresses = own,
        .gateway_count = 1,
        .gateways = &gateway,
        .neighbours = bed.neighbours,
        .neighbours_max = BED_NEIGHBOURS,
        .transport = &transport,
        .transport_ctx = &bed.tcp,
        .checksum_tx = true,
    };

    FUZZ_CHECK(net_init(&bed.net, &config) == 0);
    FUZZ_CHECK(net_neighbour_set(&bed.net, &remote[1], &bed_peer_mac) == 0);
    if (bed.config.resolved) {
        FUZZ_CHECK(net_neighbour_set(&bed.net, &remote[0], &bed_peer_mac) == 0);
    }
}

/* The arena of blocks is used again as it is, as blocks are anyway; it is most of
 * the memory. */
static void clear_memory(size_t bytes)
{
    size_t state_bytes = blocks_memory_bytes(BLOCKS_BYTES) - BLOCKS_BYTES;
    size_t before_blocks = bytes - blocks_memory_bytes(BLOCKS_BYTES);

    memset(memory, 0, before_blocks);
    memset(memory + bytes - state_bytes, 0, state_bytes);
}

static void open_tcp(void)
{
    struct tcp_config config = tcp_config_default;
    size_t bytes;

    config.net = &bed.net;
    config.pool = &bed.pool;
    config.events = bed.config.events;
    config.connections_max = CONNECTIONS;
    config.flights_max = FLIGHTS;
    config.timewaits_max = TIMEWAITS;
    config.pieces_max = PIECES;
    config.blocks_bytes = BLOCKS_BYTES;
    if (bed.config.ack_every > 0) {
        config.ack_every_segments = bed.config.ack_every;
        config.ack_hold_ns = bed.config.ack_hold_ns;
    }
    for (unsigned i = 0; i < COUNT_OF(config.secret); i++) {
        config.secret[i] = secret(i);
    }
    bytes = tcp_memory_bytes(&config);
    FUZZ_CHECK(bytes <= MEMORY_BYTES);
    clear_memory(bytes);
    FUZZ_CHECK(tcp_init(&bed.tcp, &config, memory, bed.now_ns) == 0);
}

void bed_open(const struct bed_config *config)
{
    static const struct port_ops ops = {
        .receive = receive, .submit = submit, .flush = flush, .reap = reap};

    if (bed.port.ops == NULL) {
        checksum_init();
    }
    bed.config = *config;
    bed.now_ns = config->start_ns;
    bed.tx_room = PORT_BURST;
    bed.hold_completions = false;
    bed.arrived = 0;
    bed.held_count = 0;
    bed.stolen = 0;
    bed.turns = 0;
    bed.port = (struct port){.ops = &ops, .pool = &bed.pool, .tx_room = bed.tx_room};
    memset(bed.neighbours, 0, sizeof bed.neighbours);
    open_pool();
    open_net();
    open_tcp();
}

struct bed_packet *bed_packet(void)
{
    return bed.arrived < BED_BURST ? &bed.inbox[bed.arrived++] : NULL;
}

static void let_go_of_tight(void)
{
    if (bed.tight_count > 0) {
        ASAN_UNPOISON_MEMORY_REGION(chunks, sizeof chunks);
    }
    while (bed.tight_count > 0) {
        frame_drop(&bed.pool, bed.tight[--bed.tight_count], FRAME_CROSSING);
    }
}

void bed_turn(void)
{
    tcp_turn_begin(&bed.tcp, bed.now_ns);
    (void)receive_burst(&bed.tcp, bed.now_ns, NULL);
    let_go_of_tight();
    net_tick(&bed.net, bed.now_ns);
    tcp_timers(&bed.tcp, bed.now_ns);
    tcp_transmit(&bed.tcp);
    tcp_turn_end(&bed.tcp);
    port_flush(&bed.port);
    FUZZ_CHECK(tcp_check(&bed.tcp));
    if (++bed.turns % TURNS_PER_WALK == 0) {
        FUZZ_CHECK(frame_pool_check(&bed.pool));
    }
    if (bed.config.turned) {
        bed.config.turned();
    }
}

uint64_t bed_next_ns(void)
{
    return min_u64(tcp_next_deadline(&bed.tcp), net_next_deadline(&bed.net));
}

void bed_advance(uint64_t ns, unsigned turns)
{
    uint64_t end_ns = bed.now_ns + ns;
    uint64_t next_ns = bed_next_ns();

    for (unsigned i = 0; i < turns && next_ns <= end_ns; i++) {
        bed.now_ns = max_u64(next_ns, bed.now_ns);
        bed_turn();
        next_ns = bed_next_ns();
    }
    bed.now_ns = end_ns;
    bed_turn();
}

/* Stolen are those that only FRAME_WORKER holds between turns. */
void bed_steal(uint32_t frames)
{
    for (uint32_t i = 0; i < bed.pool.count && bed.stolen > 0; i++) {
        if (records[i].holders == FRAME_WORKER) {
            frame_drop(&bed.pool, i, FRAME_WORKER);
            bed.stolen--;
        }
    }
    while (bed.stolen < frames &&
           frame_take(&bed.pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
        bed.stolen++;
    }
}

static void end_connections(void)
{
    tcp_turn_begin(&bed.tcp, bed.now_ns);
    for (uint32_t i = 0; i < bed.tcp.conns.untouched; i++) {
        if (slab_generation(&bed.tcp.conns, i) & 1) {
            struct tcp_conn *conn = slab_at(&bed.tcp.conns, i);

            if (conn->state != TCP_CLOSED) {
                tcp_abort(conn);
            }
        }
    }
    bed_turn();
}

void bed_close(void)
{
    uint32_t used = 0;

    bed_steal(0);
    bed.tx_room = PORT_BURST;
    bed.port.tx_room = PORT_BURST;
    end_connections();
    bed.now_ns += tcp_config_default.time_wait_ns;
    bed.hold_completions = false;
    bed_turn();
    bed_turn();
    FUZZ_CHECK(frame_pool_check(&bed.pool));
    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        used += bed.pool.used[i];
    }
    FUZZ_CHECK(used == bed.net.neighbours.queued_total);
    FUZZ_CHECK(bed.tcp.conns.used == 0);
    FUZZ_CHECK(bed.tcp.flights.used == 0);
    FUZZ_CHECK(bed.tcp.pieces.slab.used == 0);
    FUZZ_CHECK(bed.tcp.blocks.free_bytes == BLOCKS_BYTES);
    FUZZ_CHECK(bed.tcp.table.count == 0);
    FUZZ_CHECK(timewait_count(&bed.tcp.timewait) == 0);
    FUZZ_CHECK(bed.tcp.promised_bytes == 0);
    for (uint32_t i = 0; i < bed.tcp.listener_count; i++) {
        FUZZ_CHECK(bed.tcp.listeners[i].half_open == 0);
        FUZZ_CHECK(bed.tcp.listeners[i].connections == 0);
    }
}
