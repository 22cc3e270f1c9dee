#include "tests/sim/witness.h"

#include "tcp/cc.h"
#include "tcp/options.h"
#include "tcp/seq.h"
#include "tests/sim/seen.h"
#include "tests/sim/sim.h"
#include "tests/sim/stream.h"

static bool has_dsack(const struct tcp_policy *policy)
{
    return policy->dsack;
}

static bool has_ecn_option(const struct tcp_policy *policy)
{
    return policy->ecn_option;
}

/* RFC 2883 section 4: below the acknowledgement, or in the block behind it. */
static bool tells_duplicate(const struct tcp_segment *seg)
{
    const struct tcp_sack_block *first = &seg->sack[0];

    return seg->sack_count > 0 &&
           (seq_lt(first->start, seg->ack) ||
            (seg->sack_count > 1 && seq_ge(first->start, seg->sack[1].start) &&
             seq_le(first->end, seg->sack[1].end)));
}

/* Shows: RFC 9293 SHLD-14. */
static void check_ack(struct sim *sim, struct witness *witness, unsigned side,
                      const struct tcp_segment *seg)
{
    struct testimony *own = &witness->side[side];
    const struct testimony *peer = &witness->side[!side];
    bool scaled = own->scales && peer->scales && !(seg->flags & TCP_SYN);
    uint32_t unit = 1u << (scaled ? own->shift : 0);
    uint32_t edge = seg->ack + seg->window * unit;

    if (peer->syn && seq_gt(seg->ack, peer->sent)) {
        (void)sim_fail(sim, INVARIANT_ACK, "side %u: %u acknowledged, %u sent", side, seg->ack,
                       peer->sent);
    }
    if (own->acked && seq_lt(seg->ack, own->ack)) {
        (void)sim_fail(sim, INVARIANT_ACK, "side %u: from %u back to %u", side, own->ack, seg->ack);
    }
    /* A SYN that is sent again cannot tell of more than 64 KiB. */
    if (own->acked && seg->flags & TCP_SYN) {
        edge = seq_max(edge, own->edge);
    }
    /* By less than a unit of the scale the field may fall short of it (RFC 7323 section 2.4). */
    if (own->acked && seq_lt(edge, own->edge) && own->edge - edge < unit) {
        edge = own->edge;
    }
    if (own->acked && seq_lt(edge, own->edge)) {
        (void)sim_fail(sim, INVARIANT_EDGE, "side %u: from %u back to %u", side, own->edge, edge);
    }
    own->ack = seg->ack;
    own->edge = edge;
    own->acked = true;
    for (unsigned i = 0; i < seg->sack_count; i++) {
        const struct tcp_sack_block *block = &seg->sack[i];

        /* Only the first may report a duplicate, below the acknowledgement. */
        if (!seq_lt(block->start, block->end) || seq_gt(block->end, peer->sent) ||
            (i > 0 && !seq_gt(block->start, seg->ack))) {
            (void)sim_fail(sim, INVARIANT_SACK, "side %u: block %u is %u to %u", side, i,
                           block->start, block->end);
        }
    }
    if (tells_duplicate(seg) && !tuning_any(sim, side, has_dsack)) {
        (void)sim_fail(sim, INVARIANT_SACK, "side %u: a duplicate is told", side);
    }
}

/* Up to where a side may send. A server that opens early goes by the window of the SYN (RFC 7413
 * section 4.2.2), until an ACK tells of another. */
static uint32_t edge_for(const struct witness *witness, unsigned side)
{
    const struct testimony *peer = &witness->side[!side];

    return peer->acked ? peer->edge : witness->side[side].iss + 1 + peer->window;
}

/* What went with a SYN went before any window was known, and may go again (RFC 9293 MAY-7).
 * Shows: RFC 7323 2.4c. */
static void check_place(struct sim *sim, struct witness *witness, unsigned side,
                        const struct tcp_segment *seg)
{
    struct testimony *own = &witness->side[side];
    const struct testimony *peer = &witness->side[!side];
    uint32_t length = tcp_segment_length(seg);
    uint32_t end = seg->seq + length;

    if (length > 0 && !(seg->flags & TCP_SYN) &&
        ((!peer->acked && sim->plan.fast_open_max == 0) ||
         (seq_gt(end, edge_for(witness, side) + (length == 1)) && seq_gt(end, own->syn_end)))) {
        (void)sim_fail(sim, INVARIANT_WINDOW, "side %u: %u to %u, the window ends at %u", side,
                       seg->seq, end, edge_for(witness, side));
    }
    own->sent = own->syn ? seq_max(own->sent, end) : end;
}

/* Whose stream a side sends: its own, or what came. */
static uint64_t key_of(const struct sim *sim, unsigned connection, unsigned side)
{
    const struct app *app = &sim->app[connection][side];

    return app->plan.echo ? app->peer->stream_key : app->stream_key;
}

static uint32_t limited(uint32_t value, uint32_t limit)
{
    return limit > 0 ? min_u32(value, limit) : value;
}

/* Text that goes first, or again, perhaps cut otherwise, is that of its place; and no more at
 * once than the peer takes with the options beside it (RFC 9293 section 3.7.1). */
static void check_text(struct sim *sim, unsigned connection, unsigned side, const struct seen *seen)
{
    const struct testimony *own = &sim->witness[connection].side[side];
    const struct testimony *peer = &sim->witness[connection].side[!side];
    const struct tcp_segment *seg = &seen->seg;
    bool syn = (seg->flags & TCP_SYN) != 0;
    uint32_t mss = limited(peer->mss, sim->plan.link[!side].middlebox.mss_max);

    mss = limited(mss, sim->plan.settings[side].mss_max);
    if (seg->payload.length == 0) {
        return;
    }
    sim->witness[connection].side[side].text += seg->payload.length;
    if (!stream_matches(key_of(sim, connection, side), seg->seq + syn - own->iss - 1, seen->text,
                        seg->payload.length)) {
        (void)sim_fail(sim, INVARIANT_TEXT, "side %u: %u bytes at %u", side, seg->payload.length,
                       seg->seq - own->iss - 1);
    }
    if (!syn && seg->payload.length + seen->option_bytes > max_u32(mss, TCP_MSS_MIN)) {
        (void)sim_fail(sim, INVARIANT_SIZE, "side %u: %u bytes and %u of options, MSS %u", side,
                       seg->payload.length, seen->option_bytes, mss);
    }
}

/* Only what is not off, what both SYNs offered, and a timestamp always if they did (RFC 7323
 * section 3.2). */
static void check_options(struct sim *sim, const struct witness *witness, unsigned side,
                          const struct tcp_segment *seg)
{
    unsigned agreed = witness->side[0].offered & witness->side[1].offered;
    unsigned seen = seg->options_seen;

    if (seen & TCP_OPT_ACCECN && !tuning_any(sim, side, has_ecn_option)) {
        (void)sim_fail(sim, INVARIANT_OPTIONS, "side %u: that of accurate ECN is off", side);
    }
    if (seg->flags & TCP_SYN) {
        return;
    }
    if ((seen & TCP_OPT_TIMESTAMPS) != (agreed & TCP_OPT_TIMESTAMPS) ||
        (seg->sack_count > 0 && !(agreed & TCP_OPT_SACK_PERMITTED)) ||
        seen & (TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_PERMITTED | TCP_OPT_FAST_OPEN)) {
        (void)sim_fail(sim, INVARIANT_OPTIONS, "side %u: options %02x, agreed %02x", side, seen,
                       agreed);
    }
}

/* DCTCP would be blind without: it brings ECN with it. */
static bool has_ecn(const struct tcp_settings *settings)
{
    return settings->ecn != TCP_ECN_OFF || tcp_cc_counts_marks(settings->cc);
}

/* RFC 3168 sections 6.1.1, 6.1.4, 6.1.5 and 6.1.6. */
static void check_ect(struct sim *sim, struct witness *witness, unsigned side,
                      const struct seen *seen)
{
    const struct tcp_segment *seg = &seen->seg;

    if (seen->ecn == ECN_NOT_ECT) {
        return;
    }
    if (seg->payload.length == 0 || seg->flags & TCP_SYN ||
        seq_lt(seg->seq, witness->side[side].sent) ||
        seq_gt(seg->seq + seg->payload.length, edge_for(witness, side)) ||
        !has_ecn(&sim->plan.settings[0]) || !has_ecn(&sim->plan.settings[1])) {
        (void)sim_fail(sim, INVARIANT_ECT, "side %u: %u+%u has %u", side, seg->seq,
                       seg->payload.length, seen->ecn);
    }
}

static void check_timestamp(struct sim *sim, struct testimony *own, unsigned side,
                            const struct tcp_segment *seg)
{
    if (!(seg->options_seen & TCP_OPT_TIMESTAMPS)) {
        return;
    }
    if (own->timestamped && seq_lt(seg->ts_val, own->ts_value)) {
        (void)sim_fail(sim, INVARIANT_CLOCK, "side %u: from %u back to %u", side, own->ts_value,
                       seg->ts_val);
    }
    own->timestamped = true;
    own->ts_value = seg->ts_val;
}

/* A SYN that opens the connection once more; with cookies it may have the number of before, and a
 * timestamp that is rounded down, for what the cookie has no room for. */
static bool is_of_another_life(const struct sim *sim, const struct testimony *own,
                               const struct tcp_segment *seg)
{
    bool rounded = seg->options_seen & TCP_OPT_TIMESTAMPS && own->timestamped &&
                   seq_lt(seg->ts_val, own->ts_value);

    return seg->seq != own->iss || (sim->plan.syn_cookies != TCP_COOKIES_NEVER &&
                                    (rounded || (own->acked && seq_lt(seg->ack, own->ack))));
}

/* The first SYN of a side. */
static void take_syn(struct sim *sim, struct testimony *own, const struct tcp_segment *seg)
{
    own->iss = seg->seq;
    own->syn_end = seg->seq + tcp_segment_length(seg);
    own->scales = (seg->options_seen & TCP_OPT_WSCALE) != 0;
    own->shift = seg->wscale;
    own->offered = seg->options_seen;
    own->window = (uint16_t)seg->window;
    own->mss = sim->plan.v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;
    if (seg->options_seen & TCP_OPT_MSS) {
        own->mss = seg->mss;
    }
}

static void take_segment(struct sim *sim, unsigned connection, unsigned side,
                         const struct seen *seen)
{
    struct witness *witness = &sim->witness[connection];
    struct testimony *own = &witness->side[side];
    const struct tcp_segment *seg = &seen->seg;

    if (seg->flags & TCP_SYN && own->syn && is_of_another_life(sim, own, seg)) {
        witness->retired = true;
        return;
    }
    if (seg->flags & TCP_SYN && !own->syn) {
        take_syn(sim, own, seg);
    }
    check_ect(sim, witness, side, seen);
    check_place(sim, witness, side, seg);
    check_text(sim, connection, side, seen);
    check_options(sim, witness, side, seg);
    own->syn = own->syn || seg->flags & TCP_SYN;
    if (seg->flags & TCP_ACK) {
        check_ack(sim, witness, side, seg);
    }
    check_timestamp(sim, own, side, seg);
}

void witness_packet(struct sim *sim, const struct wire_sight *sight)
{
    unsigned side = sight->from;
    struct seen seen;
    unsigned connection;

    /* Where anything may have been believed, nothing that is said can be held against it. */
    if (sim->plan.scrambles || sight->event != WIRE_SENT || !seen_read(sight, &seen)) {
        return;
    }
    connection = (unsigned)(seen.ports[side] - sim_port(sim, 0, 0));
    if (connection < sim->plan.connections && !(seen.seg.flags & TCP_RST) &&
        !sim->witness[connection].retired) {
        take_segment(sim, connection, side, &seen);
    }
}
