#include "tests/sim/pair.h"

#include "datapath/util.h"
#include "datapath/wire/pool.h"

#include <string.h>

/* A burst above what is lent, so that receiving never waits for frames; the
 * others small, so that budgets have something to decide. */
#define CONTROL_FLOOR 16u
#define DATA_FLOOR 32u

/* How soon a host that still has output has its next turn. */
static const uint64_t busy_turn_ns = 10 * NS_PER_US;

const struct pair_config pair_config_default = {
    .static_neighbour = true,
    .mtu = {1500, 1500},
    .frames = {1024, 1024},
    .lent = 64,
    .tx_packets_max = 128,
    .flight_packets_max = 1024,
    .seed = 1,
};

static int create_pools(struct pair *pair, const struct pair_config *config)
{
    for (unsigned side = 0; side < 2; side++) {
        struct frame_pool_config pool = {
            .count = config->frames[side],
            .chunk_bytes = 2048,
            .floor = {config->lent + PORT_BURST, CONTROL_FLOOR, DATA_FLOOR},
        };

        if (wire_pool_create(&pair->pool[side], &pool) != 0) {
            return -1;
        }
    }
    return 0;
}

static int create_wire(struct pair *pair, const struct pair_config *config)
{
    struct wire_config wire = wire_config_default;

    wire.seed = config->seed;
    wire.flight_packets_max = config->flight_packets_max;
    wire.now_ns = pair->now_ns;
    for (unsigned side = 0; side < 2; side++) {
        wire.end[side].pool = &pair->pool[side];
        wire.end[side].lent_frames = config->lent;
        wire.end[side].tx_packets_max = config->tx_packets_max;
    }
    return wire_init(&pair->wire, &wire);
}

static int create_host(struct pair *pair, unsigned side, const struct pair_config *config)
{
    struct host_config host = {
        .side = side,
        .v6 = config->v6,
        .static_neighbour = config->static_neighbour,
        .mtu = config->mtu[side],
        .tcp = config->tcp,
        .seed = config->seed + side,
    };

    if (config->connections_max[side] > 0) {
        host.tcp.connections_max = config->connections_max[side];
    }
    if (config->ack_every[side] > 0) {
        host.tcp.ack_every_segments = config->ack_every[side];
        host.tcp.ack_hold_ns = config->ack_hold_ns[side];
    }
    return host_init(&pair->host[side], &pair->wire, &pair->pool[side], &host);
}

int pair_init(struct pair *pair, const struct pair_config *config)
{
    memset(pair, 0, sizeof *pair);
    pair->now_ns = NS_PER_S;
    if (create_pools(pair, config) != 0) {
        goto no_pools;
    }
    if (create_wire(pair, config) != 0) {
        goto no_pools;
    }
    for (unsigned side = 0; side < 2; side++) {
        if (create_host(pair, side, config) != 0) {
            goto no_hosts;
        }
    }
    return 0;

no_hosts:
    host_destroy(&pair->host[1]);
    host_destroy(&pair->host[0]);
    wire_destroy(&pair->wire);
no_pools:
    wire_pool_destroy(&pair->pool[1]);
    wire_pool_destroy(&pair->pool[0]);
    return -1;
}

void pair_destroy(struct pair *pair)
{
    host_destroy(&pair->host[1]);
    host_destroy(&pair->host[0]);
    wire_destroy(&pair->wire);
    wire_pool_destroy(&pair->pool[1]);
    wire_pool_destroy(&pair->pool[0]);
}

uint64_t pair_next_ns(const struct pair *pair)
{
    uint64_t next_ns = wire_next_ns(&pair->wire);

    for (unsigned side = 0; side < 2; side++) {
        next_ns = min_u64(next_ns, host_next_ns(&pair->host[side]));
        if (tcp_has_output(&pair->host[side].tcp)) {
            next_ns = min_u64(next_ns, pair->now_ns + busy_turn_ns);
        }
    }
    return next_ns;
}

void pair_advance(struct pair *pair, uint64_t now_ns)
{
    pair->now_ns = max_u64(pair->now_ns, now_ns);
    wire_advance(&pair->wire, pair->now_ns);
}

void pair_run(struct pair *pair, uint64_t until_ns)
{
    uint64_t next_ns;

    while ((next_ns = pair_next_ns(pair)) <= until_ns) {
        pair_advance(pair, next_ns);
        host_turn(&pair->host[0], pair->now_ns);
        host_turn(&pair->host[1], pair->now_ns);
    }
    pair_advance(pair, until_ns);
    tcp_turn_begin(&pair->host[0].tcp, pair->now_ns);
    tcp_turn_begin(&pair->host[1].tcp, pair->now_ns);
}

static const char *what_is_left(const struct pair *pair, unsigned side)
{
    const struct tcp *tcp = &pair->host[side].tcp;
    const struct frame_pool *pool = &pair->pool[side];
    const struct {
        const char *name;
        bool left;
    } parts[] = {
        {"connections", tcp->conns.used != 0},
        {"flights", tcp->flights.used != 0},
        {"pieces", tcp->pieces.slab.used != 0},
        {"table entries", tcp->table.count != 0},
        {"TIME-WAIT entries", timewait_count(&tcp->timewait) != 0},
        {"blocks", tcp->blocks.free_bytes != tcp->blocks.arena_bytes},
        {"paced connections", tcp->pacer.waiting != 0},
        {"promises", tcp->promised_bytes != 0},
        {"half-open connections", tcp->listeners[0].half_open != 0},
        {"data frames", pool->used[FRAME_BUDGET_DATA] != 0},
        {"control frames", pool->used[FRAME_BUDGET_CONTROL] != 0},
        {"received frames", pool->used[FRAME_BUDGET_RECEIVE] != pair->wire.end[side].lent_mask + 1},
        {"packets to be sent", wire_port((struct wire *)&pair->wire, side)->tx_count != 0},
    };

    for (unsigned i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].left) {
            return parts[i].name;
        }
    }
    return NULL;
}

bool pair_is_at_home(const struct pair *pair, const char **what, unsigned *side)
{
    for (*side = 0; *side < 2; (*side)++) {
        *what = what_is_left(pair, *side);
        if (*what) {
            return false;
        }
    }
    return true;
}

struct tcp_tuple pair_tuple(const struct pair *pair, unsigned side, uint16_t local_port,
                            uint16_t remote_port)
{
    const struct tcp_tuple tuple = {
        .local = pair->host[side].net.addresses[0].addr,
        .remote = pair->host[!side].net.addresses[0].addr,
        .local_port = local_port,
        .remote_port = remote_port,
    };

    return tuple;
}
