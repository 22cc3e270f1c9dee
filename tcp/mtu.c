#include "tcp/mtu.h"

#include "tcp/cc.h"
#include "tcp/emit.h"
#include "tcp/output.h"
#include "tcp/pacing.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

/* What links and tunnels usually take, bytes of a packet: tried before sizes between them
 * (RFC 4821 section 7.3). */
static const uint16_t usual_mtus[] = {
    1280, /* IPv6's least, and what some tunnels are set to */
    1400, /* IPsec, mobile networks */
    1420, /* WireGuard */
    1450, /* VXLAN */
    1480, /* 6in4, IPIP */
    1492, /* PPPoE */
    1500, /* Ethernet */
    4352, /* FDDI (RFC 1390) */
    9000, /* jumbo frames */
};

static uint32_t text_bytes(const struct tcp_conn *conn, uint32_t mtu)
{
    uint32_t options = tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) ? TCP_TIMESTAMP_BYTES : 0;

    return mtu - tcp_headers_bytes(&conn->tuple.remote) - options;
}

static uint8_t mode(const struct tcp_conn *conn)
{
    return tcp_conn_policy(conn)->mtu_probing;
}

/* Modulo 2^16: after 18 hours of silence the next search may be late by what is waited. */
static uint16_t now_s(const struct tcp_conn *conn)
{
    return (uint16_t)(conn->tcp->now_ns / NS_PER_S);
}

static void set_high(struct tcp_conn *conn, uint32_t high, bool untried)
{
    conn->mtu.high = (uint16_t)(high & 0x7fff);
    conn->mtu.untried = untried;
    conn->mtu_s = now_s(conn);
}

static void set_mss(struct tcp_conn *conn, uint32_t mss)
{
    struct tcp_flight *flight = conn->flight;

    /* What duplicate ACKs have told of was counted in segments of the old size. */
    if (flight && flight->dup_acks > 0) {
        flight->dup_acks = (uint16_t)min_u32(flight->dup_acks * conn->snd.mss / mss, UINT16_MAX);
    }
    conn->snd.mss = (uint16_t)mss;
    /* Before the handshake there is no search: `high` is none, and `most` our own limit. */
    if (mss < conn->mtu.most && conn->mtu.high > 0) {
        conn->flags |= TCP_CONN_MTU_LOW;
    } else {
        conn->flags &= ~(uint32_t)TCP_CONN_MTU_LOW;
    }
}

void mtu_begin(struct tcp_conn *conn)
{
    uint32_t told = text_bytes(conn, conn->path.mtu); /* ICMP may have spoken of the SYN */
    uint32_t first = min_u32(conn->snd.mss, told);
    bool v4 = ip_addr_is_v4(&conn->tuple.remote);

    conn->mtu.most = conn->snd.mss;
    set_high(conn, first, false);
    if (mode(conn) == TCP_MTU_PROBING_ALWAYS) {
        conn->mtu.untried = 1;
        first = min_u32(first, text_bytes(conn, v4 ? TCP_MTU_BASE_V4 : NET_MTU_MIN_V6));
    }
    set_mss(conn, first);
}

static struct tcp_record *probe_record(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    uint32_t position = sendq_find(&flight->sendq, flight->mtu_probe_seq);
    struct tcp_record *record;

    if (position == flight->sendq.tail) {
        return NULL;
    }
    record = sendq_at(&flight->sendq, position);
    return record->seq == flight->mtu_probe_seq ? record : NULL;
}

static void fail_probe(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    flight->mtu_probe_out = false;
    conn->tcp->counters.mtu_probes_lost++;
    if (conn->mtu.high >= flight->mtu_probe_bytes) {
        set_high(conn, flight->mtu_probe_bytes - 1u, false);
    }
}

/* ICMP tells of the probe what its loss would tell a round trip later. */
static void drop_probe(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    const struct tcp_record *record = probe_record(conn);

    fail_probe(conn);
    if (record && !(record->flags & (TCP_RECORD_SACKED | TCP_RECORD_LOST))) {
        sendq_mark_lost(&flight->sendq, sendq_find(&flight->sendq, flight->mtu_probe_seq));
        flight->rexmit_now = true;
        tcp_conn_want_output(conn);
    }
}

/* Whether what is in flight and longer than a segment may be by now was found, and is lost: it is
 * cut when it goes again. Shorter ones are on their way. */
static bool lose_larger(struct tcp_conn *conn)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    uint32_t position = sendq->in_flight.first;
    bool found = false;

    while (position != TCP_POSITION_NONE) {
        const struct tcp_record *record = sendq_at(sendq, position);
        uint32_t following = record->next;

        if (record->slice.length > conn->snd.mss) {
            sendq_mark_lost(sendq, position);
            found = true;
        }
        position = following;
    }
    return found;
}

/* RFC 1191 section 6.4: no congestion, so slow start leads back to the window that was; but one
 * segment goes at first, and more as ACKs come. Else each message, whoever wrote it, would be
 * worth a window. */
static void repair_slowly(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;

    if (tcp_recovery_reduces(flight->recovery)) {
        conn->cc->recovered(conn); /* a window in place of what PRR let out */
    }
    conn->ssthresh = max_u32(conn->ssthresh, conn->cwnd);
    tcp_recovery_restart(conn, true);
    flight->can_undo = false;
    flight->frto = TCP_FRTO_OFF;
    flight->mtu_probe_out = false;
    conn->cwnd = min_u32(conn->cwnd, tcp_pipe(conn) + conn->snd.mss);
    tcp_conn_want_output(conn);
}

/* A router quotes the beginning of what it could not pass on, which is larger than it says, and
 * which the peer has not. In the handshake that is a SYN, whose text is a record of its own. */
static bool has_met(const struct tcp_conn *conn, uint32_t seq, uint32_t bytes)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    const struct tcp_record *record = sendq_at(sendq, sendq_find(sendq, seq));

    return !tcp_state_is_synchronized((enum tcp_state)conn->state) ||
           (record->seq == seq && record->slice.length > bytes &&
            !(record->flags & TCP_RECORD_SACKED));
}

/* RFC 1191 section 6.1 to 6.4. Nobody drives us below what every path must carry, or up: of IPv6
 * what says so is discarded (RFC 8201 section 4), of IPv4 it may be an old router's. */
bool mtu_take_icmp(struct tcp_conn *conn, uint32_t seq, uint32_t mtu)
{
    uint32_t bytes;

    if (ip_addr_is_v4(&conn->tuple.remote)) {
        mtu = max_u32(mtu, NET_MTU_MIN_V4);
    } else if (mtu < NET_MTU_MIN_V6) {
        return false;
    }
    bytes = text_bytes(conn, mtu);
    if (mtu >= conn->path.mtu || !has_met(conn, seq, bytes)) {
        return false;
    }
    conn->path.mtu = (uint16_t)mtu;
    if (bytes < conn->mtu.high) {
        set_high(conn, bytes, bytes > conn->snd.mss);
    }
    if (bytes < conn->snd.mss) {
        set_mss(conn, bytes);
        if (!tcp_state_is_synchronized((enum tcp_state)conn->state)) {
            sendq_mark_all_lost(&conn->flight->sendq, false); /* a SYN that text made too long */
            tcp_conn_want_output(conn);
        } else if (lose_larger(conn)) {
            repair_slowly(conn);
        }
    } else if (conn->flight->mtu_probe_out && bytes < conn->flight->mtu_probe_bytes) {
        drop_probe(conn);
    }
    return true;
}

/* Nothing was found for long: the path may be another one by now (RFC 1191 section 6.3, RFC
 * 4821 section 7.3). Without probes all is tried at once, and ICMP has the word. */
static void begin_again(struct tcp_conn *conn)
{
    if ((uint16_t)(now_s(conn) - conn->mtu_s) < TCP_MTU_RAISE_S) {
        return;
    }
    conn->path.mtu = conn->tcp->net->mtu;
    set_high(conn, conn->mtu.most, true);
    if (mode(conn) == TCP_MTU_PROBING_OFF) {
        set_mss(conn, conn->mtu.most);
    }
}

/* The bound first, which one probe may confirm; then halves, rounded up to a usual size. 0:
 * there is nothing to try. */
static uint32_t next_size(const struct tcp_conn *conn)
{
    uint32_t low = conn->snd.mss;
    uint32_t high = conn->mtu.high;
    uint32_t middle = low + (high - low) / 2;

    if (conn->mtu.untried && high > low) {
        return high;
    }
    if (high < low + TCP_MTU_SEARCH_END) {
        return 0;
    }
    for (unsigned i = 0; i < COUNT_OF(usual_mtus); i++) {
        uint32_t bytes = text_bytes(conn, usual_mtus[i]);

        if (bytes >= middle && bytes <= high) {
            return bytes;
        }
    }
    return middle;
}

/* Segments enough follow to show its loss (RFC 4821 section 7.4): in the queue, in the peer's
 * window, and with the acknowledgements to come in the congestion window. */
static bool is_worth_it(const struct tcp_conn *conn, uint32_t size)
{
    uint32_t bytes = size + TCP_DUPTHRESH * conn->snd.mss;
    uint32_t unsent = tcp_conn_queued(conn) - (conn->snd.nxt - conn->snd.una);

    return unsent > bytes && tcp_usable_window(conn) >= bytes && conn->cwnd >= bytes &&
           frame_pool_pressure(conn->tcp->pool) == FRAME_NORMAL;
}

/* The next record has so many bytes. */
static bool gather(struct tcp_conn *conn, uint16_t size)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};
    uint16_t has = sendq_at(sendq, sendq->next)->slice.length;

    if (has > size) {
        return tcp_split(conn, sendq->next, size);
    }
    return has == size || sendq_join(sendq, &room, sendq->next, size);
}

static bool send_probe(struct tcp_conn *conn, uint16_t size)
{
    struct tcp_flight *flight = conn->flight;

    if (!gather(conn, size) || !emit_record(conn, flight->sendq.next)) {
        return false;
    }
    flight->mtu_probe_out = true;
    flight->mtu_probe_bytes = size;
    flight->mtu_probe_seq = conn->snd.nxt - size;
    conn->tcp->counters.mtu_probes++;
    return true;
}

static bool may_probe(const struct tcp_conn *conn)
{
    const struct tcp_flight *flight = conn->flight;

    return mode(conn) != TCP_MTU_PROBING_OFF && !flight->mtu_probe_out &&
           flight->recovery == TCP_RECOVERY_OPEN && flight->sendq.lost.first == TCP_POSITION_NONE &&
           tcp_state_is_synchronized((enum tcp_state)conn->state);
}

enum mtu_verdict mtu_probe(struct tcp_conn *conn)
{
    uint32_t size = next_size(conn);

    if (size == 0) {
        begin_again(conn);
        size = next_size(conn);
    }
    if (size == 0 || !may_probe(conn) || !is_worth_it(conn, size)) {
        return MTU_GO_ON;
    }
    if (tcp_pipe(conn) + size > conn->cwnd) {
        return MTU_WAIT;
    }
    if (tcp_conn_has(conn, TCP_CONN_PACED) && !pacing_allows(conn)) {
        return MTU_GO_ON; /* which finds the same, and comes again */
    }
    return send_probe(conn, (uint16_t)size) ? MTU_SENT : MTU_GO_ON;
}

void mtu_on_ack(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    const struct tcp_record *record;

    if (seq_lt(conn->snd.una, flight->mtu_probe_seq + flight->mtu_probe_bytes)) {
        record = probe_record(conn);
        if (!record || !(record->flags & TCP_RECORD_SACKED)) {
            return;
        }
    }
    flight->mtu_probe_out = false;
    if (flight->mtu_probe_bytes <= conn->mtu.high) { /* else ICMP knows better */
        set_high(conn, conn->mtu.high, false);
        set_mss(conn, flight->mtu_probe_bytes);
    }
}

/* RFC 4821 section 7.6.2: what was sent around it arrives, so the window stays what it is.
 * What it carried goes again at once. */
bool mtu_probe_failed(struct tcp_conn *conn)
{
    struct tcp_flight *flight = conn->flight;
    uint32_t position = flight->sendq.lost.first;

    if (!flight->mtu_probe_out || position == TCP_POSITION_NONE ||
        position != flight->sendq.lost.last ||
        sendq_at(&flight->sendq, position)->seq != flight->mtu_probe_seq) {
        return false;
    }
    fail_probe(conn);
    flight->can_undo = false; /* of an earlier recovery, which this is no part of */
    flight->rexmit_now = true;
    return true;
}

/* The next smaller size, which passes nearly everywhere, then what must pass everywhere. */
static uint32_t smaller(const struct tcp_conn *conn)
{
    uint32_t bytes = text_bytes(conn, TCP_MTU_BASE_V4);

    if (!ip_addr_is_v4(&conn->tuple.remote)) {
        return text_bytes(conn, NET_MTU_MIN_V6);
    }
    return bytes < conn->snd.mss ? bytes : text_bytes(conn, NET_MTU_MIN_V4);
}

/* A large segment went over and over, and nothing came back: R1 is over (RFC 4821 section 7.7).
 * With no answer from the neighbour it did not even go. */
static bool falls_into_a_hole(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    const struct tcp_record *head = sendq_at(sendq, sendq->head);
    uint8_t r1 = tcp_conn_policy(conn)->r1;

    return mode(conn) != TCP_MTU_PROBING_OFF &&
           tcp_state_is_synchronized((enum tcp_state)conn->state) && conn->retransmissions >= r1 &&
           head->transmissions >= r1 && head->slice.length > smaller(conn);
}

void mtu_on_timeout(struct tcp_conn *conn)
{
    if (conn->flight->mtu_probe_out) {
        fail_probe(conn);
    }
    if (falls_into_a_hole(conn) && smaller(conn) < conn->snd.mss) {
        conn->tcp->counters.black_holes++;
        set_mss(conn, smaller(conn));
        set_high(conn, min_u32(conn->mtu.most, text_bytes(conn, conn->path.mtu)), true);
    }
}
