#include "tcp/rexmit.h"

#include "tcp/emit.h"
#include "tcp/output.h"

/* When it has run out before it is not waited beyond the user timeout, as in Linux. */
static RARE uint64_t rto_again_ns(const struct tcp_conn *conn)
{
    uint64_t at_ns = conn->flight->rto_base_ns + tcp_rto_ns(conn);

    return tcp_conn_policy(conn)->user_timeout_ms == 0 ? at_ns
                                                       : min_u64(at_ns, tcp_user_timeout_ns(conn));
}

/* When the RTO is over. Apart, or each ACK would pay for what only a loss needs. */
static uint64_t rto_at_ns(const struct tcp_conn *conn)
{
    return conn->snd.backoff == 0 ? conn->flight->rto_base_ns + conn->rtt.rto_ns
                                  : rto_again_ns(conn);
}

/* RFC 8985 section 7.2: not in recovery, one probe at a time, nothing SACKed
 * (then RACK's own timer is the quicker one). */
static bool tlp_is_eligible(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;

    return tcp_conn_has(conn, TCP_CONN_SACK_OK) && !flight->tlp_out &&
           tcp_conn_policy(conn)->tail_probes &&
           tcp_state_is_synchronized((enum tcp_state)conn->state) &&
           !tcp_recovery_repairs(flight->recovery) && flight->sendq.sacked_bytes == 0 &&
           flight->sendq.lost_bytes == 0;
}

/* PTO: twice the round-trip time, but never before the ACK of a peer whose
 * application lags can be back; the longest delay of an ACK on top when the peer
 * may be waiting for a second segment. */
static uint64_t tlp_deadline_ns(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    uint64_t srtt_ns = conn->rtt.srtt_ns;
    uint64_t pto_ns = max_u64(2 * srtt_ns, srtt_ns + TCP_TLP_ACK_LAG_NS);

    if (srtt_ns == 0) {
        pto_ns = NS_PER_S;
    } else if (sendq->next - sendq->head == 1) {
        pto_ns = 2 * srtt_ns + TCP_PEER_DELAYED_ACK_NS;
    }
    return max_u64(conn->flight->rto_base_ns, conn->last_send_ns) + pto_ns;
}

/* Something is unacknowledged. */
static enum tcp_rexmit_timer arm_outstanding(struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    uint64_t timeout_ns = rto_at_ns(conn);

    if (flight->rack_deadline_ns != 0) {
        conn->rexmit_ns = flight->rack_deadline_ns;
        return TCP_TIMER_RACK;
    }
    conn->rexmit_ns = timeout_ns;
    if (conn->snd.wnd == 0 && tcp_state_is_synchronized((enum tcp_state)conn->state)) {
        return TCP_TIMER_PERSIST;
    }
    if (tlp_is_eligible(conn)) {
        /* Where the timeout comes first, the probe goes in its place, and a timeout behind it. */
        conn->rexmit_ns = min_u64(timeout_ns, tlp_deadline_ns(conn));
        return TCP_TIMER_TLP;
    }
    return TCP_TIMER_RTO;
}

/* Nothing is unacknowledged, something is queued: the window is in the way, or memory. A closed
 * window is probed after an RTO (RFC 9293 SHLD-29). What waits for memory has the same timer, so
 * that R2 counts: it is not kept for ever either. */
static enum tcp_rexmit_timer arm_blocked(struct tcp_conn *conn)
{
    enum tcp_rexmit_timer kind = TCP_TIMER_PERSIST;
    uint64_t wait_ns = tcp_rto_ns(conn);

    if (tcp_usable_window(conn) > 0 && !conn->flight->stuck) {
        kind = TCP_TIMER_OVERRIDE;
        wait_ns = TCP_SWS_OVERRIDE_NS;
    }
    /* Running already for the same reason: it goes on. */
    if (conn->rexmit_timer != kind) {
        conn->rexmit_ns = conn->tcp->now_ns + wait_ns;
    }
    return kind;
}

/* A timer ran out, or will, and output will act on it. An override is void when the window
 * has closed meanwhile. */
static bool piece_is_due(const struct tcp_conn *conn)
{
    return tcp_conn_has(conn, TCP_CONN_PROBE) ||
           (tcp_conn_has(conn, TCP_CONN_PACED) && pacing_is_waiting(conn)) ||
           (tcp_conn_has(conn, TCP_CONN_OVERRIDE) && tcp_usable_window(conn) > 0);
}

void tcp_rexmit_forget(struct tcp_conn *conn)
{
    conn->snd.backoff = 0;
    if (!tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        conn->retransmissions = 0;
    }
}

void tcp_rexmit_arm_queued(struct tcp_conn *conn)
{
    enum tcp_rexmit_timer kind = TCP_TIMER_NONE;

    if (conn->flight->sendq.head != conn->flight->sendq.next) {
        kind = arm_outstanding(conn);
    } else if (tcp_has_unsent(conn) &&
               (conn->flight->stuck ||
                (tcp_state_is_synchronized((enum tcp_state)conn->state) && !piece_is_due(conn)))) {
        kind = arm_blocked(conn);
    }
    conn->rexmit_timer = (uint8_t)kind;
    if (kind == TCP_TIMER_NONE) {
        conn->rexmit_ns = UINT64_MAX; /* later: nothing to tell the wheel */
        return;
    }
    tcp_conn_arm(conn);
}

/* The probe: new data when the window takes it, else the newest segment once
 * more (RFC 8985 section 7.3). Past the congestion window by one segment, as
 * the RFC allows. */
void tcp_tlp_send(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    struct tcp_sendq *sendq = &flight->sendq;
    uint32_t position = sendq->next;
    bool again = true;

    /* From here the RTO counts, whether the probe goes or not. */
    flight->rto_base_ns = conn->tcp->now_ns;
    flight->tlp_out = true;
    flight->tlp_retransmitted = false;
    flight->tlp_end_seq = conn->snd.nxt;
    if (!emit_has_room(conn->tcp) ||
        net_path_check(conn->tcp->net, &conn->path, conn->tcp->now_ns) != NET_PATH_READY) {
        return;
    }
    if (tcp_has_unsent(conn)) {
        const struct tcp_record *record = sendq_at(sendq, sendq->next);

        again = record->slice.length > conn->snd.mss || record->length > tcp_usable_window(conn);
    }
    if (again) {
        position = sendq->in_flight.last;
        /* Text of a SYN may be longer than the peer's crossing SYN allows: that is cut when it is
         * lost. */
        if (position == TCP_POSITION_NONE ||
            sendq_at(sendq, position)->slice.length > conn->snd.mss) {
            return;
        }
        flight->tlp_retransmitted = true;
    }
    if (emit_record(conn, position)) {
        flight->tlp_end_seq = conn->snd.nxt;
        conn->tcp->counters.tlp_sent++;
    }
}
