#include "tcp/conn.h"

#include "datapath/net/checksum.h"
#include "tcp/ack.h"
#include "tcp/admission.h"
#include "tcp/cc.h"
#include "tcp/open.h"
#include "tcp/window.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

/* Into the table, and known to those beside us. */
static bool enter_table(struct tcp_conn *conn, uint64_t hash)
{
    struct tcp *tcp = conn->tcp;

    if (!table_insert(&tcp->table, hash, conn->index)) {
        return false;
    }
    if (tcp->owners) {
        tcp->owners->claim(tcp, &conn->tuple, hash);
    }
    return true;
}

static void leave_table(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    uint64_t hash = tuple_hash(&conn->tuple, tcp->table_key); /* rather once more than kept */

    table_remove(&tcp->table, hash, conn->index);
    tcp_port_is_free(tcp, &conn->tuple);
    if (tcp->owners) {
        tcp->owners->release(tcp, &conn->tuple, hash);
    }
}

static void take_settings(struct tcp_conn *conn, const struct tcp_settings *settings)
{
    conn->flags = settings->nodelay ? TCP_CONN_NODELAY : 0;
    conn->flags |= settings->sack ? TCP_CONN_SACK_OK : 0;
    conn->flags |= settings->timestamps ? TCP_CONN_TIMESTAMPS : 0;
    conn->flags |= settings->window_scale ? TCP_CONN_WSCALE : 0;
    conn->rcv.buffer = settings->receive_buffer;
    conn->rcv.wscale = settings->window_scale ? tcp_window_scale(settings) : 0;
    conn->send_buffer = settings->send_buffer;
    conn->tos = settings->tos;
    conn->ttl = settings->ttl;
    conn->ecn.most = (uint8_t)ecn_most(settings);
}

/* No segment is larger, whatever the path takes: the peer's by what our SYN says, ours by what
 * both ends take. */
static void limit_segments(struct tcp_conn *conn, uint16_t mss_max)
{
    uint32_t header_bytes = tcp_headers_bytes(&conn->tuple.remote);

    conn->mtu.most = UINT16_MAX;
    if (mss_max > 0) {
        conn->mtu.most = (uint16_t)max_u32(mss_max, TCP_MSS_MIN);
        conn->path.mtu = (uint16_t)min_u32(conn->path.mtu, conn->mtu.most + header_bytes);
    }
}

static void init_timers(struct tcp_conn *conn)
{
    wheel_entry_init(&conn->timer);
    conn->rexmit_ns = UINT64_MAX;
    conn->ack_ns = UINT64_MAX;
    conn->life_ns = UINT64_MAX;
}

/* Line by line: of the whole gcc makes a "rep stos", which takes longer to begin than
 * these stores take. */
static void clear(struct tcp_conn *conn)
{
    uint8_t *at = (uint8_t *)conn;
    size_t left = sizeof *conn;

    for (; left >= CACHE_LINE_BYTES; left -= CACHE_LINE_BYTES, at += CACHE_LINE_BYTES) {
        memset(at, 0, CACHE_LINE_BYTES);
    }
    memset(at, 0, left);
}

void tcp_conn_free(struct tcp_conn *conn)
{
    policy_give(&conn->tcp->policies, conn->policy);
    slab_give(&conn->tcp->conns, conn->index);
}

struct tcp_conn *tcp_conn_create(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash,
                                 const struct tcp_settings *settings)
{
    struct net_path path;
    struct tcp_conn *conn;
    uint32_t index;

    if (net_path_find(tcp->net, &tuple->remote, &path) != 0) {
        return NULL;
    }
    conn = slab_take(&tcp->conns, &index);
    if (!conn) {
        return NULL;
    }
    clear(conn);
    conn->index = index;
    conn->tuple = *tuple;
    conn->tcp = tcp;
    if (!policy_take(&tcp->policies, &settings->policy, &conn->policy) ||
        !enter_table(conn, hash)) {
        tcp_conn_free(conn);
        return NULL;
    }
    conn->path = path;
    limit_segments(conn, settings->mss_max);
    conn->cc = settings->cc;
    conn->pseudo_sum = checksum_pseudo(&tuple->local, &tuple->remote, IPPROTO_TCP);
    take_settings(conn, settings);
    init_timers(conn);
    pacing_follow(conn);
    rate_follow(conn);
    rtt_init(&conn->rtt, &tcp_conn_policy(conn)->rto);
    reassembly_init(&conn->reassembly);
    recvq_init(&conn->recvq);
    conn->kept.frame = FRAME_NONE;
    list_link_init(&conn->output_link);
    return conn;
}

static void drop_queues(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    struct tcp_sendq_room send_room = {tcp->pool, &tcp->blocks};
    struct reassembly_room room = {tcp->pool, &tcp->blocks, &tcp->pieces};

    if (conn->flight) {
        sendq_clear(&conn->flight->sendq, &send_room);
        tcp_conn_rest(conn);
    }
    reassembly_clear(&conn->reassembly, &room);
    recvq_clear(&conn->recvq, &tcp->pieces, tcp->pool);
}

void tcp_conn_end(struct tcp_conn *conn, enum tcp_reason reason)
{
    struct tcp *tcp = conn->tcp;

    if (conn->state == TCP_CLOSED) {
        return;
    }
    if (tcp_conn_has(conn, TCP_CONN_PASSIVE)) {
        tcp_admission_end(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        assert(tcp->orphans > 0);
        tcp->orphans--;
    }
    tcp_state_set(conn, TCP_CLOSED);
    conn->reason = (uint8_t)reason;
    leave_table(conn);
    wheel_cancel(&tcp->wheel, &conn->timer);
    if (tcp_conn_has(conn, TCP_CONN_PACED)) {
        pacing_end(conn);
    }
    tcp_window_forget(conn);
    drop_queues(conn);
    tcp_ack_let_go(conn);
    list_link_remove(&conn->output_link);
    list_push_back(&tcp->ended, &conn->output_link);
    tcp->counters.closed++;
}

void tcp_conn_abandon(struct tcp_conn *conn)
{
    tcp_conn_end(conn, TCP_REASON_NO_MEMORY);
    list_link_remove(&conn->output_link);
    tcp_conn_free(conn);
}

struct tcp_flight *tcp_conn_flight(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    uint32_t index;

    if (flight) {
        return flight;
    }
    flight = slab_take(&conn->tcp->flights, &index);
    if (!flight) {
        return NULL;
    }
    memset(&flight->rto_base_ns, 0,
           offsetof(struct tcp_flight, sendq) - offsetof(struct tcp_flight, rto_base_ns));
    sendq_init(&flight->sendq);
    flight->index = index;
    flight->rack_fack = conn->snd.una;
    flight->small = conn->snd.una;
    flight->tlp_out = conn->probe_doubt;
    flight->tlp_retransmitted = conn->probe_doubt;
    flight->tlp_end_seq = conn->snd.una;
    conn->probe_doubt = 0;
    conn->flight = flight;
    /* RFC 5681 section 4.1: after idleness longer than an RTO the window tells
     * nothing of the path any more. */
    if (conn->last_send_ns != 0) {
        uint64_t pause_ns = conn->tcp->now_ns - conn->last_send_ns;

        conn->idle += (uint32_t)(pause_ns >> TCP_BUSY_SHIFT);
        if (pause_ns > conn->rtt.rto_ns && tcp_conn_policy(conn)->idle_restart) {
            conn->cc->idle(conn);
        }
    }
    return flight;
}

void tcp_conn_rest(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};

    if (!flight || !sendq_is_empty(&flight->sendq)) {
        return;
    }
    sendq_release(&flight->sendq, &room);
    conn->probe_doubt = flight->tlp_out && flight->tlp_retransmitted;
    slab_give(&conn->tcp->flights, flight->index);
    conn->flight = NULL;
}

void tcp_conn_want_output(struct tcp_conn *conn)
{
    tcp_ack_let_go(conn);
    if (!list_link_is_on(&conn->output_link)) {
        list_push_back(&conn->tcp->output, &conn->output_link);
    }
}

void tcp_conn_arm(struct tcp_conn *conn)
{
    uint64_t due_ns = min_u64(min_u64(conn->rexmit_ns, conn->ack_ns), conn->life_ns);

    if (due_ns == UINT64_MAX) {
        /* Left in the wheel: coming due for nothing once is cheaper than leaving
         * and joining with each segment. */
        return;
    }
    wheel_arm(&conn->tcp->wheel, &conn->timer, due_ns);
}
