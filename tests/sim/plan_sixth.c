/* What a seed of the sixth edition draws on top: accurate ECN without its option. */
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

void sim_plan_draw_sixth(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x7369787468);
    for (unsigned side = 0; side < 2; side++) {
        plan->settings[side].policy.ecn_option = !chance(&random, 25);
    }
}
