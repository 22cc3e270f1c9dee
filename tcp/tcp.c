#include "tcp/tcp.h"

#include "tcp/ack.h"
#include "tcp/cc.h"
#include "tcp/islost.h"
#include "tcp/seq.h"
#include "tcp/timewait_table.h"

#include <assert.h>
#include <string.h>

const struct tcp_settings tcp_settings_default = {
    .receive_buffer = TCP_RECEIVE_BUFFER_DEFAULT,
    .send_buffer = TCP_SEND_BUFFER_DEFAULT,
    .cc = &tcp_cc_cubic,
    .policy = {.rto = {.initial_ns = TCP_RTO_INITIAL_NS,
                       .min_ns = TCP_RTO_MIN_NS,
                       .max_ns = TCP_RTO_MAX_NS},
               .send_buffer_max = TCP_SEND_BUFFER_MAX_DEFAULT,
               .receive_buffer_max = TCP_RECEIVE_BUFFER_MAX_DEFAULT,
               .keepalive_idle_s = TCP_KEEPALIVE_IDLE_S,
               .keepalive_gap_s = TCP_KEEPALIVE_GAP_S,
               .ack_delay_ms = TCP_DELAYED_ACK_NS / NS_PER_MS,
               .fin_wait_2_s = TCP_FIN_WAIT_2_S,
               .keepalive_count = TCP_KEEPALIVE_COUNT,
               .mtu_probing = TCP_MTU_PROBING_AFTER_BLACK_HOLE,
               .dsack = true,
               .tail_probes = true,
               .frto = true,
               .r1 = TCP_R1_RETRANSMISSIONS,
               .r2 = TCP_R2_RETRANSMISSIONS,
               .r2_syn = TCP_R2_SYN_RETRANSMISSIONS,
               .r2_syn_ack = TCP_R2_SYN_ACK_RETRANSMISSIONS,
               .initial_window = TCP_INITIAL_WINDOW_SEGMENTS,
               .dup_threshold = TCP_DUPTHRESH,
               .quick_acks = TCP_QUICK_ACKS,
               .idle_restart = true,
               .reordering_adapts = true,
               .reordering_by_count = true,
               .ecn_option = true,
               .rack = true},
    .nodelay = false,
    .sack = true,
    .timestamps = true,
    .window_scale = true,
    .tos = 0,
    .ttl = 64,
};

/* The ports are IANA's dynamic range (RFC 6335 section 6). */
const struct tcp_config tcp_config_default = {
    .connections_max = 16384,
    .flights_max = 16384,
    .half_open_max = 8192,
    .timewaits_max = 16384,
    .fast_open_peers = 1024,
    .pieces_max = 65536,
    .blocks_bytes = 32u << 20,
    .time_wait_ns = TCP_TIME_WAIT_NS,
    .ack_every_segments = TCP_ACK_EVERY_SEGMENTS,
    .ack_hold_ns = TCP_ACK_HOLD_NS,
    .port_first = 49152,
    .port_count = 16384,
    .verify_checksums = true,
};

/* Where the parts of the one block of memory begin. */
struct layout {
    size_t table;
    size_t conns;
    size_t flights;
    size_t pacing;
    size_t rates;
    size_t bbrs;
    size_t mishaps;
    size_t timewaits;
    size_t fast_open;
    size_t pieces;
    size_t blocks;
    size_t end;
};

static size_t align(size_t bytes)
{
    return (bytes + CACHE_LINE_BYTES - 1) & ~(size_t)(CACHE_LINE_BYTES - 1);
}

/* A connection begins on a cache line. */
static const uint32_t conn_bytes =
    (sizeof(struct tcp_conn) + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
static const uint32_t flight_bytes =
    (sizeof(struct tcp_flight) + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;

static struct layout lay_out(const struct tcp_config *config)
{
    struct layout layout = {.table = 0};

    layout.conns = align(table_memory_bytes(config->connections_max + config->timewaits_max));
    layout.flights = align(layout.conns + slab_memory_bytes(conn_bytes, config->connections_max));
    layout.pacing = align(layout.flights + slab_memory_bytes(flight_bytes, config->flights_max));
    layout.rates =
        align(layout.pacing + sizeof(struct tcp_pacing) * (size_t)config->connections_max);
    layout.bbrs = align(layout.rates + sizeof(struct tcp_rate) * (size_t)config->connections_max);
    layout.mishaps = align(layout.bbrs + sizeof(struct tcp_bbr) * (size_t)config->connections_max);
    layout.timewaits =
        align(layout.mishaps + sizeof(struct tcp_mishaps) * (size_t)config->connections_max);
    layout.fast_open = align(layout.timewaits + timewait_memory_bytes(config->timewaits_max));
    layout.pieces = align(layout.fast_open + fast_open_cache_bytes(config->fast_open_peers));
    layout.blocks =
        align(layout.pieces + slab_memory_bytes(sizeof(struct piece), config->pieces_max));
    layout.end = layout.blocks + blocks_memory_bytes(config->blocks_bytes);
    return layout;
}

size_t tcp_memory_bytes(const struct tcp_config *config)
{
    return lay_out(config).end;
}

static bool is_consistent(const struct tcp_config *config)
{
    return config->net && config->pool && config->events && config->connections_max > 0 &&
           config->connections_max <= 1u << 24 && config->flights_max > 0 &&
           config->half_open_max > 0 && config->fast_open_peers >= FAST_OPEN_WAYS &&
           (config->fast_open_peers & (config->fast_open_peers - 1)) == 0 &&
           config->timewaits_max > 0 && config->timewaits_max <= 1u << 24 &&
           config->pieces_max > 0 && config->blocks_bytes > 0 &&
           config->blocks_bytes % (1u << BLOCKS_ORDER_MAX) == 0 && config->port_count > 0 &&
           (uint32_t)config->port_first + config->port_count <= 65536 && config->port_first > 0 &&
           config->ack_every_segments > 0 && config->ack_hold_ns <= TCP_DELAYED_ACK_NS &&
           (config->verify_checksums || !config->net->checksum_tx);
}

static void init_parts(struct tcp *tcp, const struct tcp_config *config, uint8_t *memory,
                       uint64_t now_ns)
{
    struct layout layout = lay_out(config);

    table_init(&tcp->table, memory + layout.table, config->connections_max + config->timewaits_max);
    slab_init(&tcp->conns, memory + layout.conns, conn_bytes, config->connections_max);
    slab_init(&tcp->flights, memory + layout.flights, flight_bytes, config->flights_max);
    timewait_init(&tcp->timewait, memory + layout.timewaits, config->timewaits_max,
                  config->time_wait_ns);
    slab_init(&tcp->pieces.slab, memory + layout.pieces, sizeof(struct piece), config->pieces_max);
    blocks_init(&tcp->blocks, memory + layout.blocks, config->blocks_bytes);
    tcp->rates = (void *)(memory + layout.rates);
    tcp->bbrs = (void *)(memory + layout.bbrs);
    tcp->mishaps = (void *)(memory + layout.mishaps);
    pacer_init(&tcp->pacer, (void *)(memory + layout.pacing), now_ns);
}

static void share_frames(struct tcp *tcp, uint32_t data_frames)
{
    tcp->promise_limit =
        (uint64_t)TCP_PROMISE_FACTOR * ((uint64_t)data_frames << tcp->pool->chunk_shift);
    tcp->last_frames = max_u32(data_frames >> TCP_LAST_FRAMES_SHIFT, TCP_PASS_ON_FRAMES);
}

int tcp_init(struct tcp *tcp, const struct tcp_config *config, void *memory, uint64_t now_ns)
{
    if (!is_consistent(config)) {
        return -1;
    }
    memset(tcp, 0, sizeof *tcp);
    init_parts(tcp, config, memory, now_ns);
    tcp->net = config->net;
    tcp->pool = config->pool;
    tcp->events = config->events;
    tcp->owners = config->owners;
    tcp->app = config->app;
    tcp->verify_checksums = config->verify_checksums;
    tcp->ack_every_segments = config->ack_every_segments;
    tcp->ack_hold_ns = config->ack_hold_ns;
    tcp->half_open_max = config->half_open_max;
    tcp->orphans_max =
        config->connections_max - (config->connections_max >> TCP_ORPHANS_LEFT_SHIFT);
    tcp->port_first = config->port_first;
    tcp->port_count = config->port_count;
    tcp->table_key[0] = config->secret[0];
    tcp->table_key[1] = config->secret[1];
    tcp->secret[0] = config->secret[2];
    tcp->secret[1] = config->secret[3];
    fast_open_cache_init(&tcp->fast_open.cache, (uint8_t *)memory + lay_out(config).fast_open,
                         config->fast_open_peers, tcp->secret);
    tcp_fast_open_keys(tcp, NULL, 0);
    share_frames(tcp, frame_pool_data_free(config->pool));
    policies_init(&tcp->policies);
    list_init(&tcp->held);
    list_init(&tcp->output);
    list_init(&tcp->ended);
    tcp->stuck_ns = UINT64_MAX;
    wheel_init(&tcp->wheel, now_ns);
    tcp_turn_begin(tcp, now_ns);
    return 0;
}

void tcp_turn_begin(struct tcp *tcp, uint64_t now_ns)
{
    assert(now_ns >= tcp->now_ns);
    tcp->now_ns = now_ns;
    tcp->now_ms = (uint32_t)(now_ns / NS_PER_MS);
}

void tcp_turn_end(struct tcp *tcp)
{
    struct list_link *link;

    while ((link = list_pop_front(&tcp->ended)) != NULL) {
        struct tcp_conn *conn = container_of(link, struct tcp_conn, output_link);

        if (tcp_conn_has(conn, TCP_CONN_OPEN_TOLD)) {
            tcp->events->close(conn);
        }
        tcp_conn_free(conn);
    }
}

static const struct tcp_tuple *tuple_of(const struct tcp *tcp, uint32_t value)
{
    const struct tcp_conn *conn;

    if (value & TCP_TABLE_TIMEWAIT) {
        return &timewait_at(&tcp->timewait, value & ~TCP_TABLE_TIMEWAIT)->tuple;
    }
    conn = slab_at(&tcp->conns, value);
    return &conn->tuple;
}

/* Values that have none of the bits `unwanted`. */
static uint32_t find(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash,
                     uint32_t unwanted)
{
    struct table_cursor cursor = table_seek(&tcp->table, hash);
    uint32_t value;

    while ((value = table_next(&cursor)) != TABLE_NONE) {
        if ((value & unwanted) == 0 && tuple_equal(tuple_of(tcp, value), tuple)) {
            return value;
        }
    }
    return TABLE_NONE;
}

uint32_t tcp_table_find(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    return find(tcp, tuple, hash, 0);
}

struct tcp_conn *tcp_conn_find(struct tcp *tcp, const struct tcp_tuple *tuple)
{
    uint32_t value = find(tcp, tuple, tuple_hash(tuple, tcp->table_key), TCP_TABLE_TIMEWAIT);

    return value == TABLE_NONE ? NULL : slab_at(&tcp->conns, value);
}

static bool check_conn(const struct tcp *tcp, const struct tcp_conn *conn)
{
    struct reassembly_room room = {tcp->pool, (struct tcp_blocks *)&tcp->blocks,
                                   (struct pieces *)&tcp->pieces};

    return conn->tcp == tcp && !seq_lt(conn->snd.nxt, conn->snd.una) &&
           !seq_lt(conn->rcv.edge, conn->rcv.nxt) &&
           (!conn->flight ||
            (sendq_check(&conn->flight->sendq, tcp->pool) && tcp_islost_check(conn))) &&
           reassembly_check(&conn->reassembly, &room);
}

/* In order of time, and theirs the flag, which `count` connections have. */
static bool check_held(const struct tcp *tcp, uint32_t count)
{
    uint64_t before_ns = 0;

    for (const struct list_link *link = tcp->held.head.next; link != &tcp->held.head;
         link = link->next) {
        const struct tcp_conn *conn = container_of(link, struct tcp_conn, output_link);

        if (!tcp_conn_has(conn, TCP_CONN_ACK_HELD) || tcp_ack_owed_bytes(conn) == 0 ||
            tcp_ack_held_since(conn) < before_ns) {
            return false;
        }
        before_ns = tcp_ack_held_since(conn);
        count--;
    }
    return count == 0;
}

bool tcp_check(const struct tcp *tcp)
{
    uint64_t promised_bytes = 0;
    uint32_t held_count = 0;
    uint32_t paced_count = 0;
    uint32_t orphans = 0;

    for (uint32_t i = 0; i < tcp->conns.untouched; i++) {
        const struct tcp_conn *conn = slab_at(&tcp->conns, i);

        if (!(slab_generation(&tcp->conns, i) & 1)) {
            continue;
        }
        if (!check_conn(tcp, conn)) {
            return false;
        }
        promised_bytes += conn->rcv.edge - conn->rcv.nxt;
        held_count += tcp_conn_has(conn, TCP_CONN_ACK_HELD);
        paced_count += tcp_conn_has(conn, TCP_CONN_PACED) && pacing_is_waiting(conn);
        orphans += tcp_conn_has(conn, TCP_CONN_APP_CLOSED) && conn->state != TCP_CLOSED;
    }
    return orphans == tcp->orphans && paced_count == tcp->pacer.waiting &&
           promised_bytes == tcp->promised_bytes && check_held(tcp, held_count);
}
