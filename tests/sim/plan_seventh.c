/* What a seed of the seventh edition draws on top: how connections are tuned while they are under
 * way, and listeners that are paused. */
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

#include "datapath/util.h"
#include "tcp/mtu.h"

static void draw_acks(struct random *random, struct tcp_policy *policy)
{
    policy->ack_delay_ms = chance(random, 30) ? 0 : (uint16_t)random_below(random, 41);
    policy->quick_acks = chance(random, 30) ? 0 : (uint8_t)random_below(random, 40);
    policy->dsack = chance(random, 50);
    policy->ecn_option = chance(random, 50);
}

/* Nobody is given up on who was not before: nor does one lose its keepalives that is short of
 * patience for want of memory. */
static void draw_keepalives(struct random *random, struct tcp_policy *policy)
{
    if (!policy->keepalive || policy->keepalive_count == 127) {
        policy->keepalive = chance(random, 50);
        policy->keepalive_idle_s = (uint16_t)(1 + random_below(random, 2));
        policy->keepalive_gap_s = (uint16_t)(1 + random_below(random, 2));
        policy->keepalive_count = 127;
    }
}

static void draw_sending(struct random *random, struct tcp_policy *policy)
{
    policy->pacing = chance(random, 50);
    policy->rates = chance(random, 50);
    policy->mtu_probing = random_below(random, TCP_MTU_PROBING_ALWAYS + 1) & 3;
    policy->initial_window = (uint8_t)(1 + random_below(random, 100));
}

static void draw_buffers(struct random *random, struct tcp_policy *policy)
{
    policy->send_buffer_max = chance(random, 50) ? 0 : (uint32_t)draw_log(random, 12, 20);
    policy->receive_buffer_max = chance(random, 50) ? 0 : (uint32_t)draw_log(random, 12, 20);
}

/* Some parts of what was drawn before. How long FIN-WAIT-2 lasts, and what is waited for a peer
 * that says nothing, is the plan's for all of a run. */
static void draw_policy(struct random *random, bool calm, struct tcp_policy *policy)
{
    if (chance(random, 60)) {
        draw_recovery(random, policy);
        policy->rack = chance(random, 50);
    }
    if (chance(random, 30)) {
        draw_rto(random, calm, &policy->rto);
    }
    if (chance(random, 50)) {
        draw_acks(random, policy);
    }
    if (chance(random, 30)) {
        draw_keepalives(random, policy);
    }
    if (chance(random, 50)) {
        draw_sending(random, policy);
    }
    if (chance(random, 30)) {
        draw_buffers(random, policy);
    }
}

static struct tuning *add(struct tuning_plan *plan, unsigned connection, unsigned side)
{
    struct tuning *tuning = &plan->tunings[plan->count];

    if (plan->count == TUNINGS_MAX) {
        return NULL;
    }
    plan->count++;
    *tuning = (struct tuning){.connection = connection, .side = side};
    return tuning;
}

/* Each further one changes what the one before left. */
static void draw_tunings(struct random *random, struct sim_plan *plan, unsigned connection,
                         unsigned side)
{
    struct tcp_policy policy = plan->settings[side].policy;
    unsigned count = 1 + (unsigned)random_below(random, 4);
    uint64_t at_ns = plan->app[connection][0].begin_ns;

    for (unsigned i = 0; i < count; i++) {
        struct tuning *tuning = add(&plan->tuning, connection, side);

        at_ns += draw_log(random, 16, 32);
        draw_policy(random, plan->calm, &policy);
        if (tuning) {
            tuning->kind = TUNING_POLICY;
            tuning->at_ns = at_ns;
            tuning->policy = policy;
        }
    }
}

/* About when the connection begins. SYNs go again meanwhile: not in calm plans. */
static void draw_pause(struct random *random, struct sim_plan *plan, unsigned connection)
{
    struct tuning *pause = add(&plan->tuning, connection, 1);
    struct tuning *resume = pause ? add(&plan->tuning, connection, 1) : NULL;
    uint64_t begin_ns = plan->app[connection][0].begin_ns;

    if (!resume) {
        plan->tuning.count -= pause != NULL;
        return;
    }
    pause->kind = TUNING_PAUSE;
    pause->at_ns = chance(random, 50) ? begin_ns : begin_ns + draw_log(random, 16, 32);
    resume->kind = TUNING_RESUME;
    resume->at_ns = pause->at_ns + draw_log(random, 16, 34);
}

void sim_plan_draw_seventh(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x736576656e7468);
    for (unsigned i = 0; i < plan->connections; i++) {
        if (!plan->simultaneous && !plan->calm && chance(&random, 15)) {
            draw_pause(&random, plan, i);
        }
        for (unsigned side = 0; side < 2; side++) {
            if (chance(&random, 40)) {
                draw_tunings(&random, plan, i, side);
            }
        }
    }
}
