#include "tcp/recovery.h"

#include "tcp/cc.h"
#include "tcp/emit.h"
#include "tcp/islost.h"
#include "tcp/mtu.h"
#include "tcp/pacing.h"
#include "tcp/path.h"
#include "tcp/prr.h"
#include "tcp/rack.h"
#include "tcp/rexmit.h"
#include "tcp/seq.h"

/* FlightSize of RFC 5681 section 2, SACKed data included, without what limited
 * transmit has sent beyond the window (section 3.2, step 2). */
static uint32_t flight_size(const struct tcp_conn *conn)
{
    return min_u32(conn->snd.nxt - conn->snd.una, conn->cwnd);
}

/* The first loss is repaired at once, although the pipe holds more than the window
 * that was just halved (RFC 5681 section 3.2, step 3; RFC 6675 section 5, step 4.3). */
static void enter_recovery(struct tcp_conn *conn, uint32_t delivered)
{
    struct tcp_flight *flight = conn->flight;
    /* Once for what was in flight: each costs a walk over all of it, and a peer could ask for
     * one with each ACK. */
    bool again = flight->undone && !seq_is_over(flight->undo.end, conn->snd.una, conn->snd.nxt);

    undo_begin(conn);
    flight->can_undo = flight->can_undo && !again;
    if (flight->dup_acks > 0) {
        /* Short segments have counted as full ones until now: no more has left than was out. */
        flight->dup_acks =
            (uint16_t)min_u32(flight->dup_acks, flight->sendq.in_flight_bytes / conn->snd.mss);
    }
    if (flight->recovery == TCP_RECOVERY_OPEN) {
        conn->cc->loss(conn, flight_size(conn));
        prr_begin(conn, delivered);
        ecn_reduced(conn);
    } /* else marks have reduced the window in this round trip */
    flight->rexmit_now = true;
    flight->recovery = TCP_RECOVERY_FAST;
    flight->recovery_point = conn->snd.nxt;
    flight->tlp_out = false;
    flight->rescued = false;
    conn->tcp->counters.fast_recoveries++;
}

/* That of a probe of the path's MTU is none of congestion. */
static void answer_loss(struct tcp_conn *conn, uint32_t delivered)
{
    if (!tcp_recovery_repairs(conn->flight->recovery) && !mtu_probe_failed(conn)) {
        enter_recovery(conn, delivered);
    }
}

/* Segments were marked: RFC 3168 section 6.1.2, as for a loss, once in a round trip. */
static void answer_marks(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;

    if (!news->congested || flight->recovery != TCP_RECOVERY_OPEN) {
        return;
    }
    conn->tcp->counters.ecn_reductions++;
    conn->cc->congested(conn, news->prior_in_flight);
    ecn_reduced(conn);
    if (conn->snd.una == conn->snd.nxt) {
        conn->cc->recovered(conn);
        return;
    }
    flight->can_undo = false;
    flight->recovery = TCP_RECOVERY_CWR;
    flight->recovery_point = conn->snd.nxt;
    prr_begin(conn, news->prior_delivered);
}

static void leave_recovery(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    bool repaired = tcp_recovery_repairs(flight->recovery);

    if (tcp_recovery_reduces(flight->recovery)) {
        conn->cc->recovered(conn);
    } else {
        mishap_timeout_over(conn);
    }
    tcp_recovery_over(flight);
    flight->too_big = false;
    /* D-SACKs may take it back yet, for a round trip. */
    flight->can_undo =
        flight->can_undo && tcp_conn_has(conn, TCP_CONN_SACK_OK) && flight->undo.again > 0;
    flight->recovery_point = conn->snd.nxt;
    if (repaired && flight->rack_reo_persist > 0 && --flight->rack_reo_persist == 0) {
        flight->rack_reo_mult = 0;
    }
}

/* The oldest segment is lost: RFC 5681 section 3.2 and RFC 6582 section 3.2. */
static bool mark_head_lost(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    struct tcp_record *head;

    if (sendq->head == sendq->next) {
        return false;
    }
    head = sendq_at(sendq, sendq->head);
    if (head->flags & (TCP_RECORD_LOST | TCP_RECORD_SACKED)) {
        return false;
    }
    tcp_mark_lost(conn, sendq->head);
    return true;
}

uint32_t tcp_dup_threshold(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    uint32_t out = flight->sendq.next - flight->sendq.head;
    uint32_t left = flight->dup_acks + flight->sendq.sacked_count; /* a peer tells by one of them */

    return max_u32(TCP_DUPTHRESH,
                   min_u32(tcp_conn_policy(conn)->dup_threshold, out - min_u32(out, left)));
}

/* A retransmission that is lost is the timer's: duplicates may be of what was sent before it. */
static bool head_was_sent_once(const struct tcp_sendq *sendq)
{
    return sendq->head != sendq->next && sendq_at(sendq, sendq->head)->transmissions == 1;
}

/* More duplicates than there are segments in flight tell of duplicates of ACKs: counted, they
 * would make room for what is sent next. Until a loss is found those of short segments may, as many
 * as find it, but three while marks reduce the window. */
static bool says_nothing_new(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    uint32_t enough =
        tcp_recovery_reduces(flight->recovery) ? TCP_DUPTHRESH : tcp_dup_threshold(conn);

    return (flight->dup_acks >= enough || tcp_recovery_repairs(flight->recovery)) &&
           (flight->dup_acks + 1u) * conn->snd.mss > conn->snd.nxt - conn->snd.una;
}

/* Peers without SACK. Returns true when a loss was found. */
static bool count_duplicates(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;

    if (news->acked > 0) {
        uint32_t segments;

        if (!tcp_recovery_repairs(flight->recovery)) {
            flight->dup_acks = 0;
            return false;
        }
        /* All but the one that was retransmitted had left the network and were
         * counted as duplicates. The division is recovery's alone. */
        segments = (news->acked + conn->snd.mss - 1) / conn->snd.mss;
        flight->dup_acks -= (uint16_t)min_u32(flight->dup_acks, segments);
        /* RFC 6582: a partial ACK says that the next one is lost too. */
        flight->rexmit_now = flight->recovery == TCP_RECOVERY_FAST &&
                             seq_lt(conn->snd.una, flight->recovery_point) && mark_head_lost(conn);
        return flight->rexmit_now;
    }
    if (!news->duplicate || says_nothing_new(conn)) {
        return false;
    }
    flight->dup_acks++;
    /* RFC 6582 section 3.2, step 2: not again for what an earlier recovery or
     * timeout has covered. */
    return flight->dup_acks >= tcp_dup_threshold(conn) && !tcp_recovery_repairs(flight->recovery) &&
           head_was_sent_once(&flight->sendq) && mark_head_lost(conn);
}

/* The ACK of just what was out is the probe's or the original's, late: a D-SACK behind it, or an
 * empty duplicate of it, says that both arrived. */
static bool probe_is_in_doubt(const struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    const struct tcp_flight *flight = conn->flight;

    return flight->tlp_retransmitted && conn->snd.una == flight->tlp_end_seq && !news->dsack &&
           (news->acked > 0 || !news->duplicate || flight->sendq.sacked_count > 0);
}

/* RFC 8985 section 7.4: what became of the probe. */
static void judge_probe(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;

    if (!flight->tlp_out || seq_lt(conn->snd.una, flight->tlp_end_seq) ||
        probe_is_in_doubt(conn, news)) {
        return;
    }
    flight->tlp_out = false;
    if (!flight->tlp_retransmitted) {
        return; /* new data: nothing was repaired */
    }
    if (news->dsack) {
        conn->tcp->counters.spurious_probes++;
        return; /* the original arrived as well */
    }
    if (flight->recovery == TCP_RECOVERY_OPEN && conn->snd.una != flight->tlp_end_seq) {
        /* The probe repaired a loss: answer it as one (step 4). */
        conn->cc->loss(conn, news->prior_in_flight);
        conn->cc->recovered(conn);
        ecn_reduced(conn);
    }
}

/* RFC 7661's question in Linux's short form: growth only for a window that was
 * what limited the sender; in slow start up to twice what was in flight. Between the ACKs of one
 * turn nothing could be sent: what is in flight sinks below the window that it had filled, and so
 * they count as one ACK for all. */
static bool cwnd_was_limit(struct tcp_conn *conn, uint32_t prior_in_flight)
{
    struct tcp_flight *flight = conn->flight;

    if (!flight->cwnd_limits) {
        flight->cwnd_limits = conn->cwnd < conn->ssthresh
                                  ? conn->cwnd < 2 * (prior_in_flight + conn->snd.mss)
                                  : prior_in_flight + conn->snd.mss > conn->cwnd;
    }
    return flight->cwnd_limits;
}

/* RFC 3465 section 2.3: behind an RTO an ACK may be of what arrived long ago, and opens the
 * window by a segment at most. */
static uint32_t creditable(const struct tcp_conn *conn, uint32_t bytes)
{
    return conn->flight->recovery == TCP_RECOVERY_LOSS && !conn->flight->too_big
               ? min_u32(bytes, conn->snd.mss)
               : bytes;
}

/* Most ACKs leave nothing in flight that could be lost. */
static bool finds_loss(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    if (news->acked == 0 && news->sacked == 0) {
        return false;
    }
    if (conn->flight->sendq.in_flight.first == TCP_POSITION_NONE) {
        conn->flight->rack_deadline_ns = 0;
        return false;
    }
    return tcp_rack_detect_loss(conn);
}

void tcp_recovery_grow(struct tcp_conn *conn, const struct tcp_ack_news *news, uint32_t credit)
{
    if (news->data > 0 && cwnd_was_limit(conn, news->prior_in_flight)) {
        conn->cc->acked(conn, credit, news->rtt_ns);
    }
}

/* RFC 8985 and RFC 6675 in the order of their steps. */
void tcp_recovery_on_ack(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;
    /* What went before the reduction was answered by it, if it stays: RFC 3168 section 6.1.2. */
    bool answered = flight->recovery != TCP_RECOVERY_OPEN && !flight->too_big &&
                    seq_le(conn->snd.una, flight->recovery_point);
    bool undone = undo_on_ack(conn, news);
    bool reducing = tcp_recovery_reduces(flight->recovery) || undone;
    uint32_t credit = creditable(conn, news->data); /* also for what ends the recovery */
    bool found;

    if (flight->unrest != 0 && seq_ge(conn->snd.una, flight->recovery_point)) {
        if (flight->recovery != TCP_RECOVERY_OPEN) {
            leave_recovery(conn);
        } else {
            flight->can_undo = false; /* the round trip behind it is over */
        }
    }
    frto_on_ack(conn, news);
    judge_probe(conn, news);
    if (flight->mtu_probe_out) {
        mtu_on_ack(conn);
    }
    if (news->dsack) {
        mishaps_of(conn)->dsacks++;
        tcp_rack_dsack(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_SACK_OK)) {
        found = finds_loss(conn, news);
    } else {
        found = count_duplicates(conn, news);
    }
    if (found) {
        answer_loss(conn, news->prior_delivered);
    }
    if (!answered || (undone && tcp_cc_tells_marks_apart(conn->cc))) {
        answer_marks(conn, news);
    }
    if (tcp_recovery_reduces(flight->recovery)) {
        prr_on_ack(conn, news->acked > 0 && !found);
        if (!tcp_conn_policy(conn)->rack) {
            tcp_islost_fill(conn, news);
        }
    }
    if (!reducing && !tcp_recovery_reduces(flight->recovery)) {
        tcp_recovery_grow(conn, news, credit);
    }
    if (tcp_conn_has(conn, TCP_CONN_RATED)) {
        rate_finish(conn);
    }
}

/* The user timeout (RFC 5482) counts from when the oldest byte without an answer first went;
 * a closed window's is that of the first probe. Once open it stands for R2, but for what never
 * went. */
static bool has_waited_long(const struct tcp_conn *conn)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);
    bool counts = policy->user_timeout_ms == 0 || conn->flight->stuck;

    if (policy->user_timeout_ms != 0 && tcp_user_timeout_ns(conn) <= conn->tcp->now_ns) {
        return true;
    }
    switch (conn->state) {
    case TCP_SYN_SENT:
        return conn->retransmissions >= policy->r2_syn;
    case TCP_SYN_RECEIVED:
        return conn->retransmissions >= policy->r2_syn_ack;
    default:
        return counts && conn->retransmissions >= policy->r2;
    }
}

/* Nobody waits for what it has queued, and nobody is given a frame to send from. */
static bool gives_way(const struct tcp_conn *conn)
{
    return tcp_conn_has(conn, TCP_CONN_APP_CLOSED) &&
           frame_pool_pressure(conn->tcp->pool) == FRAME_CRITICAL;
}

/* R2 has passed (RFC 9293 section 3.8.3), or this one is in the way of others. */
static bool give_up(struct tcp_conn *conn)
{
    if (gives_way(conn)) {
        conn->tcp->counters.orphans_pruned++;
        emit_reset(conn);
        tcp_conn_end(conn, TCP_REASON_NO_MEMORY);
        return true;
    }
    if (!has_waited_long(conn)) {
        if (conn->retransmissions < UINT8_MAX) {
            conn->retransmissions++;
        }
        if (conn->retransmissions == tcp_conn_policy(conn)->r1 && !conn->flight->stuck) {
            tcp_path_silent(conn);
        }
        return conn->state == TCP_CLOSED;
    }
    tcp_conn_end(conn, conn->trouble > TCP_TROUBLE_UNANSWERED &&
                               !tcp_state_is_synchronized((enum tcp_state)conn->state)
                           ? TCP_REASON_UNREACHABLE
                           : TCP_REASON_TIMEOUT);
    return true;
}

static void restart(struct tcp_conn *conn)
{
    conn->flight->rto_base_ns = conn->tcp->now_ns;
    if (conn->snd.backoff < TCP_BACKOFF_MAX) {
        conn->snd.backoff++;
    }
    tcp_rexmit_arm(conn);
    tcp_conn_want_output(conn);
}

void tcp_recovery_restart(struct tcp_conn *conn, bool too_big)
{
    struct tcp_flight *flight = conn->flight;

    flight->recovery = TCP_RECOVERY_LOSS;
    flight->recovery_point = conn->snd.nxt;
    flight->too_big = too_big;
    flight->rexmit_now = too_big;
    flight->dup_acks = 0;
    flight->tlp_out = false;
    flight->rack_deadline_ns = 0;
}

/* The oldest was SACKed, and with its time over is not acknowledged: the peer has dropped it (RFC
 * 2018 section 8). */
static bool has_reneged(const struct tcp_sendq *sendq)
{
    return (sendq_at(sendq, sendq->head)->flags & TCP_RECORD_SACKED) != 0;
}

/* RFC 6298 section 5.4 to 5.6 and RFC 8985 section 6.3. */
static void timeout(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    struct tcp_sendq *sendq = &flight->sendq;
    bool reneged = has_reneged(sendq);

    if (give_up(conn)) {
        return;
    }
    if (sendq->head == sendq->next) {
        restart(conn); /* nobody on the way answered: nothing went that could be lost */
        return;
    }
    conn->tcp->counters.rto_expired++;
    mishap_timeout(conn);
    mtu_on_timeout(conn);
    undo_begin(conn);
    frto_begin(conn);
    if (tcp_recovery_reduces(flight->recovery)) {
        conn->cc->recovered(conn); /* a window in place of what PRR let out */
    }
    if (tcp_state_is_synchronized((enum tcp_state)conn->state)) {
        conn->cc->timeout(conn, flight_size(conn),
                          flight->recovery != TCP_RECOVERY_LOSS || flight->too_big);
        ecn_reduced(conn);
    } else {
        conn->flags |= TCP_CONN_SYN_LOST;
    }
    if (tcp_conn_has(conn, TCP_CONN_RATED)) {
        rate_all_lost(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_PACED)) {
        pacing_on_timeout(conn);
    }
    sendq_mark_all_lost(sendq, reneged);
    tcp_recovery_restart(conn, false);
    restart(conn);
}

/* The window is closed, or too small for a segment (RFC 9293 section 3.8.6.1).
 * Probes are answered for as long as the peer lives; one whose application has
 * gone may not keep us for ever (RFC 6429), so then they are counted. */
static void probe(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;

    if (give_up(conn)) {
        return;
    }
    if (tcp_conn_policy(conn)->idle_restart &&
        conn->tcp->now_ns - conn->last_send_ns > conn->rtt.rto_ns) {
        conn->cc->idle(conn); /* RFC 5681 section 4.1 */
    }
    if (sendq->head != sendq->next) {
        /* The probe before this one, or the oldest of what the window was closed over. */
        sendq_mark_all_lost(sendq, has_reneged(sendq));
        conn->flight->dup_acks = 0;
        conn->flight->frto = TCP_FRTO_OFF; /* it would send new text alone */
        conn->tcp->counters.zero_window_probes++;
    } else if (!conn->flight->stuck) {
        conn->flags |= TCP_CONN_PROBE;
    }
    restart(conn);
}

void tcp_recovery_on_timer(struct tcp_conn *conn)
{
    uint8_t timer = conn->rexmit_timer;

    conn->rexmit_timer = TCP_TIMER_NONE;
    conn->rexmit_ns = UINT64_MAX;
    if (!conn->flight) {
        return;
    }
    switch (timer) {
    case TCP_TIMER_RTO:
        timeout(conn);
        break;
    case TCP_TIMER_TLP:
        tcp_tlp_send(conn);
        tcp_rexmit_arm(conn);
        break;
    case TCP_TIMER_RACK:
        if (tcp_rack_detect_loss(conn)) {
            answer_loss(conn, tcp_delivered(conn));
        }
        tcp_rexmit_arm(conn);
        tcp_conn_want_output(conn);
        break;
    case TCP_TIMER_PERSIST:
        probe(conn);
        break;
    case TCP_TIMER_OVERRIDE:
        conn->flags |= TCP_CONN_OVERRIDE;
        tcp_conn_want_output(conn);
        break;
    default:
        break;
    }
}
