#include "tcp/output.h"

#include "tcp/ack.h"
#include "tcp/cc.h"
#include "tcp/emit.h"
#include "tcp/mtu.h"
#include "tcp/recovery.h"
#include "tcp/rexmit.h"
#include "tcp/seq.h"
#include "tcp/user.h"

#include <assert.h>

/* The congestion window has room for a segment. An empty pipe always has, or a
 * window below one segment would stop for good. */
static bool cwnd_allows(const struct tcp_conn *conn, uint32_t length)
{
    uint32_t pipe = tcp_pipe(conn);

    return pipe == 0 || pipe + length <= conn->cwnd;
}

/* The initial window counts segments as well as bytes (RFC 5681 section 3.1), or a small one for
 * each request would be a hundred before the first ACK. Later ones count bytes alone. */
static bool first_window_is_out(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;
    const struct tcp_sendq *sendq = &flight->sendq;
    uint32_t acked = conn->snd.una - conn->snd.iss; /* 0: the SYN, which counts for none, is out */

    return acked <= 1 && flight->recovery == TCP_RECOVERY_OPEN &&
           sendq->next - sendq->head - sendq->sacked_count >=
               tcp_conn_policy(conn)->initial_window + (uint32_t)flight->dup_acks + 1 - acked &&
           conn->cwnd <= tcp_cc_initial_window(conn);
}

/* Nagle (RFC 9293 section 3.7.4) in Minshall's variation (appendix A.3), as Linux has it: a small
 * segment at the end of the queue waits while another small one is unacknowledged, unless it ends
 * the stream or is urgent. Were it to wait for full ones, too, the end of a write would stand
 * until the peer's delayed ACK when their number is odd. Corked, it waits in any case, as in Linux
 * until the override timer has run out. */
static bool nagle_holds(const struct tcp_conn *conn, const struct tcp_record *record)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    uint32_t small = conn->flight->small;

    if (sendq->next + 1 != sendq->tail || record->slice.length >= conn->snd.mss ||
        record->flags & (TCP_RECORD_FIN | TCP_RECORD_SYN) ||
        tcp_conn_has(conn, TCP_CONN_URGENT_OUT)) {
        return false;
    }
    if (tcp_conn_has(conn, TCP_CONN_CORK)) {
        return true;
    }
    /* One that went long ago may look as if it came behind what is out. */
    return !tcp_conn_has(conn, TCP_CONN_NODELAY) && seq_gt(small, conn->snd.una) &&
           seq_le(small, conn->snd.nxt);
}

/* Only the SYN may go yet. But a server that has opened early answers before its handshake is
 * over (RFC 7413 section 4.2.2), once: when the SYN-ACK has gone again, the answer waits for the
 * ACK of it. A peer without it could not take the answer, and one that is not there, whoever
 * begs in its name, is sent no more of it. */
static bool is_opening(const struct tcp_conn *conn)
{
    if (conn->state != TCP_SYN_RECEIVED) {
        return conn->state == TCP_SYN_SENT;
    }
    return !tcp_conn_has(conn, TCP_CONN_FAST_OPEN) || !tcp_conn_has(conn, TCP_CONN_PASSIVE) ||
           sendq_at(&conn->flight->sendq, conn->flight->sendq.head)->transmissions > 1;
}

/* Its rate lets a segment go. */
static bool is_released(struct tcp_conn *conn)
{
    return !tcp_conn_has(conn, TCP_CONN_PACED) || pacing_allows(conn);
}

/* How much of the next record may go: all, a piece, or 0. A piece is a split,
 * and worth it only when it fills half the largest window ever seen, or after
 * the override or persist timer (RFC 9293 section 3.8.6.2.1). */
static uint32_t sendable(const struct tcp_conn *conn, const struct tcp_record *record)
{
    uint32_t usable = tcp_usable_window(conn);
    uint32_t length = record->length;

    if (record->flags & TCP_RECORD_SYN) {
        return length;
    }
    if (is_opening(conn)) {
        return 0;
    }
    if (record->slice.length > conn->snd.mss) {
        length = conn->snd.mss;
    }
    if (length <= usable) {
        return length;
    }
    if (record->slice.length > 0 && record->slice.length <= usable) {
        return record->slice.length; /* all but its FIN */
    }
    if (tcp_conn_has(conn, TCP_CONN_PROBE)) {
        return max_u32(usable, 1);
    }
    if (usable > 0 && (tcp_conn_has(conn, TCP_CONN_OVERRIDE) || usable >= conn->snd.wnd_max / 2)) {
        return usable;
    }
    return 0;
}

/* The window takes the last text, but not the FIN behind it: that becomes a record
 * of its own. False when there is no memory. */
static bool take_fin_off(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};
    struct tcp_record *fin = sendq_append(sendq, &room, TCP_SENDQ_FIN);
    struct tcp_record *record;

    if (!fin) {
        return false;
    }
    record = sendq_at(sendq, sendq->tail - 1); /* appending may have moved the ring */
    record->flags &= (uint8_t)~TCP_RECORD_FIN;
    sendq_shrank(sendq, record, 1);
    fin->seq = tcp_record_end(record);
    fin->flags = TCP_RECORD_FIN;
    sendq_appended(sendq, 1);
    return true;
}

/* Apart: most records go as they are. */
RARE bool tcp_split(struct tcp_conn *conn, uint32_t position, uint32_t length)
{
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};

    if (!sendq_split(&conn->flight->sendq, &room, position, (uint16_t)length)) {
        return false;
    }
    conn->tcp->counters.splits++;
    return true;
}

/* A SYN for the first time. Text that goes with it (RFC 7413 section 4.2.1) is cut to what fits
 * there, and a FIN behind it taken off. */
static enum output_verdict send_syn(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    bool carries = tcp_fast_open_carries(conn);

    if (carries) {
        const struct tcp_record *text = sendq_at(sendq, sendq->next + 1);

        if (text->slice.length > conn->snd.mss) {
            if (!tcp_split(conn, sendq->next + 1, conn->snd.mss)) {
                return OUTPUT_STUCK;
            }
        } else if (text->flags & TCP_RECORD_FIN && !take_fin_off(conn)) {
            return OUTPUT_STUCK;
        }
    }
    if (!emit_record(conn, sendq->next)) {
        return OUTPUT_STUCK;
    }
    if (carries) {
        bool went = emit_record(conn, sendq->next); /* with the SYN: now it counts as sent */

        assert(went);
        (void)went;
    }
    return OUTPUT_MORE;
}

static RARE bool cut_next(struct tcp_conn *conn, uint32_t length)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    return length == sendq_at(sendq, sendq->next)->slice.length
               ? take_fin_off(conn)
               : tcp_split(conn, sendq->next, length);
}

static inline enum output_verdict send_new(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    struct tcp_record *record = sendq_at(sendq, sendq->next);
    uint32_t length = sendable(conn, record);

    if (length == 0 || !cwnd_allows(conn, length) || first_window_is_out(conn) ||
        (!tcp_conn_has(conn, TCP_CONN_OVERRIDE | TCP_CONN_PROBE) && nagle_holds(conn, record))) {
        return OUTPUT_DONE;
    }
    if (record->flags & TCP_RECORD_SYN) {
        return send_syn(conn);
    }
    if (!is_released(conn)) {
        return OUTPUT_PACED;
    }
    if (length < record->length && !cut_next(conn, length)) {
        return OUTPUT_STUCK;
    }
    if (!emit_record(conn, sendq->next)) {
        return OUTPUT_STUCK;
    }
    if (tcp_conn_has(conn, TCP_CONN_OVERRIDE | TCP_CONN_PROBE)) {
        conn->tcp->counters.zero_window_probes += tcp_conn_has(conn, TCP_CONN_PROBE);
        conn->flags &= ~(uint32_t)(TCP_CONN_OVERRIDE | TCP_CONN_PROBE);
    }
    if (length < conn->snd.mss) {
        conn->flight->small = conn->snd.nxt;
    }
    return OUTPUT_MORE;
}

/* The window was closed over what is out: that waits, and the oldest is the probe of it (RFC 9293
 * section 3.8.6.1). All of it would be sent each time, to a peer that has room for nothing. */
static bool is_shut_out(const struct tcp_conn *conn, uint32_t position)
{
    return conn->snd.wnd == 0 && position != conn->flight->sendq.head &&
           tcp_state_is_synchronized((enum tcp_state)conn->state);
}

static enum output_verdict send_lost(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    uint32_t position = is_opening(conn) ? sendq->head : sendq->lost.first; /* the SYN alone */
    struct tcp_record *record = sendq_at(sendq, position);

    if (!(record->flags & TCP_RECORD_LOST) || is_shut_out(conn, position) ||
        (!conn->flight->rexmit_now && !cwnd_allows(conn, record->length))) {
        return OUTPUT_DONE;
    }
    if (!is_released(conn)) {
        return OUTPUT_PACED;
    }
    if (record->slice.length > conn->snd.mss) { /* the path's MTU has shrunk, or was probed */
        conn->flight->mtu_probe_out = false;    /* in pieces it tells nothing */
        if (!tcp_split(conn, position, conn->snd.mss)) {
            return OUTPUT_STUCK;
        }
        position = sendq->lost.first; /* the front */
    }
    if (!emit_record(conn, position)) {
        return OUTPUT_STUCK;
    }
    conn->flight->rexmit_now = false;
    return OUTPUT_MORE;
}

/* RFC 5682 section 2.1: behind a timeout the oldest goes again alone; when it is answered,
 * what was never sent, and only when that can't go what is lost. */
static RARE enum output_verdict send_by_frto(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    enum output_verdict verdict = OUTPUT_DONE;

    if (flight->frto == TCP_FRTO_AGAIN) {
        if (!(sendq_at(&flight->sendq, flight->sendq.head)->flags &
              (TCP_RECORD_LOST | TCP_RECORD_SACKED))) {
            return OUTPUT_DONE;
        }
        if (flight->sendq.lost.first == flight->sendq.head) {
            return send_lost(conn);
        }
        flight->frto = TCP_FRTO_OFF; /* it was lost once more, behind others */
        return OUTPUT_MORE;
    }
    if (tcp_has_unsent(conn)) {
        verdict = send_new(conn);
    }
    if (verdict == OUTPUT_DONE && conn->snd.nxt == flight->undo.end) {
        flight->frto = TCP_FRTO_OFF;
        return OUTPUT_MORE;
    }
    return verdict;
}

/* One segment of what is most urgent. */
static enum output_verdict send_one(struct tcp_conn *conn)
{
    if (!conn->flight) {
        return OUTPUT_DONE;
    }
    if (conn->flight->frto != TCP_FRTO_OFF) {
        return send_by_frto(conn);
    }
    if (conn->flight->sendq.lost.first != TCP_POSITION_NONE) {
        enum output_verdict verdict = send_lost(conn);

        if (verdict != OUTPUT_DONE) {
            return verdict;
        }
    }
    return tcp_has_unsent(conn) ? send_new(conn) : OUTPUT_DONE;
}

/* Data segments carry no SACK blocks, so a pure ACK goes before them when there
 * is something to report; and no other one tells how a SYN-ACK came (RFC 9768 section
 * 3.2.2.1). But nothing goes before the SYN. */
static bool ack_goes_first(const struct tcp_conn *conn)
{
    bool report = tcp_conn_has(conn, TCP_CONN_ACK_NOW) && tcp_conn_has(conn, TCP_CONN_SACK_OK) &&
                  reassembly_has_report(&conn->reassembly);

    return (report || (conn->ecn.mode == TCP_ECN_ACCURATE && ecn_ack_goes_first(conn))) &&
           conn->snd.nxt != conn->snd.iss;
}

/* Segments are smaller than both ends take: a probe may be due, before all else that is new. */
static unsigned probe_path(struct tcp_conn *conn, enum output_verdict *verdict)
{
    enum mtu_verdict probe = mtu_probe(conn);

    if (probe == MTU_WAIT) {
        *verdict = OUTPUT_DONE;
    }
    return probe == MTU_SENT;
}

/* Segments, until nothing may go, the quantum is used up or the port full; their number. */
static unsigned send_some(struct tcp_conn *conn, enum output_verdict *verdict)
{
    struct tcp_flight *flight = conn->flight;
    uint32_t before = flight ? flight->sendq.in_flight_bytes : 0;
    unsigned sent = 0;

    if (flight) {
        flight->cwnd_limits = false; /* the next ACK asks anew */
    }
    if (flight && tcp_conn_has(conn, TCP_CONN_MTU_LOW) && emit_has_room(conn->tcp)) {
        sent = probe_path(conn, verdict);
    }
    while (sent < TCP_TRANSMIT_QUANTUM && *verdict == OUTPUT_MORE && emit_has_room(conn->tcp)) {
        *verdict = send_one(conn);
        sent += *verdict == OUTPUT_MORE;
    }
    if (*verdict == OUTPUT_PACED) {
        *verdict = OUTPUT_DONE; /* until the pacer puts it on the list again */
    }
    if (flight && tcp_recovery_reduces(flight->recovery)) {
        flight->prr.out += flight->sendq.in_flight_bytes - before;
    }
    return sent;
}

/* What waits for a frame, or for room in the queue, carries no ACK, and that of the peer may be
 * what brings some: it waits for nothing. */
static bool ack_is_due(const struct tcp_conn *conn, enum output_verdict verdict)
{
    return verdict != OUTPUT_MORE && (tcp_conn_has(conn, TCP_CONN_ACK_NOW) ||
                                      (verdict == OUTPUT_STUCK && tcp_ack_owed_bytes(conn) > 0));
}

/* What was never sent found no frame, or no place in the queue, with nothing out that would bring
 * one: the timer runs all the same (tcp/rexmit.c). Once it goes nobody has been silent. Apart, for
 * it is rare. */
static RARE void note_stuck(struct tcp_conn *conn, enum output_verdict verdict)
{
    struct tcp_flight *flight = conn->flight;
    bool stuck = verdict == OUTPUT_STUCK && flight->sendq.head == flight->sendq.next;

    if (flight->stuck && !stuck) {
        tcp_rexmit_forget(conn);
    }
    flight->stuck = stuck;
}

enum output_verdict output_serve(struct tcp_conn *conn)
{
    enum output_verdict verdict = OUTPUT_MORE;
    bool fin_waits = tcp_conn_has(conn, TCP_CONN_FIN_OWED) && !tcp_queue_fin(conn);
    unsigned sent = 0;

    if (ack_goes_first(conn) && !emit_ack(conn)) {
        verdict = OUTPUT_STUCK;
    } else {
        sent = send_some(conn, &verdict);
    }
    if (verdict == OUTPUT_DONE && fin_waits) {
        verdict = OUTPUT_STUCK;
    }
    if (conn->flight && (verdict == OUTPUT_STUCK || conn->flight->stuck)) {
        note_stuck(conn, verdict);
    }
    if (ack_is_due(conn, verdict)) {
        if (!emit_has_room(conn->tcp)) {
            verdict = OUTPUT_MORE;
        } else if (!emit_ack(conn)) {
            verdict = OUTPUT_STUCK;
        }
    }
    if (verdict == OUTPUT_DONE) {
        tcp_ack_later(conn);
        if (tcp_conn_has(conn, TCP_CONN_RATED)) {
            rate_output_ends(conn);
        }
    }
    if (sent > 0 || verdict == OUTPUT_DONE || verdict == OUTPUT_STUCK) {
        tcp_rexmit_arm(conn);
        if (conn->flight && sendq_is_empty(&conn->flight->sendq)) {
            tcp_conn_rest(conn);
        }
    }
    return verdict;
}
