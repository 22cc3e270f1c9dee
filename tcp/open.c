#include "tcp/open.h"

#include "tcp/isn.h"
#include "tcp/seq.h"
#include "tcp/timewait_table.h"
#include "tcp/user.h"
#include "tcp/window.h"

static void take_iss(struct tcp_conn *conn, uint32_t iss)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;

    conn->snd.iss = iss;
    conn->snd.una = iss;
    conn->snd.nxt = iss;
    conn->flight->rack_fack = iss;
    conn->flight->small = iss;
    sendq_at(sendq, sendq->head)->seq = iss;
}

bool tcp_queue_syn(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    struct tcp_sendq_room room = {tcp->pool, &tcp->blocks};
    struct tcp_flight *flight = tcp_conn_flight(conn);
    struct tcp_record *record = flight ? sendq_append(&flight->sendq, &room, TCP_SENDQ_TEXT) : NULL;

    struct isn isn;

    if (!record) {
        return false;
    }
    record->flags = TCP_RECORD_SYN;
    sendq_appended(&flight->sendq, 1);
    isn = isn_make(tcp->secret, &conn->tuple, tcp->now_ns);
    conn->ts_offset = isn.ts_offset;
    take_iss(conn, isn.number);
    return true;
}

/* The clock of RFC 6528 is slower than a fast connection. The distance is Linux's:
 * farther than an unscaled window of the peer reaches. */
void tcp_open_behind(struct tcp_conn *conn, uint32_t snd_nxt)
{
    if (seq_le(conn->snd.iss, snd_nxt)) {
        take_iss(conn, snd_nxt + UINT16_MAX + 2);
    }
}

void tcp_open_window(struct tcp_conn *conn)
{
    uint32_t window = tcp_window_initial(conn->tcp, conn->rcv.buffer, conn->snd.mss);

    conn->rcv.edge = conn->rcv.nxt + window;
    conn->tcp->promised_bytes += window;
}

/* A port in TIME-WAIT may be taken again when what is left of the old connection can't be
 * mistaken: both sides had timestamps, and ours have moved on (RFC 6191 section 2, which says
 * it of the passive side). The second is Linux's (net.ipv4.tcp_tw_reuse): a peer whose clock
 * of timestamps is as slow as RFC 7323 allows sees them move too. */
static uint64_t reusable_ns(const struct tcp *tcp, uint32_t index)
{
    const struct timewait_entry *entry = timewait_at(&tcp->timewait, index);

    return entry->timestamps ? entry->expiry_ns + TCP_TIME_WAIT_REUSE_NS - tcp->timewait.duration_ns
                             : UINT64_MAX;
}

/* The tuple that an open is to have, and what of it stands in the table. */
struct choice {
    struct tcp_tuple tuple;
    uint64_t hash;
    uint32_t holder; /* as tcp_table_find() says */
};

static void look_up(const struct tcp *tcp, struct choice *choice)
{
    choice->hash = tuple_hash(&choice->tuple, tcp->table_key);
    choice->holder = tcp_table_find(tcp, &choice->tuple, choice->hash);
}

/* When the tuple may be had; 0: now. */
static uint64_t free_ns(const struct tcp *tcp, const struct choice *choice)
{
    if (choice->holder == TABLE_NONE) {
        return 0;
    }
    return choice->holder & TCP_TABLE_TIMEWAIT
               ? reusable_ns(tcp, choice->holder & ~TCP_TABLE_TIMEWAIT)
               : UINT64_MAX;
}

/* RFC 6056 algorithm 3 in its simple form: a keyed hash of the peer picks where
 * the search begins, a counter spreads what follows. A search of the whole range
 * is not repeated before one of its ports may be free. */
static int choose_port(struct tcp *tcp, struct choice *choice)
{
    struct tcp_tuple *tuple = &choice->tuple;
    uint64_t until_ns = UINT64_MAX;
    uint32_t start;

    tuple->local_port = 0;
    if (tcp->now_ns < tcp->no_port.until_ns && tuple_equal(tuple, &tcp->no_port.tuple)) {
        return TCP_ERR_IN_USE;
    }
    start = (isn_port_offset(tcp->secret, tuple) + tcp->port_next) % tcp->port_count;
    for (uint32_t tried = 0; tried < tcp->port_count; tried++) {
        uint64_t at_ns;

        tuple->local_port = (uint16_t)(tcp->port_first + (start + tried) % tcp->port_count);
        look_up(tcp, choice);
        at_ns = free_ns(tcp, choice);
        if (at_ns <= tcp->now_ns) {
            tcp->port_next += tried + 1;
            return TCP_OK;
        }
        until_ns = min_u64(until_ns, at_ns);
    }
    tuple->local_port = 0;
    tcp->no_port = (struct tcp_no_port){*tuple, until_ns};
    return TCP_ERR_IN_USE;
}

static int choose_local(struct tcp *tcp, struct choice *choice)
{
    struct tcp_tuple *tuple = &choice->tuple;

    if (ip_addr_is_unspecified(&tuple->local)) {
        const struct ip_addr *source = net_source_for(tcp->net, &tuple->remote);

        if (!source) {
            return TCP_ERR_ROUTE;
        }
        tuple->local = *source;
    } else if (!net_address_is_local(tcp->net, &tuple->local)) {
        return TCP_ERR_ADDRESS;
    }
    if (tuple->local_port == 0) {
        return choose_port(tcp, choice);
    }
    /* RFC 6191: a port in TIME-WAIT is taken until it ends. */
    look_up(tcp, choice);
    return choice->holder == TABLE_NONE ? TCP_OK : TCP_ERR_IN_USE;
}

/* The new connection is in the place of one in TIME-WAIT: it goes on behind its numbers, and
 * the entry leaves, which would answer for it. */
static void replace_waiting(struct tcp_conn *conn, uint32_t holder)
{
    struct tcp *tcp = conn->tcp;
    uint32_t index = holder & ~TCP_TABLE_TIMEWAIT;

    if (holder != TABLE_NONE) {
        tcp_open_behind(conn, timewait_at(&tcp->timewait, index)->snd_nxt);
        tcp_timewait_forget(tcp, index);
        tcp->counters.time_wait_reused++;
    }
}

int tcp_connect(struct tcp *tcp, const struct tcp_tuple *wanted,
                const struct tcp_settings *settings, struct tcp_conn **out)
{
    struct choice choice = {.tuple = *wanted};
    struct net_path path;
    struct tcp_conn *conn;
    int error;

    /* MUST-46. */
    if (!ip_addr_is_unicast(&choice.tuple.remote) || choice.tuple.remote_port == 0) {
        return TCP_ERR_ADDRESS;
    }
    error = choose_local(tcp, &choice);
    if (error != TCP_OK) {
        return error;
    }
    if (net_path_find(tcp->net, &choice.tuple.remote, &path) != 0) {
        return TCP_ERR_ROUTE;
    }
    conn = tcp_conn_create(tcp, &choice.tuple, choice.hash, settings);
    if (!conn) {
        return TCP_ERR_NO_MEMORY;
    }
    /* Text that is queued before the peer's options are known is cut so that the timestamps of
     * either family fit beside it. */
    conn->snd.mss = (uint16_t)(conn->path.mtu - IPV6_HEADER_BYTES - TCP_HEADER_BYTES);
    tcp_open_window(conn); /* told before the peer's sequence numbers are known */
    tcp_state_set(conn, TCP_SYN_SENT);
    if (!tcp_queue_syn(conn)) {
        tcp_conn_abandon(conn);
        return TCP_ERR_NO_MEMORY;
    }
    replace_waiting(conn, choice.holder);
    if (settings->fast_open) {
        tcp_fast_open_begin(conn, settings->fast_open_no_cookie);
    }
    conn->flags |= TCP_CONN_OPEN_TOLD;
    tcp_conn_want_output(conn);
    *out = conn;
    return TCP_OK;
}
