#include "tcp/prune.h"

/* Places that the hand passes in a call: about a microsecond of cache misses. */
static const unsigned places_per_call = 16;

/* The connection at the hand, which moves on; NULL when there is none that keeps something. */
static struct tcp_conn *next_keeper(struct tcp *tcp)
{
    uint32_t index = tcp->prune_hand < tcp->conns.untouched ? tcp->prune_hand : 0;
    struct tcp_conn *conn;

    tcp->prune_hand = index + 1;
    if ((slab_generation(&tcp->conns, index) & 1) == 0) {
        return NULL;
    }
    conn = slab_at(&tcp->conns, index);
    return conn->reassembly.count > 0 ? conn : NULL;
}

static void prune(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    struct reassembly_room room = {tcp->pool, &tcp->blocks, &tcp->pieces};

    tcp->counters.pruned += reassembly_prune_top(&conn->reassembly, &room);
}

bool tcp_prune_other(const struct tcp_conn *conn)
{
    for (unsigned i = 0; i < places_per_call; i++) {
        struct tcp_conn *other = next_keeper(conn->tcp);

        if (other && other->reassembly.pieces > 2 * (conn->reassembly.pieces + 1)) {
            prune(other);
            return true;
        }
    }
    return false;
}

static bool is_short(const struct tcp *tcp)
{
    const struct slab *pieces = &tcp->pieces.slab;

    return frame_pool_pressure(tcp->pool) != FRAME_NORMAL ||
           pieces->used > pieces->count - pieces->count / 4;
}

/* Modulo 2^16: after 19 hours it may seem younger, for some seconds. */
static bool is_old(const struct tcp_conn *conn)
{
    return (uint16_t)(tcp_age(conn->tcp) - conn->reassembly.since) > TCP_OUT_OF_ORDER_LIFE;
}

void tcp_prune_old(struct tcp *tcp)
{
    for (unsigned i = 0; i < places_per_call && is_short(tcp); i++) {
        struct tcp_conn *conn = next_keeper(tcp);

        if (conn && is_old(conn)) {
            prune(conn);
        }
    }
}
