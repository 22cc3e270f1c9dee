/* What a seed draws: the link, the hosts and how the applications behave. */
#include "tests/sim/sim.h"

#include "datapath/util.h"

/* From 2^low to 2^high, every size class as likely as another. */
static uint64_t draw_log(struct random *random, unsigned low, unsigned high)
{
    unsigned bits = low + (unsigned)random_below(random, high - low + 1);

    return (1ull << bits) + random_below(random, 1ull << bits);
}

static bool chance(struct random *random, unsigned percent)
{
    return random_chance(random, percent * 10000);
}

static void draw_link(struct random *random, struct wire_impairment *link)
{
    *link = (struct wire_impairment){.delay_ns = draw_log(random, 10, 24)};
    if (chance(random, 60)) {
        link->loss_ppm = (uint32_t)draw_log(random, 10, 16);
    }
    if (chance(random, 30)) {
        link->duplicate_ppm = (uint32_t)draw_log(random, 10, 16);
    }
    if (chance(random, 40)) {
        link->reorder_ppm = (uint32_t)draw_log(random, 10, 17);
        link->reorder_ns = draw_log(random, 10, 24);
    }
    if (chance(random, 20)) {
        link->corrupt_ppm = (uint32_t)draw_log(random, 8, 15);
    }
    if (chance(random, 30)) {
        link->jitter_ns = draw_log(random, 10, 23);
    }
    if (chance(random, 30)) {
        link->rate_bytes_per_s = draw_log(random, 17, 27);
        link->queue_bytes = (uint32_t)draw_log(random, 12, 17);
    }
    if (chance(random, 40)) {
        link->completion_delay_ns = draw_log(random, 12, 28);
    }
}

static void draw_settings(struct random *random, struct tcp_settings *settings)
{
    *settings = tcp_settings_default;
    settings->receive_buffer = (uint32_t)draw_log(random, 12, 19);
    settings->send_buffer = (uint32_t)draw_log(random, 12, 18);
    settings->sack = !chance(random, 25);
    settings->timestamps = !chance(random, 25);
    settings->window_scale = !chance(random, 20);
}

static void draw_app(struct random *random, struct app_plan *app)
{
    *app = (struct app_plan){
        .bytes = chance(random, 10) ? 0 : (uint32_t)draw_log(random, 0, 16),
        .chunk_max = (uint32_t)draw_log(random, 0, 13),
        .pause_ns = draw_log(random, 16, 28),
        .abort_at = UINT32_MAX,
        .nodelay = chance(random, 50),
        .waits_for_eof = chance(random, 30),
    };
    /* Bytes one by one take long to simulate; few will do. */
    app->bytes = min_u32(app->bytes, app->chunk_max * 400);
    if (chance(random, 30)) {
        app->pause_ppm = (uint32_t)draw_log(random, 10, 18);
    }
    if (chance(random, 30)) {
        app->retain_ppm = (uint32_t)draw_log(random, 10, 18);
    }
    if (chance(random, 8)) {
        app->abort_at = (uint32_t)draw_log(random, 0, 14);
    }
    if (chance(random, 8)) {
        app->closes_at_once = true;
    }
}

/* Somebody must begin to end it. */
static void settle(struct random *random, struct app_plan pair[2])
{
    if (chance(random, 25)) {
        pair[1].echo = true;
    }
    if (pair[1].echo) {
        pair[0].waits_for_eof = false;
    } else if (pair[0].waits_for_eof && pair[1].waits_for_eof) {
        pair[0].waits_for_eof = false;
    }
}

void sim_plan_draw(struct sim *sim)
{
    struct random *random = &sim->random;
    struct sim_plan *plan = &sim->plan;

    plan->v6 = chance(random, 30);
    plan->static_neighbour = chance(random, 50);
    plan->simultaneous = chance(random, 10);
    plan->mtu = chance(random, 70) ? 1500 : (uint16_t)(1280 + random_below(random, 221));
    plan->connections = 1 + (unsigned)random_below(random, chance(random, 70) ? 1 : 4);
    for (unsigned side = 0; side < 2; side++) {
        plan->frames[side] = chance(random, 20) ? 256 + (uint32_t)random_below(random, 128) : 1024;
        draw_settings(random, &plan->settings[side]);
        draw_link(random, &plan->link[side]);
    }
    for (unsigned i = 0; i < plan->connections; i++) {
        draw_app(random, &plan->app[i][0]);
        draw_app(random, &plan->app[i][1]);
        settle(random, plan->app[i]);
    }
}
