/* What a seed of the first edition draws: the link, the weather, the hosts, and how the
 * applications behave. */
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

#include "datapath/util.h"

/* Up to 0.3 s of delay, and 30% of loss. */
static void draw_link(struct random *random, struct wire_impairment *link)
{
    *link = (struct wire_impairment){.delay_ns = min_u64(draw_log(random, 10, 29), 300000000)};
    if (chance(random, 50)) {
        link->loss_ppm = min_u32((uint32_t)draw_log(random, 10, 19), 300000);
    }
    if (chance(random, 30)) {
        link->duplicate_ppm = (uint32_t)draw_log(random, 10, 18);
    }
    if (chance(random, 40)) {
        link->reorder_ppm = (uint32_t)draw_log(random, 10, 19);
        link->reorder_ns = draw_log(random, 10, 28);
    }
    if (chance(random, 20)) {
        link->corrupt_ppm = (uint32_t)draw_log(random, 8, 16);
    }
    if (chance(random, 30)) {
        link->jitter_ns = draw_log(random, 10, 27);
    }
    if (chance(random, 30)) {
        link->rate_bytes_per_s = draw_log(random, 17, 28);
        link->queue_bytes = (uint32_t)draw_log(random, 12, 19);
    }
    if (chance(random, 40)) {
        link->completion_delay_ns = draw_log(random, 12, 30);
    }
}

static void draw_settings(struct random *random, struct tcp_settings *settings)
{
    *settings = tcp_settings_default;
    settings->receive_buffer = (uint32_t)draw_log(random, 12, 20);
    settings->send_buffer = (uint32_t)draw_log(random, 12, 20);
    settings->policy.send_buffer_max = chance(random, 50) ? 0 : (uint32_t)draw_log(random, 12, 20);
    settings->policy.receive_buffer_max =
        chance(random, 50) ? 0 : (uint32_t)draw_log(random, 12, 20);
    settings->sack = !chance(random, 25);
    settings->timestamps = !chance(random, 25);
    settings->window_scale = !chance(random, 20);
}

/* Most streams are short: a seed has a few milliseconds of our time. */
static uint32_t draw_bytes(struct random *random)
{
    if (chance(random, 10)) {
        return 0;
    }
    return (uint32_t)draw_log(random, chance(random, 20) ? 0 : 10, chance(random, 20) ? 20 : 19);
}

static void draw_app(struct random *random, struct app_plan *app)
{
    *app = (struct app_plan){
        .bytes = draw_bytes(random),
        .chunk_max = (uint32_t)draw_log(random, chance(random, 30) ? 0 : 6, 14),
        .pause_ns = draw_log(random, 16, 31),
        .gap_ns = draw_log(random, 16, 30),
        .abort_at = UINT32_MAX,
        .abort_ns = UINT64_MAX,
        .close_ns = UINT64_MAX,
        .nodelay = chance(random, 50),
        .waits_for_eof = chance(random, 30),
        .starts_paused = chance(random, 10),
    };
    /* Bytes one by one take long to simulate. */
    app->bytes = min_u32(app->bytes, app->chunk_max * 1000);
    if (chance(random, 30)) {
        app->pause_ppm = (uint32_t)draw_log(random, 10, 18);
    }
    if (chance(random, 30)) {
        app->gap_ppm = (uint32_t)draw_log(random, 10, 18);
    }
    if (chance(random, 30)) {
        app->retain_ppm = (uint32_t)draw_log(random, 10, 18);
    }
    if (chance(random, 4)) {
        app->abort_at = (uint32_t)draw_log(random, 0, 17);
    }
    if (chance(random, 4)) {
        app->abort_ns = draw_log(random, 10, 33);
    }
    if (chance(random, 4)) {
        app->close_ns = draw_log(random, 10, 33);
    }
    app->closes_at_once = chance(random, 5);
}

/* Somebody must begin to end it. */
static void settle(struct random *random, struct app_plan pair[2])
{
    if (chance(random, 25)) {
        pair[1].echo = true;
    }
    if (pair[1].echo || pair[1].waits_for_eof) {
        pair[0].waits_for_eof = false;
    }
}

/* A segment that is lost again and again waits for minutes each time, and whoever
 * waits for frames looks twenty times a second: little is sent over bad links. */
static uint32_t bytes_max(const struct sim_plan *plan)
{
    uint32_t loss_ppm = max_u32(plan->link[0].loss_ppm, plan->link[1].loss_ppm);

    if (loss_ppm > 150000) {
        return 1u << 14;
    }
    return loss_ppm > 40000 ? 1u << 17 : UINT32_MAX;
}

static void draw_weather(struct random *random, struct weather_plan *weather)
{
    weather->count = (unsigned)random_below(random, chance(random, 50) ? 1 : WEATHER_EPISODES_MAX);
    for (unsigned i = 0; i < weather->count; i++) {
        weather_draw(random, &weather->episodes[i]);
        weather->steals_receive |= weather->episodes[i].trouble == TROUBLE_RECEIVE;
    }
}

/* Nothing happens to any packet, nobody is short of anything, and everybody reads:
 * whatever is sent twice then is a mistake. */
static void calm_down(struct sim_plan *plan)
{
    plan->calm = true;
    plan->corrupts = false;
    plan->simultaneous = false; /* SYNs that cross are sent again */
    plan->half_open_max = SIM_CONNECTIONS_MAX;
    plan->weather = (struct weather_plan){0};
    plan->lent = 512;
    plan->tx_packets_max = 512;
    for (unsigned side = 0; side < 2; side++) {
        plan->frames[side] = SIM_FRAMES_MAX;
        plan->turn_ns[side] = 0;
        plan->link[side] = (struct wire_impairment){
            .delay_ns = plan->link[side].delay_ns,
            .completion_delay_ns = min_u64(plan->link[side].completion_delay_ns, NS_PER_MS),
        };
    }
    for (unsigned i = 0; i < plan->connections; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct app_plan *app = &plan->app[i][side];

            app->bytes = min_u32(app->bytes, 1u << 17);
            app->pause_ppm = 0;
            app->retain_ppm = 0;
            app->starts_paused = false;
            app->abort_ns = UINT64_MAX;
            app->close_ns = UINT64_MAX;
        }
    }
}

static void draw_hosts(struct random *random, struct sim_plan *plan)
{
    for (unsigned side = 0; side < 2; side++) {
        unsigned mtu_min = plan->v6 ? NET_MTU_MIN_V6 : NET_MTU_MIN_V4;

        plan->mtu[side] = 1500;
        if (chance(random, 30)) {
            plan->mtu[side] = (uint16_t)(mtu_min + random_below(random, 1501 - mtu_min));
        }
        plan->frames[side] = chance(random, 25) ? 256 + (uint32_t)random_below(random, 128) : 1024;
        if (chance(random, 40)) {
            plan->turn_ns[side] = draw_log(random, 10, 21);
        }
        draw_settings(random, &plan->settings[side]);
        draw_link(random, &plan->link[side]);
        plan->corrupts |= plan->link[side].corrupt_ppm > 0;
    }
}

/* From a stream of its own, so that all else of a seed stays what it was. Nobody is given up on:
 * silence ends nothing before 127 keepalives. */
static void draw_policies(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x706f6c696379);
    for (unsigned side = 0; side < 2; side++) {
        struct tcp_policy *policy = &plan->settings[side].policy;

        if (chance(&random, 25)) {
            policy->keepalive = true;
            policy->keepalive_idle_s = (uint16_t)(1 + random_below(&random, 2));
            policy->keepalive_gap_s = (uint16_t)(1 + random_below(&random, 2));
            policy->keepalive_count = 127;
        }
        if (chance(&random, 25)) {
            policy->ack_delay_ms =
                (uint16_t)random_below(&random, 41); /* no longer than is usual */
        }
    }
    for (unsigned side = 0; side < 2; side++) {
        plan->settings[side].policy.pacing = chance(&random, 25);
    }
    for (unsigned side = 0; side < 2; side++) {
        plan->settings[side].policy.mtu_probing = random_below(&random, 3) & 3u;
    }
}

void sim_plan_draw(struct sim *sim)
{
    struct random *random = &sim->random;
    struct sim_plan *plan = &sim->plan;

    plan->v6 = chance(random, 30);
    plan->static_neighbour = chance(random, 50);
    plan->simultaneous = chance(random, 10);
    plan->near_wrap = chance(random, 25);
    plan->connections =
        1 + (unsigned)random_below(random, chance(random, 20) ? 1 : SIM_CONNECTIONS_MAX);
    plan->shared_listener = !plan->simultaneous && chance(random, 50);
    plan->half_open_max = 1 + (uint32_t)random_below(random, 4);
    plan->accepted_max = UINT32_MAX;
    plan->memory = (struct sim_memory){
        .connections = {2 * SIM_CONNECTIONS_MAX, 2 * SIM_CONNECTIONS_MAX},
        .timewaits = 2 * SIM_CONNECTIONS_MAX,
        .pieces = SIM_PIECES,
    };
    plan->lent = 64;
    plan->tx_packets_max = chance(random, 20) ? 8 : 128;
    draw_hosts(random, plan);
    draw_policies(sim->seed, plan);
    draw_weather(random, &plan->weather);
    for (unsigned i = 0; i < plan->connections; i++) {
        draw_app(random, &plan->app[i][0]);
        draw_app(random, &plan->app[i][1]);
        plan->app[i][0].bytes = min_u32(plan->app[i][0].bytes, bytes_max(plan));
        plan->app[i][1].bytes = min_u32(plan->app[i][1].bytes, bytes_max(plan));
        settle(random, plan->app[i]);
    }
    if (chance(random, 15)) {
        calm_down(plan);
    }
    if (sim->edition >= 2) {
        sim_plan_draw_second(sim->seed, plan);
    }
    if (sim->edition >= 3) {
        sim_plan_draw_third(sim->seed, plan);
    }
    if (sim->edition >= 4) {
        sim_plan_draw_fourth(sim->seed, plan);
    }
    if (sim->edition >= 5) {
        sim_plan_draw_fifth(sim->seed, plan);
    }
    if (sim->edition >= 6) {
        sim_plan_draw_sixth(sim->seed, plan);
    }
    if (sim->edition >= 7) {
        sim_plan_draw_seventh(sim->seed, plan);
    }
}
