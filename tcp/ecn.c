/* Negotiation, and what segments carry. What is received is in ecn_feedback.c. */
#include "tcp/ecn.h"

#include "tcp/cc.h"
#include "tcp/conn.h"
#include "tcp/options.h"
#include "tcp/segment.h"
#include "tcp/settings.h"

#define ALL_FLAGS (TCP_AE | TCP_CWR | TCP_ECE)

static_assert(TCP_ECE == 1 << ACE_SHIFT && TCP_AE == 4 << ACE_SHIFT, "ACE is a field");

/* RFC 9768 tables 2 and 3: how the IP field of a SYN or SYN-ACK is told. */
static const uint16_t handshake_ace[] = {
    [ECN_NOT_ECT] = 2,
    [ECN_ECT_1] = 3,
    [ECN_ECT_0] = 4,
    [ECN_CE] = 6,
};

/* RFC 9768 section 3.2.1: no counter begins with what a middlebox clears it to. */
static const uint8_t cep_initial = 5;

enum tcp_ecn_mode ecn_most(const struct tcp_settings *settings)
{
    /* Without marks it would be blind. */
    return tcp_cc_counts_marks(settings->cc) && settings->ecn == TCP_ECN_OFF
               ? TCP_ECN_CLASSIC
               : (enum tcp_ecn_mode)settings->ecn;
}

void ecn_follow(struct tcp_conn *conn)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (ecn->mode != TCP_ECN_ACCURATE) {
        return;
    }
    if (tcp_conn_policy(conn)->ecn_option) {
        ecn->flags |= TCP_ECN_TELL_BYTES;
    } else {
        ecn->flags &= (uint16_t) ~(TCP_ECN_TELL_BYTES | TCP_ECN_TELL_CE);
    }
}

static void set_mode(struct tcp_conn *conn, enum tcp_ecn_mode mode)
{
    conn->ecn.mode = (uint8_t)mode;
    if (mode == TCP_ECN_ACCURATE) {
        conn->ecn.cep = cep_initial;
        conn->ecn.cep_told = cep_initial;
        conn->ecn.e0b = 1;
        conn->ecn.e1b = 1;
        ecn_follow(conn); /* whether the option passes is seen at once */
    }
}

/* Which SYN this is of its kind, the first being 0. */
static unsigned transmissions(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    return sendq_at(sendq, sendq->head)->transmissions;
}

/* A path that does not like the flags lets the connection open later (RFC 3168 section
 * 6.1.1.1, RFC 9768 section 3.1.4.1, which tries twice). */
static uint16_t asking_flags(const struct tcp_conn *conn)
{
    switch (conn->ecn.most) {
    case TCP_ECN_CLASSIC:
        return transmissions(conn) < 1 ? TCP_CWR | TCP_ECE : 0;
    case TCP_ECN_ACCURATE:
        return transmissions(conn) < 2 ? ALL_FLAGS : 0;
    default:
        return 0;
    }
}

/* RFC 9768 section 3.2.3.2.2: the SYN-ACK goes without its option first, then without its
 * flags; who has sent it like that is not sure any more that the peer will listen. */
static uint16_t agreeing_flags(struct tcp_conn *conn)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (ecn->mode == TCP_ECN_CLASSIC) {
        return TCP_ECE;
    }
    if (ecn->mode != TCP_ECN_ACCURATE) {
        return 0;
    }
    if (transmissions(conn) >= 1) {
        ecn->flags |= TCP_ECN_NO_OPTION;
    }
    if (transmissions(conn) >= 2) {
        ecn->flags |= TCP_ECN_NO_ECT;
        return 0;
    }
    return (uint16_t)(handshake_ace[ecn->syn_field] << ACE_SHIFT);
}

uint16_t ecn_syn_flags(struct tcp_conn *conn)
{
    return conn->state == TCP_SYN_SENT ? asking_flags(conn) : agreeing_flags(conn);
}

/* What a SYN asks for: RFC 9768 table 2, and section 3.1.3 for what is reserved. */
static enum tcp_ecn_mode asked_by(const struct tcp_segment *syn)
{
    switch (syn->flags & ALL_FLAGS) {
    case 0:
        return TCP_ECN_OFF;
    case TCP_CWR | TCP_ECE:
        return TCP_ECN_CLASSIC;
    default:
        return TCP_ECN_ACCURATE;
    }
}

/* Classic ECN knows a SYN by its two flags, and does not look at the third. */
enum tcp_ecn_mode ecn_agreed(enum tcp_ecn_mode most, const struct tcp_segment *syn)
{
    if (most == TCP_ECN_CLASSIC) {
        return (syn->flags & (TCP_CWR | TCP_ECE)) == (TCP_CWR | TCP_ECE) ? TCP_ECN_CLASSIC
                                                                         : TCP_ECN_OFF;
    }
    return most == TCP_ECN_ACCURATE ? asked_by(syn) : TCP_ECN_OFF;
}

static enum tcp_ecn_mode agreed(const struct tcp_conn *conn, const struct tcp_segment *syn)
{
    return ecn_agreed((enum tcp_ecn_mode)conn->ecn.most, syn);
}

uint16_t ecn_cookie_flags(enum tcp_ecn_mode mode, const struct tcp_segment *syn)
{
    switch (mode) {
    case TCP_ECN_CLASSIC:
        return TCP_ECE;
    case TCP_ECN_ACCURATE:
        return (uint16_t)(handshake_ace[ecn_field_of(syn)] << ACE_SHIFT);
    default:
        return 0;
    }
}

/* The counters at their beginning. */
void ecn_cookie_option(struct tcp_options_out *options)
{
    options->seen |= TCP_OPT_ACCECN;
    options->accecn_order_1 = false;
    options->accecn_fields = 1;
    options->accecn[0] = 1;
}

/* A pure ACK of who has asked for AccECN has 2 or more; classic ECN and none have 0, or 1 for a
 * SYN-ACK with CE. Text says less: its ACE counts. Who agrees to less has not asked. */
uint16_t ecn_cookie_syn_flags(enum tcp_ecn_mode most, const struct tcp_segment *ack)
{
    unsigned ace = (ack->flags & ALL_FLAGS) >> ACE_SHIFT;

    return most == TCP_ECN_ACCURATE && ack->payload.length == 0 && !(ack->flags & TCP_FIN) &&
                   ace >= 2
               ? ALL_FLAGS
               : 0;
}

void ecn_take_syn(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    conn->ecn.syn_field = ecn_field_of(seg);
    set_mode(conn, agreed(conn, seg));
}

bool ecn_take_repeat(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    enum tcp_ecn_mode mode = conn->ecn.mode;
    enum tcp_ecn_mode now = agreed(conn, seg);

    conn->ecn.syn_field = ecn_field_of(seg);
    if (mode == TCP_ECN_ACCURATE && now == TCP_ECN_OFF) {
        conn->ecn.flags |= TCP_ECN_NO_ECT;
    }
    return mode == TCP_ECN_OFF || now == TCP_ECN_OFF || mode == now;
}

/* RFC 9768 table 2, by the client that asked for as much as it may. */
static enum tcp_ecn_mode answered_with(const struct tcp_conn *conn, uint16_t flags)
{
    if (flags == TCP_ECE && conn->ecn.most != TCP_ECN_OFF) {
        return TCP_ECN_CLASSIC;
    }
    return conn->ecn.most == TCP_ECN_ACCURATE && flags != 0 && flags != ALL_FLAGS ? TCP_ECN_ACCURATE
                                                                                  : TCP_ECN_OFF;
}

void ecn_take_syn_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp_ecn *ecn = &conn->ecn;
    uint16_t flags = seg->flags & ALL_FLAGS;

    if (ecn->most == TCP_ECN_CLASSIC) {
        flags &= TCP_CWR | TCP_ECE;
    }
    set_mode(conn, answered_with(conn, flags));
    ecn->syn_field = ecn_field_of(seg);
    if (ecn->mode != TCP_ECN_ACCURATE) {
        return;
    }
    ecn->flags |= TCP_ECN_HANDSHAKE;
    if (ecn->syn_field == ECN_CE) {
        ecn->cep++;
    }
    /* Our SYN was Not-ECT: whatever else arrived was made on the way (section 3.2.2.3); of
     * the reserved combination nothing is known. */
    if (flags != (TCP_AE | TCP_ECE) && flags != handshake_ace[ECN_NOT_ECT] << ACE_SHIFT) {
        ecn->flags |= TCP_ECN_NO_ECT;
    }
    ecn->flags |= flags == handshake_ace[ECN_CE] << ACE_SHIFT ? TCP_ECN_SYN_MARKED : 0;
}

void ecn_repeat_syn_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    if (conn->ecn.mode == TCP_ECN_ACCURATE && !tcp_conn_has(conn, TCP_CONN_PASSIVE) &&
        seg->seq == conn->rcv.irs && seg->flags & TCP_ACK) {
        conn->ecn.syn_field = ecn_field_of(seg);
        conn->ecn.flags |= TCP_ECN_HANDSHAKE;
    }
}

/* RFC 9768 table 4. Only a pure ACK without SACK is encoded so. */
void ecn_take_last_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp_ecn *ecn = &conn->ecn;
    unsigned ace = (seg->flags & ALL_FLAGS) >> ACE_SHIFT;

    if (ecn->mode != TCP_ECN_ACCURATE || !tcp_conn_has(conn, TCP_CONN_PASSIVE)) {
        return;
    }
    if (seg->payload.length > 0 || seg->flags & (TCP_SYN | TCP_FIN | TCP_SYN_TAKEN) ||
        seg->sack_count > 0) {
        return;
    }
    ecn->flags |= TCP_ECN_NO_COUNT;
    if (ace == 0) {
        ecn->flags |= TCP_ECN_NO_ECT | TCP_ECN_DEAF;
    } else if (ace == handshake_ace[ECN_CE]) {
        ecn->flags |= TCP_ECN_NO_ECT | TCP_ECN_SYN_MARKED;
        ecn->cep_told = cep_initial + 1;
    } else if (ace == handshake_ace[ECN_ECT_0] || ace == handshake_ace[ECN_ECT_1]) {
        ecn->flags |= TCP_ECN_NO_ECT;
    }
}

void ecn_last_ack_taken(struct tcp_conn *conn)
{
    conn->ecn.flags &= (uint16_t)~TCP_ECN_NO_COUNT;
}

uint16_t ecn_ack_flags(struct tcp_conn *conn, bool pure)
{
    struct tcp_ecn *ecn = &conn->ecn;

    switch (ecn->mode) {
    case TCP_ECN_CLASSIC:
        return ecn->flags & TCP_ECN_ECHO ? TCP_ECE : 0;
    case TCP_ECN_ACCURATE:
        ecn->ce_unacked = 0;
        if (pure && ecn->flags & TCP_ECN_HANDSHAKE) {
            ecn->flags = (uint16_t)((ecn->flags & ~TCP_ECN_HANDSHAKE) | TCP_ECN_TELL_AGAIN);
            return (uint16_t)(handshake_ace[ecn->syn_field] << ACE_SHIFT);
        }
        return (uint16_t)((ecn->cep & ACE_MASK) << ACE_SHIFT);
    default:
        return 0;
    }
}

uint16_t ecn_text_flags(struct tcp_conn *conn, uint32_t end)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (ecn->mode != TCP_ECN_CLASSIC || !(ecn->flags & TCP_ECN_CWR_OWED)) {
        return 0;
    }
    ecn->flags ^= TCP_ECN_CWR_OWED;
    ecn->flags |= TCP_ECN_CWR_OUT;
    ecn->cwr_end = end;
    return TCP_CWR;
}

enum ecn_field ecn_text_field(const struct tcp_conn *conn)
{
    return conn->ecn.mode != TCP_ECN_OFF && !(conn->ecn.flags & TCP_ECN_NO_ECT) ? ECN_ECT_0
                                                                                : ECN_NOT_ECT;
}

void ecn_reduced(struct tcp_conn *conn)
{
    if (conn->ecn.mode == TCP_ECN_CLASSIC) {
        conn->ecn.flags |= TCP_ECN_CWR_OWED;
    }
}
