#include "tests/sim/check.h"

#include "datapath/util.h"
#include "tcp/ack.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"
#include "tcp/wheel.h"
#include "tests/sim/care.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdarg.h>

#define TICK_NS (1ull << WHEEL_TICK_SHIFT)

static_assert(SIM_CONNECTIONS_MAX == 8, "struct check remembers as many");

/* Above R2 of RFC 9293 as we have it: 15 retransmissions, 120 s apart when the RTO
 * is that of losses before, behind a tail loss probe that has waited as long. */
static const uint64_t stuck_after_ns = 2100 * NS_PER_S;

/* Walking every queue and every frame costs more than a step; it is done in one
 * of so many. */
static const uint64_t steps_per_walk = 8;

const char *const invariant_names[INVARIANT_COUNT] = {
#define X(name, text) [INVARIANT_##name] = #name,
    INVARIANTS(X)
#undef X
};

const char *const invariant_texts[INVARIANT_COUNT] = {
#define X(name, text) [INVARIANT_##name] = (text),
    INVARIANTS(X)
#undef X
};

int sim_fail(struct sim *sim, enum invariant invariant, const char *format, ...)
{
    va_list arguments;
    char detail[128];

    if (sim->failure[0] != '\0') {
        return -1;
    }
    sim->broken = invariant;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    (void)snprintf(sim->failure, sizeof sim->failure, "%s at %.6f ms, step %llu: %s",
                   invariant_names[invariant], (double)(sim->pair.now_ns - sim->start_ns) / 1e6,
                   (unsigned long long)sim->steps, detail);
    return -1;
}

int check_before_turn(struct sim *sim, unsigned side)
{
    uint64_t now_ns = sim->pair.now_ns;
    uint64_t held_ns = tcp_ack_next_ns(&sim->pair.host[side].tcp);

    if (deadline_is_late(sim, side, held_ns, TICK_NS)) {
        return sim_fail(sim, INVARIANT_LATE, "side %u: an ACK that is held, by %llu ns", side,
                        (unsigned long long)(now_ns - held_ns));
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        const struct tcp_conn *conn = sim_conn(sim, i, side);

        if (conn) {
            cwnd_remember(&sim->check.cwnd[i], conn, sim->witness[i].side[side].text);
        } else {
            sim->check.cwnd[i] = (struct cwnd_before){0};
        }
        if (conn && deadline_is_late(sim, side, care_deadline_ns(conn), TICK_NS)) {
            return sim_fail(sim, INVARIANT_LATE, "connection %u side %u: by %llu ns", i, side,
                            (unsigned long long)(now_ns - care_deadline_ns(conn)));
        }
    }
    return deadline_before_turn(sim, side);
}

static uint64_t timeouts(const struct sim *sim, unsigned side)
{
    const struct tcp_counters *counters = &sim->pair.host[side].tcp.counters;

    return counters->rto_expired + counters->tlp_sent;
}

static bool has_probed(const struct tcp_conn *conn)
{
    return conn->probe_doubt || (conn->flight && conn->flight->tlp_out);
}

/* Of all connections, also those that no application knows. */
static bool any_is_due(const struct sim *sim, unsigned side)
{
    const struct slab *conns = &sim->pair.host[side].tcp.conns;

    for (uint32_t i = 0; i < conns->untouched; i++) {
        if (slab_generation(conns, i) & 1 &&
            ((const struct tcp_conn *)slab_at(conns, i))->rexmit_ns <= sim->pair.now_ns) {
            return true;
        }
    }
    return false;
}

int check_before_timers(struct sim *sim, unsigned side)
{
    sim->check.timeouts = timeouts(sim, side);
    sim->check.due = any_is_due(sim, side);
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        const struct tcp_conn *conn = sim_conn(sim, i, side);
        struct timers_before *before = &sim->check.timers[i];

        before->conn = conn;
        if (conn) {
            before->rexmit_ns = conn->rexmit_ns;
            before->life_ns = conn->life_ns;
            before->backoff = conn->snd.backoff;
            before->keepalives = conn->keepalives;
            before->probed = has_probed(conn);
        }
    }
    patience_before_timers(sim, side);
    return deadline_before_timers(sim, side);
}

/* A timeout doubles the next, a probe is out, a keepalive is counted: nothing else does any. */
static bool ran_out_early(const struct sim *sim, unsigned i, const struct tcp_conn *conn)
{
    const struct timers_before *before = &sim->check.timers[i];
    uint64_t now_ns = sim->pair.now_ns;

    return before->conn == conn &&
           (((conn->snd.backoff > before->backoff || has_probed(conn) > before->probed) &&
             before->rexmit_ns > now_ns) ||
            (conn->keepalives > before->keepalives && before->life_ns > now_ns));
}

/* What is out lies before the right-most edge that the window ever had: an old
 * segment that comes late may tell of a smaller one (RFC 9293 section 3.10.7.4
 * takes it), but the peer never took back what it offered. */
static bool window_is_kept(const struct tcp_conn *conn, uint32_t *edge, uint32_t *iss)
{
    uint32_t edge_now = conn->snd.una + conn->snd.wnd;

    if (!tcp_state_is_synchronized((enum tcp_state)conn->state) || *iss != conn->snd.iss) {
        *iss = conn->snd.iss;
        *edge = seq_max(edge_now, conn->snd.nxt); /* a SYN takes its text with it */
        return true;
    }
    *edge = seq_max(*edge, edge_now);
    return seq_le(conn->snd.nxt, *edge + 1);
}

/* Shows: RFC 6675 5e. */
static int check_cwnd(struct sim *sim, unsigned i, unsigned side, const struct tcp_conn *conn)
{
    enum cwnd_reason reason;

    if (!tcp_state_is_synchronized((enum tcp_state)conn->state)) {
        return 0;
    }
    if (!cwnd_opened_fairly(&sim->check.cwnd[i], conn)) {
        return sim_fail(sim, INVARIANT_CWND, "connection %u side %u: from %u to %u for %u bytes", i,
                        side, sim->check.cwnd[i].cwnd, conn->cwnd,
                        conn->snd.una - sim->check.cwnd[i].una);
    }
    if (!cwnd_reduced_fairly(&sim->check.cwnd[i], conn, sim->witness[i].side[side].text)) {
        return sim_fail(
            sim, INVARIANT_CWND, "connection %u side %u: %llu bytes in a reduction", i, side,
            (unsigned long long)(sim->witness[i].side[side].text - sim->check.cwnd[i].text));
    }
    if (!conn->flight || conn->last_send_ns != sim->pair.now_ns ||
        conn->flight->sendq.in_flight.last == TCP_POSITION_NONE) {
        return 0;
    }
    reason = cwnd_reason(conn);
    if (reason == CWND_REASON_COUNT) {
        return sim_fail(sim, INVARIANT_CWND, "connection %u side %u: pipe %u, cwnd %u", i, side,
                        tcp_pipe(conn), conn->cwnd);
    }
    sim->check.reasons[reason]++;
    return 0;
}

static int check_conn(struct sim *sim, unsigned i, unsigned side)
{
    const struct tcp_conn *conn = sim_conn(sim, i, side);
    const char *what;

    if (!conn) {
        return 0;
    }
    what = care_forgotten(conn);
    if (what) {
        return sim_fail(sim, INVARIANT_CARE, "connection %u side %u: %s", i, side, what);
    }
    if (check_cwnd(sim, i, side, conn) != 0) {
        return -1;
    }
    if (ran_out_early(sim, i, conn)) {
        return sim_fail(sim, INVARIANT_EARLY, "connection %u side %u: by %llu ns", i, side,
                        (unsigned long long)(sim->check.timers[i].rexmit_ns - sim->pair.now_ns));
    }
    if (!window_is_kept(conn, &sim->check.edge[i][side], &sim->check.edge_iss[i][side])) {
        return sim_fail(sim, INVARIANT_WINDOW, "connection %u side %u: %u bytes out, window %u", i,
                        side, conn->snd.nxt - conn->snd.una, conn->snd.wnd);
    }
    if (care_passes_over(conn, sim->pair.now_ns - TICK_NS)) {
        return sim_fail(sim, INVARIANT_LATE, "connection %u side %u: passed over", i, side);
    }
    return 0;
}

static uint64_t progress_of(struct sim *sim, unsigned i, unsigned side)
{
    const struct app *app = &sim->app[i][side];
    const struct tcp_conn *conn = sim_conn(sim, i, side);
    uint64_t sum = (uint64_t)app->sent + app->received + app->opened + app->eof + app->closed;

    return conn ? sum + conn->state + ((uint64_t)conn->snd.una << 20) +
                      ((uint64_t)conn->rcv.nxt << 30)
                : sum;
}

/* A peer that is gone, and whose last word was lost, is nothing that TCP could
 * find out without a keepalive. */
static bool is_orphan(struct sim *sim, unsigned i, unsigned side)
{
    const struct tcp_conn *conn = sim_conn(sim, i, side);

    return conn && tcp_conn_queued(conn) == 0 && !sim_conn(sim, i, !side);
}

/* Frames are with others, who get on. */
static bool waits_for_others(struct sim *sim, unsigned i, unsigned side)
{
    const struct tcp_conn *conn = sim_conn(sim, i, side);

    for (unsigned other = 0; other < sim->plan.connections; other++) {
        if (conn && tcp_conn_has(conn, TCP_CONN_STARVED) && other != i &&
            sim->check.progress_ns[other][side] + stuck_after_ns > sim->pair.now_ns) {
            return true;
        }
    }
    return false;
}

static int check_progress(struct sim *sim, unsigned i)
{
    struct check *check = &sim->check;
    uint64_t latest_ns = 0;

    if (sim->plan.scrambles) {
        return 0; /* everybody gives up in the end */
    }
    for (unsigned side = 0; side < 2; side++) {
        uint64_t sum = progress_of(sim, i, side);

        if (sum != check->progress[i][side] || !sim_conn(sim, i, side) || is_orphan(sim, i, side) ||
            waits_for_others(sim, i, side)) {
            check->progress[i][side] = sum;
            check->progress_ns[i][side] = sim->pair.now_ns;
        }
        latest_ns = max_u64(latest_ns, check->progress_ns[i][side]);
    }
    if (latest_ns + stuck_after_ns < sim->pair.now_ns) {
        return sim_fail(sim, INVARIANT_PROGRESS, "connection %u: none for %llu s", i,
                        (unsigned long long)(stuck_after_ns / NS_PER_S));
    }
    return 0;
}

static int check_app(struct sim *sim, unsigned i, unsigned side)
{
    const struct app *app = &sim->app[i][side];
    bool bytes = app->error == APP_WRONG_BYTE || app->error == APP_TOO_MUCH ||
                 app->error == APP_EOF_TOO_EARLY;

    return app->error == APP_OK || (bytes && sim->plan.scrambles)
               ? 0
               : sim_fail(sim, bytes ? INVARIANT_BYTES : INVARIANT_EVENTS,
                          "connection %u side %u: %s at byte %u", i, side,
                          app_error_names[app->error], app->received);
}

static int check_host(struct sim *sim, unsigned side)
{
    const struct tcp_counters *counters = &sim->pair.host[side].tcp.counters;
    const struct wire_end *end = &sim->pair.wire.end[side];

    if (end->tx_rewritten > 0) {
        return sim_fail(sim, INVARIANT_KERNEL_TX, "side %u", side);
    }
    if (end->port.counters.rx_starved > 0 && !sim->plan.weather.steals_receive) {
        return sim_fail(sim, INVARIANT_RECEIVE_FLOOR, "side %u", side);
    }
    if (!sim->plan.corrupts && counters->dropped_malformed + counters->dropped_checksum > 0) {
        return sim_fail(sim, INVARIANT_CHECKSUM, "side %u", side);
    }
    if (timeouts(sim, side) != sim->check.timeouts && !sim->check.due) {
        return sim_fail(sim, INVARIANT_EARLY, "side %u", side);
    }
    /* A calm plan, too, closes windows for seconds: who echoes to a small buffer reads no
     * faster than that is emptied. Each probe is the first of its byte, for which the byte
     * goes once more when the window opens, or is itself the byte once more. */
    if (sim->plan.calm && counters->retransmissions > counters->zero_window_probes) {
        return sim_fail(sim, INVARIANT_SPURIOUS, "side %u", side);
    }
    return 0;
}

int check_after_turn(struct sim *sim, unsigned side)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        if (check_app(sim, i, side) != 0 || check_conn(sim, i, side) != 0 ||
            check_progress(sim, i) != 0) {
            return -1;
        }
    }
    if (check_host(sim, side) != 0 || deadline_after_turn(sim, side) != 0 ||
        patience_after_turn(sim, side) != 0) {
        return -1;
    }
    if (sim->steps % steps_per_walk == 0) {
        if (!tcp_check(&sim->pair.host[side].tcp)) {
            return sim_fail(sim, INVARIANT_STACK, "side %u", side);
        }
        return census_check(sim, side);
    }
    return 0;
}

/* Duplicates of SYNs and of SYN-ACKs make bare ACKs, which a listener with cookies takes for
 * somebody's without a connection when they come before what has the cookie's number. */
static bool reset_for_no_cookie(const struct sim *sim, const struct app *app)
{
    return app->reason == TCP_REASON_RESET && sim->pair.host[1].tcp.counters.syn_cookies_failed > 0;
}

/* Somebody gave up on the bytes of this connection, and had a reason. */
static bool is_excused(const struct sim *sim, unsigned i)
{
    for (unsigned side = 0; side < 2; side++) {
        const struct app *app = &sim->app[i][side];

        if (app->aborted || (app->left && (!app->eof || app->sent < app_total(app) ||
                                           app->reason == TCP_REASON_UNREAD))) {
            return true;
        }
        if (!sim->plan.calm && app->closed &&
            (app->reason == TCP_REASON_TIMEOUT || /* patience.c has looked at it */
             app->reason == TCP_REASON_UNREACHABLE ||
             (app->reason == TCP_REASON_NO_MEMORY && app->left) || /* in the way of others */
             (app->reason == TCP_REASON_RESET && !app->peer->opened) ||
             reset_for_no_cookie(sim, app))) {
            return true;
        }
    }
    return false;
}

/* The last ACK was lost, and TIME-WAIT over before the peer asked again: the
 * peer is reset, though every byte arrived. TCP cannot do better. */
static bool reset_after_time_wait(const struct app *app)
{
    return app->reason == TCP_REASON_RESET && app->peer->closed &&
           app->peer->reason == TCP_REASON_DONE;
}

/* And what waited for an application that did not read went with the RST. */
static bool lost_what_it_did_not_read(const struct sim *sim, const struct app *app)
{
    return !sim->plan.calm && app->paused && reset_after_time_wait(app);
}

int check_endings(struct sim *sim)
{
    if (sim->plan.scrambles) {
        return 0; /* anything may have been believed */
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        for (unsigned side = 0; side < 2 && !is_excused(sim, i); side++) {
            const struct app *app = &sim->app[i][side];

            if ((!app->eof || app->received != app_total(app->peer)) &&
                !lost_what_it_did_not_read(sim, app)) {
                return sim_fail(sim, INVARIANT_BYTES, "connection %u side %u: %u of %u, reason %d",
                                i, side, app->received, app_total(app->peer), (int)app->reason);
            }
            if (app->reason != TCP_REASON_DONE && (sim->plan.calm || !reset_after_time_wait(app))) {
                return sim_fail(sim, INVARIANT_ENDING, "connection %u side %u: reason %d", i, side,
                                (int)app->reason);
            }
        }
    }
    return 0;
}
