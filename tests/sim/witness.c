#include "tests/sim/witness.h"

#include "datapath/net/headers.h"
#include "tcp/options.h"
#include "tcp/seq.h"
#include "tests/sim/sim.h"

#include <netinet/in.h>
#include <string.h>

/* A segment out of the bytes of a packet that one of our hosts wrote: it may
 * have no options of IP, and is whole. False when it is no TCP. */
static bool read_segment(const struct wire_sight *sight, struct tcp_segment *seg, uint16_t ports[2])
{
    bool v6 = be16_load(sight->bytes + 12) == ETHERTYPE_IPV6;
    const uint8_t *l3 = sight->bytes + ETHERNET_HEADER_BYTES;
    const uint8_t *at = l3 + (v6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
    unsigned header_bytes;

    if ((!v6 && be16_load(sight->bytes + 12) != ETHERTYPE_IPV4) ||
        (v6 ? l3[6] : l3[9]) != IPPROTO_TCP) {
        return false;
    }
    memset(seg, 0, sizeof *seg);
    header_bytes = (at[12] >> 4) * 4u;
    ports[0] = be16_load(at);
    ports[1] = be16_load(at + 2);
    seg->seq = be32_load(at + 4);
    seg->ack = be32_load(at + 8);
    seg->flags = be16_load(at + 12) & 0x1ff;
    seg->window = be16_load(at + 14);
    seg->payload.length = (uint16_t)(sight->length - (uint32_t)(at - sight->bytes) - header_bytes);
    tcp_options_parse(at + TCP_HEADER_BYTES, header_bytes - TCP_HEADER_BYTES, seg);
    return true;
}

/* Shows: RFC 9293 SHLD-14. */
static void check_ack(struct sim *sim, struct witness *witness, unsigned side,
                      const struct tcp_segment *seg)
{
    struct testimony *own = &witness->side[side];
    const struct testimony *peer = &witness->side[!side];
    bool scaled = own->scales && peer->scales && !(seg->flags & TCP_SYN);
    uint32_t edge = seg->ack + (seg->window << (scaled ? own->shift : 0));

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
}

/* Shows: RFC 7323 2.4c. */
static void check_text(struct sim *sim, struct witness *witness, unsigned side,
                       const struct tcp_segment *seg)
{
    struct testimony *own = &witness->side[side];
    const struct testimony *peer = &witness->side[!side];
    uint32_t length = tcp_segment_length(seg);
    uint32_t end = seg->seq + length;

    if (length > 0 && !(seg->flags & TCP_SYN) &&
        (!peer->acked || seq_gt(end, peer->edge + (length == 1)))) {
        (void)sim_fail(sim, INVARIANT_WINDOW, "side %u: %u to %u, the window ends at %u", side,
                       seg->seq, end, peer->edge);
    }
    own->sent = own->syn ? seq_max(own->sent, end) : end;
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

void witness_packet(struct sim *sim, const struct wire_sight *sight)
{
    unsigned side = sight->from;
    struct tcp_segment seg;
    struct testimony *own;
    struct witness *witness;
    uint16_t ports[2];
    unsigned connection;

    if (sight->event != WIRE_SENT || !read_segment(sight, &seg, ports)) {
        return;
    }
    connection = (unsigned)(ports[side] - sim_port(sim, 0, 0));
    if (connection >= sim->plan.connections || seg.flags & TCP_RST) {
        return;
    }
    witness = &sim->witness[connection];
    own = &witness->side[side];
    if (witness->retired) {
        return;
    }
    if (seg.flags & TCP_SYN && own->syn && seg.seq != own->iss) {
        witness->retired = true;
        return;
    }
    if (seg.flags & TCP_SYN && !own->syn) {
        own->iss = seg.seq;
        own->scales = (seg.options_seen & TCP_OPT_WSCALE) != 0;
        own->shift = seg.wscale;
    }
    check_text(sim, witness, side, &seg);
    own->syn = own->syn || seg.flags & TCP_SYN;
    if (seg.flags & TCP_ACK) {
        check_ack(sim, witness, side, &seg);
    }
    check_timestamp(sim, own, side, &seg);
}
