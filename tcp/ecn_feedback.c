/* What arrives marked is told, and what is told is taken. */
#include "tcp/ack.h"
#include "tcp/cc.h"
#include "tcp/ecn.h"
#include "tcp/options.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"

#define ACE_MASK 7u

/* RFC 9768 section 3.2.2.5.1: packets with CE that bring an ACK, with text unacknowledged
 * and without. */
static const uint8_t ce_ack_text = 2;
static const uint8_t ce_ack_none = 3;
/* So many in one burst, and the count of the next ACK would be ambiguous. */
static const uint8_t ce_ack_in_burst = 5;

/* The counters of the option are 24 bits wide. */
#define BYTES_MASK 0xffffffu

static bool uses_dctcp(const struct tcp_conn *conn)
{
    return conn->cc->each_mark != NULL;
}

/* RFC 8257 section 3.2: ECE says of each segment whether it had CE, so what came before a
 * change is acknowledged apart. */
static void echo_each(struct tcp_conn *conn, bool ce)
{
    if (ce == ((conn->ecn.flags & TCP_ECN_ECHO) != 0)) {
        return;
    }
    if (tcp_conn_unacked(conn) > 0) {
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
    if (uses_dctcp(conn)) {
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

static void count_bytes(struct tcp_ecn *ecn, const struct tcp_segment *seg)
{
    uint32_t *const counters[] = {NULL, &ecn->e1b, &ecn->e0b, &ecn->ceb};
    uint32_t *counter = counters[seg->tos & 3];

    if (counter && seg->payload.length > 0) {
        *counter += seg->payload.length;
        ecn->flags |= TCP_ECN_TELL_BYTES;
    }
}

static void receive_accurate(struct tcp_conn *conn, const struct tcp_segment *seg, bool ce)
{
    struct tcp_ecn *ecn = &conn->ecn;
    bool text = seg->payload.length > 0;
    bool change = ce && !(ecn->flags & TCP_ECN_LAST_CE);

    count_bytes(ecn, seg);
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
        ecn->ce_unacked >= (text || tcp_conn_unacked(conn) > 0 ? ce_ack_text : ce_ack_none)) {
        tcp_ack_now(conn);
    }
}

void ecn_receive(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    bool ce = (seg->tos & 3) == ECN_CE;

    if (seg->flags & (TCP_SYN | TCP_SYN_TAKEN)) {
        return;
    }
    conn->tcp->counters.ce_in += ce;
    if (conn->ecn.mode == TCP_ECN_CLASSIC) {
        receive_classic(conn, seg, ce);
    } else {
        receive_accurate(conn, seg, ce);
    }
}

/* RFC 3168 section 6.1.2: not again before the peer can have seen our CWR. */
static void take_echo(struct tcp_conn *conn, const struct tcp_segment *seg,
                      struct tcp_ack_news *news)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (!(seg->flags & TCP_ECE)) {
        return;
    }
    news->ce_bytes = news->acked + news->sacked;
    if (uses_dctcp(conn)) {
        news->congested = true;
        return;
    }
    if (ecn->flags & TCP_ECN_CWR_OUT && seq_ge(conn->snd.una, ecn->cwr_end)) {
        ecn->flags ^= TCP_ECN_CWR_OUT;
    }
    news->congested = !(ecn->flags & (TCP_ECN_CWR_OWED | TCP_ECN_CWR_OUT));
}

/* The peer's count of bytes with CE, when it tells one: by how much it has grown. False when
 * it does not, or went backwards: that ACK is late. */
static bool take_ceb(struct tcp_conn *conn, const struct tcp_segment *seg, uint32_t *grown)
{
    struct tcp_ecn *ecn = &conn->ecn;

    if (!(seg->options_seen & TCP_OPT_ACCECN)) {
        return false;
    }
    ecn->flags |= TCP_ECN_OPTION_SEEN;
    if (!seg->accecn_has_ceb) {
        return false;
    }
    *grown = (seg->accecn_ceb - ecn->ceb_told) & BYTES_MASK;
    if (*grown > BYTES_MASK / 2) {
        return false;
    }
    ecn->ceb_told = seg->accecn_ceb;
    return true;
}

/* Section 3.2.2.5.2 and appendix A.2: the counter may have gone round between two ACKs when
 * more packets were acknowledged than it can tell. What has options and shows none was not
 * marked; where they do not pass the worst is taken. The divisions are of an ACK of eight
 * segments. */
static uint32_t marked_packets(const struct tcp_conn *conn, uint32_t least, uint32_t bytes,
                               bool has_ceb, uint32_t ceb)
{
    uint32_t packets;
    uint32_t most;

    if (bytes < (ACE_MASK + 1) * (uint32_t)conn->snd.mss) {
        return least;
    }
    packets = bytes / conn->snd.mss;
    most = packets - ((packets - least) & ACE_MASK);
    if (has_ceb) {
        return ceb > least * conn->snd.mss ? most : least;
    }
    return conn->ecn.flags & TCP_ECN_OPTION_SEEN ? least : most;
}

static void take_ace(struct tcp_conn *conn, const struct tcp_segment *seg,
                     struct tcp_ack_news *news)
{
    struct tcp_ecn *ecn = &conn->ecn;
    uint32_t bytes = news->acked + news->sacked;
    uint8_t ace = (seg->flags >> ACE_SHIFT) & ACE_MASK;
    uint32_t ceb = 0;
    bool has_ceb = take_ceb(conn, seg, &ceb);
    uint32_t packets;

    if (!(ecn->flags & TCP_ECN_FEEDBACK_SEEN)) {
        ecn->flags |= TCP_ECN_FEEDBACK_SEEN;
        if (ace == 0) { /* section 3.2.2.4: something clears it */
            ecn->flags |= TCP_ECN_NO_ECT | TCP_ECN_DEAF;
        }
    }
    packets = marked_packets(conn, (ace - ecn->cep_told) & ACE_MASK, bytes, has_ceb, ceb);
    ecn->cep_told = ace & ACE_MASK;
    if (ecn->flags & TCP_ECN_DEAF || packets == 0) {
        return;
    }
    news->congested = true;
    news->ce_bytes = min_u32(has_ceb ? ceb : packets * conn->snd.mss, bytes);
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
        take_ace(conn, seg, news);
    }
    if (conn->cc->each_mark) {
        conn->cc->each_mark(conn, news->acked + news->sacked, news->ce_bytes);
    }
}

/* Section 3.2.3.3: the counters that ever moved, in the order that needs fewer, if there is
 * room for them; of what is lost the peer hears first. */
void ecn_add_option(struct tcp_conn *conn, struct tcp_options_out *options)
{
    struct tcp_ecn *ecn = &conn->ecn;
    bool order_1 = ecn->e1b != 1 && ecn->e0b == 1;
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
    if (tcp_options_bytes(options) > TCP_OPTIONS_BYTES_MAX && options->sack_count > 2) {
        options->sack_count = 2;
    }
    if (tcp_options_bytes(options) > TCP_OPTIONS_BYTES_MAX) {
        options->seen &= (uint8_t)~TCP_OPT_ACCECN;
        return;
    }
    ecn->flags &= (uint16_t)~TCP_ECN_TELL_BYTES;
}
