/*
 * One run of the simulator: two stacks, a link, a few connections, all drawn
 * from one seed, in virtual time on one thread. The same seed replays the same
 * run, packet for packet.
 */
#ifndef HEADRACE_TESTS_SIM_SIM_H
#define HEADRACE_TESTS_SIM_SIM_H

#include "tests/sim/app.h"
#include "tests/sim/check.h"
#include "tests/sim/pair.h"
#include "tests/sim/tuning.h"
#include "tests/sim/weather.h"
#include "tests/sim/witness.h"

#include <stdio.h>

#define SIM_CONNECTIONS_MAX 8u
#define SIM_FRAMES_MAX 2048u
#define SIM_PORT 7000u
#define SIM_PIECES 512u /* enough for all */

/* What seeds draw has grown. A seed means what its edition made of it, so that those which found
 * bugs keep finding them: a new edition draws more, from streams of its own. */
#define SIM_EDITION_LATEST 7u

/* Memory of both hosts, in objects. */
struct sim_memory {
    uint32_t connections[2];
    uint32_t timewaits;
    uint32_t pieces;
};

/* What a seed draws. */
struct sim_plan {
    bool v6;
    bool static_neighbour;
    bool simultaneous;    /* both ends open at once, without a listener */
    bool shared_listener; /* one for all connections, with a short backlog */
    bool near_wrap;       /* a sequence space ends soon after the start */
    bool calm;            /* nothing on the way or at the hosts asks for a retransmission */
    bool corrupts;
    bool scrambles; /* also what no checksum notices: then bytes may be wrong, nothing else */
    unsigned connections;
    uint32_t half_open_max;
    uint32_t accepted_max; /* connections of a listener */
    uint8_t syn_cookies;   /* enum tcp_cookies */
    uint32_t fast_open_max;
    uint16_t cookie_mss; /* the client has a Fast Open cookie, with this MSS; 0: it has none */
    bool cookie_wrong;
    struct sim_memory memory;
    uint32_t ack_every[2]; /* this and the next: of the hosts' tcp_config; 0: by default */
    uint64_t ack_hold_ns[2];
    uint32_t lent;
    uint32_t tx_packets_max;
    uint16_t mtu[2];
    uint32_t frames[2];  /* of each pool */
    uint64_t turn_ns[2]; /* a host takes its turns at least so far apart */
    struct tcp_settings settings[2];
    struct wire_impairment link[2];
    struct weather_plan weather;
    struct tuning_plan tuning;
    struct app_plan app[SIM_CONNECTIONS_MAX][2];
};

struct sim {
    uint64_t seed;
    unsigned edition;
    struct random random;
    struct sim_plan plan;
    struct pair pair;
    struct weather weather;
    bool tuned[TUNINGS_MAX]; /* which changes of the plan were made */
    struct witness witness[SIM_CONNECTIONS_MAX];
    struct check check;
    struct app listener; /* the shared one */
    struct app stranger; /* has what comes to life a second time */
    struct app app[SIM_CONNECTIONS_MAX][2];
    uint64_t start_ns;
    uint64_t turned_ns[2];     /* the last turn of each host */
    bool stuck[2];             /* it left output for want of frames, and sent nothing */
    uint64_t not_before_ns[2]; /* it could not take a turn before */
    uint64_t steps;
    FILE *trace;           /* each packet, or NULL */
    enum invariant broken; /* the first, if failure[] says something */
    char failure[240];
};

/* Draws the plan of sim->seed. */
void sim_plan_draw(struct sim *sim);
/* What the second edition has on top. */
void sim_plan_draw_second(uint64_t seed, struct sim_plan *plan);
/* And the third, the fourth, the fifth, the sixth, the seventh. */
void sim_plan_draw_third(uint64_t seed, struct sim_plan *plan);
void sim_plan_draw_fourth(uint64_t seed, struct sim_plan *plan);
void sim_plan_draw_fifth(uint64_t seed, struct sim_plan *plan);
void sim_plan_draw_sixth(uint64_t seed, struct sim_plan *plan);
void sim_plan_draw_seventh(uint64_t seed, struct sim_plan *plan);

/* Which run. */
struct sim_choice {
    uint64_t seed;
    unsigned edition; /* 1 to SIM_EDITION_LATEST */
};

/* Runs a seed. 0, or -1 with sim->failure saying what is wrong. */
int sim_run(struct sim *sim, const struct sim_choice *choice, FILE *trace);

/* The port of the connection's end at a side. */
uint16_t sim_port(const struct sim *sim, unsigned connection, unsigned side);

/* The stack's connection of an end, whether its application knows of it or not:
 * half open, or another life by an old SYN. NULL when there is none. */
struct tcp_conn *sim_conn(struct sim *sim, unsigned connection, unsigned side);

#endif
