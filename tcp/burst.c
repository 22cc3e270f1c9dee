/* A burst of segments in passes, so that what the next one needs is on its way from
 * memory while this one is worked on: parse and verify all and fetch the buckets
 * of the table, then the connections, then take them in order of arrival. */
#include "tcp/input.h"
#include "tcp/timewait_table.h"

#include <assert.h>

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

/* All that a request and its answer touch: from `kept` on they need nothing. */
static void fetch_connection(struct tcp *tcp, struct tcp_arrival *arrival)
{
    uint32_t value = table_peek(&tcp->table, arrival->hash);

    arrival->guess = NULL;
    if (value != TABLE_NONE && !(value & TCP_TABLE_TIMEWAIT)) {
        arrival->guess = slab_at(&tcp->conns, value);
        for (size_t at = 0; at < offsetof(struct tcp_conn, kept); at += CACHE_LINE_BYTES) {
            __builtin_prefetch((const char *)arrival->guess + at);
        }
    }
}

/* The guess was made before the segments in front of this one were taken: they may
 * have ended that connection, or begun another. */
static RARE struct tcp_conn *find(struct tcp *tcp, const struct tcp_arrival *arrival)
{
    uint32_t value = tcp_table_find(tcp, &arrival->tuple, arrival->hash);

    if (value == TABLE_NONE) {
        return tcp_input_unconnected(tcp, TIMEWAIT_NONE, arrival);
    }
    if (value & TCP_TABLE_TIMEWAIT) {
        return tcp_input_unconnected(tcp, value & ~TCP_TABLE_TIMEWAIT, arrival);
    }
    return slab_at(&tcp->conns, value);
}

static void take(struct tcp *tcp, struct tcp_arrival *arrival)
{
    struct tcp_conn *conn = arrival->guess;

    if (!conn || conn->state == TCP_CLOSED || !tuple_equal(&conn->tuple, &arrival->tuple)) {
        conn = find(tcp, arrival);
    }
    if (conn) {
        tcp_input_connection(conn, &arrival->seg);
    }
}

void tcp_input_burst(struct tcp *tcp, const struct packet *const *packets, unsigned count)
{
    struct tcp_arrival arrivals[PORT_BURST];
    unsigned good = 0;

    assert(count <= PORT_BURST);
    for (unsigned i = 0; i < count; i++) {
        struct tcp_arrival *arrival = &arrivals[good];

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
        take(tcp, &arrivals[i]);
    }
}
