/* A burst of segments in passes, so that what the next one needs is on its way from
 * memory while this one is worked on: parse and verify all and fetch the buckets
 * of the table, then the connections, then take them in order of arrival. */
#include "tcp/input.h"
#include "tcp/timewait_table.h"

#include <assert.h>

struct arrival {
    struct tcp_segment seg;
    struct tcp_tuple tuple;
    uint64_t hash;
    struct tcp_conn *guess; /* the first with the tag of the hash, or NULL; not compared yet */
    const struct packet *packet;
};

static bool parse(struct tcp *tcp, const struct packet *packet, struct tcp_segment *seg,
                  struct tcp_tuple *tuple)
{
    int error = tcp_segment_parse(tcp->pool, packet, tcp->verify_checksums, seg, tuple);

    tcp->counters.segments_in++;
    if (error == 0) {
        return true;
    }
    if (error == TCP_DROP_CHECKSUM) {
        tcp->counters.dropped_checksum++;
    } else {
        tcp->counters.dropped_malformed++;
    }
    return false;
}

static void fetch_connection(struct tcp *tcp, struct arrival *arrival)
{
    uint32_t value = table_peek(&tcp->table, arrival->hash);

    arrival->guess = NULL;
    if (value != TABLE_NONE && !(value & TCP_TABLE_TIMEWAIT)) {
        arrival->guess = slab_at(&tcp->conns, value);
        for (size_t at = 0; at < sizeof *arrival->guess; at += CACHE_LINE_BYTES) {
            __builtin_prefetch((const char *)arrival->guess + at);
        }
    }
}

/* The guess was made before the segments in front of this one were taken: they may
 * have ended that connection, or begun another. */
static struct tcp_conn *find(struct tcp *tcp, const struct arrival *arrival)
{
    struct tcp_conn *guess = arrival->guess;

    if (guess && guess->state != TCP_CLOSED && tuple_equal(&guess->tuple, &arrival->tuple)) {
        return guess;
    }
    return tcp_conn_find(tcp, &arrival->tuple);
}

void tcp_input_burst(struct tcp *tcp, const struct packet *const *packets, unsigned count)
{
    struct arrival arrivals[PORT_BURST];
    unsigned good = 0;

    assert(count <= PORT_BURST);
    for (unsigned i = 0; i < count; i++) {
        struct arrival *arrival = &arrivals[good];

        if (parse(tcp, packets[i], &arrival->seg, &arrival->tuple)) {
            arrival->packet = packets[i];
            arrival->hash = tuple_hash(&arrival->tuple, tcp->table_key);
            table_prefetch(&tcp->table, arrival->hash);
            good++;
        }
    }
    for (unsigned i = 0; i < good; i++) {
        fetch_connection(tcp, &arrivals[i]);
    }
    for (unsigned i = 0; i < good; i++) {
        struct arrival *arrival = &arrivals[i];
        struct tcp_conn *conn = find(tcp, arrival);

        if (conn) {
            tcp_input_connection(conn, &arrival->seg);
        } else {
            tcp_input_unconnected(tcp, arrival->packet, &arrival->tuple, &arrival->seg);
        }
    }
}
