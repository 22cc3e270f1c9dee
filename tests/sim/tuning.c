#include "tests/sim/tuning.h"

#include "datapath/util.h"
#include "tests/sim/sim.h"

uint64_t tuning_due_ns(const struct sim *sim, unsigned side)
{
    uint64_t due_ns = UINT64_MAX;

    for (unsigned i = 0; i < sim->plan.tuning.count; i++) {
        const struct tuning *tuning = &sim->plan.tuning.tunings[i];

        if (tuning->side == side && !sim->tuned[i]) {
            due_ns = min_u64(due_ns, sim->start_ns + tuning->at_ns);
        }
    }
    return due_ns;
}

/* What waited for its rate may go, or another rate begins. */
static int tune(struct sim *sim, const struct tuning *tuning)
{
    struct tcp_conn *conn = sim_conn(sim, tuning->connection, tuning->side);

    if (!conn || conn->state == TCP_CLOSED) {
        return 0;
    }
    if (tuning->policy.pacing != tcp_conn_policy(conn)->pacing) {
        sim->check.deadlines[tuning->side].release[conn->index].generation = 0;
    }
    return tcp_set_policy(conn, &tuning->policy) == TCP_OK
               ? 0
               : sim_fail(sim, INVARIANT_SETUP, "connection %u side %u is not tuned",
                          tuning->connection, tuning->side);
}

static int make(struct sim *sim, const struct tuning *tuning)
{
    /* They were opened in the order of the connections. */
    uint32_t listener = sim->plan.shared_listener ? 0 : tuning->connection;

    if (tuning->kind == TUNING_POLICY) {
        return tune(sim, tuning);
    }
    tcp_listen_pause(&sim->pair.host[tuning->side].tcp, listener, tuning->kind == TUNING_PAUSE);
    return 0;
}

int tuning_make_due(struct sim *sim, unsigned side)
{
    for (unsigned i = 0; i < sim->plan.tuning.count; i++) {
        const struct tuning *tuning = &sim->plan.tuning.tunings[i];

        if (tuning->side == side && !sim->tuned[i] &&
            sim->start_ns + tuning->at_ns <= sim->pair.now_ns) {
            sim->tuned[i] = true;
            if (make(sim, tuning) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

bool tuning_any(const struct sim *sim, unsigned side, bool (*is)(const struct tcp_policy *policy))
{
    for (unsigned i = 0; i < sim->plan.tuning.count; i++) {
        const struct tuning *tuning = &sim->plan.tuning.tunings[i];

        if (tuning->kind == TUNING_POLICY && tuning->side == side && is(&tuning->policy)) {
            return true;
        }
    }
    return is(&sim->plan.settings[side].policy);
}
