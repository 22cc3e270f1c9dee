/* What a seed of the third edition draws on top: BBR, and samples of the delivery rate with other
 * congestion control. */
#include "tcp/cc.h"
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

void sim_plan_draw_third(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x7468697264);
    for (unsigned side = 0; side < 2; side++) {
        struct tcp_settings *settings = &plan->settings[side];

        settings->policy.rates = chance(&random, 10);
        if (chance(&random, 30)) {
            settings->cc = &tcp_cc_bbr;
        }
    }
}
