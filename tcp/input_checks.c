#include "tcp/input.h"

#include "tcp/ack.h"
#include "tcp/emit.h"
#include "tcp/seq.h"
#include "tcp/window.h"

void tcp_challenge_ack(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;

    if (tcp->now_ms - conn->challenge_ms >= TCP_CHALLENGE_PERIOD_MS) {
        conn->challenge_ms = tcp->now_ms;
        conn->challenges = 0;
    }
    if (conn->challenges >= TCP_CHALLENGE_PER_PERIOD) {
        tcp->counters.challenge_acks_limited++;
        return;
    }
    conn->challenges++;
    tcp->counters.challenge_acks++;
    tcp_ack_now(conn);
}

/* TS.Recent is so old that the sign of a difference to it says nothing. */
static RARE bool ts_recent_is_outdated(const struct tcp_conn *conn)
{
    return tcp_age(conn->tcp) - conn->ts_recent_age > TCP_PAWS_IDLE;
}

/* RFC 7323 section 5.3, R1 and R3: timestamps that run backwards, or are
 * missing, are not of this incarnation. RST is exempt. */
static bool check_timestamp(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp *tcp = conn->tcp;

    if (!tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) || seg->flags & TCP_RST) {
        return true;
    }
    if (!(seg->options_seen & TCP_OPT_TIMESTAMPS)) {
        tcp->counters.no_timestamp_dropped++;
        return false;
    }
    if (seq_ge(seg->ts_val, conn->ts_recent) || ts_recent_is_outdated(conn)) {
        return true;
    }
    tcp->counters.paws_dropped++;
    tcp_challenge_ack(conn);
    return false;
}

static void take_timestamp(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) && seg->options_seen & TCP_OPT_TIMESTAMPS &&
        (seq_ge(seg->ts_val, conn->ts_recent) || ts_recent_is_outdated(conn))) {
        tcp_keep_timestamp(conn, seg);
    }
}

/* The table of RFC 9293 section 3.4, and what stands at the right edge without text. There stand
 * the ACKs of a peer that has filled the window and lost all of it; as in Linux they are taken, or
 * what we send is acknowledged in vain until its repairs come through. */
static bool is_acceptable(const struct tcp_conn *conn, const struct tcp_segment *seg,
                          uint32_t length)
{
    uint32_t nxt = conn->rcv.nxt;
    uint32_t edge = conn->rcv.edge;

    if (length == 0 && seg->seq == edge) {
        return edge == nxt || !(seg->flags & TCP_RST);
    }
    return seq_between(seg->seq, nxt, edge) ||
           (length > 0 && seq_between(seg->seq + length - 1, nxt, edge));
}

static RARE void trim_left(struct tcp_conn *conn, struct tcp_segment *seg)
{
    uint32_t cut = conn->rcv.nxt - seg->seq;

    if (seg->payload.length > 0) {
        (void)slice_take_front(conn->tcp->pool, &seg->payload,
                               (uint16_t)min_u32(cut, seg->payload.length));
    }
    seg->seq = conn->rcv.nxt;
    seg->urgent -= cut; /* modulo 2^32: it points where it did */
}

RARE void tcp_trim_right(struct tcp_conn *conn, struct tcp_segment *seg)
{
    uint32_t room = conn->rcv.edge - seg->seq;

    seg->flags &= (uint16_t)~TCP_FIN;
    if (seg->payload.length > room) {
        struct slice rest = seg->payload;

        seg->payload = slice_take_front(conn->tcp->pool, &rest, (uint16_t)room);
    }
}

/* A SYN before the window is never taken, whatever text comes with it. */
static bool is_old_syn(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    return seg->flags & TCP_SYN && seq_lt(seg->seq, conn->rcv.nxt);
}

/* The peer's SYN once more: the SYN-ACK was lost, or is on its way. So was what an early answer
 * has sent (RFC 7413 section 4.2.2), which waits for the ACK of the SYN-ACK from here on. */
static void repeat_syn_ack(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    const struct tcp_record *head = sendq_at(sendq, sendq->head);

    if (head->transmissions == 1) {
        if (tcp_conn_has(conn, TCP_CONN_RATED)) {
            rate_all_lost(conn);
        }
        sendq_mark_all_lost(sendq, false);
    } else if ((head->flags & (TCP_RECORD_SENT | TCP_RECORD_LOST)) == TCP_RECORD_SENT) {
        sendq_mark_lost(sendq, sendq->head);
    }
    tcp_conn_want_output(conn);
}

/* Old or beyond the window. The answer tells the sender where we are; a repeat
 * of what we have gets it without limit, since the ACK may have been lost. A SYN
 * is challenged here as it is in the window (RFC 5961 section 4.2). */
static void refuse(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    uint32_t length = tcp_segment_length(seg);

    conn->tcp->counters.out_of_window++;
    if (seg->flags & TCP_RST) {
        return;
    }
    if (conn->state == TCP_SYN_RECEIVED && seg->flags & TCP_SYN && seg->seq == conn->rcv.irs) {
        if (!ecn_take_repeat(conn, seg)) {
            emit_reset(conn);
            tcp_conn_end(conn, TCP_REASON_RESET);
            return;
        }
        repeat_syn_ack(conn);
        return;
    }
    if (seg->flags & TCP_SYN) {
        ecn_repeat_syn_ack(conn, seg);
        tcp_challenge_ack(conn);
        return;
    }
    if (length > 0 && seq_le(seg->seq + length, conn->rcv.nxt)) {
        conn->tcp->counters.duplicates++;
        tcp_ack_duplicate_before(conn);
        if (tcp_conn_policy(conn)->dsack) {
            reassembly_note_duplicate(&conn->reassembly, seg->seq, seg->seq + length);
        }
        tcp_ack_loss(conn);
        return;
    }
    if (length > 0) {
        /* A window probe: it must be answered for as long as it comes. */
        tcp_ack_now(conn);
        return;
    }
    tcp_challenge_ack(conn);
}

/* Simultaneous open: the peer's SYN, which we have, once more with the ACK that
 * we wait for (RFC 9293 figure 8, line 5). Taken for what is new in it. */
static void strip_crossed_syn(struct tcp_conn *conn, struct tcp_segment *seg)
{
    if (conn->state == TCP_SYN_RECEIVED && seg->seq == conn->rcv.irs &&
        (seg->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
        seg->flags ^= TCP_SYN | TCP_SYN_TAKEN;
        seg->seq++;
        tcp_ack_now(conn);
    }
}

/* What is not acceptable, and whether it is processed all the same: MUST-66, a full receiver
 * takes ACK, RST and URG, or it could never learn that it may send. Apart, or each segment
 * would save the registers that this takes. */
static RARE bool pass_over(struct tcp_conn *conn, struct tcp_segment *seg)
{
    bool at_zero_window = tcp_window(conn) == 0 && seg->seq == conn->rcv.nxt;

    refuse(conn, seg);
    if (!at_zero_window) {
        return false;
    }
    seg->payload.length = 0;
    seg->flags &= (uint16_t) ~(TCP_SYN | TCP_FIN);
    return true;
}

bool tcp_check_sequence(struct tcp_conn *conn, struct tcp_segment *seg)
{
    uint32_t length;

    if (!check_timestamp(conn, seg)) {
        return false;
    }
    strip_crossed_syn(conn, seg);
    length = tcp_segment_length(seg);
    if (!is_acceptable(conn, seg, length) || is_old_syn(conn, seg)) {
        return pass_over(conn, seg);
    }
    if (seg->flags & TCP_RST) {
        return true; /* trimmed it would be exact; and of its options none counts (RFC 7323, 3.2) */
    }
    /* Of one who knows what we sent: or anybody who hits the window could set TS.Recent, and
     * nothing of the peer's would ever be taken again. */
    if (tcp_ack_is_plausible(conn, seg)) {
        take_timestamp(conn, seg);
        if (conn->ecn.mode != TCP_ECN_OFF) {
            ecn_receive(conn, seg);
        }
    }
    if (seq_lt(seg->seq, conn->rcv.nxt)) {
        trim_left(conn, seg);
        length = tcp_segment_length(seg);
    }
    if (length > conn->rcv.edge - seg->seq) {
        tcp_trim_right(conn, seg);
    }
    return true;
}

/* Only the exact next sequence number resets; anything else in the window is
 * challenged, because a blind attacker can hit a window but hardly one number
 * (RFC 5961 section 3.2). */
bool tcp_check_reset(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (!(seg->flags & TCP_RST)) {
        return true;
    }
    if (tcp_conn_has(conn, TCP_CONN_DRAINING)) {
        /* Both sides are done, so there is nothing to reset; what arrived still
         * belongs to the application (RFC 1337 section 2 has the same case). */
        return false;
    }
    if (seg->seq != conn->rcv.nxt) {
        tcp_challenge_ack(conn);
        return false;
    }
    conn->tcp->counters.resets_in++;
    if (tcp_conn_has(conn, TCP_CONN_PASSIVE) && tcp_conn_has(conn, TCP_CONN_FAST_OPEN)) {
        fast_open_reset(&conn->tcp->listeners[conn->listener].fast_open, conn->tcp->now_ns);
    }
    /* MUST-11: a half-open connection of a listener goes without a word. */
    tcp_conn_end(conn, conn->state == TCP_SYN_RECEIVED && !tcp_conn_has(conn, TCP_CONN_PASSIVE)
                           ? TCP_REASON_REFUSED
                           : TCP_REASON_RESET);
    return false;
}

/* RFC 5961 section 4.2: a SYN in the window is challenged, whatever its sequence number. One
 * before it, the peer's own once more, was answered by refuse(). */
bool tcp_check_syn(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (!(seg->flags & TCP_SYN)) {
        return true;
    }
    tcp_challenge_ack(conn);
    return false;
}
