/* What a seed of the second edition draws on top: ECN and what the way makes of it, congestion
 * control, how a handshake begins, policies that give up, corks, memory that runs short, loss in
 * runs, and corruption that no checksum notices. */
#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

#include "datapath/net/headers.h"
#include "datapath/util.h"
#include "tcp/cc.h"

/* Marks come from queues, or by chance; and some ways have nothing to do with ECN. */
static void draw_marks(struct random *random, struct wire_impairment *link)
{
    if (link->rate_bytes_per_s > 0 && chance(random, 70)) {
        link->mark_bytes = 1 + (uint32_t)random_below(random, link->queue_bytes);
    } else if (chance(random, 40)) {
        link->mark_ppm = (uint32_t)draw_log(random, 10, 19);
    }
    link->middlebox.bleaches_ecn = chance(random, 8);
}

static void draw_link(struct random *random, const struct sim_plan *plan,
                      struct wire_impairment *link)
{
    draw_marks(random, link);
    link->middlebox.hides_dsacks = chance(random, 15);
    if (!plan->calm && chance(random, 10)) { /* so many packets would not all find room */
        link->middlebox.mss_max = (uint16_t)(1 + random_below(random, 536));
    }
    if (!plan->calm && link->loss_ppm > 0 && chance(random, 40)) {
        /* As many are lost as without runs. */
        link->loss_run = (uint32_t)draw_log(random, 0, 5);
        link->loss_ppm = max_u32(link->loss_ppm / (1 + link->loss_run / 2), 1);
    }
}

static void draw_settings(struct random *random, struct tcp_settings *settings)
{
    static const struct tcp_cc_ops *const algorithms[] = {&tcp_cc_cubic, &tcp_cc_newreno,
                                                          &tcp_cc_dctcp};

    settings->cc = algorithms[random_below(random, COUNT_OF(algorithms))];
    settings->ecn = (uint8_t)random_below(random, TCP_ECN_ACCURATE + 1);
}

/* Peers that are given up before long: each such end is told, and has a cause (patience.h). */
static void draw_patience(struct random *random, struct tcp_policy *policy)
{
    if (chance(random, 8)) {
        policy->user_timeout_ms = (uint32_t)draw_log(random, 10, 17);
    }
    if (chance(random, 8)) {
        policy->r2 = (uint8_t)(3 + random_below(random, 12));
    }
    if (policy->keepalive && chance(random, 20)) {
        policy->keepalive_count = (uint8_t)(1 + random_below(random, 9));
    }
}

static void draw_handshake(struct random *random, struct sim_plan *plan)
{
    if (plan->simultaneous) {
        return;
    }
    if (chance(random, 30)) {
        plan->syn_cookies = chance(random, 50) ? TCP_COOKIES_ALWAYS : TCP_COOKIES_WHEN_FULL;
    }
    if (plan->calm) {
        return;
    }
    if (chance(random, 30)) {
        plan->settings[0].fast_open = true;
        plan->fast_open_max = (uint32_t)random_below(random, 5);
        if (chance(random, 70)) {
            plan->cookie_mss = (uint16_t)(TCP_MSS_MIN + random_below(random, 1461 - TCP_MSS_MIN));
            plan->cookie_wrong = chance(random, 20);
        }
    }
    if (chance(random, 8)) {
        plan->accepted_max = 1 + (uint32_t)random_below(random, 4);
    }
}

static void draw_apps(struct random *random, struct sim_plan *plan)
{
    for (unsigned i = 0; i < plan->connections; i++) {
        struct app_plan *apps = plan->app[i];

        for (unsigned side = 0; side < 2; side++) {
            if (chance(random, 20)) {
                apps[side].cork_ppm = (uint32_t)draw_log(random, 12, 19);
            }
            if (plan->link[0].middlebox.mss_max > 0 || plan->link[1].middlebox.mss_max > 0) {
                apps[side].bytes = min_u32(apps[side].bytes, 1u << 16); /* in small segments */
            }
            apps[side].early = chance(random, plan->settings[0].fast_open ? 80 : 20);
        }
        if (chance(random, 30)) {
            apps[0].begin_ns = draw_log(random, 16, 32);
            /* The SYNs cross all the same. */
            apps[1].begin_ns = apps[0].begin_ns + random_below(random, plan->link[0].delay_ns);
        }
        for (unsigned side = 0; side < 2; side++) {
            apps[side].begin_ns += apps[side].early; /* in a turn, which may end it at once */
        }
    }
}

/* One kind is short at a time, so that what it does can be seen. */
static void draw_memory(struct random *random, struct sim_plan *plan)
{
    struct sim_memory *memory = &plan->memory;
    /* Who has no memory for a connection begins later, when a SYN that crosses has been refused. */
    unsigned first = plan->simultaneous ? 2 : 0;

    switch (first + random_below(random, 24 - first)) {
    case 0:
        memory->connections[0] = 1 + (uint32_t)random_below(random, plan->connections);
        /* One whose peer is gone must not keep its place for good. */
        plan->settings[0].policy.keepalive = true;
        plan->settings[0].policy.keepalive_idle_s = 2;
        plan->settings[0].policy.keepalive_gap_s = 2;
        plan->settings[0].policy.keepalive_count = 9;
        break;
    case 1:
        memory->connections[1] = 1 + (uint32_t)random_below(random, plan->connections);
        break;
    case 2:
        memory->timewaits = 1;
        break;
    case 3:
    case 4:
        memory->pieces = (uint32_t)draw_log(random, 0, 6);
        break;
    default:
        break;
    }
}

/* Everybody gives up in the end: what was corrupted unseen may leave two ends that wait for each
 * other for good. */
static void scramble(struct random *random, struct sim_plan *plan)
{
    static const uint64_t patience_ns = 400 * NS_PER_S;

    plan->scrambles = true;
    plan->corrupts = true;
    for (unsigned side = 0; side < 2; side++) {
        plan->link[side].scramble_ppm = (uint32_t)draw_log(random, 10, 18);
        for (unsigned i = 0; i < plan->connections; i++) {
            struct app_plan *app = &plan->app[i][side];

            app->abort_ns = min_u64(app->abort_ns, patience_ns + random_below(random, patience_ns));
        }
    }
}

/* Ways that take only short packets, from a stream of its own: it came later. */
static void draw_path(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x70617468);
    for (unsigned side = 0; side < 2; side++) {
        uint32_t least = plan->v6 ? NET_MTU_MIN_V6 : NET_MTU_MIN_V4;

        if (!plan->calm && chance(&random, 10)) {
            plan->link[side].packet_bytes_max =
                ETHERNET_HEADER_BYTES + least + (uint32_t)random_below(&random, 1500 - least);
        }
    }
}

void sim_plan_draw_second(uint64_t seed, struct sim_plan *plan)
{
    struct random random;

    random_init(&random, seed ^ 0x7365636f6e64);
    for (unsigned side = 0; side < 2; side++) {
        draw_link(&random, plan, &plan->link[side]);
        draw_settings(&random, &plan->settings[side]);
        if (!plan->calm) {
            draw_patience(&random, &plan->settings[side].policy);
        }
    }
    draw_path(seed, plan);
    draw_handshake(&random, plan);
    draw_apps(&random, plan);
    if (plan->calm) {
        return;
    }
    draw_memory(&random, plan);
    if (chance(&random, 5)) {
        scramble(&random, plan);
    }
}
