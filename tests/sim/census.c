/* A census of frames: every holder is asked what it has, and the records of the
 * pool must say the same, no more and no less. */
#include "datapath/net/neighbour.h"
#include "tests/sim/sim.h"

#include <string.h>

struct claim {
    uint8_t holders;
    uint16_t reassembly_count;
    uint16_t app_count;
};

struct census {
    const struct frame_pool *pool;
    struct claim claims[SIM_FRAMES_MAX];
    bool twice; /* two claim what only one can have */
};

static void claim(struct census *census, uint32_t frame, enum frame_holder holder)
{
    struct claim *claim = &census->claims[frame - census->pool->first];

    if (holder == FRAME_REASSEMBLY) {
        claim->reassembly_count++;
    } else if (holder == FRAME_APP) {
        claim->app_count++;
    } else if (claim->holders & holder) {
        census->twice = true;
    }
    claim->holders = (uint8_t)(claim->holders | holder);
}

static void ask_port(struct census *census, const struct wire_end *end)
{
    for (uint32_t i = end->fill_head; i != end->fill_tail; i++) {
        claim(census, end->fill[i & end->lent_mask], FRAME_KERNEL_RX);
    }
    for (uint32_t i = end->rx_head; i != end->rx_tail; i++) {
        claim(census, end->rx[i & end->lent_mask].frame, FRAME_KERNEL_RX);
    }
    for (uint32_t i = 0; i < end->port.tx_count; i++) {
        claim(census, end->port.tx[i].frame, FRAME_KERNEL_TX);
    }
    for (uint32_t i = 0; i < end->done_count; i++) {
        claim(census, end->done[i], FRAME_KERNEL_TX);
    }
    for (uint32_t i = 0; i < end->late.count; i++) {
        claim(census, end->late.entries[i].packet.frame, FRAME_KERNEL_TX);
    }
}

static void ask_chain(struct census *census, const struct pieces *pieces,
                      const struct piece_chain *chain)
{
    for (uint32_t i = chain->first; i != PIECE_NONE; i = piece_at(pieces, i)->next) {
        claim(census, piece_at(pieces, i)->slice.frame, FRAME_REASSEMBLY);
    }
}

static void ask_connection(struct census *census, const struct tcp_conn *conn)
{
    const struct pieces *pieces = &conn->tcp->pieces;

    if (conn->flight) {
        const struct tcp_sendq *sendq = &conn->flight->sendq;

        for (uint32_t i = sendq->head; i != sendq->tail; i++) {
            const struct tcp_record *record = sendq_at(sendq, i);

            if (record->slice.frame != FRAME_NONE) {
                claim(census, record->slice.frame, FRAME_SENDQ);
            }
        }
    }
    for (unsigned i = 0; i < conn->reassembly.count; i++) {
        ask_chain(census, pieces, &conn->reassembly.ranges[i].chain);
    }
    ask_chain(census, pieces, &conn->recvq.chain);
}

static void ask_host(struct census *census, const struct host *host)
{
    const struct neighbours *neighbours = &host->net.neighbours;
    const struct slab *conns = &host->tcp.conns;

    for (uint16_t i = 0; i < neighbours->used; i++) {
        for (uint16_t j = 0; j < neighbours->entries[i].queued; j++) {
            claim(census, neighbours->entries[i].queue[j].frame, FRAME_SENDQ);
        }
    }
    for (unsigned i = 0; i < FRAGMENTS_PLACES; i++) { /* a corrupted header may say anything */
        if (host->net.fragments.places[i].frame != FRAME_NONE) {
            claim(census, host->net.fragments.places[i].frame, FRAME_REASSEMBLY);
        }
    }
    for (uint32_t i = 0; i < conns->untouched; i++) {
        if (slab_generation(conns, i) & 1) {
            ask_connection(census, slab_at(conns, i));
        }
    }
}

static void ask_applications(struct census *census, const struct sim *sim, unsigned side)
{
    for (unsigned i = 0; i < sim->plan.connections; i++) {
        const struct app *app = &sim->app[i][side];

        for (unsigned j = 0; j < app->retained_count; j++) {
            claim(census, app->retained[j].frame, FRAME_APP);
        }
    }
    for (uint32_t i = 0; i < sim->weather.hoarded[side]; i++) {
        claim(census, sim->weather.hoard[side][i], FRAME_APP);
    }
}

int census_check(struct sim *sim, unsigned side)
{
    static struct census census;
    const struct frame_pool *pool = &sim->pair.pool[side];

    memset(&census, 0, sizeof census);
    census.pool = pool;
    ask_port(&census, &sim->pair.wire.end[side]);
    ask_host(&census, &sim->pair.host[side]);
    ask_applications(&census, sim, side);
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct frame *record = &pool->records[i];
        const struct claim *claimed = &census.claims[i];

        if (record->holders != claimed->holders || record->app_count != claimed->app_count ||
            record->reassembly_count != claimed->reassembly_count) {
            return sim_fail(sim, INVARIANT_FRAMES,
                            "side %u: frame %u is held by %02x, claimed by %02x", side, i,
                            record->holders, claimed->holders);
        }
    }
    if (census.twice) {
        return sim_fail(sim, INVARIANT_FRAMES, "side %u: a frame has two owners", side);
    }
    return frame_pool_check(pool)
               ? 0
               : sim_fail(sim, INVARIANT_FRAMES, "side %u: the pool is not consistent", side);
}
