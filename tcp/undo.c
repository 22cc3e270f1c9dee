#include "tcp/undo.h"

#include "tcp/cc.h"
#include "tcp/emit.h"
#include "tcp/islost.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

void undo_begin(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    if (flight->recovery != TCP_RECOVERY_OPEN) {
        flight->undo.end = conn->snd.nxt;
        return;
    }
    flight->undo = (struct tcp_undo){
        .cubic = conn->cc_state.cubic,
        .cwnd = conn->cwnd,
        .ssthresh = conn->ssthresh,
        .start = conn->snd.una,
        .end = conn->snd.nxt,
        /* A probe that went before may be told of as well. */
        .again = flight->tlp_out && flight->tlp_retransmitted,
    };
    flight->can_undo = true;
    flight->undone = false;
}

void undo_count(struct tcp_conn *conn)
{
    struct tcp_undo *undo = &conn->flight->undo;

    if (!conn->flight->can_undo) {
        return;
    }
    undo->again++;
    if (undo->ts_sent == 0) {
        undo->ts_sent = tcp_timestamp(conn);
    }
}

/* RFC 3522 section 3.2, step 5. */
static bool is_before_retransmission(const struct tcp_undo *undo, uint32_t ts_ecr)
{
    return ts_ecr != 0 && undo->ts_sent != 0 && seq_lt(ts_ecr, undo->ts_sent);
}

bool undo_of_syn(const struct tcp_conn *conn, uint32_t ts_ecr)
{
    return conn->flight && conn->flight->can_undo &&
           is_before_retransmission(&conn->flight->undo, ts_ecr);
}

/* RFC 3708: one more D-SACK; true when all that was sent again is told of. The division is
 * of a duplicate. */
static bool all_were_duplicates(const struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_undo *undo = &conn->flight->undo;
    uint32_t segments;

    if (!news->dsack || undo->again == 0 || seq_lt(news->dsack_block.start, undo->start) ||
        seq_gt(news->dsack_block.end, undo->end)) {
        return false;
    }
    segments =
        (news->dsack_block.end - news->dsack_block.start + conn->snd.mss - 1) / conn->snd.mss;
    undo->again -= min_u32(segments, undo->again);
    return undo->again == 0;
}

/* RFC 5682 section 3.1, step 3.b: what was sent only before the timeout has arrived. Without
 * SACK it may have waited at the peer for what was sent again. */
static bool originals_arrive(const struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    return conn->flight->frto != TCP_FRTO_OFF && news->original &&
           seq_lt(news->original_seq, conn->flight->undo.end) &&
           (tcp_conn_has(conn, TCP_CONN_SACK_OK) || !news->retransmitted);
}

static void restore(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    if (flight->recovery == TCP_RECOVERY_LOSS) {
        conn->tcp->counters.timeouts_undone++;
        mishap_timeout_over(conn);
    } else {
        conn->tcp->counters.recoveries_undone++;
        flight->undone = true;
    }
    sendq_unmark_lost(&flight->sendq);
    tcp_islost_begin(conn); /* some of it may be lost all the same */
    conn->cwnd = max_u32(conn->cwnd, flight->undo.cwnd);
    conn->ssthresh = max_u32(conn->ssthresh, flight->undo.ssthresh);
    conn->cc->undo(conn, &flight->undo);
    flight->can_undo = false;
    tcp_recovery_over(flight);
}

/* RFC 4015 section 3.2, step 5: marks are congestion, whatever was lost. The reduction is the
 * answer to them, and stays. */
static RARE void keep_reduction(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    flight->undo.cwnd = tcp_recovery_reduces(flight->recovery) ? conn->ssthresh : 0;
    flight->undo.ssthresh = 0;
    flight->undo.cubic = conn->cc_state.cubic;
}

bool undo_on_ack(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    if (!conn->flight->can_undo) {
        return false;
    }
    if (news->marked && !tcp_cc_tells_marks_apart(conn->cc)) {
        keep_reduction(conn);
    }
    if (all_were_duplicates(conn, news) ||
        (conn->flight->recovery != TCP_RECOVERY_OPEN &&
         ((news->echoes_earlier && is_before_retransmission(&conn->flight->undo, news->ts_ecr)) ||
          originals_arrive(conn, news)))) {
        restore(conn);
        return true;
    }
    return false;
}

/* RFC 5682 section 2.1, step 1: not when something else went again before, while a head that
 * times out over and over has said nothing new. */
void frto_begin(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    if (!tcp_conn_policy(conn)->frto || !tcp_state_is_synchronized((enum tcp_state)conn->state) ||
        (flight->recovery == TCP_RECOVERY_LOSS && flight->frto != TCP_FRTO_AGAIN)) {
        flight->frto = TCP_FRTO_OFF;
        return;
    }
    flight->frto = TCP_FRTO_AGAIN;
}

void frto_on_ack(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;

    if (news->sacked > 0 || (flight->frto == TCP_FRTO_NEW && news->duplicate)) {
        flight->frto = TCP_FRTO_OFF; /* step 3.a: new data arrived, the old did not */
    } else if (flight->frto == TCP_FRTO_AGAIN && news->acked > 0) {
        flight->frto = TCP_FRTO_NEW; /* step 2.b; output says when there is none */
    }
}
