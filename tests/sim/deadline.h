/*
 * Deadlines that the stack says nothing of when they pass: how long TIME-WAIT and FIN-WAIT-2
 * last by the run's own clock, and that what is paced waits for its release. Every connection
 * and entry of a host is looked at, whether an application of the run knows of it or not.
 */
#ifndef HEADRACE_TESTS_SIM_DEADLINE_H
#define HEADRACE_TESTS_SIM_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* Connections, and TIME-WAIT entries, of a host. */
#define DEADLINE_PLACES 16u

/* What is remembered of a place of a slab. */
struct deadline_seen {
    uint32_t generation; /* another is another one's; 0: there was nothing to remember */
    uint64_t ns;
};

/* Of a host. */
struct deadlines {
    struct deadline_seen time_wait[DEADLINE_PLACES];  /* when it ends */
    struct deadline_seen fin_wait_2[DEADLINE_PLACES]; /* when it is over */
    struct deadline_seen release[DEADLINE_PLACES];
    uint64_t left_early; /* TIME-WAIT entries, for any reason */
    uint64_t hasty;      /* timeouts and tail loss probes before the turn */
};

struct sim;

/* A host takes its turn more than `slack_ns` behind a deadline, and could have sooner. */
bool deadline_is_late(const struct sim *sim, unsigned side, uint64_t due_ns, uint64_t slack_ns);

/* Around the turn of a host, as the checks of check.h. 0, or -1 after sim_fail. */
int deadline_before_turn(struct sim *sim, unsigned side);
int deadline_before_timers(struct sim *sim, unsigned side);
int deadline_after_turn(struct sim *sim, unsigned side);

#endif
