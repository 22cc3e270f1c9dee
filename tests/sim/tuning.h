/*
 * What applications change of a run that is under way: how open connections are tuned, and
 * listeners that take nobody for a while. Each change has its time and is made once, at the
 * beginning of a turn of its host.
 */
#ifndef HEADRACE_TESTS_SIM_TUNING_H
#define HEADRACE_TESTS_SIM_TUNING_H

#include "tcp/policy.h"

#define TUNINGS_MAX 64u

enum tuning_kind {
    TUNING_POLICY, /* the connection has `policy`, if it is there */
    TUNING_PAUSE,  /* its listener answers no SYN */
    TUNING_RESUME,
};

struct tuning {
    enum tuning_kind kind;
    unsigned connection;
    unsigned side;
    uint64_t at_ns; /* after the start of the run */
    struct tcp_policy policy;
};

struct tuning_plan {
    unsigned count;
    struct tuning tunings[TUNINGS_MAX];
};

struct sim;

/* When the next change of a side is due; UINT64_MAX: none is left. */
uint64_t tuning_due_ns(const struct sim *sim, unsigned side);

/* In a turn: makes those that are due. 0, or -1 with sim->failure. */
int tuning_make_due(struct sim *sim, unsigned side);

/* Whether a policy of the side, the first one or a later, is such a one. */
bool tuning_any(const struct sim *sim, unsigned side, bool (*is)(const struct tcp_policy *policy));

#endif
