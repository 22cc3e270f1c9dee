/* What arrives marked is told, and what is told is taken. */
#include "tcp/ack.h"
#include "tcp/cc.h"
#include "tcp/ecn.h"
#include "tcp/options.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

/* RFC 9768 section 3.2.2.5.1: packets with CE that bring an ACK, with text unacknowledged
 * and without. */
static const uint8_t ce_ack_text = 2;
static const uint8_t ce_ack_none = 3;
/* Behind so many in one burst the ACK does not wait for its end: the section has 7 at the most, for
 * the count is modulo 8; two less are ours. */
static const uint8_t ce_ack_in_burst = 5;

/* With three counters, aligned. */
#define OPTION_BYTES_MAX 12u

/* The counters of the option are 24 bits wide. */
#define BYTES_MASK 0xffffffu

/* RFC 8257 section 3.2: ECE says of each segment whether it had CE, so what came before a
 * change is acknowledged apart. */
static void echo_each(struct tcp_conn *conn, bool ce)
{
    if (ce == ((conn->ecn.flags & TCP_ECN_ECHO) != 0)) {
        return;
    }
    if (tcp_ack_owed_bytes(conn) > 0) {
        tcp_ack_in_burst(conn);
    }
    conn->ecn.flags ^= TCP_ECN_ECHO;
    tcp_ack_now(conn);
}

/* RFC 3168 section 6.1.3. */
static void receive_classic(struct tcp_conn *conn, const struct tcp_segment *seg, bool ce)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (seg->payload.length == 0) {
        return; /* no pure ACK is ECT */
    }
    if (tcp_cc_counts_marks(conn->cc)) {
        echo_each(conn, ce);
        return;
    }
    if (seg->flags & TCP_CWR) {
        ecn->flags &= (uint16_t)~TCP_ECN_ECHO;
    }
    if (ce && !(ecn->flags & TCP_ECN_ECHO)) {
        ecn->flags |= TCP_ECN_ECHO;
        tcp_ack_now(conn);
    }
}

static void count_bytes(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct tcp_ecn *ecn = &conn->ecn;
    uint32_t *const counters[] = {NULL, &ecn->e1b, &ecn->e0b, &ecn->ceb};
    uint32_t *counter = counters[ecn_field_of(seg)];

    if (!counter || seg->payload.length == 0) {
        return;
    }
    *counter += seg->payload.length;
    if (tcp_conn_policy(conn)->ecn_option) {
        ecn->flags |= TCP_ECN_TELL_BYTES | (counter == &ecn->ceb ? TCP_ECN_TELL_CE : 0);
    }
}

static void receive_accurate(struct tcp_conn *conn, const struct tcp_segment *seg, bool ce)
{
    struct tcp_ecn *ecn = &conn->ecn;
    bool text = seg->payload.length > 0;
    bool change = ce && !(ecn->flags & TCP_ECN_LAST_CE);

    count_bytes(conn, seg);
    if (!ce) {
        ecn->flags &= (uint16_t)~TCP_ECN_LAST_CE;
        return;
    }
    if (ecn->ce_unacked >= ce_ack_in_burst) {
        tcp_ack_in_burst(conn);
    }
    ecn->flags |= TCP_ECN_LAST_CE;
    ecn->cep++;
    ecn->ce_unacked++;
    if ((text && change) ||
        ecn->ce_unacked >= (text || tcp_ack_owed_bytes(conn) > 0 ? ce_ack_text : ce_ack_none)) {
        tcp_ack_now(conn);
    }
}

void ecn_receive(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    bool ce = ecn_field_of(seg) == ECN_CE;

    if (seg->flags & (TCP_SYN | TCP_SYN_TAKEN)) {
        return;
    }
    if (ce) {
        conn->tcp->counters.ce_in++;
        mishaps_of(conn)->ce_segments++;
    }
    if (conn->ecn.mode == TCP_ECN_CLASSIC) {
        receive_classic(conn, seg, ce);
    } else {
        receive_accurate(conn, seg, ce);
    }
}

/* What the ACK told for the first time: of the bytes that it acknowledges some were SACKed before,
 * and their marks told of. */
static uint32_t newly_delivered(const struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    uint32_t delivered = tcp_delivered(conn);

    return seq_gt(delivered, news->prior_delivered) ? delivered - news->prior_delivered : 0;
}

/* RFC 3168 section 6.1.2: not again before the peer can have seen our CWR. Only an ACK with ECE
 * asks: of what it finds 2 GiB later nothing that was sent can have been the end. */
static void take_echo(struct tcp_conn *conn, const struct tcp_segment *seg,
                      struct tcp_ack_news *news)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (!(seg->flags & TCP_ECE)) {
        return;
    }
    news->marked = true;
    news->ce_bytes = newly_delivered(conn, news);
    if (tcp_cc_counts_marks(conn->cc)) {
        news->congested = true;
        return;
    }
    if (ecn->flags & TCP_ECN_CWR_OUT && seq_is_over(ecn->cwr_end, conn->snd.una, conn->snd.nxt)) {
        ecn->flags ^= TCP_ECN_CWR_OUT;
    }
    news->congested = !(ecn->flags & (TCP_ECN_CWR_OWED | TCP_ECN_CWR_OUT));
}

static uint8_t ace_of(const struct tcp_segment *seg)
{
    return (seg->flags >> ACE_SHIFT) & ACE_MASK;
}

/* The peer's counts, as one ACK tells them. */
struct feedback {
    uint32_t bytes;   /* that it acknowledged or SACKed */
    uint32_t ceb;     /* by which the count of bytes with CE has grown, with has_ceb */
    uint8_t ace_more; /* by which ACE has, modulo 8 */
    bool option;
    bool has_ceb;
};

/* False when the ACK was overtaken by another: its count of bytes went backwards. */
static bool read_feedback(const struct tcp_conn *conn, const struct tcp_segment *seg,
                          struct feedback *told)
{
    told->ace_more = (ace_of(seg) - conn->ecn.cep_told) & ACE_MASK;
    told->option = seg->options_seen & TCP_OPT_ACCECN && tcp_conn_policy(conn)->ecn_option;
    told->has_ceb = told->option && seg->accecn_has_ceb;
    if (!told->has_ceb) {
        return true;
    }
    told->ceb = (seg->accecn_ceb - conn->ecn.ceb_told) & BYTES_MASK;
    return told->ceb <= BYTES_MASK / 2;
}

/* Section 3.2.3.2.5: bytes were marked, and no packet. Nothing explains it but feedback that is
 * mangled when so few segments have arrived since the last count of bytes that ACE can't have
 * gone round, all ACKs between lost or not. Had the peer others, beyond a hole, it would say so
 * with SACK. */
static bool is_mangled(const struct tcp_conn *conn, const struct tcp_segment *seg,
                       const struct feedback *told)
{
    return told->ceb > 0 && told->ace_more == 0 && !(conn->ecn.flags & TCP_ECN_ACE_MOVED) &&
           conn->ecn.covered < ECN_ACE_ROUND && tcp_conn_has(conn, TCP_CONN_SACK_OK) &&
           seg->sack_count == 0;
}

/* What the next count of bytes is compared with. */
static void count_covered(struct tcp_conn *conn, const struct tcp_ack_news *news)
{
    struct tcp_ecn *ecn = &conn->ecn;
    uint32_t covered = ecn->covered + conn->flight->sendq.head - news->prior_head;

    ecn->covered = min_u32(covered, ECN_ACE_ROUND) & ((1u << ECN_COVERED_BITS) - 1);
}

/* The count of bytes also where the policy has it ignored: it may not, later. */
static void remember(struct tcp_ecn *ecn, const struct tcp_segment *seg,
                     const struct feedback *told)
{
    ecn->cep_told = ace_of(seg);
    ecn->flags |= told->ace_more != 0 ? TCP_ECN_ACE_MOVED : 0;
    if (seg->options_seen & TCP_OPT_ACCECN && seg->accecn_has_ceb) {
        ecn->ceb_told = seg->accecn_ceb;
        ecn->covered = 0;
        ecn->flags &= (uint16_t)~TCP_ECN_ACE_MOVED;
    }
}

/* Section 3.2.2.5.2 and appendix A.2: the counter may have gone round between two ACKs when
 * more packets were acknowledged than it can tell. An option that leaves the count of bytes out
 * has none. Without one, be it that none passes or that the ACK with it was lost, the safest that
 * is likely: the worst when the counter has moved; none when it has not, for a receiver sends an
 * ACK for every few marks (section 3.2.2.5.1), all of which would have to be lost, and be a
 * multiple of eight. Paths that clear the field, and text that goes without ECT, give ACKs of many
 * segments without an option, too. The division is of an ACK of eight segments. */
static uint32_t marked_packets(const struct tcp_conn *conn, const struct feedback *told)
{
    uint32_t least = told->ace_more;
    uint32_t packets;
    uint32_t most;

    if (told->bytes < ECN_ACE_ROUND * (uint32_t)conn->snd.mss) {
        return least;
    }
    packets = told->bytes / conn->snd.mss;
    most = packets - ((packets - least) & ACE_MASK);
    if (told->has_ceb) {
        return told->ceb > least * conn->snd.mss ? most : least;
    }
    return told->option || least == 0 ? least : most;
}

/* Bytes that were marked, about; ACKs between may have told of packets of them already. */
static uint32_t marked_bytes(const struct tcp_conn *conn, const struct feedback *told)
{
    bool apart = told->has_ceb && !(conn->ecn.flags & TCP_ECN_ACE_MOVED);

    return min_u32(apart ? told->ceb : marked_packets(conn, told) * conn->snd.mss, told->bytes);
}

static void take_accurate(struct tcp_conn *conn, const struct tcp_segment *seg,
                          struct tcp_ack_news *news)
{
    struct tcp_ecn *ecn = &conn->ecn;
    struct feedback told = {.bytes = newly_delivered(conn, news)};

    count_covered(conn, news);
    if (!read_feedback(conn, seg, &told)) {
        return;
    }
    if (!(ecn->flags & TCP_ECN_FEEDBACK_SEEN)) {
        ecn->flags |= TCP_ECN_FEEDBACK_SEEN;
        if (ace_of(seg) == 0) { /* section 3.2.2.4: something clears it */
            ecn->flags |= TCP_ECN_NO_ECT | TCP_ECN_DEAF;
        }
    }
    if (is_mangled(conn, seg, &told)) {
        ecn->flags |= TCP_ECN_NO_ECT;
    }
    if (!(ecn->flags & TCP_ECN_DEAF)) {
        news->ce_bytes = marked_bytes(conn, &told);
        news->congested = news->ce_bytes > 0 || told.ace_more > 0;
        news->marked = news->congested;
    }
    remember(ecn, seg, &told);
}

void ecn_take_feedback(struct tcp_conn *conn, const struct tcp_segment *seg,
                       struct tcp_ack_news *news)
{
    if (seg->flags & (TCP_SYN | TCP_SYN_TAKEN) || seq_lt(seg->ack, conn->snd.una)) {
        return; /* a later ACK has told more */
    }
    if (conn->ecn.mode == TCP_ECN_CLASSIC) {
        take_echo(conn, seg, news);
    } else if (conn->ecn.flags & TCP_ECN_NO_COUNT) {
        conn->ecn.flags ^= TCP_ECN_NO_COUNT;
    } else {
        take_accurate(conn, seg, news);
    }
    if (news->ce_bytes > 0) {
        mishaps_of(conn)->ce_bytes_delivered += news->ce_bytes;
    }
    if (tcp_cc_counts_marks(conn->cc)) {
        conn->cc->each_mark(conn, newly_delivered(conn, news), news->ce_bytes);
    }
}

/* A full segment has no room for the option. The peer takes the worst of many segments that are
 * acknowledged without one, and marks can't wait. */
bool ecn_ack_goes_first(const struct tcp_conn *conn)
{
    const struct tcp_ecn *ecn = &conn->ecn;
    const struct tcp_flight *flight = conn->flight;
    bool now = tcp_conn_has(conn, TCP_CONN_ACK_NOW);

    if (ecn->flags & TCP_ECN_HANDSHAKE) {
        return now;
    }
    if (!(ecn->flags & TCP_ECN_TELL_BYTES) || ecn->flags & TCP_ECN_NO_OPTION || !flight ||
        !sendq_has_unsent(&flight->sendq) ||
        sendq_at(&flight->sendq, flight->sendq.next)->slice.length + OPTION_BYTES_MAX <=
            conn->snd.mss) {
        return false;
    }
    return (now && ecn->flags & TCP_ECN_TELL_CE) ||
           tcp_ack_owed_bytes(conn) >= ECN_ACE_ROUND * (uint32_t)conn->rcv.mss;
}

/* Section 3.2.3.3: the counters that ever moved, in the order that needs fewer, if there is
 * room for them; of what is lost the peer hears first. */
void ecn_add_option(struct tcp_conn *conn, struct tcp_options_out *options, unsigned room)
{
    struct tcp_ecn *ecn = &conn->ecn;
    bool order_1 = ecn->e1b != 1 && ecn->e0b == 1;
    uint8_t blocks = options->sack_count;
    uint8_t fields = 1;

    if (ecn->mode != TCP_ECN_ACCURATE || ecn->flags & TCP_ECN_NO_OPTION ||
        !(ecn->flags & TCP_ECN_TELL_BYTES)) {
        return;
    }
    if (ecn->e0b != 1 && ecn->e1b != 1) {
        fields = 3;
    } else if (ecn->ceb != 0) {
        fields = 2;
    }
    options->seen |= TCP_OPT_ACCECN;
    options->accecn_order_1 = order_1;
    options->accecn_fields = fields;
    options->accecn[0] = order_1 ? ecn->e1b : ecn->e0b;
    options->accecn[1] = ecn->ceb;
    options->accecn[2] = order_1 ? ecn->e0b : ecn->e1b;
    if (tcp_options_bytes(options) > room && options->sack_count > 2) {
        options->sack_count = 2;
    }
    if (tcp_options_bytes(options) > room) {
        options->sack_count = blocks;
        options->seen &= (uint8_t)~TCP_OPT_ACCECN;
        return;
    }
    /* The ACK of a SYN-ACK is not sent again: what it told goes once more (3.2.3.2.1). */
    ecn->flags &=
        (uint16_t) ~(ecn->flags & TCP_ECN_TELL_AGAIN ? TCP_ECN_TELL_AGAIN
                                                     : TCP_ECN_TELL_BYTES | TCP_ECN_TELL_CE);
}
