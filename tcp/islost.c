#include "tcp/islost.h"

#include "tcp/cc.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

RARE void tcp_islost_begin(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    flight->islost_edge = conn->snd.una;
    flight->islost_bytes = flight->sendq.sacked_bytes;
    flight->islost_runs = (uint16_t)flight->sendq.sacked_runs;
}

RARE void tcp_islost_sacked(struct tcp_conn *conn, uint32_t position)
{
    struct tcp_flight *flight = conn->flight;
    const struct tcp_sendq *sendq = &flight->sendq;
    const struct tcp_record *record = sendq_at(sendq, position);

    if (sendq->sacked_count == 1 || seq_lt(flight->islost_edge, conn->snd.una)) {
        tcp_islost_begin(conn);
        return;
    }
    if (seq_lt(record->seq, flight->islost_edge)) {
        return;
    }
    flight->islost_bytes += record->length;
    if (record->seq == flight->islost_edge || !sendq_is_sacked(sendq, position - 1)) {
        flight->islost_runs++;
    }
    if (sendq_is_sacked(sendq, position + 1)) {
        flight->islost_runs--;
    }
}

/* What stands at the edge, not SACKed, is lost. */
static bool edge_is_lost(const struct tcp_conn *conn, uint32_t threshold)
{
    const struct tcp_flight *flight = conn->flight;

    return flight->islost_runs >= threshold ||
           flight->islost_bytes > (threshold - 1) * conn->snd.mss;
}

/* Moves the edge behind the record there, which is lost unless it is SACKed. True when it was not
 * known to be. What went again in this recovery is the timer's: nothing here tells when. */
static bool pass(struct tcp_conn *conn, uint32_t position)
{
    struct tcp_flight *flight = conn->flight;
    struct tcp_sendq *sendq = &flight->sendq;
    const struct tcp_record *record = sendq_at(sendq, position);

    flight->islost_edge = tcp_record_end(record);
    if (record->flags & TCP_RECORD_SACKED) {
        flight->islost_bytes -= record->length;
        if (!sendq_is_sacked(sendq, position + 1)) {
            flight->islost_runs--;
        }
        return false;
    }
    if (record->flags & TCP_RECORD_LOST ||
        (record->flags & TCP_RECORD_RETRANSMITTED && tcp_recovery_repairs(flight->recovery))) {
        return false;
    }
    tcp_mark_lost(conn, position);
    return true;
}

/* Section 5, step 1: DupThresh duplicate ACKs, whatever IsLost() says. They are counted in SACKed
 * segments, as RFC 8985 does: one ACK is for several where the receiver gathers them. */
static bool head_is_lost(const struct tcp_conn *conn, uint32_t position, uint32_t threshold)
{
    const struct tcp_flight *flight = conn->flight;

    return !tcp_recovery_repairs(flight->recovery) && flight->sendq.sacked_count >= threshold &&
           position == flight->sendq.head && !sendq_is_sacked(&flight->sendq, position);
}

RARE bool tcp_islost_detect(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    uint32_t threshold = tcp_dup_threshold(conn);
    bool found = false;
    uint32_t position;

    if (flight->sendq.sacked_count == 0) {
        return false;
    }
    if (seq_lt(flight->islost_edge, conn->snd.una)) {
        tcp_islost_begin(conn);
    }
    position = sendq_find(&flight->sendq, flight->islost_edge);
    while (position != flight->sendq.next &&
           (edge_is_lost(conn, threshold) || head_is_lost(conn, position, threshold))) {
        found |= pass(conn, position);
        position++;
    }
    return found;
}

/* Rule 3: the oldest that went once, with something behind it SACKed. */
static bool is_behind_sacked(const struct tcp_flight *flight, uint32_t position)
{
    const struct tcp_record *record = sendq_at(&flight->sendq, position);

    return !(record->flags & TCP_RECORD_RETRANSMITTED) && flight->sendq.sacked_count > 0 &&
           seq_lt(tcp_record_end(record), flight->rack_fack);
}

/* Rule 4, the rescue, once a recovery: the last segment. Only behind a partial ACK, when an answer
 * to it would have come; and not where it was SACKed: what is out then went again, and its loss is
 * the timer's. */
static bool may_rescue(const struct tcp_flight *flight, const struct tcp_ack_news *news)
{
    return !flight->rescued && news->acked > 0 &&
           !sendq_is_sacked(&flight->sendq, flight->sendq.next - 1);
}

RARE void tcp_islost_fill(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;
    struct tcp_sendq *sendq = &flight->sendq;
    uint32_t position = sendq->in_flight.first;
    bool rescues = false;
    uint32_t length;

    if (flight->recovery != TCP_RECOVERY_FAST || !tcp_conn_has(conn, TCP_CONN_SACK_OK) ||
        sendq->lost.first != TCP_POSITION_NONE || position == TCP_POSITION_NONE ||
        (tcp_has_unsent(conn) && tcp_usable_window(conn) >= conn->snd.mss)) {
        return;
    }
    if (!is_behind_sacked(flight, position)) {
        if (!may_rescue(flight, news)) {
            return;
        }
        position = sendq->next - 1;
        rescues = true;
    }
    length = sendq_at(sendq, position)->length;
    if (tcp_pipe(conn) + length > conn->cwnd) {
        return;
    }
    flight->rescued |= rescues;
    tcp_mark_lost(conn, position);
    if (!tcp_cc_has_model(conn->cc)) {
        conn->cwnd -= length; /* both rules leave it in the pipe: no more goes for it */
    }
}

bool tcp_islost_check(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    const struct tcp_sendq *sendq = &flight->sendq;
    uint32_t bytes = 0;
    uint32_t runs = 0;
    bool in_run = false;

    if (tcp_conn_policy(conn)->rack || sendq->sacked_count == 0 ||
        seq_lt(flight->islost_edge, conn->snd.una)) {
        return true;
    }
    for (uint32_t position = sendq_find(sendq, flight->islost_edge);
         (int32_t)(position - sendq->next) < 0; position++) {
        bool sacked = sendq_is_sacked(sendq, position);

        bytes += sacked ? sendq_at(sendq, position)->length : 0;
        runs += sacked && !in_run;
        in_run = sacked;
    }
    return bytes == flight->islost_bytes && runs == flight->islost_runs;
}
