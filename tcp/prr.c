#include "tcp/prr.h"

#include "tcp/cc.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

uint32_t tcp_delivered(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;

    /* A peer without SACK tells of what it has beyond SND.UNA by duplicate ACKs. */
    uint32_t beyond = flight->sendq.sacked_bytes + (uint32_t)flight->dup_acks * conn->snd.mss;

    return conn->snd.una + min_u32(beyond, conn->snd.nxt - conn->snd.una);
}

void prr_begin(struct tcp_conn *conn, uint32_t delivered)
{
    if (tcp_cc_has_model(conn->cc)) {
        return; /* the window is the model's */
    }
    conn->flight->prr = (struct tcp_prr){
        .start = delivered,
        .last = delivered,
        /* Of short segments without SACK more counts as delivered than was: a flight below
         * ssthresh would let more go than arrives. */
        .recover_fs = max_u32(conn->snd.nxt - delivered, conn->ssthresh),
    };
    conn->cwnd = tcp_pipe(conn) + conn->snd.mss; /* the first repair goes at once */
}

/* Section 6.2 of the RFC, from "if pipe > ssthresh" on. The divisor is of a recovery. */
static uint32_t may_send(const struct tcp_conn *conn, uint32_t newly, uint32_t pipe, bool safe)
{
    const struct tcp_prr *prr = &conn->flight->prr;
    uint32_t delivered = tcp_delivered(conn) - prr->start;
    uint32_t owed;

    if (pipe > conn->ssthresh) {
        uint64_t share = (uint64_t)delivered * conn->ssthresh;

        owed = (uint32_t)((share + prr->recover_fs - 1) / prr->recover_fs);
        return owed - min_u32(owed, prr->out);
    }
    owed = max_u32(delivered - min_u32(delivered, prr->out), newly);
    if (safe) {
        owed += conn->snd.mss;
    }
    return min_u32(owed, conn->ssthresh - pipe);
}

void prr_on_ack(struct tcp_conn *conn, bool safe)
{
    struct tcp_prr *prr = &conn->flight->prr;
    uint32_t delivered = tcp_delivered(conn);
    uint32_t pipe = tcp_pipe(conn);
    uint32_t count;

    if (tcp_cc_has_model(conn->cc) || !seq_gt(delivered, prr->last)) {
        return;
    }
    count = may_send(conn, delivered - prr->last, pipe, safe);
    prr->last = delivered;
    if (prr->out == 0) {
        count = max_u32(count, conn->snd.mss);
    }
    conn->cwnd = pipe + count;
}
