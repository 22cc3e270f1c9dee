#include "tcp/urgent.h"

#include "tcp/ack.h"
#include "tcp/output.h"
#include "tcp/seq.h"
#include "tcp/user.h"

/* The number of the byte that the application is given next. */
static uint32_t next_to_read(const struct tcp_conn *conn)
{
    return conn->rcv.nxt - tcp_conn_has(conn, TCP_CONN_FIN_RECEIVED) - conn->recvq.bytes;
}

void urgent_arrived(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    uint32_t end = seg->seq + seg->urgent;

    if (!tcp_state_may_receive((enum tcp_state)conn->state) || seg->flags & TCP_SYN_TAKEN ||
        !seq_gt(end, next_to_read(conn)) ||
        (tcp_conn_has(conn, TCP_CONN_URGENT_IN) && !seq_gt(end, conn->rcv.up))) {
        return;
    }
    conn->rcv.up = end;
    conn->flags |= TCP_CONN_URGENT_IN;
    if (conn->tcp->events->urgent && !tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        conn->tcp->events->urgent(conn);
    }
}

void urgent_delivered(struct tcp_conn *conn)
{
    if (!seq_gt(conn->rcv.up, next_to_read(conn))) {
        conn->flags &= ~(uint32_t)TCP_CONN_URGENT_IN;
    }
}

uint32_t tcp_urgent_left(const struct tcp_conn *conn)
{
    uint32_t left = conn->rcv.up - next_to_read(conn);

    if (!tcp_conn_has(conn, TCP_CONN_URGENT_IN) || left > INT32_MAX) {
        return 0;
    }
    /* A mark behind the end of the stream is none of ours to believe. */
    return tcp_conn_has(conn, TCP_CONN_FIN_RECEIVED) ? min_u32(left, conn->recvq.bytes) : left;
}

int32_t tcp_send_urgent(struct tcp_conn *conn, const void *data, uint32_t length)
{
    int32_t taken = tcp_send(conn, data, length);

    if (taken > 0) {
        conn->snd.up = conn->snd.una + conn->flight->sendq.bytes;
        conn->flags |= TCP_CONN_URGENT_OUT;
        /* A peer whose window is closed hears of it all the same (MUST-66). */
        if (tcp_state_is_synchronized((enum tcp_state)conn->state) &&
            tcp_usable_window(conn) == 0) {
            tcp_ack_now(conn);
        }
    }
    return taken;
}

uint16_t urgent_pointer(struct tcp_conn *conn, uint32_t seq)
{
    if (seq_ge(conn->snd.una, conn->snd.up)) {
        conn->flags &= ~(uint32_t)TCP_CONN_URGENT_OUT;
        return 0;
    }
    return seq_lt(seq, conn->snd.up) ? (uint16_t)min_u32(conn->snd.up - seq, UINT16_MAX) : 0;
}
