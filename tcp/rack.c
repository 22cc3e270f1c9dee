#include "tcp/rack.h"

#include "tcp/islost.h"
#include "tcp/limits.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

static bool sent_after(uint64_t a_ns, uint32_t a_end, uint64_t b_ns, uint32_t b_end)
{
    return a_ns > b_ns || (a_ns == b_ns && seq_gt(a_end, b_end));
}

/* The answer is to an earlier transmission (RFC 8985 section 6.2, step 2): it came sooner
 * than the path can give it, or echoes a timestamp from before. */
static bool answers_an_earlier(const struct tcp_conn *conn, const struct tcp_record *record,
                               uint32_t ts_ecr)
{
    uint32_t ts_sent = (uint32_t)(record->last_tx_ns / NS_PER_MS) + conn->ts_offset;

    return conn->tcp->now_ns - record->last_tx_ns < conn->rtt.min_rtt_ns ||
           (ts_ecr != 0 && seq_lt(ts_ecr, ts_sent));
}

void tcp_rack_delivered(struct tcp_conn *conn, const struct tcp_record *record,
                        const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;
    uint64_t rtt_ns = conn->tcp->now_ns - record->last_tx_ns;
    uint32_t end = tcp_record_end(record);

    /* What one ACK tells of, in whatever order, may have come in that in which it went. */
    if (seq_lt(end, news->prior_fack) && !(record->flags & TCP_RECORD_RETRANSMITTED)) {
        flight->rack_reordering = true;
        mishaps_of(conn)->reordered++;
    }
    flight->rack_fack = seq_max(flight->rack_fack, end);

    if (record->flags & TCP_RECORD_RETRANSMITTED &&
        answers_an_earlier(conn, record, news->ts_ecr)) {
        return;
    }
    if (sent_after(record->last_tx_ns, end, flight->rack_xmit_ns, flight->rack_end_seq)) {
        flight->rack_xmit_ns = record->last_tx_ns;
        flight->rack_end_seq = end;
        flight->rack_rtt_ns = rtt_ns;
    }
}

void tcp_rack_dsack(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    /* Once a round: until the data sent by then is acknowledged. */
    if (flight->rack_dsack_pending &&
        !seq_is_over(flight->rack_dsack_round, conn->snd.una, conn->snd.nxt)) {
        return;
    }
    if (!tcp_conn_policy(conn)->reordering_adapts) {
        return;
    }
    flight->rack_dsack_pending = true;
    flight->rack_dsack_round = conn->snd.nxt;
    if (flight->rack_reo_mult < UINT8_MAX) {
        flight->rack_reo_mult++;
    }
    flight->rack_reo_persist = 16; /* recoveries; RFC 8985 section 6.2, step 4 */
}

/* So much was SACKed that a loss is likelier than the reordering that nobody has seen. */
static bool many_are_sacked(const struct tcp_conn *conn)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);

    return policy->reordering_by_count && conn->flight->sendq.sacked_count >= policy->dup_threshold;
}

uint64_t tcp_rack_window_ns(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;

    if (!flight->rack_reordering && (tcp_recovery_repairs(flight->recovery) ||
                                     (flight->sendq.sacked_count > 0 && many_are_sacked(conn)))) {
        return 0;
    }
    return tcp_rack_quarters_ns(conn, 1u + flight->rack_reo_mult);
}

/* The list is in order of transmission, so the walk ends at the first segment that is
 * not lost. */
bool tcp_rack_detect_loss(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    struct tcp_sendq *sendq = &flight->sendq;
    uint64_t allowance_ns = flight->rack_rtt_ns + tcp_rack_window_ns(conn);
    uint32_t position = sendq->in_flight.first;
    bool found = false;

    flight->rack_deadline_ns = 0;
    while (position != TCP_POSITION_NONE) {
        struct tcp_record *record = sendq_at(sendq, position);
        uint32_t following = record->next;
        uint64_t due_ns = record->last_tx_ns + allowance_ns;

        if (!sent_after(flight->rack_xmit_ns, flight->rack_end_seq, record->last_tx_ns,
                        tcp_record_end(record))) {
            break;
        }
        if (!tcp_conn_policy(conn)->rack) {
            return tcp_islost_detect(conn); /* only here, where something may be lost */
        }
        if (due_ns > conn->tcp->now_ns) {
            flight->rack_deadline_ns = max_u64(due_ns, conn->tcp->now_ns + TCP_RACK_TIMER_MIN_NS);
            break;
        }
        tcp_mark_lost(conn, position);
        found = true;
        position = following;
    }
    return found;
}
