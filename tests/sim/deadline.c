#include "tests/sim/deadline.h"

#include "datapath/util.h"
#include "tcp/pacing.h"
#include "tcp/wheel.h"
#include "tests/sim/sim.h"

#define TICK_NS (1ull << WHEEL_TICK_SHIFT)

static_assert(DEADLINE_PLACES == 2 * SIM_CONNECTIONS_MAX, "what a plan has at the most");

bool deadline_is_late(const struct sim *sim, unsigned side, uint64_t due_ns, uint64_t slack_ns)
{
    return due_ns != UINT64_MAX &&
           sim->pair.now_ns > max_u64(due_ns, sim->not_before_ns[side]) + slack_ns;
}

/* 0 when it was never taken. */
static uint32_t generation_at(const struct slab *slab, uint32_t index)
{
    return index < slab->untouched ? slab_generation(slab, index) : 0;
}

/* The connection of a place, or NULL. */
static const struct tcp_conn *conn_at(const struct sim *sim, unsigned side, uint32_t index)
{
    const struct slab *conns = &sim->pair.host[side].tcp.conns;

    return generation_at(conns, index) & 1 ? slab_at(conns, index) : NULL;
}

static bool is_in_fin_wait_2(const struct tcp_conn *conn)
{
    return conn && conn->state == TCP_FIN_WAIT_2 && tcp_conn_has(conn, TCP_CONN_APP_CLOSED);
}

/* Its time begins in the turn in which it is seen there first, since each turn is looked at
 * twice. The bound is the plan's, not what the stack made of it. */
static void note_fin_wait_2(struct sim *sim, unsigned side)
{
    struct deadlines *deadlines = &sim->check.deadlines[side];
    uint64_t bound_ns = sim->plan.settings[side].policy.fin_wait_2_s * NS_PER_S;

    for (uint32_t i = 0; i < DEADLINE_PLACES; i++) {
        struct deadline_seen *seen = &deadlines->fin_wait_2[i];
        uint32_t generation = generation_at(&sim->pair.host[side].tcp.conns, i);

        if (!is_in_fin_wait_2(conn_at(sim, side, i))) {
            seen->generation = 0;
        } else if (seen->generation != generation) {
            *seen = (struct deadline_seen){generation, sim->pair.now_ns + bound_ns};
        }
    }
}

/* Nothing but its timer ends one behind what the turn has received. */
static int check_fin_wait_2(struct sim *sim, unsigned side)
{
    const struct deadlines *deadlines = &sim->check.deadlines[side];

    for (uint32_t i = 0; i < DEADLINE_PLACES; i++) {
        const struct deadline_seen *seen = &deadlines->fin_wait_2[i];
        bool gone = generation_at(&sim->pair.host[side].tcp.conns, i) != seen->generation;

        if (seen->generation != 0 && gone && seen->ns > sim->pair.now_ns) {
            return sim_fail(sim, INVARIANT_EARLY, "side %u: FIN-WAIT-2, by %llu ns", side,
                            (unsigned long long)(seen->ns - sim->pair.now_ns));
        }
    }
    return 0;
}

/* An entry begins, or begins anew, with 2MSL before it. Those that have left before their time
 * are counted. */
static int look_at_time_wait(struct sim *sim, unsigned side, uint32_t index)
{
    const struct timewait *timewait = &sim->pair.host[side].tcp.timewait;
    struct deadlines *deadlines = &sim->check.deadlines[side];
    struct deadline_seen *seen = &deadlines->time_wait[index];
    uint32_t generation = generation_at(&timewait->entries, index);
    uint64_t now_ns = sim->pair.now_ns;
    uint64_t expiry_ns = generation & 1 ? timewait_at(timewait, index)->expiry_ns : 0;
    bool same = seen->generation == generation;

    deadlines->left_early += !same && seen->generation != 0 && seen->ns > now_ns;
    if (generation & 1 && (!same || seen->ns != expiry_ns) &&
        expiry_ns != now_ns + TCP_TIME_WAIT_NS) {
        return sim_fail(sim, INVARIANT_EARLY, "side %u: TIME-WAIT begins with %llu ns", side,
                        (unsigned long long)(expiry_ns - now_ns));
    }
    *seen = (struct deadline_seen){generation & 1 ? generation : 0, expiry_ns};
    return 0;
}

static int look_at_time_waits(struct sim *sim, unsigned side)
{
    for (uint32_t i = 0; i < DEADLINE_PLACES; i++) {
        if (look_at_time_wait(sim, side, i) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Whose place another took, and who was reset: each RST that the peer sent, and its copy, takes
 * one at the most. */
static uint64_t may_leave_early(const struct sim *sim, unsigned side)
{
    const struct tcp_counters *counters = &sim->pair.host[side].tcp.counters;

    return counters->time_wait_reused + counters->time_wait_evicted +
           2 * sim->pair.host[!side].tcp.counters.resets_out;
}

static int check_late(struct sim *sim, unsigned side)
{
    struct deadlines *deadlines = &sim->check.deadlines[side];

    for (uint32_t i = 0; i < DEADLINE_PLACES; i++) {
        const struct deadline_seen *time_wait = &deadlines->time_wait[i];
        const struct deadline_seen *fin_wait_2 = &deadlines->fin_wait_2[i];

        if (time_wait->generation != 0 && deadline_is_late(sim, side, time_wait->ns, TICK_NS)) {
            return sim_fail(sim, INVARIANT_LATE, "side %u: TIME-WAIT, by %llu ns", side,
                            (unsigned long long)(sim->pair.now_ns - time_wait->ns));
        }
        if (fin_wait_2->generation != 0 && deadline_is_late(sim, side, fin_wait_2->ns, TICK_NS)) {
            return sim_fail(sim, INVARIANT_LATE, "side %u: FIN-WAIT-2, by %llu ns", side,
                            (unsigned long long)(sim->pair.now_ns - fin_wait_2->ns));
        }
    }
    return 0;
}

static uint64_t hasty(const struct tcp *tcp)
{
    return tcp->counters.tlp_sent + tcp->counters.rto_expired;
}

/* What waits for its rate is released within a tick of the clock of pacing. */
static int note_releases(struct sim *sim, unsigned side)
{
    struct deadlines *deadlines = &sim->check.deadlines[side];
    const struct tcp *tcp = &sim->pair.host[side].tcp;

    deadlines->hasty = hasty(tcp);
    for (uint32_t i = 0; i < DEADLINE_PLACES; i++) {
        const struct tcp_conn *conn = conn_at(sim, side, i);
        struct deadline_seen *seen = &deadlines->release[i];

        seen->generation = 0;
        if (!conn || !tcp_conn_has(conn, TCP_CONN_PACED) || !pacing_is_waiting(conn)) {
            continue;
        }
        *seen = (struct deadline_seen){generation_at(&tcp->conns, i), pacing_free_ns(conn)};
        if (deadline_is_late(sim, side, seen->ns, PACING_TICK_NS)) {
            return sim_fail(sim, INVARIANT_LATE, "side %u: a release, by %llu ns", side,
                            (unsigned long long)(sim->pair.now_ns - seen->ns));
        }
    }
    return 0;
}

/* What waited sends nothing before its release; but timeouts and tail loss probes ask nobody. */
static int check_releases(struct sim *sim, unsigned side)
{
    const struct deadlines *deadlines = &sim->check.deadlines[side];
    const struct tcp *tcp = &sim->pair.host[side].tcp;

    for (uint32_t i = 0; i < DEADLINE_PLACES; i++) {
        const struct tcp_conn *conn = conn_at(sim, side, i);
        const struct deadline_seen *seen = &deadlines->release[i];

        if (conn && generation_at(&tcp->conns, i) == seen->generation &&
            seen->ns > sim->pair.now_ns && conn->last_send_ns == sim->pair.now_ns &&
            hasty(tcp) == deadlines->hasty) {
            return sim_fail(sim, INVARIANT_EARLY, "side %u: a release, by %llu ns", side,
                            (unsigned long long)(seen->ns - sim->pair.now_ns));
        }
    }
    return 0;
}

int deadline_before_turn(struct sim *sim, unsigned side)
{
    return check_late(sim, side) == 0 ? note_releases(sim, side) : -1;
}

int deadline_before_timers(struct sim *sim, unsigned side)
{
    const struct deadlines *deadlines = &sim->check.deadlines[side];

    note_fin_wait_2(sim, side);
    if (look_at_time_waits(sim, side) != 0) {
        return -1;
    }
    if (!sim->plan.scrambles && deadlines->left_early > may_leave_early(sim, side)) {
        return sim_fail(sim, INVARIANT_EARLY, "side %u: TIME-WAIT, and no other took its place",
                        side);
    }
    return 0;
}

int deadline_after_turn(struct sim *sim, unsigned side)
{
    const struct deadlines *deadlines = &sim->check.deadlines[side];
    uint64_t left_early = deadlines->left_early;

    if (check_fin_wait_2(sim, side) != 0 || look_at_time_waits(sim, side) != 0 ||
        check_releases(sim, side) != 0) {
        return -1;
    }
    if (deadlines->left_early != left_early) {
        return sim_fail(sim, INVARIANT_EARLY, "side %u: TIME-WAIT, by the timers", side);
    }
    if (timewait_next_ns(&sim->pair.host[side].tcp.timewait) <= sim->pair.now_ns) {
        return sim_fail(sim, INVARIANT_LATE, "side %u: TIME-WAIT was passed over", side);
    }
    note_fin_wait_2(sim, side);
    return 0;
}
