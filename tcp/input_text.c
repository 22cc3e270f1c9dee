#include "tcp/input.h"

#include "tcp/ack.h"
#include "tcp/emit.h"
#include "tcp/prune.h"
#include "tcp/seq.h"
#include "tcp/timewait_table.h"
#include "tcp/urgent.h"
#include "tcp/window.h"

/* A peer without SACK learns of loss by counting ACKs: one for each segment. */
static void ack_out_of_order(struct tcp_conn *conn)
{
    tcp_ack_loss(conn);
    if (!tcp_conn_has(conn, TCP_CONN_SACK_OK)) {
        tcp_ack_in_burst(conn);
    }
}

static inline void deliver(struct tcp_conn *conn, const struct slice *slice)
{
    conn->tcp->counters.bytes_in += slice->length;
    conn->tally.bytes_in += slice->length;
    conn->flags |= TCP_CONN_DELIVERING;
    conn->tcp->events->data(conn, slice, 1);
    conn->flags &= ~(uint32_t)TCP_CONN_DELIVERING;
    if (tcp_conn_has(conn, TCP_CONN_URGENT_IN)) {
        urgent_delivered(conn);
    }
}

static bool is_wanted(const struct tcp_conn *conn)
{
    return conn->state != TCP_CLOSED && !tcp_conn_has(conn, TCP_CONN_PAUSED);
}

void tcp_finish(struct tcp_conn *conn, enum tcp_state last)
{
    if (!tcp_conn_has(conn, TCP_CONN_EOF_TOLD)) {
        conn->flags |= TCP_CONN_DRAINING;
        if (conn->state != last) {
            tcp_state_set(conn, last);
        }
        return;
    }
    if (last == TCP_TIME_WAIT) {
        tcp_enter_timewait(conn);
    } else {
        tcp_conn_end(conn, TCP_REASON_DONE);
    }
}

static void tell_eof(struct tcp_conn *conn)
{
    if (tcp_conn_has(conn, TCP_CONN_FIN_RECEIVED) && !tcp_conn_has(conn, TCP_CONN_EOF_TOLD) &&
        conn->recvq.bytes == 0 && is_wanted(conn)) {
        conn->flags |= TCP_CONN_EOF_TOLD;
        if (!tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
            conn->tcp->events->eof(conn);
        }
        if (conn->state != TCP_CLOSED && tcp_conn_has(conn, TCP_CONN_DRAINING)) {
            tcp_finish(conn, (enum tcp_state)conn->state);
        }
    }
}

/* One piece out of a queue: the hold of the queue lasts until the application
 * has had it. */
static void deliver_piece(struct tcp_conn *conn, const struct slice *piece)
{
    struct frame_pool *pool = conn->tcp->pool;

    deliver(conn, piece);
    frame_drop(pool, piece->frame, FRAME_REASSEMBLY);
}

void tcp_deliver_queued(struct tcp_conn *conn)
{
    struct slice piece;

    if (tcp_conn_has(conn, TCP_CONN_DELIVERING)) {
        return; /* the call that is under way goes on with it */
    }
    while (is_wanted(conn) && recvq_pop(&conn->recvq, &conn->tcp->pieces, &piece)) {
        deliver_piece(conn, &piece);
    }
    tell_eof(conn);
}

/* What waits for an application that does not read, or for a hole to be filled,
 * must not make the level critical by itself: writers are refused then, and those
 * who read only after they have written would never read. */
static bool may_wait(const struct frame_pool *pool)
{
    return pool->used[FRAME_BUDGET_DATA] + 1 < pool->critical_at;
}

static bool wait_in_order(struct tcp_conn *conn, const struct slice *slice)
{
    struct tcp *tcp = conn->tcp;

    return may_wait(tcp->pool) && recvq_push(&conn->recvq, &tcp->pieces, tcp->pool, slice);
}

/* The application may want to keep it: that must not fail then, and must leave something to pass
 * it on with. Of the last eighth of the data frames, who has kept an eighth of what is left, and a
 * chunk, is given no more: those are for others, who else had nothing. */
static RARE bool may_deliver(const struct tcp_conn *conn)
{
    const struct frame_pool *pool = conn->tcp->pool;
    uint32_t frames = frame_pool_data_free(pool);

    return frames > conn->tcp->last_frames ||
           (frames > TCP_PASS_ON_FRAMES &&
            conn->rcv.held >> pool->chunk_shift <= frames >> TCP_LAST_FRAMES_SHIFT);
}

/* Bytes at RCV.NXT. False when they can't be taken: then they are not
 * acknowledged either, and come again. */
static bool take_in_order(struct tcp_conn *conn, const struct slice *slice)
{
    struct tcp *tcp = conn->tcp;

    if (is_wanted(conn) && conn->recvq.bytes == 0) {
        if (frame_pool_spare(tcp->pool) <= tcp->last_frames && !may_deliver(conn)) {
            tcp->counters.dropped_no_frame++;
            return false;
        }
        tcp_window_keep(conn, slice->length);
        deliver(conn, slice);
        return true;
    }
    if (!wait_in_order(conn, slice) && !(tcp_prune_other(conn) && wait_in_order(conn, slice))) {
        tcp->counters.dropped_no_frame++;
        return false;
    }
    tcp_window_keep(conn, slice->length);
    return true;
}

/* RFC 2525 section 2.17, RFC 9293 SHLD-3: data came that nobody will read. */
static void refuse_unread(struct tcp_conn *conn)
{
    emit_reset(conn);
    tcp_conn_end(conn, TCP_REASON_UNREAD);
}

/* What had waited behind the hole that was just filled. */
static void take_reassembled(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    struct reassembly_room room = {tcp->pool, &tcp->blocks, &tcp->pieces};
    struct slice piece;

    while (conn->state != TCP_CLOSED &&
           reassembly_pop(&conn->reassembly, &room, conn->rcv.nxt, &piece)) {
        tcp_window_keep(conn, piece.length);
        if (tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
            /* Closed inside the delivery of what came before: nobody reads this. */
            frame_drop(tcp->pool, piece.frame, FRAME_REASSEMBLY);
            refuse_unread(conn);
            return;
        }
        if (is_wanted(conn) && conn->recvq.bytes == 0) {
            deliver_piece(conn, &piece);
        } else {
            recvq_adopt(&conn->recvq, &tcp->pieces, &piece);
        }
    }
}

/* Under pressure the highest range makes room for what lies below it, and another connection's,
 * which has more, for what lies above; when it is critical nothing out of order is taken. What is
 * here already needs no room. */
static bool may_keep(struct tcp_conn *conn, uint32_t seq, uint32_t end)
{
    struct tcp *tcp = conn->tcp;
    struct reassembly_room room = {tcp->pool, &tcp->blocks, &tcp->pieces};

    if (reassembly_has(&conn->reassembly, seq, end)) {
        return true;
    }
    if (frame_pool_pressure(tcp->pool) == FRAME_PRESSURE) {
        if (reassembly_is_below_top(&conn->reassembly, seq)) {
            tcp->counters.pruned += reassembly_prune_top(&conn->reassembly, &room);
        } else if (!tcp_prune_other(conn)) {
            return false;
        }
    }
    return may_wait(tcp->pool);
}

/* When all pieces are in use, another connection that has more gives some up; not for one that is
 * at its own bounds. */
static enum reassembly_result keep(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp *tcp = conn->tcp;
    struct reassembly_room room = {tcp->pool, &tcp->blocks, &tcp->pieces};
    enum reassembly_result result;

    if (conn->reassembly.count == 0) {
        tcp_prune_later(conn);
    }
    result = reassembly_insert(&conn->reassembly, &room, seg->seq, &seg->payload);
    if (result == REASSEMBLY_NO_ROOM && tcp->pieces.slab.used == tcp->pieces.slab.count &&
        tcp_prune_other(conn)) {
        result = reassembly_insert(&conn->reassembly, &room, seg->seq, &seg->payload);
    }
    if (conn->reassembly.duplicate && !tcp_conn_policy(conn)->dsack) {
        conn->reassembly.duplicate = false; /* nothing is to be reported */
    }
    return result;
}

static void take_out_of_order(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp *tcp = conn->tcp;

    if (!may_keep(conn, seg->seq, seg->seq + seg->payload.length)) {
        tcp->counters.dropped_no_frame++;
        ack_out_of_order(conn);
        return;
    }
    tcp->counters.out_of_order++;
    mishaps_of(conn)->ahead++;
    tcp_ack_duplicate_before(conn);
    switch (keep(conn, seg)) {
    case REASSEMBLY_DUPLICATE:
        tcp->counters.duplicates++;
        break;
    case REASSEMBLY_NO_ROOM:
        tcp->counters.dropped_no_piece++;
        break;
    default:
        break;
    }
    ack_out_of_order(conn);
}

/* One look for both that are rare. False when nobody reads it. Apart, so that others save no
 * registers; not RARE: with rates each segment comes here. */
static __attribute__((noinline)) bool note_text(struct tcp_conn *conn)
{
    if (tcp_conn_has(conn, TCP_CONN_RATED)) {
        rate_received(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        refuse_unread(conn);
        return false;
    }
    return true;
}

void tcp_accept_text(struct tcp_conn *conn, struct tcp_segment *seg)
{
    uint32_t length = seg->payload.length;
    bool had_hole = conn->reassembly.bytes > 0;

    if (length == 0 || !tcp_state_may_receive((enum tcp_state)conn->state)) {
        return;
    }
    if (tcp_conn_has(conn, TCP_CONN_APP_CLOSED | TCP_CONN_RATED) && !note_text(conn)) {
        return;
    }
    if (seg->seq != conn->rcv.nxt) {
        take_out_of_order(conn, seg);
        return;
    }
    if (!take_in_order(conn, &seg->payload)) {
        seg->flags &= (uint16_t)~TCP_FIN; /* it stands behind what was not taken */
        tcp_ack_now(conn);
        return;
    }
    if (conn->state != TCP_CLOSED && had_hole) {
        take_reassembled(conn);
    }
    if (conn->state == TCP_CLOSED) {
        return;
    }
    if (had_hole) {
        tcp_prune_later(conn);
        tcp_ack_now(conn);
    }
    tcp_ack_owe(conn, length);
}

/* RCV.NXT steps over the FIN. What a peer sent beyond it is none of the stream's. */
static void take_fin(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    struct reassembly_room room = {tcp->pool, &tcp->blocks, &tcp->pieces};

    reassembly_clear(&conn->reassembly, &room);
    conn->flags = (conn->flags & ~(uint32_t)TCP_CONN_FIN_PENDING) | TCP_CONN_FIN_RECEIVED;
    tcp_window_keep(conn, 1);
    tcp_ack_now(conn);
    switch (conn->state) {
    case TCP_SYN_RECEIVED:
    case TCP_ESTABLISHED:
        tcp_state_set(conn, TCP_CLOSE_WAIT);
        break;
    case TCP_FIN_WAIT_1: /* our FIN is not acknowledged, or it would be FIN-WAIT-2 */
        tcp_state_set(conn, TCP_CLOSING);
        break;
    default:
        break;
    }
}

void tcp_fin_arrived(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    uint32_t fin = seg->seq + seg->payload.length;

    if (!tcp_state_may_receive((enum tcp_state)conn->state)) {
        return;
    }
    if (seg->flags & TCP_FIN && seq_ge(fin, conn->rcv.nxt)) {
        conn->flags |= TCP_CONN_FIN_PENDING;
        conn->rcv.fin = fin;
        if (fin != conn->rcv.nxt) {
            tcp_ack_now(conn);
        }
    }
    if (!tcp_conn_has(conn, TCP_CONN_FIN_PENDING) || conn->rcv.fin != conn->rcv.nxt) {
        return;
    }
    take_fin(conn);
    tell_eof(conn);
    if (conn->state == TCP_FIN_WAIT_2) {
        tcp_finish(conn, TCP_TIME_WAIT);
    }
}
