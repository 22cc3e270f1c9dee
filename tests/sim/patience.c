#include "tests/sim/patience.h"

#include "datapath/util.h"
#include "tcp/seq.h"
#include "tests/sim/seen.h"
#include "tests/sim/sim.h"

const char *const patience_cause_names[PATIENCE_CAUSE_COUNT] = {
#define X(name, text) [PATIENCE_##name] = #name,
    PATIENCE_CAUSES(X)
#undef X
};

const char *const silence_cause_names[SILENCE_CAUSE_COUNT] = {
#define X(name, text) [SILENCE_##name] = #name,
    SILENCE_CAUSES(X)
#undef X
};

static uint64_t held_by_kernel(const struct sim *sim, unsigned side)
{
    return sim->pair.host[side].tcp.counters.held_by_kernel;
}

static uint64_t not_taken(const struct sim *sim, unsigned side)
{
    const struct tcp_counters *counters = &sim->pair.host[side].tcp.counters;

    return counters->dropped_no_frame + counters->dropped_no_piece;
}

static bool covers(const struct tcp_segment *seg, uint32_t una)
{
    return seq_le(seg->seq, una) && seq_lt(una, seg->seq + tcp_segment_length(seg));
}

static void begin(struct patience *own, const struct tcp_segment *seg)
{
    *own = (struct patience){
        .known = true,
        .iss = seg->seq,
        .una = seg->seq,
        .nxt = seg->seq,
        .first_tx_ns = UINT64_MAX,
        .stuck_ns = UINT64_MAX,
        .met = own->met,
        .heard_ns = own->heard_ns,
        .wnd_max = own->wnd_max,
        .told = own->told,
    };
}

/* The byte at SND.UNA is the oldest from now on. */
static void ask_anew(const struct sim *sim, unsigned side, struct patience *own, bool asked)
{
    own->since_ns = sim->pair.now_ns;
    own->asked = asked;
    own->probes = false;
    own->arrived = 0;
    own->shut = 0;
    own->overtaken = 0;
    own->answered = 0;
    own->held = held_by_kernel(sim, side);
    own->not_taken = not_taken(sim, !side);
}

static uint32_t window_of(const struct witness *witness, unsigned from,
                          const struct tcp_segment *seg)
{
    bool scaled = !(seg->flags & TCP_SYN) && witness->side[0].scales && witness->side[1].scales;

    return (uint32_t)seg->window << (scaled ? witness->side[from].shift : 0);
}

/* Not the witness's: that has retired where there was another life before. */
static void acknowledge(struct patience *own, const struct tcp_segment *seg, uint32_t window)
{
    uint32_t edge = seg->ack + window;

    own->rcv_nxt = own->acked ? seq_max(own->rcv_nxt, seg->ack) : seg->ack;
    own->edge = own->acked ? seq_max(own->edge, edge) : edge;
    own->ts_recent = seg->ts_ecr;
    own->acked = true;
}

static void leave(struct sim *sim, unsigned i, unsigned side, const struct tcp_segment *seg)
{
    struct patience *own = &sim->check.patience[i][side];
    struct patience *peer = &sim->check.patience[i][!side];

    if (seg->flags & TCP_SYN && (!own->known || seg->seq != own->iss)) {
        begin(own, seg);
    }
    own->nxt = seq_max(own->nxt, seg->seq + tcp_segment_length(seg));
    if (seg->flags & TCP_ACK) {
        acknowledge(own, seg, window_of(&sim->witness[i], side, seg));
    }
    if (covers(seg, own->una)) {
        if (own->asked == 0) {
            ask_anew(sim, side, own, false);
            own->probes = !(seg->flags & TCP_SYN) && tcp_segment_length(seg) == 1;
        }
        own->asked++;
    }
    peer->answered += seg->flags & TCP_ACK && seq_gt(seg->ack, peer->una);
}

/* RFC 9293 section 3.10.7.4: what lies before RCV.NXT is answered, but nothing that it says is
 * taken, nor of a SYN that comes again. Who has not seen its peer's SYN takes nothing else. */
static bool is_acceptable(const struct patience *own, const struct tcp_segment *seg)
{
    uint32_t length = tcp_segment_length(seg);

    if (seg->flags & TCP_SYN) {
        return !own->met || (seg->flags & TCP_ACK && seq_gt(seg->ack, own->una));
    }
    return own->met && (!own->acked || (length > 0 ? seq_gt(seg->seq + length, own->rcv_nxt)
                                                   : seq_ge(seg->seq, own->rcv_nxt)));
}

/* What comes next is taken: the same once more lies before RCV.NXT, in one turn with it, too. */
static void take_text(struct patience *own, const struct tcp_segment *seg)
{
    uint32_t end = seg->seq + tcp_segment_length(seg);

    if (own->acked && seq_le(seg->seq, own->rcv_nxt)) {
        end = seq_lt(own->edge, end) ? own->edge : end;
        own->rcv_nxt = seq_max(own->rcv_nxt, end);
    }
}

/* A timestamp before TS.Recent (RFC 7323 section 5.3), or an acknowledgement of more than a window
 * before SND.UNA (RFC 5961 section 5.2): what came later has been taken meanwhile. */
static bool is_overtaken(const struct patience *own, const struct tcp_segment *seg)
{
    return own->acked && !(seg->flags & TCP_SYN) &&
           ((seg->options_seen & TCP_OPT_TIMESTAMPS && seq_lt(seg->ts_val, own->ts_recent)) ||
            seq_lt(seg->ack, own->una - own->wnd_max));
}

/* A question of the peer's, that `own` answers if it can. */
static void hear(const struct patience *own, struct patience *peer, const struct tcp_segment *seg,
                 uint64_t now_ns)
{
    if (peer->arrived++ == 0) {
        peer->arrived_ns = now_ns;
    }
    if (is_overtaken(own, seg)) {
        peer->overtaken++;
    } else if (own->acked && seq_le(own->edge, peer->una)) {
        peer->shut++;
    }
}

static void arrive(struct sim *sim, unsigned i, unsigned side, const struct tcp_segment *seg)
{
    struct patience *own = &sim->check.patience[i][side];
    struct patience *peer = &sim->check.patience[i][!side];

    if (covers(seg, peer->una)) {
        hear(own, peer, seg, sim->pair.now_ns);
    }
    if (!is_acceptable(own, seg) || is_overtaken(own, seg)) {
        return;
    }
    take_text(own, seg);
    own->met = true;
    own->heard_ns = sim->pair.now_ns;
    own->wnd_max = max_u32(own->wnd_max, window_of(&sim->witness[i], !side, seg));
    if (seg->flags & TCP_ACK && seq_gt(seg->ack, own->una) && seq_le(seg->ack, own->nxt)) {
        own->una = seg->ack;
        ask_anew(sim, side, own, seq_lt(own->una, own->nxt));
    }
}

void patience_packet(struct sim *sim, const struct wire_sight *sight)
{
    bool arrives = sight->event == WIRE_DELIVERED;
    struct seen seen;
    unsigned i;

    if (sim->plan.scrambles || (!arrives && sight->event != WIRE_SENT) ||
        (arrives && sim->plan.corrupts && !seen_is_intact(sight)) || !seen_read(sight, &seen)) {
        return;
    }
    i = (unsigned)(seen.ports[sight->from] - sim_port(sim, 0, 0)); /* that of side 0 */
    if (i >= sim->plan.connections || seen.seg.flags & TCP_RST) {
        return;
    }
    if (arrives) {
        arrive(sim, i, !sight->from, &seen.seg);
    } else {
        leave(sim, i, sight->from, &seen.seg);
    }
}

/* What was taken, and not what was acknowledged: where the port is full no ACK leaves, and the peer
 * repeats what lies before RCV.NXT. No acknowledgement that comes with it counts. */
static void look_at_taken(struct patience *own, const struct tcp_conn *conn)
{
    if (own->acked && conn->state != TCP_SYN_SENT) {
        own->rcv_nxt = conn->rcv.nxt;
        own->ts_recent = conn->ts_recent;
    }
}

void patience_before_timers(struct sim *sim, unsigned side)
{
    bool all_taken = wire_arrived(&sim->pair.wire, side) == 0;

    if (!all_taken) {
        sim->check.untaken_ns[side] = sim->pair.now_ns;
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        const struct tcp_conn *conn = sim_conn(sim, i, side);
        struct patience *own = &sim->check.patience[i][side];
        const struct tcp_flight *flight = conn ? conn->flight : NULL;

        if (conn && all_taken) {
            look_at_taken(own, conn);
        }
        own->first_tx_ns = UINT64_MAX;
        if (!flight || !flight->stuck) {
            own->stuck_ns = UINT64_MAX;
        } else {
            own->stuck_ns = min_u64(own->stuck_ns, sim->pair.now_ns);
        }
        if (flight && flight->sendq.head != flight->sendq.next) {
            own->first_tx_ns = sendq_at(&flight->sendq, flight->sendq.head)->first_tx_ns;
        }
    }
}

/* How long it takes at the least until the last of so many retransmissions was for nothing. */
static uint64_t backoff_ns(uint64_t first_ns, uint64_t max_ns, unsigned retransmissions)
{
    uint64_t sum_ns = 0;

    for (unsigned i = 0; i <= retransmissions; i++) {
        sum_ns += min_u64(first_ns << min_u32(i, TCP_BACKOFF_MAX), max_ns);
    }
    return sum_ns;
}

/* What an end waits for at the least. */
struct bounds {
    struct rto_bounds rto;
    uint64_t idle_ns;       /* until the first keepalive; UINT64_MAX: there is none */
    uint64_t keepalives_ns; /* until the last is not answered; UINT64_MAX likewise */
};

static void lessen(struct bounds *least, const struct tcp_policy *policy)
{
    least->rto.initial_ns = min_u64(least->rto.initial_ns, policy->rto.initial_ns);
    least->rto.min_ns = min_u64(least->rto.min_ns, policy->rto.min_ns);
    least->rto.max_ns = min_u64(least->rto.max_ns, policy->rto.max_ns);
    if (policy->keepalive) {
        uint64_t idle_ns = policy->keepalive_idle_s * NS_PER_S;
        uint64_t gaps_ns = policy->keepalive_count * policy->keepalive_gap_s * NS_PER_S;

        least->idle_ns = min_u64(least->idle_ns, idle_ns);
        least->keepalives_ns = min_u64(least->keepalives_ns, idle_ns + gaps_ns);
    }
}

/* Of all policies that it has had: the bounds of the RTO may change between one retransmission
 * and the next. R2 and the user timeout are the plan's for all of a run. */
static struct bounds least_bounds(const struct sim *sim, unsigned i, unsigned side)
{
    struct bounds least = {
        .rto = sim->plan.settings[side].policy.rto,
        .idle_ns = UINT64_MAX,
        .keepalives_ns = UINT64_MAX,
    };

    lessen(&least, &sim->plan.settings[side].policy);
    for (unsigned k = 0; k < sim->plan.tuning.count; k++) {
        const struct tuning *tuning = &sim->plan.tuning.tunings[k];

        if (tuning->kind == TUNING_POLICY && tuning->connection == i && tuning->side == side &&
            sim->tuned[k]) {
            lessen(&least, &tuning->policy);
        }
    }
    return least;
}

/* Unless what was to go did not always leave: the kernel held its frame, there was none, the port
 * was full, or nobody told the neighbour's address. */
static bool was_asked(const struct sim *sim, unsigned side, const struct patience *own,
                      unsigned retransmissions)
{
    bool resolves = !sim->plan.static_neighbour && !sim->plan.v6;

    return own->asked > retransmissions || resolves || held_by_kernel(sim, side) > own->held ||
           sim->check.blocked_ns[side] >= own->since_ns;
}

/* A closed window is probed when the RTO is over for the first time: that is counted. */
static bool has_retransmitted(const struct sim *sim, unsigned i, unsigned side,
                              const struct bounds *least)
{
    const struct patience *own = &sim->check.patience[i][side];
    unsigned r2 = sim->plan.settings[side].policy.r2 - own->probes;
    uint64_t waited_ns = sim->pair.now_ns - own->since_ns;

    return own->una != own->iss && own->asked > 0 &&
           waited_ns >= backoff_ns(least->rto.min_ns << own->probes, least->rto.max_ns, r2) &&
           was_asked(sim, side, own, r2);
}

/* Who has heard of the peer answers its SYN. */
static bool has_knocked(const struct sim *sim, unsigned i, unsigned side,
                        const struct bounds *least)
{
    const struct patience *own = &sim->check.patience[i][side];
    const struct tcp_policy *policy = &sim->plan.settings[side].policy;
    unsigned r2 = own->heard_ns > 0 ? policy->r2_syn_ack : policy->r2_syn;
    uint64_t waited_ns = sim->pair.now_ns - own->since_ns;

    return own->una == own->iss && own->asked > 0 &&
           waited_ns >= backoff_ns(least->rto.initial_ns, least->rto.max_ns, r2) &&
           was_asked(sim, side, own, r2);
}

/* Silence is known to the stack in milliseconds. */
static uint64_t silence_ns(const struct sim *sim, const struct patience *own)
{
    return own->heard_ns > 0 ? sim->pair.now_ns - own->heard_ns + NS_PER_MS : 0;
}

static bool has_passed_user_timeout(const struct sim *sim, unsigned side,
                                    const struct patience *own, const struct bounds *least)
{
    uint64_t bound_ns = sim->plan.settings[side].policy.user_timeout_ms * (uint64_t)NS_PER_MS;
    uint64_t now_ns = sim->pair.now_ns;

    return bound_ns > 0 &&
           ((own->first_tx_ns != UINT64_MAX && now_ns - own->first_tx_ns >= bound_ns) ||
            silence_ns(sim, own) >= max_u64(least->idle_ns, bound_ns));
}

static enum patience_cause patience_cause(const struct sim *sim, unsigned i, unsigned side)
{
    const struct patience *own = &sim->check.patience[i][side];
    const struct tcp_policy *policy = &sim->plan.settings[side].policy;
    const struct bounds least = least_bounds(sim, i, side);
    const struct app *app = &sim->app[i][side];
    uint64_t now_ns = sim->pair.now_ns;

    if (has_knocked(sim, i, side, &least)) {
        return PATIENCE_HANDSHAKE;
    }
    if (has_retransmitted(sim, i, side, &least)) {
        return PATIENCE_R2;
    }
    if (own->stuck_ns != UINT64_MAX &&
        now_ns - own->stuck_ns >= backoff_ns(least.rto.min_ns, least.rto.max_ns, policy->r2)) {
        return PATIENCE_NO_FRAME;
    }
    if (has_passed_user_timeout(sim, side, own, &least)) {
        return PATIENCE_USER_TIMEOUT;
    }
    if (silence_ns(sim, own) >= least.keepalives_ns) {
        return PATIENCE_KEEPALIVES;
    }
    if (sim->check.untaken_ns[side] == now_ns) {
        return PATIENCE_NO_FILL;
    }
    return app->left && now_ns - app->left_ns >= (policy->r2 + 1u) * least.rto.max_ns
               ? PATIENCE_LEFT
               : PATIENCE_CAUSE_COUNT;
}

/* Of all policies that it has had: what is armed is not armed anew. */
static uint64_t ack_delay_ns(const struct sim *sim, unsigned i, unsigned side)
{
    uint32_t delay_ms = sim->plan.settings[side].policy.ack_delay_ms;

    for (unsigned k = 0; k < sim->plan.tuning.count; k++) {
        const struct tuning *tuning = &sim->plan.tuning.tunings[k];

        if (tuning->kind == TUNING_POLICY && tuning->connection == i && tuning->side == side) {
            delay_ms = max_u32(delay_ms, tuning->policy.ack_delay_ms);
        }
    }
    return delay_ms * (uint64_t)NS_PER_MS;
}

static bool knows_its_neighbour(struct sim *sim, unsigned i, unsigned side)
{
    const struct tcp_conn *conn = sim_conn(sim, i, side);
    struct neighbours *all = &sim->pair.host[side].net.neighbours;

    return neighbour_at(all, conn->path.neighbour)->state > NEIGHBOUR_INCOMPLETE;
}

/* What arrived found no room, or nobody has looked at it yet. */
static bool is_short(const struct sim *sim, unsigned side, const struct patience *asking)
{
    return sim->weather.stalled[side] || sim->check.blocked_ns[side] >= asking->since_ns ||
           sim->check.untaken_ns[side] >= asking->since_ns ||
           not_taken(sim, side) > asking->not_taken;
}

static enum silence_cause silence_cause(struct sim *sim, unsigned i, unsigned side,
                                        enum patience_cause cause)
{
    const struct patience *own = &sim->check.patience[i][side];

    if (cause == PATIENCE_NO_FRAME || cause == PATIENCE_NO_FILL || cause == PATIENCE_LEFT) {
        return SILENCE_ITSELF;
    }
    if (own->arrived == 0) {
        return SILENCE_QUESTION_LOST;
    }
    if (own->answered > 0) {
        return SILENCE_ANSWER_LOST;
    }
    if (own->una == own->iss && side == 0 && !sim->plan.simultaneous) {
        return SILENCE_LISTENER;
    }
    if (!sim_conn(sim, i, !side)) {
        return SILENCE_PEER_GONE;
    }
    if (own->arrived == own->shut + own->overtaken) {
        return own->shut > 0 ? SILENCE_PEER_CLOSED : SILENCE_OVERTAKEN;
    }
    if (sim->pair.now_ns - own->arrived_ns <= ack_delay_ns(sim, i, !side)) {
        return SILENCE_DELAYED_ACK;
    }
    if (!knows_its_neighbour(sim, i, !side)) {
        return SILENCE_NEIGHBOUR;
    }
    return is_short(sim, !side, own) ? SILENCE_PEER_SHORT : SILENCE_CAUSE_COUNT;
}

static int judge(struct sim *sim, unsigned i, unsigned side)
{
    const struct patience *own = &sim->check.patience[i][side];
    uint64_t now_ns = sim->pair.now_ns;
    enum patience_cause cause = patience_cause(sim, i, side);
    enum silence_cause silence;

    if (cause == PATIENCE_CAUSE_COUNT) {
        return sim_fail(sim, INVARIANT_PATIENCE,
                        "connection %u side %u: asked %u times in %.3f ms, silence of %.3f ms", i,
                        side, own->asked, (double)(now_ns - own->since_ns) / 1e6,
                        (double)(now_ns - own->heard_ns) / 1e6);
    }
    silence = silence_cause(sim, i, side, cause);
    if (silence == SILENCE_CAUSE_COUNT) {
        return sim_fail(sim, INVARIANT_PATIENCE,
                        "connection %u side %u: %s, %u arrived and nobody answered", i, side,
                        patience_cause_names[cause], own->arrived);
    }
    sim->check.given_up[cause][silence]++;
    return 0;
}

int patience_after_turn(struct sim *sim, unsigned side)
{
    if (tcp_has_output(&sim->pair.host[side].tcp)) {
        sim->check.blocked_ns[side] = sim->pair.now_ns;
    }
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        struct patience *own = &sim->check.patience[i][side];
        const struct app *app = &sim->app[i][side];

        if (sim->plan.scrambles || own->told || !app->closed) {
            continue;
        }
        own->told = true;
        if (app->reason == TCP_REASON_TIMEOUT && judge(sim, i, side) != 0) {
            return -1;
        }
    }
    return 0;
}
