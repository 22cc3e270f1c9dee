#include "tcp/ack.h"

#include "tcp/emit.h"

void tcp_ack_now(struct tcp_conn *conn)
{
    conn->flags |= TCP_CONN_ACK_NOW;
    tcp_conn_want_output(conn);
}

void tcp_ack_loss(struct tcp_conn *conn)
{
    tcp_ack_quickly(conn);
    tcp_ack_now(conn);
}

static void hold(struct tcp_conn *conn)
{
    conn->flags |= TCP_CONN_ACK_HELD;
    conn->ack_held_ns = (uint32_t)conn->tcp->now_ns;
    list_push_back(&conn->tcp->held, &conn->output_link);
}

void tcp_ack_later(struct tcp_conn *conn)
{
    if (tcp_ack_owed_bytes(conn) == 0 || list_link_is_on(&conn->output_link)) {
        return; /* held already, or output will ask again */
    }
    if (tcp_ack_owed_bytes(conn) >= 2u * conn->rcv.mss) {
        hold(conn);
    } else if (conn->ack_ns == UINT64_MAX) {
        conn->ack_ns = conn->tcp->now_ns + tcp_conn_policy(conn)->ack_delay_ms * NS_PER_MS;
        tcp_conn_arm(conn);
    }
}

/* So much of the window is used up that the peer may be waiting for it: no full segment goes
 * into what is left, or two and more are a third of it. */
static bool window_runs_out(const struct tcp_conn *conn)
{
    const struct tcp_rcv *rcv = &conn->rcv;
    uint32_t left = rcv->edge - rcv->nxt;
    uint32_t unacked = tcp_ack_owed_bytes(conn);

    return unacked >= rcv->mss &&
           (left < rcv->mss || (unacked >= 2u * rcv->mss && unacked >= left / 2));
}

void tcp_ack_in_burst(struct tcp_conn *conn)
{
    /* Nothing goes before the SYN, which carries the same acknowledgement. */
    if (conn->snd.nxt != conn->snd.iss && emit_has_room(conn->tcp) &&
        net_path_check(conn->tcp->net, &conn->path, conn->tcp->now_ns) == NET_PATH_READY) {
        (void)emit_ack(conn);
    }
}

void tcp_ack_duplicate_before(struct tcp_conn *conn)
{
    if (conn->reassembly.duplicate && tcp_conn_has(conn, TCP_CONN_SACK_OK)) {
        tcp_ack_in_burst(conn);
    }
}

void tcp_ack_owe(struct tcp_conn *conn, uint32_t bytes)
{
    struct tcp_rcv *rcv = &conn->rcv;

    if (rcv->mss < bytes) {
        rcv->mss = (uint16_t)min_u32(bytes, UINT16_MAX);
    }
    if (rcv->quick_acks > 0) {
        if (tcp_conn_policy(conn)->ack_delay_ms > 0) {
            rcv->quick_acks--; /* else it stays so for good */
        }
        tcp_ack_now(conn);
    } else if (window_runs_out(conn)) {
        tcp_ack_now(conn);
    } else {
        tcp_ack_later(conn);
    }
    /* A long burst is not left without an answer until its end. */
    if (tcp_ack_owed_bytes(conn) >= conn->tcp->ack_every_segments * (uint32_t)rcv->mss) {
        tcp_ack_in_burst(conn);
    }
}

static struct tcp_conn *first_held(const struct tcp *tcp)
{
    return list_is_empty(&tcp->held)
               ? NULL
               : container_of(tcp->held.head.next, struct tcp_conn, output_link);
}

uint64_t tcp_ack_next_ns(const struct tcp *tcp)
{
    const struct tcp_conn *conn = first_held(tcp);

    return conn ? tcp_ack_held_since(conn) + tcp->ack_hold_ns : UINT64_MAX;
}

void tcp_ack_release(struct tcp *tcp)
{
    while (tcp_ack_next_ns(tcp) <= tcp->now_ns) {
        tcp_ack_now(first_held(tcp));
    }
}
