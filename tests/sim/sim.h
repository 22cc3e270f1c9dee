/*
 * One run of the simulator: two stacks, a link, a few connections, all drawn
 * from one seed, in virtual time on one thread. The same seed replays the same
 * run, packet for packet.
 */
#ifndef HEADRACE_TESTS_SIM_SIM_H
#define HEADRACE_TESTS_SIM_SIM_H

#include "tests/sim/app.h"
#include "tests/sim/host.h"

#include <stdio.h>

#define SIM_CONNECTIONS_MAX 4u

/* What a seed draws. */
struct sim_plan {
    bool v6;
    bool static_neighbour;
    bool simultaneous; /* both ends open at once, without a listener */
    unsigned connections;
    uint16_t mtu;
    uint32_t frames[2]; /* of each pool */
    struct tcp_settings settings[2];
    struct wire_impairment link[2];
    struct app_plan app[SIM_CONNECTIONS_MAX][2];
};

struct sim {
    uint64_t seed;
    struct random random;
    struct sim_plan plan;
    struct frame_pool pool[2];
    struct wire wire;
    struct host host[2];
    struct app app[SIM_CONNECTIONS_MAX][2];
    uint64_t now_ns;
    uint64_t steps;
    FILE *trace; /* each packet, or NULL */
    char failure[200];
};

/* Draws the plan of sim->seed. */
void sim_plan_draw(struct sim *sim);

/* Runs a seed. 0, or -1 with sim->failure saying what is wrong. */
int sim_run(struct sim *sim, uint64_t seed, FILE *trace);

#endif
