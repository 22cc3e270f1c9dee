/* What a seed of the fifth edition draws on top: Fast Open without cookies, of the listeners, of
 * the clients, or of both; losses that are counted (RFC 6675) instead of found by time. */
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

/* Text goes with a SYN when it is sent before the connection is there, in a turn. */
static void send_early(struct random *random, struct sim_plan *plan)
{
    for (unsigned i = 0; i < plan->connections; i++) {
        struct app_plan *app = &plan->app[i][0];

        if (!app->early && chance(random, 70)) {
            app->early = true;
            app->begin_ns++;
        }
    }
}

/* From a stream of its own. */
static void draw_rack(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x7261636b);
    for (unsigned side = 0; side < 2; side++) {
        plan->settings[side].policy.rack = !chance(&random, 30);
    }
}

/* Text that a listener does not take goes twice: not in calm plans. */
void sim_plan_draw_fifth(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    draw_rack(seed, plan);
    random_init(&random, seed ^ 0x6669667468);
    if (plan->calm) {
        return;
    }
    if (!plan->simultaneous && chance(&random, 25)) {
        plan->settings[1].fast_open_no_cookie = true;
        plan->fast_open_max = 1 + (uint32_t)random_below(&random, 8);
    }
    if (chance(&random, 25)) {
        plan->settings[0].fast_open = true;
        plan->settings[0].fast_open_no_cookie = true;
        send_early(&random, plan);
    }
}
