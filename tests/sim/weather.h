/*
 * Troubles that come and go in a run: the link down, bursts of loss, a host that
 * takes no turns, completions that stay away, no frames. Each is an episode with
 * its own time; those of one kind at one side may overlap.
 */
#ifndef HEADRACE_TESTS_SIM_WEATHER_H
#define HEADRACE_TESTS_SIM_WEATHER_H

#include <stdbool.h>
#include <stdint.h>

#define WEATHER_EPISODES_MAX 8u
#define WEATHER_HOARD_MAX 2048u

enum trouble {
    TROUBLE_DOWN,        /* what the side sends vanishes */
    TROUBLE_LOSS,        /* `amount` ppm of it does */
    TROUBLE_DELAY,       /* it takes `amount` ns longer */
    TROUBLE_REORDER,     /* every fifth packet is held back by up to `amount` ns */
    TROUBLE_STALL,       /* the host takes no turns */
    TROUBLE_COMPLETIONS, /* none comes */
    TROUBLE_FILL,        /* what the side sends meets an empty FILL ring */
    TROUBLE_DATA,        /* somebody takes frames of the data budget, all but `amount` */
    TROUBLE_CONTROL,     /* likewise of the control budget */
    TROUBLE_RECEIVE,     /* likewise of the receive budget */
    TROUBLE_COUNT,
};

struct episode {
    enum trouble trouble;
    unsigned side;
    uint64_t start_ns; /* after the start of the run */
    uint64_t end_ns;
    uint64_t amount;
};

struct weather_plan {
    unsigned count;
    bool steals_receive; /* one of them is TROUBLE_RECEIVE */
    struct episode episodes[WEATHER_EPISODES_MAX];
};

struct weather {
    uint64_t next_ns; /* the next change; UINT64_MAX: none */
    bool stalled[2];
    uint32_t hoarded[2]; /* frames that were taken away */
    uint32_t hoard[2][WEATHER_HOARD_MAX];
};

struct sim;
struct random;

/* At the start, and when time has come to weather.next_ns. */
void weather_change(struct sim *sim);

/* Draws one episode. */
void weather_draw(struct random *random, struct episode *episode);

#endif
