#include "tests/sim/sim.h"

#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "tests/sim/trace.h"

#include <stdarg.h>
#include <string.h>

#define SIM_PORT 7000u
#define SIM_LENT 64u

/* Longer than any give-up of R2: whoever is not done by then never will be. */
static const uint64_t time_limit_ns = 4ull * 3600 * NS_PER_S;
static const uint64_t steps_max = 2000000;

static int fail(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    if (sim->failure[0] == '\0') {
        va_start(arguments, format);
        (void)vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
        va_end(arguments);
    }
    return -1;
}

static int create_pools(struct sim *sim)
{
    for (unsigned side = 0; side < 2; side++) {
        struct frame_pool_config config = {
            .count = sim->plan.frames[side],
            .chunk_bytes = 2048,
            .floor = {SIM_LENT + PORT_BURST, 16, 32},
        };

        if (wire_pool_create(&sim->pool[side], &config) != 0) {
            return fail(sim, "no memory for a pool");
        }
    }
    return 0;
}

static int create_wire(struct sim *sim)
{
    struct wire_config config = wire_config_default;

    config.seed = sim->seed;
    config.now_ns = sim->now_ns;
    for (unsigned side = 0; side < 2; side++) {
        config.end[side].pool = &sim->pool[side];
        config.end[side].lent_frames = SIM_LENT;
        config.end[side].tx_packets_max = 128;
    }
    if (wire_init(&sim->wire, &config) != 0) {
        return fail(sim, "the wire cannot be made");
    }
    for (unsigned side = 0; side < 2; side++) {
        wire_impair(&sim->wire, side, &sim->plan.link[side]);
    }
    return 0;
}

static int create_hosts(struct sim *sim)
{
    for (unsigned side = 0; side < 2; side++) {
        struct host_config config = {
            .side = side,
            .v6 = sim->plan.v6,
            .static_neighbour = sim->plan.static_neighbour,
            .mtu = sim->plan.mtu,
            .tcp = tcp_config_default,
            .seed = random_next(&sim->random),
        };

        config.tcp.events = &app_events;
        config.tcp.connections_max = 8;
        config.tcp.flights_max = 8;
        config.tcp.timewaits_max = 8;
        config.tcp.pieces_max = 512;
        config.tcp.blocks_bytes = 1u << 20;
        if (host_init(&sim->host[side], &sim->wire, &sim->pool[side], &config) != 0) {
            return fail(sim, "a host cannot be made");
        }
    }
    return 0;
}

static void create_apps(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct app *app = &sim->app[i][side];

            app->plan = sim->plan.app[i][side];
            random_init(&app->random, random_next(&sim->random));
            app->stream_key = random_next(&sim->random);
            app->peer = &sim->app[i][!side];
            app->wake_ns = UINT64_MAX;
        }
    }
}

static int listen_on(struct sim *sim, unsigned connection)
{
    uint32_t index;
    struct tcp_listener listener = {
        .port = (uint16_t)(SIM_PORT + connection),
        .half_open_max = 4,
        .settings = sim->plan.settings[1],
        .app = &sim->app[connection][1],
    };

    if (tcp_listen(&sim->host[1].tcp, &listener, &index) != TCP_OK) {
        return fail(sim, "listen failed");
    }
    return 0;
}

static int connect_from(struct sim *sim, unsigned connection, unsigned side)
{
    struct app *app = &sim->app[connection][side];
    struct tcp_tuple tuple = {
        .local = host_addr(side, sim->plan.v6),
        .remote = host_addr(!side, sim->plan.v6),
        .local_port = (uint16_t)(SIM_PORT + connection),
        .remote_port = (uint16_t)(SIM_PORT + connection),
    };
    struct tcp_conn *conn;

    if (tcp_connect(&sim->host[side].tcp, &tuple, &sim->plan.settings[side], &conn) != TCP_OK) {
        return fail(sim, "connect failed");
    }
    conn->app = app;
    app->conn = conn;
    return 0;
}

static int open_connections(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        int error = sim->plan.simultaneous ? connect_from(sim, i, 1) : listen_on(sim, i);

        if (error != 0 || connect_from(sim, i, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

static void wake_apps(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        for (unsigned side = 0; side < 2; side++) {
            if (sim->app[i][side].wake_ns <= sim->now_ns) {
                app_wake(&sim->app[i][side], sim->now_ns);
            }
        }
    }
}

static uint64_t next_ns(const struct sim *sim)
{
    uint64_t next = wire_next_ns(&sim->wire);

    for (unsigned side = 0; side < 2; side++) {
        next = min_u64(next, host_next_ns(&sim->host[side]));
        if (tcp_has_output(&sim->host[side].tcp)) {
            /* The port was full or frames were short: the next turn comes soon. */
            next = min_u64(next, sim->now_ns + 10 * NS_PER_US);
        }
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        next = min_u64(next, min_u64(sim->app[i][0].wake_ns, sim->app[i][1].wake_ns));
    }
    return next;
}

static int check_step(struct sim *sim)
{
    for (unsigned side = 0; side < 2; side++) {
        if (!tcp_check(&sim->host[side].tcp)) {
            return fail(sim, "side %u: an invariant of TCP is broken", side);
        }
        if (sim->steps % 16 == 0 && !frame_pool_check(&sim->pool[side])) {
            return fail(sim, "side %u: an invariant of the frames is broken", side);
        }
        if (sim->wire.end[side].tx_rewritten > 0) {
            return fail(sim, "side %u: wrote into a frame that the kernel held", side);
        }
        for (unsigned i = 0; i < sim->plan.connections; i++) {
            if (sim->app[i][side].error != APP_OK) {
                return fail(sim, "connection %u side %u: %s at byte %u", i, side,
                            app_error_names[sim->app[i][side].error], sim->app[i][side].received);
            }
        }
    }
    return 0;
}

/* A connection is over for an end when it was told so; an end that never opened
 * is over when its peer is. */
static bool is_over(const struct sim *sim, unsigned connection)
{
    const struct app *pair = sim->app[connection];

    return pair[0].closed && (pair[1].closed || !pair[1].opened);
}

static bool all_over(const struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        if (!is_over(sim, i)) {
            return false;
        }
    }
    return sim->host[0].tcp.conns.used == 0 && sim->host[1].tcp.conns.used == 0;
}

static int step(struct sim *sim)
{
    uint64_t next = next_ns(sim);

    if (next == UINT64_MAX || next > time_limit_ns || sim->steps++ > steps_max) {
        return fail(sim, "stuck: nothing ends it at %.3f s after %llu steps",
                    (double)sim->now_ns / 1e9, (unsigned long long)sim->steps);
    }
    sim->now_ns = max_u64(sim->now_ns, next);
    wire_advance(&sim->wire, sim->now_ns);
    for (unsigned side = 0; side < 2; side++) {
        tcp_turn_begin(&sim->host[side].tcp, sim->now_ns);
    }
    wake_apps(sim);
    host_turn(&sim->host[0], sim->now_ns);
    host_turn(&sim->host[1], sim->now_ns);
    return check_step(sim);
}

/* All bytes arrive unless somebody gave up on them. */
static bool must_complete(const struct sim *sim, unsigned connection)
{
    for (unsigned side = 0; side < 2; side++) {
        const struct app *app = &sim->app[connection][side];

        if (app->aborted || app->plan.closes_at_once ||
            (app->closed && app->reason == TCP_REASON_TIMEOUT)) {
            return false;
        }
    }
    return true;
}

/* The last ACK was lost, and TIME-WAIT over before the peer asked again: the
 * peer is reset, though every byte arrived. TCP cannot do better. */
static bool reset_after_time_wait(const struct app *app)
{
    return app->reason == TCP_REASON_RESET && app->peer->closed &&
           app->peer->reason == TCP_REASON_DONE;
}

static int check_end(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        for (unsigned side = 0; side < 2 && must_complete(sim, i); side++) {
            const struct app *app = &sim->app[i][side];

            if (!app->eof || app->received != app_total(app->peer) ||
                (app->reason != TCP_REASON_DONE && !reset_after_time_wait(app))) {
                return fail(sim, "connection %u side %u: ended with reason %d, %u of %u bytes", i,
                            side, (int)app->reason, app->received, app_total(app->peer));
            }
        }
    }
    return 0;
}

/* TIME-WAIT passes, packets that are late arrive; then nothing is due any more,
 * and everything must be back where it was. */
static int check_memory(struct sim *sim)
{
    while (next_ns(sim) != UINT64_MAX) {
        if (step(sim) != 0) {
            return -1;
        }
    }
    for (unsigned side = 0; side < 2; side++) {
        const struct tcp *tcp = &sim->host[side].tcp;

        if (tcp->conns.used || tcp->flights.used || tcp->pieces.slab.used || tcp->table.count ||
            timewait_count(&tcp->timewait) || tcp->blocks.free_bytes != tcp->blocks.arena_bytes ||
            tcp->promised_bytes) {
            return fail(sim, "side %u: memory is left", side);
        }
        if (sim->pool[side].used[FRAME_BUDGET_DATA] || sim->pool[side].used[FRAME_BUDGET_CONTROL]) {
            return fail(sim, "side %u: %u data and %u control frames are left", side,
                        sim->pool[side].used[FRAME_BUDGET_DATA],
                        sim->pool[side].used[FRAME_BUDGET_CONTROL]);
        }
    }
    return 0;
}

static int run(struct sim *sim)
{
    while (!all_over(sim)) {
        if (step(sim) != 0) {
            return -1;
        }
    }
    return check_end(sim) != 0 ? -1 : check_memory(sim);
}

int sim_run(struct sim *sim, uint64_t seed, FILE *trace)
{
    int result = -1;

    memset(sim, 0, sizeof *sim);
    sim->seed = seed;
    sim->now_ns = NS_PER_S;
    sim->trace = trace;
    random_init(&sim->random, seed);
    sim_plan_draw(sim);
    create_apps(sim);
    if (create_pools(sim) == 0 && create_wire(sim) == 0) {
        trace_attach(sim);
        if (create_hosts(sim) == 0 && open_connections(sim) == 0) {
            result = run(sim);
        }
        host_destroy(&sim->host[0]);
        host_destroy(&sim->host[1]);
        wire_destroy(&sim->wire);
    }
    wire_pool_destroy(&sim->pool[0]);
    wire_pool_destroy(&sim->pool[1]);
    return result;
}
