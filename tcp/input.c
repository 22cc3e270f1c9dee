#include "tcp/input.h"

#include "tcp/emit.h"
#include "tcp/seq.h"
#include "tcp/urgent.h"
#include "tcp/window.h"

#include <assert.h>

/* What comes next, fits, and carries nothing that stops a plain transfer: tcp_check_sequence()
 * would find nothing to refuse, to trim or to answer. */
static inline bool is_expected(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    return seg->seq == conn->rcv.nxt && !(seg->flags & (TCP_SYN | TCP_RST | TCP_FIN)) &&
           seg->payload.length <= tcp_window(conn) && conn->ecn.mode == TCP_ECN_OFF &&
           (!tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) ||
            (seg->options_seen & TCP_OPT_TIMESTAMPS && seq_ge(seg->ts_val, conn->ts_recent))) &&
           tcp_ack_is_plausible(conn, seg);
}

/* Segment arrival in SYN-RECEIVED or a synchronized state, in the order of
 * RFC 9293 section 3.10.7.4. The third check, security, has no counterpart. */
static inline void input_synchronized(struct tcp_conn *conn, struct tcp_segment *seg)
{
    if (is_expected(conn, seg)) {
        if (tcp_conn_has(conn, TCP_CONN_TIMESTAMPS)) {
            tcp_keep_timestamp(conn, seg);
        }
    } else if (!tcp_check_sequence(conn, seg) || !tcp_check_reset(conn, seg) ||
               !tcp_check_syn(conn, seg)) {
        return;
    }
    if (!tcp_accept_ack(conn, seg)) {
        return;
    }
    if (seg->flags & TCP_URG) {
        urgent_arrived(conn, seg);
    }
    tcp_accept_text(conn, seg);
    if (conn->state != TCP_CLOSED) {
        tcp_accept_fin(conn, seg);
    }
    assert(!seq_lt(conn->snd.nxt, conn->snd.una));
}

void tcp_input_connection(struct tcp_conn *conn, struct tcp_segment *seg)
{
    conn->tally.segments_in++;
    if (conn->state == TCP_SYN_SENT) {
        tcp_input_syn_sent(conn, seg);
    } else if (conn->state != TCP_CLOSED) { /* not ended earlier in this turn */
        input_synchronized(conn, seg);
    }
}

static struct tcp_conn *input_unknown(struct tcp *tcp, const struct tcp_arrival *arrival)
{
    const struct tcp_segment *seg = &arrival->seg;
    const struct tcp_tuple *tuple = &arrival->tuple;
    struct tcp_listener *listener = tcp_listener_find(tcp, &tuple->local, tuple->local_port);

    uint16_t kind = seg->flags & (TCP_SYN | TCP_ACK | TCP_RST);
    struct tcp_conn *conn;

    if (listener && kind == TCP_SYN) {
        tcp_input_listen(tcp, listener, arrival);
        return NULL;
    }
    if (listener && kind == TCP_ACK && tcp_cookie_accept(tcp, listener, arrival, &conn)) {
        return conn;
    }
    tcp->counters.no_connection++;
    emit_reset_to(tcp, tuple, seg);
    return NULL;
}

/* Another worker's, whom it has been given to. */
static bool is_passed(struct tcp *tcp, const struct tcp_arrival *arrival)
{
    return tcp->owners && tcp->owners->pass(tcp, &arrival->tuple, arrival->packet);
}

/* MUST-57 and MUST-63: nothing that no single host sent, and nothing that was not
 * for us alone, is answered. What belongs to a connection comes from its peer. */
static bool is_from_a_host(const struct packet *packet)
{
    return !(packet->flags & PACKET_TO_GROUP) && ip_addr_is_unicast(&packet->src);
}

struct tcp_conn *tcp_input_unconnected(struct tcp *tcp, uint32_t entry,
                                       const struct tcp_arrival *arrival)
{
    if (!is_from_a_host(arrival->packet)) {
        tcp->counters.dropped_bad_source++;
        return NULL;
    }
    if (entry != TIMEWAIT_NONE) {
        tcp_input_timewait(tcp, entry, arrival);
        return NULL;
    }
    return is_passed(tcp, arrival) ? NULL : input_unknown(tcp, arrival);
}
