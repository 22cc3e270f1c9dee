#include "tcp/input.h"

#include "tcp/ack.h"
#include "tcp/admission.h"
#include "tcp/cc.h"
#include "tcp/emit.h"
#include "tcp/keepalive.h"
#include "tcp/output.h"
#include "tcp/prr.h"
#include "tcp/rack.h"
#include "tcp/recovery.h"
#include "tcp/rexmit.h"
#include "tcp/sack.h"
#include "tcp/seq.h"
#include "tcp/user.h"
#include "tcp/window.h"

/* The window of a SYN is never scaled (RFC 7323 section 2.2). */
static uint32_t window_of(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    return seg->window << (seg->flags & (TCP_SYN | TCP_SYN_TAKEN) ? 0 : conn->snd.wscale);
}

static void take_window(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    conn->snd.wnd = window_of(conn, seg);
    conn->snd.wl1 = seg->seq;
    conn->snd.wl2 = seg->ack;
    conn->snd.wnd_max = max_u32(conn->snd.wnd_max, conn->snd.wnd);
}

/* TSecr, or 0. */
static uint32_t echoed(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    return tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) && seg->options_seen & TCP_OPT_TIMESTAMPS
               ? seg->ts_ecr
               : 0;
}

void tcp_establish(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp *tcp = conn->tcp;

    if (tcp_conn_has(conn, TCP_CONN_PASSIVE)) {
        tcp_admission_established(conn);
        tcp->counters.opened_passive++;
    } else {
        tcp->counters.opened_active++;
    }
    tcp->counters.ecn_classic += conn->ecn.mode == TCP_ECN_CLASSIC;
    tcp->counters.ecn_accurate += conn->ecn.mode == TCP_ECN_ACCURATE;
    tcp_state_set(conn, TCP_ESTABLISHED);
    if (tcp_conn_has(conn, TCP_CONN_FIN_QUEUED | TCP_CONN_FIN_OWED)) {
        tcp_state_set(conn, TCP_FIN_WAIT_1); /* shut down before (3.10.4) */
    }
    take_window(conn, seg);
    if (undo_of_syn(conn, echoed(conn, seg))) {
        conn->flags &= ~(uint32_t)TCP_CONN_SYN_LOST;
    }
    conn->cc->open(conn);
    if (tcp_conn_has(conn, TCP_CONN_SYN_LOST)) {
        /* RFC 6298 section 5.7. */
        conn->rtt.rto_ns = min_u64(max_u64(conn->rtt.rto_ns, TCP_RTO_AFTER_SYN_LOSS_NS),
                                   tcp_conn_policy(conn)->rto.max_ns);
    }
    conn->snd.backoff = 0;
    conn->retransmissions = 0;
    tcp_ack_quickly(conn);
    tcp_window_tune_begin(conn);
    keepalive_begin(conn);
}

/* RFC 3522 section 3.2: what is echoed is of the oldest that is acknowledged, which may have gone
 * again, and more than once, in a recovery before this one. The division is of a repair. */
static RARE void note_echo(const struct tcp_conn *conn, const struct tcp_record *record,
                           struct tcp_ack_news *news)
{
    uint32_t again_ms = (uint32_t)(record->last_tx_ns / NS_PER_MS) + conn->ts_offset;

    news->echoes_earlier = news->ts_ecr != 0 && seq_lt(news->ts_ecr, again_ms);
}

/* The records that the acknowledgement covers whole: RACK hears of each, the
 * oldest that was sent once gives the round-trip time (Karn). */
static void take_delivered(struct tcp_conn *conn, uint32_t ack, struct tcp_ack_news *news)
{
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};
    struct tcp_sendq *sendq = &conn->flight->sendq;
    const struct tcp_record *record;

    while ((record = sendq_acknowledged(sendq, ack)) != NULL) {
        if (!(record->flags & TCP_RECORD_SACKED)) {
            if (news->rtt_ns == UINT64_MAX && !(record->flags & TCP_RECORD_RETRANSMITTED)) {
                news->rtt_ns = conn->tcp->now_ns - record->first_tx_ns;
                tcp_note_original(news, record);
            }
            tcp_rack_delivered(conn, record, news);
            if (tcp_conn_has(conn, TCP_CONN_RATED)) {
                rate_delivered(conn, record);
            }
        }
        if (record->flags & TCP_RECORD_RETRANSMITTED) {
            if (record->seq == conn->snd.una) {
                note_echo(conn, record, news);
            }
            news->retransmitted = true;
        }
        sendq_drop_head(sendq, &room);
    }
    sendq_trim(sendq, &room, ack);
}

/* With timestamps a retransmission gives a sample too, in milliseconds. */
static void sample_rtt(struct tcp_conn *conn, struct tcp_ack_news *news)
{
    if (news->rtt_ns == UINT64_MAX && news->ts_ecr != 0) {
        uint32_t elapsed_ms = tcp_timestamp(conn) - news->ts_ecr;

        if (elapsed_ms < TCP_RTO_MAX_NS / NS_PER_MS) {
            news->rtt_ns = max_u64(elapsed_ms, 1) * NS_PER_MS;
        }
    }
    if (news->rtt_ns != UINT64_MAX) {
        rtt_sample(&conn->rtt, &tcp_conn_policy(conn)->rto, news->rtt_ns);
        conn->snd.backoff = 0;
    }
}

/* RFC 5681 section 2; but the answers to probes of a closed window tell of no loss. */
static bool is_duplicate(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    return seg->ack == conn->snd.una && conn->snd.nxt != conn->snd.una && conn->snd.wnd > 0 &&
           tcp_segment_length(seg) == 0 && window_of(conn, seg) == conn->snd.wnd;
}

/* The newest window is told by the newest segment. RFC 9293 knows it by its
 * sequence number; a retransmission has an old one, but when its ACK is new it is
 * newer than all. SND.UNA without the window that goes with it would leave an
 * edge that the peer never offered. */
static bool has_new_window(const struct tcp_conn *conn, const struct tcp_segment *seg,
                           const struct tcp_ack_news *news)
{
    return news->acked > 0 || (seq_ge(seg->ack, conn->snd.una) &&
                               (seq_lt(conn->snd.wl1, seg->seq) ||
                                (conn->snd.wl1 == seg->seq && seq_le(conn->snd.wl2, seg->ack))));
}

/* A window that opens again and again for nothing would keep a connection for ever that the
 * application has left (RFC 6429): no timer runs out, so it is counted here, as probes are. */
static bool takes_nothing(struct tcp_conn *conn)
{
    return conn->rexmit_timer == TCP_TIMER_PERSIST && tcp_conn_has(conn, TCP_CONN_APP_CLOSED) &&
           conn->retransmissions++ >= tcp_conn_policy(conn)->r2;
}

/* The window has opened. The byte that probed it goes first when it is old enough to have
 * been answered: the peer had no room for it, so it is no loss of the path, for which RACK
 * or the RTO, long overdue, would take it. Apart, or every ACK would save the registers
 * that this takes: 12 instructions (2026-11-21). */
static RARE void end_probing(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_flight *flight = conn->flight;
    const struct tcp_record *probe;

    if (news->acked > 0) {
        return; /* it was taken; what stands there now is no probe */
    }
    if (takes_nothing(conn)) {
        tcp_conn_end(conn, TCP_REASON_TIMEOUT);
        return;
    }
    if (!flight || flight->sendq.head == flight->sendq.next) {
        return;
    }
    probe = sendq_at(&flight->sendq, flight->sendq.head);
    if (!(probe->flags & (TCP_RECORD_LOST | TCP_RECORD_SACKED)) &&
        conn->tcp->now_ns - probe->last_tx_ns >= conn->rtt.srtt_ns) {
        sendq_mark_lost(&flight->sendq, flight->sendq.head);
    }
    flight->rto_base_ns = conn->tcp->now_ns;
}

static inline void update_window(struct tcp_conn *conn, const struct tcp_segment *seg,
                                 struct tcp_ack_news *news)
{
    if (has_new_window(conn, seg, news)) {
        uint32_t before = conn->snd.wnd;
        uint32_t wl1 = seq_max(conn->snd.wl1, seg->seq);

        take_window(conn, seg);
        conn->snd.wl1 = wl1;
        news->window_changed = conn->snd.wnd != before;
        /* Room for a piece may have become room for a segment: whichever
         * timer waited for that starts anew. */
        if (conn->snd.wnd > before &&
            (conn->rexmit_timer == TCP_TIMER_PERSIST || conn->rexmit_timer == TCP_TIMER_OVERRIDE)) {
            conn->snd.backoff = 0;
            conn->flags &= ~(uint32_t)(TCP_CONN_PROBE | TCP_CONN_OVERRIDE);
            end_probing(conn, news);
        }
    }
}

/* Frames are to be had. An application that holds received data may be waiting to
 * pass it on in place: that needs none, and is what frees them. */
static bool may_write(const struct tcp_conn *conn)
{
    return frame_pool_pressure(conn->tcp->pool) != FRAME_CRITICAL || conn->rcv.held > 0;
}

/* What the application asked for is not open yet: on_open comes first, and behind it the ACK of
 * the SYN tells. */
static bool is_asked_for(const struct tcp_conn *conn)
{
    return conn->state == TCP_SYN_SENT ||
           (conn->state == TCP_SYN_RECEIVED && !tcp_conn_has(conn, TCP_CONN_PASSIVE));
}

void tcp_tell_writable(struct tcp_conn *conn)
{
    if (!tcp_conn_has(conn, TCP_CONN_WANTS_WRITE) || is_asked_for(conn) ||
        !tcp_send_has_room(conn)) {
        return;
    }
    if (!may_write(conn)) {
        tcp_recheck_frames(conn, TCP_CONN_STARVED); /* it would be refused again */
        return;
    }
    conn->flags &= ~(uint32_t)TCP_CONN_WANTS_WRITE;
    conn->tcp->events->writable(conn);
}

static void tell_sent(struct tcp_conn *conn, uint32_t bytes)
{
    const struct tcp_events *events = conn->tcp->events;

    if (bytes > 0 && !tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        events->sent(conn, bytes);
    }
    if (conn->state != TCP_CLOSED && tcp_conn_has(conn, TCP_CONN_WANTS_WRITE)) {
        tcp_tell_writable(conn);
    }
}

static void take_progress(struct tcp_conn *conn, const struct tcp_segment *seg,
                          struct tcp_ack_news *news)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    bool syn = (sendq_at(sendq, sendq->head)->flags & TCP_RECORD_SYN) != 0;
    bool fin;

    take_delivered(conn, seg->ack, news);
    sample_rtt(conn, news);
    news->acked = seg->ack - conn->snd.una;
    conn->snd.una = seg->ack;
    fin = tcp_conn_has(conn, TCP_CONN_FIN_QUEUED) && sendq_is_empty(sendq);
    news->data = news->acked - syn - fin;
    conn->tally.bytes_acked += news->data;
    conn->flight->rto_base_ns = conn->tcp->now_ns;
    net_path_confirm(conn->tcp->net, &conn->path, conn->tcp->now_ns);
}

/* Most ACKs: of what went in order, while nothing is amiss. What recovery would ask of them has
 * one answer. Nobody can have overtaken what is in flight, unless it went more than once. */
static inline bool is_plain(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
    const struct tcp_flight *flight = conn->flight;

    return flight->unrest == 0 && flight->sendq.sacked_bytes == 0 &&
           flight->sendq.lost_bytes == 0 && flight->rack_deadline_ns == 0 && seg->sack_count == 0 &&
           seq_gt(seg->ack, conn->snd.una) && !tcp_conn_has(conn, TCP_CONN_RATED);
}

/* What the others tell besides. */
static RARE void look_closer(struct tcp_conn *conn, const struct tcp_segment *seg,
                             struct tcp_ack_news *news)
{
    news->prior_in_flight = tcp_pipe(conn);
    news->prior_delivered = tcp_delivered(conn);
    news->duplicate = is_duplicate(conn, seg);
    tcp_take_sacks(conn, seg, news);
}

/* The queue and recovery hear of the ACK; then, last, the application. */
static void process(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    bool plain = is_plain(conn, seg);
    /* As of a plain one: with nothing SACKed, lost or told by duplicates the pipe is what is in
     * flight, and SND.UNA what was delivered. */
    struct tcp_ack_news news = {
        .rtt_ns = UINT64_MAX,
        .prior_in_flight = conn->flight->sendq.in_flight_bytes,
        .prior_delivered = conn->snd.una,
        .prior_head = conn->flight->sendq.head,
        .prior_fack = conn->flight->rack_fack,
        .ts_ecr = echoed(conn, seg),
    };

    if (!plain) {
        look_closer(conn, seg, &news);
    }
    if (seq_gt(seg->ack, conn->snd.una)) {
        take_progress(conn, seg, &news);
    }
    /* An answer shows that the peer lives; a persist may then go on for ever
     * (MUST-37), unless nobody waits for it any more (RFC 6429). */
    if (news.acked > 0 || (conn->snd.wnd == 0 && !tcp_conn_has(conn, TCP_CONN_APP_CLOSED))) {
        conn->retransmissions = 0;
    }
    update_window(conn, seg, &news);
    if (conn->state == TCP_CLOSED) {
        return;
    }
    if (conn->ecn.mode != TCP_ECN_OFF) {
        ecn_take_feedback(conn, seg, &news);
    }
    if (plain && !news.retransmitted && !news.congested) {
        tcp_recovery_grow(conn, &news, news.data);
    } else {
        tcp_recovery_on_ack(conn, &news);
    }
    if (news.acked > 0 || news.sacked > 0 || news.window_changed || news.duplicate) {
        tcp_rexmit_arm(conn);
        tcp_conn_want_output(conn);
    }
    if (news.acked > 0) {
        tell_sent(conn, news.data); /* the flight stays for what it sends now */
    }
}

/* Our FIN is acknowledged. False when the connection is gone. */
static bool take_fin_acked(struct tcp_conn *conn)
{
    switch (conn->state) {
    case TCP_FIN_WAIT_1:
        tcp_state_set(conn, TCP_FIN_WAIT_2);
        if (tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
            tcp_fin_wait_2_begin(conn);
        }
        return true;
    case TCP_CLOSING:
        tcp_finish(conn, TCP_TIME_WAIT);
        return false;
    case TCP_LAST_ACK:
        tcp_finish(conn, TCP_LAST_ACK);
        return false;
    default:
        return true;
    }
}

/* Unless it has heard already, of one that opened early. */
static void tell_open(struct tcp_conn *conn)
{
    bool early = tcp_conn_has(conn, TCP_CONN_PASSIVE) && tcp_conn_has(conn, TCP_CONN_OPEN_TOLD);

    conn->flags |= TCP_CONN_OPEN_TOLD;
    if (!early && !tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        conn->tcp->events->open(conn);
    }
}

/* The last thing that went was a tail loss probe, and nothing is out: a D-SACK or an empty
 * duplicate says that it was for nothing (RFC 8985 section 7.4.2). */
static RARE void clear_doubt(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    bool dsack = tcp_conn_has(conn, TCP_CONN_SACK_OK) && seg->sack_count > 0;

    if (seg->ack == conn->snd.una && tcp_segment_length(seg) == 0 &&
        (dsack || window_of(conn, seg) == conn->snd.wnd)) {
        conn->probe_doubt = 0;
        conn->tcp->counters.spurious_probes += dsack;
    }
}

bool tcp_accept_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (!(seg->flags & TCP_ACK)) {
        return false;
    }
    if (conn->state == TCP_SYN_RECEIVED) {
        if (seq_le(seg->ack, conn->snd.una) || seq_gt(seg->ack, conn->snd.nxt)) {
            emit_reset_to(conn->tcp, &conn->tuple, seg);
            return false;
        }
        ecn_take_last_ack(conn, seg);
        tcp_establish(conn, seg);
        tell_open(conn);
        if (conn->state == TCP_CLOSED) {
            return false;
        }
    }
    if (!tcp_ack_is_plausible(conn, seg)) {
        tcp_challenge_ack(conn);
        return false;
    }
    conn->heard_ms = conn->tcp->now_ms;
    if (conn->flight) {
        process(conn, seg);
    } else {
        struct tcp_ack_news news = {0};

        if (conn->probe_doubt) {
            clear_doubt(conn, seg);
        }
        update_window(conn, seg, &news);
    }
    if (conn->state == TCP_CLOSED) {
        return false;
    }
    if (tcp_conn_has(conn, TCP_CONN_FIN_QUEUED) && conn->snd.una == conn->snd.nxt &&
        !tcp_has_unsent(conn)) {
        return take_fin_acked(conn);
    }
    return true;
}
