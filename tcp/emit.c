#include "tcp/emit.h"

#include "datapath/net/checksum.h"
#include "datapath/net/wire.h"
#include "tcp/ack.h"
#include "tcp/emit_options.h"
#include "tcp/seq.h"
#include "tcp/urgent.h"
#include "tcp/window.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

/* One segment to write. */
struct emission {
    uint32_t frame;
    uint8_t *payload; /* in the frame; headers go before it */
    uint16_t length;  /* bytes of payload */
    uint16_t sum;     /* of the payload */
    uint16_t flags;
    uint16_t window;
    uint16_t urgent; /* the pointer, with TCP_URG */
    uint8_t tos;     /* this and the next: of what no connection sends */
    uint8_t ttl;
    uint32_t seq;
    uint32_t ack;
    uint8_t ecn_field;      /* enum ecn_field */
    unsigned options_bytes; /* written already, right before the payload */
};

static uint8_t *write_header(const struct emission *segment, const struct tcp_tuple *tuple)
{
    unsigned header_bytes = TCP_HEADER_BYTES + segment->options_bytes;
    uint8_t *at = segment->payload - header_bytes;

    be16_store(at, tuple->local_port);
    be16_store(at + 2, tuple->remote_port);
    be32_store(at + 4, segment->seq);
    be32_store(at + 8, segment->ack);
    be16_store(at + 12, (uint16_t)(header_bytes << 10 | segment->flags));
    be16_store(at + 14, segment->window);
    be32_store(at + 16, 0); /* checksum and urgent pointer */
    return at;
}

/* RFC 9293 MUST-2: the sender always computes the checksum. */
static void write_checksum(uint8_t *header, const struct emission *segment, uint16_t pseudo_sum)
{
    uint16_t header_bytes = (uint16_t)(TCP_HEADER_BYTES + segment->options_bytes);
    uint64_t parts = (uint64_t)pseudo_sum + segment->sum +
                     checksum_length((uint16_t)(header_bytes + segment->length));
    uint16_t sum = (uint16_t)~checksum_fold(checksum_part(parts, header, header_bytes));

    memcpy(header + 16, &sum, sizeof sum);
}

static inline void send_on(struct tcp_conn *conn, const struct emission *segment)
{
    struct net *net = conn->tcp->net;
    uint8_t *header = write_header(segment, &conn->tuple);
    struct net_header ip = {
        .local = &conn->tuple.local,
        .remote = &conn->tuple.remote,
        .protocol = IPPROTO_TCP,
        .tos = conn->tos | segment->ecn_field,
        .ttl = conn->ttl,
        .l4_length = (uint16_t)(TCP_HEADER_BYTES + segment->options_bytes + segment->length),
    };
    uint8_t *start;

    if (segment->flags & TCP_URG) {
        be16_store(header + 18, segment->urgent);
    }
    if (net->checksum_tx) {
        write_checksum(header, segment, conn->pseudo_sum);
    }
    start = net_header_write(net, &conn->path, &ip, header);
    net_send(net, segment->frame, start, (uint16_t)(segment->payload + segment->length - start));
    conn->tcp->counters.segments_out++;
    conn->tally.segments_out++;
}

/* Apart: urgent data is rare, and none of a SYN's business. */
static RARE void write_urgent(struct tcp_conn *conn, struct emission *segment)
{
    if (segment->flags & TCP_SYN) {
        return;
    }
    segment->urgent = urgent_pointer(conn, segment->seq);
    segment->flags |= segment->urgent > 0 ? TCP_URG : 0;
}

/* A frame for a segment without text; the caller drops FRAME_WORKER. */
static uint32_t control_frame(struct tcp *tcp, uint8_t **payload)
{
    uint32_t frame = frame_take(tcp->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);

    if (frame == FRAME_NONE) {
        tcp->counters.output_no_frame++;
        return FRAME_NONE;
    }
    *payload = frame_data(tcp->pool, frame) + TCP_PAYLOAD_OFFSET;
    return frame;
}

/* The last text that is queued pushes (RFC 9293 MUST-61); earlier, it would only stop a
 * receiver that gathers segments (SHLD-27). */
static uint16_t record_flags(const struct tcp_conn *conn, const struct tcp_record *record,
                             bool last)
{
    uint16_t flags = conn->state == TCP_SYN_SENT ? 0 : TCP_ACK;

    if (last && record->slice.length > 0) {
        flags |= TCP_PSH;
    }
    if (record->flags & (TCP_RECORD_SYN | TCP_RECORD_FIN)) {
        flags |= record->flags & TCP_RECORD_SYN ? TCP_SYN : 0;
        flags |= record->flags & TCP_RECORD_FIN ? TCP_FIN : 0;
    }
    return flags;
}

/* The kernel still holds the frame of an earlier transmission: writing a header
 * would change a packet that is on its way. Sets `send` to false when the segment is
 * not to be sent now: it counts as sent again, because the kernel is about to
 * send it; from the second time on a copy is sent. False when there is no frame for one. */
static RARE bool free_frame(struct tcp_conn *conn, uint32_t position, bool *send)
{
    struct tcp *tcp = conn->tcp;
    struct tcp_sendq_room room = {tcp->pool, &tcp->blocks};
    struct tcp_record *record = sendq_at(&conn->flight->sendq, position);

    port_reap(tcp->net->port);
    if (!frame_is_held_by(tcp->pool, record->slice.frame, FRAME_KERNEL_TX)) {
        return true;
    }
    if (record->transmissions < 2) {
        tcp->counters.held_by_kernel++;
        *send = false;
        return true;
    }
    if (!sendq_copy_frame(&conn->flight->sendq, &room, position)) {
        return false;
    }
    tcp->counters.copied_for_retransmission++;
    return true;
}

static void count_transmission(struct tcp_conn *conn, const struct tcp_record *record)
{
    struct tcp_counters *counters = &conn->tcp->counters;
    struct tcp_flight *flight = conn->flight;

    /* RFC 6298 section 5.1; and with the oldest segment once more, as Linux does: its
     * answer takes a round trip from now, for which a low RTO leaves no time. Not with a SYN, which
     * the peer may have asked for: it would never be given up. */
    if (record->seq == conn->snd.una && (record->flags & (TCP_RECORD_SYN | TCP_RECORD_SENT)) !=
                                            (TCP_RECORD_SYN | TCP_RECORD_SENT)) {
        flight->rto_base_ns = conn->tcp->now_ns;
    }
    if (record->flags & TCP_RECORD_SENT) {
        counters->retransmissions++;
        conn->tally.retransmissions++;
        conn->tally.retransmitted_bytes += record->slice.length;
        undo_count(conn);
    } else {
        counters->bytes_out += record->slice.length;
        conn->snd.nxt = tcp_record_end(record);
    }
    conn->last_send_ns = conn->tcp->now_ns;
    if (tcp_conn_has(conn, TCP_CONN_PACED)) {
        pacing_count(conn, record->slice.length);
    }
}

/* Only new text is ECT: no repetition, no probe of a window (RFC 3168 sections 6.1.5 and
 * 6.1.6). */
static void mark_for_ecn(struct tcp_conn *conn, const struct tcp_record *record,
                         struct emission *segment)
{
    if (record->flags & TCP_RECORD_SYN) {
        segment->flags |= ecn_syn_flags(conn);
        return;
    }
    if (conn->ecn.mode == TCP_ECN_OFF) {
        return;
    }
    segment->flags |= ecn_ack_flags(conn, false);
    if (!(record->flags & TCP_RECORD_SENT) && record->slice.length > 0 &&
        !tcp_conn_has(conn, TCP_CONN_PROBE)) {
        segment->flags |= ecn_text_flags(conn, tcp_record_end(record));
        segment->ecn_field = (uint8_t)ecn_text_field(conn);
    }
}

/* The text of the record behind a SYN goes with it (tcp/fastopen.h), in its own frame, whose
 * header room takes the options of a SYN as well. Nobody else holds it: it was never sent. */
static void take_text(struct tcp_conn *conn, uint32_t position, struct emission *segment)
{
    struct frame_pool *pool = conn->tcp->pool;
    const struct slice *text = &sendq_at(&conn->flight->sendq, position + 1)->slice;

    assert(text->offset >= TCP_PAYLOAD_OFFSET);
    frame_hold(pool, text->frame, FRAME_WORKER); /* as that of a segment without text */
    segment->frame = text->frame;
    segment->payload = slice_data(pool, text);
    segment->length = text->length;
    segment->sum = text->sum;
    conn->tcp->counters.fast_open_sent++;
}

/* Any record: SYN and FIN, what goes again, what is marked, counted or urgent. */
static bool emit_any(struct tcp_conn *conn, uint32_t position)
{
    struct tcp *tcp = conn->tcp;
    struct tcp_record *record = sendq_at(&conn->flight->sendq, position);
    struct emission segment = {
        .seq = record->seq,
        .flags = record_flags(conn, record, position + 1 == conn->flight->sendq.tail)};
    bool syn = (record->flags & TCP_RECORD_SYN) != 0;
    bool send = conn->state != TCP_SYN_SENT || syn; /* text has gone with the SYN */

    if (record->slice.length == 0) {
        if (syn && tcp_fast_open_carries(conn)) {
            take_text(conn, position, &segment);
        } else {
            segment.frame = control_frame(tcp, &segment.payload);
        }
        if (segment.frame == FRAME_NONE) {
            return false;
        }
    } else {
        if (send && frame_is_held_by(tcp->pool, record->slice.frame, FRAME_KERNEL_TX) &&
            !free_frame(conn, position, &send)) {
            return false;
        }
        /* Headers go over what stands before the slice: it is room for them, or was
         * acknowledged, delivered or header once. */
        assert(record->slice.offset >= TCP_PAYLOAD_OFFSET);
        segment.frame = record->slice.frame;
        segment.payload = slice_data(tcp->pool, &record->slice);
        segment.length = record->slice.length;
        segment.sum = record->slice.sum;
    }
    count_transmission(conn, record);
    if (send) {
        mark_for_ecn(conn, record, &segment);
        segment.ack = segment.flags & TCP_ACK ? conn->rcv.nxt : 0;
        segment.window = syn ? tcp_window_field_of_syn(conn) : tcp_window_field(conn);
        segment.options_bytes = syn ? emit_syn_options(conn, segment.payload)
                                : conn->ecn.flags & TCP_ECN_TELL_BYTES
                                    ? emit_told_options(conn, record, segment.payload)
                                    : emit_timestamps(conn, segment.payload);
        if (tcp_conn_has(conn, TCP_CONN_URGENT_OUT)) {
            write_urgent(conn, &segment);
        }
        send_on(conn, &segment);
        tcp_ack_went(conn);
    }
    if (record->slice.length == 0) {
        frame_drop(tcp->pool, segment.frame, FRAME_WORKER);
    }
    if (tcp_conn_has(conn, TCP_CONN_RATED)) {
        rate_sent(conn, record);
    }
    sendq_transmitted(&conn->flight->sendq, position, tcp->now_ns);
    return true;
}

/* Most segments: text that goes for the first time, of which nothing is counted or marked. */
static inline bool is_plain(const struct tcp_conn *conn, const struct tcp_record *record)
{
    return record->flags == 0 && record->slice.length > 0 &&
           tcp_state_is_synchronized((enum tcp_state)conn->state) &&
           conn->ecn.mode == TCP_ECN_OFF &&
           !tcp_conn_has(conn, TCP_CONN_PACED | TCP_CONN_RATED | TCP_CONN_URGENT_OUT) &&
           !frame_is_held_by(conn->tcp->pool, record->slice.frame, FRAME_KERNEL_TX);
}

/* The same as emit_any(), without asking what such a record has not: whoever changes one changes
 * both. It saves 65 instructions of 2,420 for an echo (2026-11-22). */
static inline void emit_plain(struct tcp_conn *conn, uint32_t position, struct tcp_record *record)
{
    struct tcp_flight *flight = conn->flight;
    bool last = position + 1 == flight->sendq.tail;
    struct emission segment = {
        .frame = record->slice.frame,
        .payload = slice_data(conn->tcp->pool, &record->slice),
        .length = record->slice.length,
        .sum = record->slice.sum,
        .flags = last ? TCP_ACK | TCP_PSH : TCP_ACK,
        .window = tcp_window_field(conn),
        .seq = record->seq,
        .ack = conn->rcv.nxt,
    };

    assert(position == flight->sendq.next && record->slice.offset >= TCP_PAYLOAD_OFFSET);
    segment.options_bytes = emit_timestamps(conn, segment.payload);
    if (record->seq == conn->snd.una) {
        flight->rto_base_ns = conn->tcp->now_ns;
    }
    conn->tcp->counters.bytes_out += record->slice.length;
    conn->snd.nxt = tcp_record_end(record);
    conn->last_send_ns = conn->tcp->now_ns;
    send_on(conn, &segment);
    tcp_ack_went(conn);
    sendq_transmitted_next(&flight->sendq, conn->tcp->now_ns);
}

bool emit_record(struct tcp_conn *conn, uint32_t position)
{
    struct tcp_record *record = sendq_at(&conn->flight->sendq, position);

    if (is_plain(conn, record)) {
        emit_plain(conn, position, record);
        return true;
    }
    return emit_any(conn, position);
}

/* SND.NXT, unless a probe has carried it beyond a closed window: there the peer
 * takes no ACK and no RST, and would hear of neither until the next probe. */
static uint32_t acceptable_seq(const struct tcp_conn *conn)
{
    uint32_t edge = conn->snd.una + conn->snd.wnd;

    return tcp_state_is_synchronized((enum tcp_state)conn->state) ? seq_min(conn->snd.nxt, edge)
                                                                  : conn->snd.nxt;
}

bool emit_ack(struct tcp_conn *conn)
{
    struct emission segment = {.seq = acceptable_seq(conn), .ack = conn->rcv.nxt, .flags = TCP_ACK};

    if (tcp_conn_has(conn, TCP_CONN_KEEPALIVE)) {
        segment.seq--; /* which the peer has: it says so */
    }
    segment.frame = control_frame(conn->tcp, &segment.payload);
    if (segment.frame == FRAME_NONE) {
        return false;
    }
    segment.flags |= ecn_ack_flags(conn, true);
    segment.window = tcp_window_field(conn);
    segment.options_bytes = emit_ack_options(conn, segment.payload);
    if (tcp_conn_has(conn, TCP_CONN_URGENT_OUT)) {
        write_urgent(conn, &segment);
    }
    send_on(conn, &segment);
    frame_drop(conn->tcp->pool, segment.frame, FRAME_WORKER);
    tcp_ack_went(conn);
    conn->tcp->counters.acks_out++;
    return true;
}

/* A segment for an address that may not be resolved yet: net queues it. */
static void send_stateless(struct tcp *tcp, const struct tcp_tuple *tuple, struct emission *segment)
{
    uint8_t *header = write_header(segment, tuple);
    struct net_header ip = {
        .local = &tuple->local,
        .remote = &tuple->remote,
        .protocol = IPPROTO_TCP,
        .tos = segment->tos,
        .ttl = segment->ttl,
        .l4_length = (uint16_t)(TCP_HEADER_BYTES + segment->options_bytes),
    };

    write_checksum(header, segment, checksum_pseudo(&tuple->local, &tuple->remote, IPPROTO_TCP));
    net_send_stateless(tcp->net, segment->frame, &ip, header, tcp->now_ns);
    frame_drop(tcp->pool, segment->frame, FRAME_WORKER);
    tcp->counters.segments_out++;
}

void emit_reset(struct tcp_conn *conn)
{
    struct emission segment = {
        .seq = acceptable_seq(conn),
        .ack = conn->rcv.nxt,
        .flags = TCP_RST | TCP_ACK,
        .tos = conn->tos,
        .ttl = conn->ttl,
    };

    segment.frame = control_frame(conn->tcp, &segment.payload);
    if (segment.frame == FRAME_NONE) {
        return;
    }
    segment.options_bytes = emit_timestamps(conn, segment.payload);
    send_stateless(conn->tcp, &conn->tuple, &segment);
    conn->tcp->counters.resets_out++;
}

void emit_reset_to(struct tcp *tcp, const struct tcp_tuple *tuple, const struct tcp_segment *seg)
{
    struct emission segment = {.ttl = tcp_settings_default.ttl};

    if (seg->flags & TCP_RST) {
        return;
    }
    if (seg->flags & TCP_ACK) {
        segment.seq = seg->ack;
        segment.flags = TCP_RST;
    } else {
        segment.ack = seg->seq + tcp_segment_length(seg);
        segment.flags = TCP_RST | TCP_ACK;
    }
    segment.frame = control_frame(tcp, &segment.payload);
    if (segment.frame == FRAME_NONE) {
        return;
    }
    send_stateless(tcp, tuple, &segment);
    tcp->counters.resets_out++;
}

bool emit_timewait_ack(struct tcp *tcp, const struct timewait_entry *entry)
{
    struct emission segment = {
        .seq = entry->snd_nxt,
        .ack = entry->rcv_nxt,
        .flags = (uint16_t)(TCP_ACK | entry->ecn << ACE_SHIFT),
        .window = entry->rcv_wnd,
        .tos = entry->tos,
        .ttl = entry->ttl,
    };

    segment.frame = control_frame(tcp, &segment.payload);
    if (segment.frame == FRAME_NONE) {
        return false;
    }
    if (entry->timestamps) {
        segment.options_bytes =
            tcp_timestamps_write(segment.payload, tcp->now_ms + entry->ts_offset, entry->ts_recent);
    }
    send_stateless(tcp, &entry->tuple, &segment);
    tcp->counters.acks_out++;
    return true;
}

bool emit_syn_ack(struct tcp *tcp, const struct tcp_tuple *tuple, const struct emit_syn_ack *what)
{
    struct emission segment = {
        .seq = what->seq,
        .ack = what->ack,
        .flags = (uint16_t)(TCP_SYN | TCP_ACK | what->flags),
        .window = what->window,
        .tos = what->tos,
        .ttl = what->ttl,
    };

    segment.frame = control_frame(tcp, &segment.payload);
    if (segment.frame == FRAME_NONE) {
        return false;
    }
    segment.options_bytes = tcp_options_write_before(segment.payload, &what->options);
    send_stateless(tcp, tuple, &segment);
    return true;
}
