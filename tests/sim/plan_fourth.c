/* What a seed of the fourth edition draws on top: what bounds the RTO, the initial window, how long
 * FIN-WAIT-2 lasts, the largest segment, no D-SACK, samples of the delivery rate more often, how
 * loss is found and doubted, how many segments are answered at once, no restart after idleness,
 * and for how much and how long an ACK is held. */
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

#include "datapath/util.h"

/* In calm plans nothing may go twice: no RTO ends before a peer that delays its ACKs, or the path,
 * may have answered. */
void draw_rto(struct random *random, bool calm, struct rto_bounds *rto)
{
    uint64_t least_ns = calm ? TCP_RTO_MIN_NS : NS_PER_MS;
    uint64_t first_ns = calm ? TCP_RTO_INITIAL_NS : 0;

    rto->max_ns = min_u64(NS_PER_MS * draw_log(random, 10, 17), TCP_RTO_MAX_NS);
    rto->min_ns = min_u64(least_ns * draw_log(random, 0, 9), rto->max_ns);
    rto->initial_ns =
        max_u64(rto->min_ns + random_below(random, rto->max_ns - rto->min_ns + 1), first_ns);
}

/* Segments so small that as many would not find room on the way are not for calm plans. */
static uint16_t draw_mss(struct random *random, bool calm)
{
    uint32_t least = calm ? TCP_MSS_DEFAULT_V4 : TCP_MSS_MIN;

    return (uint16_t)(least + random_below(random, 1461 - least));
}

void draw_recovery(struct random *random, struct tcp_policy *policy)
{
    policy->tail_probes = !chance(random, 20);
    policy->frto = !chance(random, 20);
    policy->idle_restart = !chance(random, 20);
    policy->reordering_adapts = !chance(random, 20);
    policy->reordering_by_count = !chance(random, 20);
    if (chance(random, 25)) {
        policy->dup_threshold = (uint8_t)(TCP_DUPTHRESH + random_below(random, 20));
    }
    if (chance(random, 25)) {
        policy->quick_acks = (uint8_t)random_below(random, 40);
    }
}

static void draw_settings(struct random *random, bool calm, struct tcp_settings *settings)
{
    struct tcp_policy *policy = &settings->policy;

    if (chance(random, 35)) {
        draw_rto(random, calm, &policy->rto);
    }
    if (chance(random, 35)) {
        policy->initial_window = (uint8_t)(1 + random_below(random, 100));
    }
    if (chance(random, 35)) {
        policy->fin_wait_2_s = (uint16_t)draw_log(random, 0, 11);
    }
    if (chance(random, 25)) {
        settings->mss_max = draw_mss(random, calm);
    }
    policy->dsack = !chance(random, 25);
    policy->rates |= chance(random, 20);
}

/* Small segments take long to simulate, and frames. */
static void shorten(struct sim_plan *plan)
{
    for (unsigned i = 0; i < plan->connections; i++) {
        for (unsigned side = 0; side < 2; side++) {
            plan->app[i][side].bytes = min_u32(plan->app[i][side].bytes, 1u << 16);
        }
    }
}

void sim_plan_draw_fourth(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x666f75727468);
    for (unsigned side = 0; side < 2; side++) {
        draw_settings(&random, plan->calm, &plan->settings[side]);
        if (plan->settings[side].mss_max > 0) {
            shorten(plan);
        }
        if (chance(&random, 40)) {
            plan->ack_every[side] = (uint32_t)draw_log(&random, 0, 8);
            plan->ack_hold_ns[side] = chance(&random, 20) ? 0 : draw_log(&random, 10, 25);
        }
    }
    for (unsigned side = 0; side < 2; side++) {
        draw_recovery(&random, &plan->settings[side].policy);
    }
}
