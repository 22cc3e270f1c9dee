#include "tcp/input.h"

#include "tcp/ack.h"
#include "tcp/admission.h"
#include "tcp/emit.h"
#include "tcp/mtu.h"
#include "tcp/open.h"
#include "tcp/seq.h"
#include "tcp/timewait_table.h"
#include "tcp/window.h"

void tcp_take_syn_options(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    uint32_t link_mss = conn->tcp->net->mtu - tcp_headers_bytes(&conn->tuple.remote);
    uint32_t mss = tcp_mss_default(&conn->tuple.remote);

    if (!(seg->options_seen & TCP_OPT_SACK_PERMITTED)) {
        conn->flags &= ~(uint32_t)TCP_CONN_SACK_OK;
    }
    if (!(seg->options_seen & TCP_OPT_TIMESTAMPS)) {
        conn->flags &= ~(uint32_t)TCP_CONN_TIMESTAMPS;
    } else {
        conn->ts_recent = seg->ts_val;
        conn->ts_recent_age = tcp_age(conn->tcp);
    }
    if (!(seg->options_seen & TCP_OPT_WSCALE)) {
        conn->flags &= ~(uint32_t)TCP_CONN_WSCALE;
        conn->rcv.wscale = 0;
    } else if (tcp_conn_has(conn, TCP_CONN_WSCALE)) {
        conn->snd.wscale = (uint8_t)min_u32(seg->wscale, TCP_WSCALE_MAX);
    }
    if (seg->options_seen & TCP_OPT_MSS) {
        mss = seg->mss;
    }
    mss = max_u32(min_u32(min_u32(mss, link_mss), conn->mtu.most), TCP_MSS_MIN);
    /* The option counts no options (RFC 6691): what stands in all is ours to
     * take off (MUST-16). */
    if (tcp_conn_has(conn, TCP_CONN_TIMESTAMPS)) {
        mss -= TCP_TIMESTAMP_BYTES;
    }
    /* A record is one frame behind header room. */
    conn->snd.mss = (uint16_t)min_u32(mss, frame_chunk_bytes(conn->tcp->pool) - TCP_PAYLOAD_OFFSET);
    mtu_begin(conn);
}

static struct tcp_conn *open_passive(struct tcp *tcp, struct tcp_listener *listener,
                                     const struct tcp_arrival *arrival)
{
    const struct tcp_segment *seg = &arrival->seg;
    struct tcp_conn *conn =
        tcp_conn_create(tcp, &arrival->tuple, arrival->hash, &listener->settings);

    if (!conn) {
        tcp->counters.dropped_no_memory++;
        return NULL;
    }
    tcp_admission_begin(conn, listener);
    conn->rcv.irs = seg->seq;
    conn->rcv.nxt = seg->seq + 1;
    conn->rcv.edge = conn->rcv.nxt;
    conn->rcv.acked = conn->rcv.nxt;
    tcp_take_syn_options(conn, seg);
    ecn_take_syn(conn, seg);
    tcp_open_window(conn);
    tcp_state_set(conn, TCP_SYN_RECEIVED);
    if (!tcp_queue_syn(conn)) {
        tcp->counters.dropped_no_memory++;
        tcp_conn_end(conn, TCP_REASON_NO_MEMORY);
        return NULL;
    }
    tcp_conn_want_output(conn);
    return conn;
}

/* The application is told of a connection that opens early when all else is done. */
static void begin_passive(struct tcp *tcp, struct tcp_listener *listener,
                          const struct tcp_arrival *arrival)
{
    struct tcp_conn *conn = open_passive(tcp, listener, arrival);

    if (conn) {
        tcp_fast_open_serve(conn, &arrival->seg);
    }
}

void tcp_input_listen(struct tcp *tcp, struct tcp_listener *listener,
                      const struct tcp_arrival *arrival)
{
    switch (tcp_admission_ask(tcp, listener)) {
    case TCP_ADMIT:
        begin_passive(tcp, listener, arrival);
        break;
    case TCP_ADMIT_WITH_COOKIE:
        tcp_cookie_answer(tcp, listener, arrival);
        break;
    default:
        break;
    }
}

/* Our SYN is acknowledged: first and third step of 3.10.7.3. */
static void synchronize(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    uint32_t window = tcp_window(conn); /* our SYN has told it */

    conn->rcv.irs = seg->seq;
    conn->rcv.nxt = seg->seq + 1;
    conn->rcv.edge = conn->rcv.nxt + window;
    conn->rcv.acked = conn->rcv.nxt;
    tcp_take_syn_options(conn, seg);
}

/* Simultaneous open (MUST-10): the SYN goes again, with an ACK. */
static void cross(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    synchronize(conn, seg);
    ecn_take_syn(conn, seg);
    conn->snd.wnd = seg->window;
    conn->snd.wnd_max = seg->window;
    conn->snd.wl1 = seg->seq;
    tcp_state_set(conn, TCP_SYN_RECEIVED);
    sendq_mark_all_lost(&conn->flight->sendq, false);
    tcp_conn_want_output(conn);
}

/* The peer has a connection of before, which our RST is about to end: a SYN behind it
 * need not wait for its timer (RFC 9293 section 3.5.1). Once. */
static void open_again(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;

    if (sendq_at(sendq, sendq->head)->transmissions == 1) {
        sendq_mark_all_lost(sendq, false);
        tcp_conn_want_output(conn);
    }
}

/* Text went with the SYN, and the SYN-ACK does not acknowledge it: it goes again, at once
 * (RFC 7413 section 4.2.2), which tells nothing of the path. */
static void send_refused_text(struct tcp_conn *conn)
{
    if (conn->flight && conn->snd.una != conn->snd.nxt) {
        sendq_mark_all_lost(&conn->flight->sendq, false);
        tcp_conn_want_output(conn);
    }
}

void tcp_input_syn_sent(struct tcp_conn *conn, struct tcp_segment *seg)
{
    bool acceptable = false;

    if (seg->flags & TCP_ACK) {
        if (seq_le(seg->ack, conn->snd.iss) || seq_gt(seg->ack, conn->snd.nxt)) {
            emit_reset_to(conn->tcp, &conn->tuple, seg);
            if (!(seg->flags & TCP_RST)) {
                open_again(conn);
            }
            return;
        }
        acceptable = true;
    }
    if (seg->flags & TCP_RST) {
        if (acceptable) {
            conn->tcp->counters.resets_in++;
            tcp_conn_end(conn, TCP_REASON_REFUSED);
        }
        return;
    }
    if (!(seg->flags & TCP_SYN)) {
        return;
    }
    if (!acceptable) {
        cross(conn, seg);
        return;
    }
    synchronize(conn, seg);
    tcp_fast_open_learn(conn, seg);
    ecn_take_syn_ack(conn, seg);
    tcp_establish(conn, seg);
    tcp_ack_now(conn);
    /* Text behind the SYN is taken like any other from here on. */
    seg->flags ^= TCP_SYN | TCP_SYN_TAKEN;
    seg->seq++;
    conn->tcp->events->open(conn);
    if (conn->state != TCP_CLOSED && tcp_accept_ack(conn, seg)) {
        send_refused_text(conn);
        if (tcp_segment_length(seg) > tcp_window(conn)) {
            tcp_trim_right(conn, seg);
        }
        tcp_accept_text(conn, seg);
        if (conn->state != TCP_CLOSED) {
            tcp_accept_fin(conn, seg);
        }
    }
}

/* A new SYN may reopen a connection in TIME-WAIT when it can't be an old one:
 * by its timestamp (RFC 6191), else by its sequence number (RFC 9293 MAY-2). */
static bool may_reopen(const struct timewait_entry *entry, const struct tcp_segment *seg)
{
    if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN) {
        return false;
    }
    if (entry->timestamps && seg->options_seen & TCP_OPT_TIMESTAMPS) {
        return seq_gt(seg->ts_val, entry->ts_recent) ||
               (seg->ts_val == entry->ts_recent && seq_gt(seg->seq, entry->rcv_nxt));
    }
    return seq_gt(seg->seq, entry->rcv_nxt);
}

static void reopen(struct tcp *tcp, uint32_t index, struct tcp_listener *listener,
                   const struct tcp_arrival *arrival)
{
    uint32_t snd_nxt = timewait_at(&tcp->timewait, index)->snd_nxt;
    struct tcp_conn *conn;

    /* Whoever has an entry has shown before that it is there: no cookie is asked of it,
     * whose ACK would meet the entry. */
    if (tcp_admission_ask(tcp, listener) == TCP_ADMIT_NONE) {
        return; /* the SYN comes again, and finds the entry */
    }
    tcp->counters.time_wait_reused++;
    tcp_timewait_forget(tcp, index);
    conn = open_passive(tcp, listener, arrival);
    if (conn) {
        tcp_open_behind(conn, snd_nxt);
    }
}

void tcp_input_timewait(struct tcp *tcp, uint32_t index, const struct tcp_arrival *arrival)
{
    const struct tcp_segment *seg = &arrival->seg;
    const struct tcp_tuple *tuple = &arrival->tuple;
    struct timewait_entry *entry = timewait_at(&tcp->timewait, index);
    struct tcp_listener *listener = tcp_listener_find(tcp, &tuple->local, tuple->local_port);
    uint32_t length = tcp_segment_length(seg);

    if (may_reopen(entry, seg) && listener) {
        reopen(tcp, index, listener, arrival);
        return;
    }
    if (seg->flags & TCP_RST) {
        /* RFC 9293 closes. Only with the exact number, as elsewhere (RFC 5961 section 3.2): that of
         * RFC 1337's example, which answers an ACK of ours, has it, and ends the entry. */
        if (seg->seq == entry->rcv_nxt) {
            tcp_timewait_forget(tcp, index);
        }
        return;
    }
    if (seg->flags & TCP_FIN && seg->seq + length == entry->rcv_nxt) {
        timewait_restart(&tcp->timewait, index, tcp->now_ns);
        tcp_timewait_ack(tcp, index);
    } else if (length > 0 || seg->seq != entry->rcv_nxt) {
        tcp_timewait_challenge(tcp, index);
    }
}
