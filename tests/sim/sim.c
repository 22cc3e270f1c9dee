#include "tests/sim/sim.h"

#include "datapath/util.h"
#include "tcp/isn.h"
#include "tcp/user.h"
#include "tests/sim/trace.h"

#include <string.h>

#define SHARED_PORT 8000u

static const uint64_t time_limit_ns = 48ull * 3600 * NS_PER_S;
static const uint64_t steps_max = 3000000;

/* How soon a host that is short of frames or of room in its port looks again. */
static const uint64_t busy_turn_ns = 10 * NS_PER_US;
/* Somebody has its frames, or there is little memory for long: a turn is of little use. */
static const uint64_t robbed_turn_ns = NS_PER_MS;

static void on_packet(void *ctx, const struct wire_sight *sight)
{
    struct sim *sim = ctx;

    if (sim->trace) {
        trace_packet(sim, sight);
    }
    witness_packet(sim, sight);
    patience_packet(sim, sight);
}

static int create_pair(struct sim *sim)
{
    struct pair_config config = {
        .v6 = sim->plan.v6,
        .static_neighbour = sim->plan.static_neighbour,
        .mtu = {sim->plan.mtu[0], sim->plan.mtu[1]},
        .frames = {sim->plan.frames[0], sim->plan.frames[1]},
        .lent = sim->plan.lent,
        .tx_packets_max = sim->plan.tx_packets_max,
        .flight_packets_max = pair_config_default.flight_packets_max,
        .tcp = tcp_config_default,
        .seed = random_next(&sim->random),
    };
    const struct wire_tap tap = {on_packet, sim};

    config.tcp.events = &app_events;
    for (unsigned side = 0; side < 2; side++) {
        config.connections_max[side] = sim->plan.memory.connections[side];
        config.ack_every[side] = sim->plan.ack_every[side];
        config.ack_hold_ns[side] = sim->plan.ack_hold_ns[side];
    }
    config.tcp.flights_max = 2 * SIM_CONNECTIONS_MAX;
    config.tcp.timewaits_max = sim->plan.memory.timewaits;
    config.tcp.pieces_max = sim->plan.memory.pieces;
    config.tcp.blocks_bytes = 1u << 20;
    if (pair_init(&sim->pair, &config) != 0) {
        return sim_fail(sim, INVARIANT_SETUP, "no pair of hosts");
    }
    wire_tap(&sim->pair.wire, &tap);
    return 0;
}

/* A duplicate that comes late may open a connection again that is long over: a SYN with text and
 * a Fast Open cookie (RFC 7413 section 6.1), or an ACK with a SYN cookie. */
static bool may_live_twice(const struct sim_plan *plan)
{
    return plan->syn_cookies != TCP_COOKIES_NEVER || plan->fast_open_max > 0 || plan->scrambles;
}

static void create_apps(struct sim *sim)
{
    sim->stranger.is_stranger = true;
    sim->listener.accepted = &sim->app[0][1];
    sim->listener.accepted_count = sim->plan.connections;
    sim->listener.first_port = sim_port(sim, 0, 0);
    sim->listener.stranger = &sim->stranger;
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct app *app = &sim->app[i][side];

            app->plan = sim->plan.app[i][side];
            app->plan.abort_ns += app->plan.abort_ns != UINT64_MAX ? sim->start_ns : 0;
            app->plan.close_ns += app->plan.close_ns != UINT64_MAX ? sim->start_ns : 0;
            random_init(&app->random, random_next(&sim->random));
            app->stream_key = random_next(&sim->random);
            app->peer = &sim->app[i][!side];
            app->wake_ns = UINT64_MAX;
            app->begin_ns = side == 0 || sim->plan.simultaneous ? sim->start_ns + app->plan.begin_ns
                                                                : UINT64_MAX;
            app->stranger = &sim->stranger;
            app->may_live_twice = may_live_twice(&sim->plan);
        }
    }
}

uint16_t sim_port(const struct sim *sim, unsigned connection, unsigned side)
{
    return (uint16_t)(side == 1 && sim->plan.shared_listener ? SHARED_PORT : SIM_PORT + connection);
}

static struct tcp_tuple tuple_of(const struct sim *sim, unsigned connection, unsigned side)
{
    return pair_tuple(&sim->pair, side, sim_port(sim, connection, side),
                      sim_port(sim, connection, !side));
}

struct tcp_conn *sim_conn(struct sim *sim, unsigned connection, unsigned side)
{
    const struct app *app = &sim->app[connection][side];
    struct tcp_tuple tuple;

    if (app->conn) {
        return app->conn->state != TCP_CLOSED ? app->conn : NULL;
    }
    tuple = tuple_of(sim, connection, side);
    return tcp_conn_find(&sim->pair.host[side].tcp, &tuple);
}

static int listen_on(struct sim *sim, unsigned connection)
{
    uint32_t index;
    struct tcp_listener listener = {
        .port = sim_port(sim, connection, 1),
        .half_open_max = sim->plan.half_open_max,
        .connections_max = sim->plan.accepted_max,
        .syn_cookies = sim->plan.syn_cookies,
        .fast_open = {.max = sim->plan.fast_open_max},
        .settings = sim->plan.settings[1],
        .app = sim->plan.shared_listener ? &sim->listener : &sim->app[connection][1],
    };

    if (sim->plan.shared_listener && connection > 0) {
        return 0;
    }
    return tcp_listen(&sim->pair.host[1].tcp, &listener, &index) == TCP_OK
               ? 0
               : sim_fail(sim, INVARIANT_SETUP, "listen failed");
}

/* Asks for its connection; when there is no memory, again a second later. */
static int connect_from(struct sim *sim, unsigned connection, unsigned side)
{
    const struct tcp_tuple tuple = tuple_of(sim, connection, side);
    struct app *app = &sim->app[connection][side];
    struct tcp_conn *conn;

    switch (tcp_connect(&sim->pair.host[side].tcp, &tuple, &sim->plan.settings[side], &conn)) {
    case TCP_OK:
        app->begin_ns = UINT64_MAX;
        app_begin(app, conn);
        return 0;
    case TCP_ERR_NO_MEMORY:
        app->begin_ns = sim->pair.now_ns + NS_PER_S;
        return 0;
    default:
        return sim_fail(sim, INVARIANT_SETUP, "connect failed");
    }
}

static int begin_due(struct sim *sim, unsigned side)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        if (sim->app[i][side].begin_ns <= sim->pair.now_ns && connect_from(sim, i, side) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The server's Fast Open cookie is known from a time before, or was until it changed its key. */
static void know_cookie(struct sim *sim)
{
    const struct tcp_tuple here = tuple_of(sim, 0, 0);
    const struct tcp_tuple there = tuple_of(sim, 0, 1);
    struct fast_open_peer *peer;

    if (sim->plan.cookie_mss == 0) {
        return;
    }
    peer = fast_open_cache_take(&sim->pair.host[0].tcp.fast_open.cache, &here);
    fast_open_cookie(&sim->pair.host[1].tcp.fast_open.keys[0], &there, peer->cookie);
    peer->cookie[0] ^= sim->plan.cookie_wrong;
    peer->length = FAST_OPEN_COOKIE_BYTES;
    peer->mss = sim->plan.cookie_mss;
}

static int open_connections(struct sim *sim)
{
    know_cookie(sim);
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        if (sim->plan.simultaneous) {
            if (sim->app[i][1].begin_ns <= sim->start_ns && connect_from(sim, i, 1) != 0) {
                return -1;
            }
        } else if (listen_on(sim, i) != 0) {
            return -1;
        }
        if (sim->app[i][0].begin_ns <= sim->start_ns && connect_from(sim, i, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Time begins where the first sequence number is so close to 2^32 that the stream
 * crosses it: it counts 4.096 us, so that is at most five hours away. */
static void choose_start(struct sim *sim)
{
    const struct tcp_tuple tuple = tuple_of(sim, 0, 0);

    if (sim->plan.near_wrap) {
        uint32_t now = isn_make(sim->pair.host[0].tcp.secret, &tuple, sim->pair.now_ns).number;
        uint32_t wanted = 0 - (uint32_t)random_below(&sim->random, 1u << 14);

        pair_advance(&sim->pair, sim->pair.now_ns + ((uint64_t)(wanted - now) << 12));
    }
    sim->start_ns = sim->pair.now_ns;
    for (unsigned side = 0; side < 2; side++) {
        sim->turned_ns[side] = sim->start_ns;
        sim->not_before_ns[side] = sim->start_ns;
        tcp_turn_begin(&sim->pair.host[side].tcp, sim->start_ns);
    }
}

/* When a host takes its next turn. */
static uint64_t turn_due_ns(const struct sim *sim, unsigned side)
{
    const struct wire_end *end = &sim->pair.wire.end[side];
    const struct host *host = &sim->pair.host[side];
    bool robbed = sim->weather.hoarded[side] > 0 || sim->plan.memory.pieces < SIM_PIECES ||
                  (sim->stuck[side] && sim->edition >= 2);
    uint64_t again_ns = sim->turned_ns[side] + (robbed ? robbed_turn_ns : busy_turn_ns);
    uint64_t due_ns = min_u64(tcp_next_deadline(&host->tcp), net_next_deadline(&host->net));

    if (sim->weather.stalled[side]) {
        return UINT64_MAX;
    }
    if (wire_arrived(&sim->pair.wire, side) > 0) {
        due_ns = min_u64(due_ns, robbed ? again_ns : sim->pair.now_ns);
    }
    if (tcp_has_output(&host->tcp) && end->port.tx_room > 0) {
        due_ns = min_u64(due_ns, again_ns); /* with a full port completions lead */
    }
    if (!end->link.impairment.completions_stalled) {
        due_ns =
            min_u64(due_ns, end->done_count > 0 ? sim->pair.now_ns : wire_heap_due_ns(&end->late));
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        due_ns = min_u64(due_ns, min_u64(sim->app[i][side].wake_ns, sim->app[i][side].begin_ns));
    }
    due_ns = min_u64(due_ns, tuning_due_ns(sim, side));
    return due_ns == UINT64_MAX ? due_ns : max_u64(due_ns, sim->not_before_ns[side]);
}

static uint64_t next_ns(const struct sim *sim)
{
    uint64_t next = sim->weather.next_ns;

    for (unsigned side = 0; side < 2; side++) {
        next = min_u64(next, turn_due_ns(sim, side));
        next = min_u64(next, wire_heap_due_ns(&sim->pair.wire.end[side].flight));
    }
    return next;
}

static int take_turn(struct sim *sim, unsigned side)
{
    struct host *host = &sim->pair.host[side];
    const struct wire_end *end = &sim->pair.wire.end[side];
    uint64_t now_ns = sim->pair.now_ns;
    uint64_t sent;

    if (check_before_turn(sim, side) != 0) {
        return -1;
    }
    tcp_turn_begin(&host->tcp, now_ns);
    if (tuning_make_due(sim, side) != 0 || begin_due(sim, side) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        if (sim->app[i][side].wake_ns <= now_ns) {
            app_wake(&sim->app[i][side], now_ns);
        }
    }
    host_receive(host, now_ns);
    if (check_before_timers(sim, side) != 0) {
        return -1;
    }
    sent = end->counts[WIRE_SENT];
    host_finish(host, now_ns);
    sim->stuck[side] = !list_is_empty(&host->tcp.output) && end->counts[WIRE_SENT] == sent;
    sim->turned_ns[side] = now_ns;
    sim->not_before_ns[side] = now_ns + max_u64(sim->plan.turn_ns[side], 1);
    return check_after_turn(sim, side);
}

static int step(struct sim *sim, uint64_t next)
{
    if (next - sim->start_ns > time_limit_ns || sim->steps++ > steps_max) {
        return sim_fail(sim, INVARIANT_PROGRESS, "it takes too long");
    }
    pair_advance(&sim->pair, next);
    if (sim->weather.next_ns <= sim->pair.now_ns) {
        weather_change(sim);
    }
    for (unsigned side = 0; side < 2; side++) {
        if (turn_due_ns(sim, side) <= sim->pair.now_ns && take_turn(sim, side) != 0) {
            return -1;
        }
    }
    return sim->failure[0] == '\0' ? 0 : -1;
}

/* Nothing is due, and an end is left whose peer is gone: its last word was lost.
 * The application has waited long enough. True when there was one. */
static bool bury_orphans(struct sim *sim)
{
    bool any = false;

    for (unsigned i = 0; i < sim->plan.connections; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct app *app = &sim->app[i][side];

            if (!sim->plan.calm && app->conn && !sim_conn(sim, i, !side)) {
                app->aborted = true;
                tcp_abort(app->conn);
                tcp_turn_end(&sim->pair.host[side].tcp);
                port_flush(sim->pair.host[side].net.port);
                any = true;
            }
        }
    }
    return any;
}

static bool all_over(const struct sim *sim)
{
    return sim->pair.host[0].tcp.conns.used == 0 && sim->pair.host[1].tcp.conns.used == 0;
}

/* Until nothing is due any more: TIME-WAIT has passed, late packets have come. */
static int run(struct sim *sim)
{
    const char *what;
    unsigned side;

    do {
        uint64_t next;

        while ((next = next_ns(sim)) != UINT64_MAX) {
            if (step(sim, next) != 0) {
                return -1;
            }
        }
    } while (bury_orphans(sim));
    if (!all_over(sim)) {
        return sim_fail(sim, INVARIANT_PROGRESS, "nothing is due any more");
    }
    if (check_endings(sim) != 0 || census_check(sim, 0) != 0 || census_check(sim, 1) != 0) {
        return -1;
    }
    return pair_is_at_home(&sim->pair, &what, &side)
               ? 0
               : sim_fail(sim, INVARIANT_HOME, "side %u: %s are left", side, what);
}

int sim_run(struct sim *sim, const struct sim_choice *choice, FILE *trace)
{
    int result = -1;

    memset(sim, 0, sizeof *sim);
    sim->seed = choice->seed;
    sim->edition = choice->edition;
    sim->trace = trace;
    random_init(&sim->random, choice->seed);
    sim_plan_draw(sim);
    if (create_pair(sim) != 0) {
        return -1;
    }
    choose_start(sim);
    create_apps(sim);
    weather_change(sim);
    if (open_connections(sim) == 0) {
        result = run(sim);
    }
    pair_destroy(&sim->pair);
    return result;
}
