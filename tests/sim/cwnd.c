#include "tests/sim/cwnd.h"

#include "datapath/util.h"
#include "tcp/cc.h"
#include "tcp/recovery.h"

const char *const cwnd_reason_names[CWND_REASON_COUNT] = {
#define X(name, text) [CWND_##name] = #name,
    CWND_REASONS(X)
#undef X
};

static uint64_t undone(const struct tcp_conn *conn)
{
    return conn->tcp->counters.recoveries_undone + conn->tcp->counters.timeouts_undone;
}

static bool is_open(const struct tcp_conn *conn)
{
    return tcp_state_is_synchronized((enum tcp_state)conn->state) &&
           (!conn->flight || conn->flight->recovery == TCP_RECOVERY_OPEN);
}

static bool is_reducing(const struct tcp_conn *conn)
{
    return tcp_state_is_synchronized((enum tcp_state)conn->state) && conn->flight &&
           !tcp_cc_has_model(conn->cc) && tcp_recovery_reduces(conn->flight->recovery);
}

void cwnd_remember(struct cwnd_before *before, const struct tcp_conn *conn, uint64_t text)
{
    *before = (struct cwnd_before){
        .known = is_open(conn),
        .cwnd = conn->cwnd,
        .una = conn->snd.una,
        .undone = undone(conn),
        .marked = conn->tcp->counters.ecn_reductions,
        .reduces = is_reducing(conn),
        .text = text,
    };
    if (before->reduces) {
        before->prr = conn->flight->prr;
    }
}

bool cwnd_opened_fairly(const struct cwnd_before *before, const struct tcp_conn *conn)
{
    if (!before->known || !is_open(conn) || before->undone != undone(conn)) {
        return true;
    }
    if (tcp_cc_has_model(conn->cc)) {
        return true; /* behind ProbeRTT a model has the window back that it had */
    }
    return conn->cwnd <= before->cwnd + (conn->snd.una - before->una) + conn->snd.mss;
}

bool cwnd_reduced_fairly(const struct cwnd_before *before, const struct tcp_conn *conn,
                         uint64_t text)
{
    const struct tcp_prr *prr;
    uint32_t owed;

    /* One that marks began where another ended may start at the same byte: duplicates of a peer
     * without SACK may have counted for more than had arrived. */
    if (!before->reduces || !is_reducing(conn) || conn->flight->prr.start != before->prr.start ||
        before->undone != undone(conn) || before->marked != conn->tcp->counters.ecn_reductions) {
        return true;
    }
    prr = &conn->flight->prr;
    if (prr->last == before->prr.last) {
        return conn->cwnd <= before->cwnd;
    }
    owed = prr->last - prr->start;
    owed = max_u32(owed - min_u32(owed, before->prr.out), prr->last - before->prr.last);
    return text - before->text <= owed + conn->snd.mss + max_u32(conn->snd.mss, conn->mtu.most);
}

/* No other was sent in its turn. */
static bool went_alone(const struct tcp_sendq *sendq, const struct tcp_record *last)
{
    return last->prev == TCP_POSITION_NONE ||
           sendq_at(sendq, last->prev)->last_tx_ns < last->last_tx_ns;
}

/* Beyond the window one segment goes at the most: the last one. */
static enum cwnd_reason reason_of_last(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    const struct tcp_record *last = sendq_at(&flight->sendq, flight->sendq.in_flight.last);
    bool again = (last->flags & TCP_RECORD_RETRANSMITTED) != 0;

    if (tcp_pipe(conn) <= last->length) {
        return CWND_EMPTY_PIPE;
    }
    if (!went_alone(&flight->sendq, last)) {
        return CWND_REASON_COUNT;
    }
    if (flight->tlp_out) {
        return CWND_TAIL_PROBE;
    }
    if (again && !flight->mtu_probe_out && last->seq == flight->mtu_probe_seq) {
        return CWND_MTU_PROBE_REPAIR;
    }
    return again && flight->recovery == TCP_RECOVERY_FAST ? CWND_FIRST_REPAIR : CWND_REASON_COUNT;
}

enum cwnd_reason cwnd_reason(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    const struct tcp_sendq *sendq = &flight->sendq;
    uint32_t out = conn->snd.nxt - conn->snd.una;
    uint32_t left = out - min_u32(out, sendq->sacked_bytes + flight->dup_acks * conn->snd.mss);

    if (out <= conn->cwnd) {
        return CWND_WITHIN;
    }
    if (tcp_pipe(conn) > conn->cwnd) {
        return reason_of_last(conn);
    }
    if (tcp_recovery_reduces(flight->recovery)) {
        return CWND_RATE_REDUCTION;
    }
    if (flight->recovery == TCP_RECOVERY_LOSS) {
        return CWND_AFTER_TIMEOUT;
    }
    return left <= conn->cwnd ? CWND_LIMITED_TRANSMIT : CWND_LOST;
}
