#include "tcp/user.h"

#include "tcp/ack.h"
#include "tcp/emit.h"
#include "tcp/input.h"
#include "tcp/output.h"
#include "tcp/window.h"

#include <assert.h>

/* The FIN goes on the last segment that was never sent, else into a record of
 * its own. */
bool tcp_queue_fin(struct tcp_conn *conn)
{
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};
    struct tcp_flight *flight = tcp_conn_flight(conn);
    struct tcp_record *record = flight ? sendq_open_tail(&flight->sendq) : NULL;

    if (record) {
        record->flags |= TCP_RECORD_FIN;
        sendq_grew(&flight->sendq, record, 1);
    } else {
        record = flight ? sendq_append(&flight->sendq, &room, TCP_SENDQ_FIN) : NULL;
        if (!record) {
            tcp_conn_rest(conn);
            return false;
        }
        record->seq = conn->snd.una + flight->sendq.bytes;
        record->flags = TCP_RECORD_FIN;
        sendq_appended(&flight->sendq, 1);
    }
    conn->flags = (conn->flags & ~(uint32_t)TCP_CONN_FIN_OWED) | TCP_CONN_FIN_QUEUED;
    return true;
}

/* The queue counts sequence space: a SYN is its first, a FIN its last. */
uint32_t tcp_unacked(const struct tcp_conn *conn)
{
    uint32_t queued = tcp_conn_queued(conn);
    uint32_t fin = tcp_conn_has(conn, TCP_CONN_FIN_QUEUED);
    const struct tcp_sendq *sendq;
    uint32_t syn;

    if (queued == 0) {
        return 0;
    }
    sendq = &conn->flight->sendq;
    syn = (sendq_at(sendq, sendq->head)->flags & TCP_RECORD_SYN) != 0;
    return queued - syn - fin;
}

int tcp_shutdown(struct tcp_conn *conn)
{
    if (!tcp_state_may_send((enum tcp_state)conn->state) ||
        tcp_conn_has(conn, TCP_CONN_FIN_QUEUED | TCP_CONN_FIN_OWED)) {
        return TCP_ERR_STATE;
    }
    if (!tcp_queue_fin(conn)) {
        conn->flags |= TCP_CONN_FIN_OWED; /* output tries again */
    }
    if (conn->state == TCP_ESTABLISHED) {
        tcp_state_set(conn, TCP_FIN_WAIT_1);
    } else if (conn->state == TCP_CLOSE_WAIT) {
        tcp_state_set(conn, TCP_LAST_ACK);
    }
    conn->flags &= ~(uint32_t)TCP_CONN_WANTS_WRITE;
    tcp_conn_want_output(conn);
    return TCP_OK;
}

void tcp_abort(struct tcp_conn *conn)
{
    if (conn->state == TCP_CLOSED) {
        return;
    }
    if (conn->state != TCP_SYN_SENT) {
        emit_reset(conn);
    }
    tcp_conn_end(conn, TCP_REASON_ABORTED);
}

/* Whether there is room for one more that waits for nobody but its peer. One that is over but for
 * what is unread waits for nobody at all. */
static bool may_be_left(const struct tcp_conn *conn)
{
    return conn->tcp->orphans < conn->tcp->orphans_max || tcp_conn_has(conn, TCP_CONN_DRAINING);
}

/* How long what is queued may take once the application has left: the longest that R2 lets a peer
 * be silent, and behind that a slow one's time. Else an ACK of a byte now and then would keep it
 * for ever. RFC 6429 leaves such to the system. */
static uint64_t left_life_ns(const struct tcp_conn *conn)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);
    uint64_t silence_ns = max_u64((policy->r2 + 1u) * policy->rto.max_ns,
                                  policy->user_timeout_ms * (uint64_t)NS_PER_MS);

    return silence_ns + tcp_conn_queued(conn) * (uint64_t)NS_PER_S / TCP_LEFT_BYTES_PER_S;
}

void tcp_close(struct tcp_conn *conn)
{
    if (conn->state == TCP_CLOSED || tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        return;
    }
    if (conn->state == TCP_SYN_SENT) {
        tcp_conn_end(conn, TCP_REASON_ABORTED);
        return;
    }
    /* RFC 2525 section 2.17: data that nobody will read makes it a RST. */
    if (conn->recvq.bytes > 0 || conn->rcv.held > 0) {
        emit_reset(conn);
        tcp_conn_end(conn, TCP_REASON_UNREAD);
        return;
    }
    if (!may_be_left(conn)) {
        conn->tcp->counters.orphans_reset++;
        emit_reset(conn);
        tcp_conn_end(conn, TCP_REASON_NO_MEMORY);
        return;
    }
    conn->tcp->orphans++;
    conn->life_ns = conn->tcp->now_ns + left_life_ns(conn); /* no keepalive any more */
    tcp_conn_arm(conn);
    /* Nobody is left to be told of the end of the stream. */
    conn->flags =
        (conn->flags & ~(uint32_t)TCP_CONN_PAUSED) | TCP_CONN_APP_CLOSED | TCP_CONN_EOF_TOLD;
    if (tcp_conn_has(conn, TCP_CONN_DRAINING)) {
        tcp_finish(conn, (enum tcp_state)conn->state);
        return;
    }
    (void)tcp_shutdown(conn);
    if (conn->state == TCP_FIN_WAIT_2) {
        tcp_fin_wait_2_begin(conn);
    }
}

void tcp_close_within(struct tcp_conn *conn, uint64_t linger_ns)
{
    if (linger_ns == 0) {
        tcp_abort(conn);
        return;
    }
    tcp_close(conn);
    /* In FIN-WAIT-2 the peer has acknowledged all, and it is waited for its FIN already. */
    if (conn->state != TCP_CLOSED && conn->state != TCP_FIN_WAIT_2) {
        conn->life_ns = min_u64(conn->life_ns, conn->tcp->now_ns + linger_ns);
        tcp_conn_arm(conn);
    }
}

void tcp_pause(struct tcp_conn *conn)
{
    conn->flags |= TCP_CONN_PAUSED;
}

void tcp_resume(struct tcp_conn *conn)
{
    if (conn->state == TCP_CLOSED || !tcp_conn_has(conn, TCP_CONN_PAUSED)) {
        return;
    }
    conn->flags &= ~(uint32_t)TCP_CONN_PAUSED;
    tcp_deliver_queued(conn);
    if (conn->state != TCP_CLOSED) {
        tcp_window_freed(conn);
    }
}

/* Behind the small payload retained before, if nobody has written there: each in a
 * frame of its own, a window of single bytes would be as many frames. A frame that
 * went home since and holds something else by now is told by its fill_end, or takes
 * the bytes as well as any. */
static bool stash(struct tcp_conn *conn, const struct slice *slice, struct slice *out)
{
    if (!slice_stash(conn->tcp->pool, &conn->kept, slice, FRAME_APP, out)) {
        return false;
    }
    conn->kept = *out;
    return true;
}

/* The frame itself, which the data budget has already or can replace. The same bytes may be kept
 * again and again, without a byte of memory: not until the sum of what is held begins anew. */
static bool keep_frame(struct tcp_conn *conn, const struct slice *slice, struct slice *out)
{
    struct frame_pool *pool = conn->tcp->pool;

    if (conn->rcv.held > INT32_MAX || !frame_may_hold(pool, slice->frame, FRAME_APP) ||
        !frame_keep(pool, slice->frame)) {
        return false;
    }
    frame_hold(pool, slice->frame, FRAME_APP);
    *out = *slice;
    return true;
}

bool tcp_data_retain(struct tcp_conn *conn, const struct slice *slice, struct slice *out)
{
    struct frame_pool *pool = conn->tcp->pool;
    /* A frame whose bytes are queued to be sent will have a header written
     * before them, over bytes of this slice perhaps. */
    bool queued = frame_is_held_by(pool, slice->frame, FRAME_SENDQ);
    bool copied = (queued || slice_is_small(pool, slice->length)) && stash(conn, slice, out);

    /* What waited to be delivered stands in a frame of the data budget, however small it
     * is: without another frame it stays there. */
    if (!copied && (queued || !keep_frame(conn, slice, out))) {
        return false;
    }
    conn->rcv.held += out->length;
    return true;
}

void tcp_data_release(struct tcp_conn *conn, const struct slice *slice)
{
    assert(conn->rcv.held >= slice->length);
    conn->rcv.held -= slice->length;
    frame_drop(conn->tcp->pool, slice->frame, FRAME_APP);
    tcp_window_freed(conn);
}

void tcp_data_passed(struct tcp_conn *conn, uint32_t bytes)
{
    assert(conn->rcv.held >= bytes);
    conn->rcv.held -= bytes;
    tcp_window_freed(conn);
}

void tcp_data_release_orphan(struct tcp *tcp, const struct slice *slice)
{
    frame_drop(tcp->pool, slice->frame, FRAME_APP);
}

/* What was held back may go now. */
static void let_go(struct tcp_conn *conn)
{
    if (conn->state != TCP_CLOSED && tcp_has_unsent(conn)) {
        tcp_conn_want_output(conn);
    }
}

void tcp_set_nodelay(struct tcp_conn *conn, bool nodelay)
{
    if (nodelay) {
        conn->flags |= TCP_CONN_NODELAY;
        let_go(conn);
    } else {
        conn->flags &= ~(uint32_t)TCP_CONN_NODELAY;
    }
}

void tcp_set_cork(struct tcp_conn *conn, bool cork)
{
    if (cork) {
        conn->flags |= TCP_CONN_CORK;
    } else {
        conn->flags &= ~(uint32_t)TCP_CONN_CORK;
        let_go(conn);
    }
}

void tcp_set_dscp(struct tcp_conn *conn, uint8_t dscp)
{
    conn->tos = (uint8_t)(dscp << 2 | (conn->tos & 3));
}

void tcp_set_ttl(struct tcp_conn *conn, uint8_t ttl)
{
    conn->ttl = ttl;
}

void tcp_hurry_acks(struct tcp_conn *conn)
{
    tcp_ack_quickly(conn);
    if (tcp_ack_owed_bytes(conn) > 0 && conn->state != TCP_CLOSED) {
        tcp_ack_now(conn);
    }
}
