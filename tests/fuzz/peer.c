#include "tests/fuzz/peer.h"

#include "datapath/net/wire.h"
#include "tcp/limits.h"
#include "tcp/options.h"
#include "tcp/seq.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/life.h"
#include "tests/fuzz/world.h"
#include "tests/sim/stream.h"

#define CLOCK_BASE_MS 5000u

struct peer_view peer_view(const struct peer *peer)
{
    struct tcp_conn *conn = tcp_conn_find(&bed.tcp, &peer->tuple);
    const struct testimony *told = &peer->told;

    if (conn == NULL || !tcp_state_is_synchronized((enum tcp_state)conn->state)) {
        bool half_open = conn != NULL && conn->state == TCP_SYN_RECEIVED;

        return (struct peer_view){
            .conn = conn,
            .rcv_nxt = told->acked ? told->ack : peer->iss + 1,
            .rcv_edge = told->edge,
            .snd_una = told->syn ? (half_open ? told->iss : told->sent) : 0,
            .snd_nxt = told->sent,
        };
    }
    return (struct peer_view){conn, conn->rcv.nxt, conn->rcv.edge, conn->snd.una, conn->snd.nxt};
}

void peer_add_option(struct packet_segment *seg, const uint8_t *bytes, unsigned length)
{
    while (length > 0 && seg->options_length < PACKET_OPTIONS_MAX) {
        seg->options[seg->options_length++] = *bytes++;
        length--;
    }
    while (seg->options_length % 4 != 0) {
        seg->options[seg->options_length++] = 1; /* no operation */
    }
}

void peer_add_sacks(struct packet_segment *seg, const struct tcp_sack_block *blocks, unsigned count)
{
    unsigned room = (PACKET_OPTIONS_MAX - seg->options_length) / 8;
    uint8_t option[4 + 8 * TCP_SACK_BLOCKS_MAX];

    count = min_u32(min_u32(count, TCP_SACK_BLOCKS_MAX), room);
    if (count == 0 || seg->options_length + 4 + 8 * count > PACKET_OPTIONS_MAX) {
        return;
    }
    be32_store(option, 0x01010500u | (2 + 8 * count));
    for (unsigned i = 0; i < count; i++) {
        be32_store(option + 4 + (size_t)8 * i, blocks[i].start);
        be32_store(option + 8 + (size_t)8 * i, blocks[i].end);
    }
    peer_add_option(seg, option, 4 + 8 * count);
}

void peer_add_accecn(const struct peer *peer, struct packet_segment *seg, unsigned fields)
{
    uint8_t option[2 + 3 * 3] = {172, (uint8_t)(2 + 3 * fields), [4] = 1, [10] = 1};

    option[5] = (uint8_t)(peer->bytes_marked >> 16);
    be16_store(option + 6, (uint16_t)peer->bytes_marked);
    peer_add_option(seg, option, option[1]);
}

void peer_add_cookie(const struct peer *peer, struct packet_segment *seg, bool request, bool good)
{
    uint8_t option[2 + FAST_OPEN_COOKIE_BYTES] = {34, sizeof option};

    if (request) {
        option[1] = 2;
    } else if (good) {
        fast_open_cookie(&bed.tcp.fast_open.keys[0], &peer->tuple, option + 2);
    }
    peer_add_option(seg, option, option[1]);
}

static void add_timestamps(const struct peer *peer, struct packet_segment *seg, uint32_t value)
{
    uint8_t option[12];

    be32_store(option, 0x0101080au);
    be32_store(option + 4, value);
    be32_store(option + 8, seg->flags & TCP_ACK ? peer->told.ts_value : 0);
    peer_add_option(seg, option, sizeof option);
}

static uint32_t clock_ms(void)
{
    return CLOCK_BASE_MS + (uint32_t)(bed.now_ns / NS_PER_MS);
}

void peer_add_timestamps(const struct peer *peer, struct packet_segment *seg, uint32_t behind)
{
    add_timestamps(peer, seg, clock_ms() - behind);
}

void peer_add_timestamps_after(const struct peer *peer, struct packet_segment *seg, uint32_t least)
{
    add_timestamps(peer, seg, seq_max(clock_ms(), least));
}

struct packet_segment peer_segment(const struct peer *peer, uint16_t flags)
{
    struct peer_view view = peer_view(peer);

    return (struct packet_segment){
        .tuple = peer->tuple,
        .seq = view.rcv_nxt,
        .ack = flags & TCP_ACK ? view.snd_nxt : 0,
        .flags = flags | (flags & TCP_SYN ? 0 : peer->flags),
        .window = peer->window,
        .tos = peer->tos,
    };
}

struct packet_segment peer_syn(const struct peer *peer, uint16_t flags)
{
    struct packet_segment seg = peer_segment(peer, flags | TCP_SYN);
    uint8_t mss[4] = {2, 4, (uint8_t)(peer->mss >> 8), (uint8_t)peer->mss};
    uint8_t scale[4] = {1, 3, 3, peer->wscale};
    uint8_t permitted[2] = {4, 2};

    seg.seq = peer->iss;
    seg.flags |= flags & TCP_ACK ? peer->syn_ack_flags : peer->syn_flags;
    peer_add_option(&seg, mss, sizeof mss);
    if (peer->scales) {
        peer_add_option(&seg, scale, sizeof scale);
    }
    if (peer->sack) {
        peer_add_option(&seg, permitted, sizeof permitted);
    }
    if (peer->timestamps) {
        peer_add_timestamps(peer, &seg, 0);
    }
    if (peer->cookies && flags & TCP_ACK && peer->told.asks) {
        peer_add_cookie(peer, &seg, false, false);
    }
    return seg;
}

/* What the window of a segment lets the stack send, by the wire alone. When nothing is
 * known of the scale the widest counts. */
static void offer(struct peer *peer, const struct packet_segment *seg)
{
    struct testimony *told = &peer->told;
    const struct tcp_conn *conn = peer_view(peer).conn;
    unsigned shift = conn && conn->state != TCP_SYN_SENT ? conn->snd.wscale : TCP_WSCALE_MAX;
    uint32_t edge = seg->ack + ((uint32_t)seg->window << (seg->flags & TCP_SYN ? 0 : shift));

    told->reset |= (seg->flags & TCP_RST) != 0;
    if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && seg->window > peer->syn_window) {
        peer->syn_window = seg->window;
    }
    if (!(seg->flags & TCP_ACK) || !told->syn ||
        !seq_between(seg->ack, told->iss, told->sent + 1)) {
        return;
    }
    told->offered_edge = told->offered ? seq_max(told->offered_edge, edge) : edge;
    told->offered = true;
}

/* Numbers count from the ISNs, as far as these are known. */
void peer_trace(const struct peer *peer, bool from_stack, const struct tcp_segment *seg)
{
    static int wanted = -1;
    uint32_t ours = peer->told.iss;
    uint32_t seq = seg->seq - (from_stack ? ours : peer->iss);
    uint32_t ack = seg->ack - (from_stack ? peer->iss : ours);

    wanted = wanted < 0 ? getenv("FUZZ_TRACE") != NULL : wanted;
    if (wanted == 0) {
        return;
    }
    (void)fprintf(stderr, "%14.6f ms %c %u %s%s%s%s%s seq %d +%u ack %d win %u",
                  (double)(bed.now_ns - bed.config.start_ns) / 1e6, from_stack ? '>' : '<',
                  peer->tuple.remote_port, seg->flags & TCP_SYN ? "S" : "",
                  seg->flags & TCP_FIN ? "F" : "", seg->flags & TCP_RST ? "R" : "",
                  seg->flags & TCP_URG ? "U" : "", seg->flags & TCP_ACK ? "." : "", (int)seq,
                  seg->payload.length, (int)ack, seg->window);
    for (unsigned i = 0; i < seg->sack_count; i++) {
        uint32_t base = from_stack ? peer->iss : ours;

        (void)fprintf(stderr, " sack %d-%d", (int)(seg->sack[i].start - base),
                      (int)(seg->sack[i].end - base));
    }
    (void)fprintf(stderr, "\n");
}

static void trace_queued(const struct peer *peer, const struct packet_segment *seg)
{
    struct tcp_segment shown = {
        .seq = seg->seq, .ack = seg->ack, .flags = seg->flags, .window = seg->window};

    shown.payload.length = seg->payload_length;
    tcp_options_parse(seg->options, seg->options_length, &shown);
    peer_trace(peer, false, &shown);
}

void peer_queue(struct peer *peer, struct packet_segment *seg, uint16_t bytes)
{
    static uint8_t payload[PEER_PAYLOAD_MAX];
    struct bed_packet *packet = bed_packet();

    FUZZ_CHECK(packet != NULL && bytes <= PEER_PAYLOAD_MAX);
    stream_fill(LIFE_PEER_KEY, seg->seq + ((seg->flags & TCP_SYN) != 0), payload, bytes);
    seg->payload = payload;
    seg->payload_length = bytes;
    packet->tight = false;
    packet_write(packet, seg);
    trace_queued(peer, seg);
    offer(peer, seg);
}

/* What a cookie made and the application ended in the same turn has left nothing to judge its
 * last segments by: a cookie keeps no state on this side either. */
static bool is_forgotten(const struct peer *peer)
{
    return world.syn_cookies != TCP_COOKIES_NEVER && peer_view(peer).conn == NULL;
}

/* Another life of the ports begins with a SYN of other numbers. */
static void hear_syn(struct peer *peer, const struct tcp_segment *seg)
{
    struct testimony *told = &peer->told;
    bool answers = (seg->flags & TCP_ACK) != 0;
    bool cookie = answers && world.syn_cookies != TCP_COOKIES_NEVER;
    struct testimony before = *told;

    if (!told->syn || told->reset || cookie || seg->seq != told->iss ||
        (answers && told->answered && seg->ack != told->answered_to)) {
        *told = (struct testimony){
            .syn = true, .iss = seg->seq, .sent = seg->seq + 1, .carried = seg->seq + 1};
        if (before.syn && before.iss == seg->seq) {
            told->carried = before.carried;
        }
        told->scales = (seg->options_seen & TCP_OPT_WSCALE) != 0;
        told->shift = seg->wscale;
        told->asks = (seg->options_seen & TCP_OPT_FAST_OPEN) != 0;
        told->offered = answers && (peer->cookies || world.settings.fast_open_no_cookie);
        told->offered_edge = told->sent + peer->syn_window;
        if (cookie && before.offered && seg->seq == before.iss) {
            /* The ACK that it allows may have been sent before it came. */
            told->offered_edge = seq_max(told->offered_edge, before.offered_edge);
            told->offered = true;
        }
        peer->timestamps_on = (seg->options_seen & TCP_OPT_TIMESTAMPS) && peer->timestamps;
    }
    if (answers) {
        /* The SYN that it answers may have been any text, with the option or without. */
        told->agreed = (seg->options_seen & TCP_OPT_WSCALE) != 0;
        told->answered = true;
        told->answered_to = seg->ack;
    }
}

static void hear_sack(const struct tcp_segment *seg, const struct testimony *told)
{
    for (unsigned i = 0; i < seg->sack_count; i++) {
        const struct tcp_sack_block *block = &seg->sack[i];

        /* Only the first may report a duplicate, below the acknowledgement, and not always. */
        FUZZ_CHECK(seq_lt(block->start, block->end));
        FUZZ_CHECK((i == 0 && world.tells_duplicates) || seq_gt(block->start, seg->ack));
        /* A duplicate of half the space ago may by now seem to come half of it later. */
        FUZZ_CHECK(block->end - seg->ack > 1u << 30 || seq_le(block->end, told->edge + 1));
    }
}

/* What a cookie made has the scale that the peer's timestamp echoed, which need not be what the
 * SYN-ACK had: only a peer that breaks RFC 7323 section 3.2 sees a difference. */
static unsigned shift_of(const struct peer *peer, const struct tcp_segment *seg)
{
    const struct tcp_conn *conn = peer_view(peer).conn;

    if (seg->flags & TCP_SYN) {
        return 0;
    }
    if (world.syn_cookies != TCP_COOKIES_NEVER && conn) {
        return tcp_conn_has(conn, TCP_CONN_WSCALE) ? conn->rcv.wscale : 0;
    }
    return peer->told.scales && (peer->scales || peer->told.agreed) ? peer->told.shift : 0;
}

static void hear_ack(struct peer *peer, const struct tcp_segment *seg)
{
    struct testimony *told = &peer->told;
    unsigned shift = shift_of(peer, seg);
    uint32_t edge = seg->ack + (seg->window << shift);

    FUZZ_CHECK(!told->acked || seq_ge(seg->ack, told->ack));
    /* A SYN that is sent again cannot tell of more than 64 KiB. */
    if (told->acked && seg->flags & TCP_SYN) {
        edge = seq_max(edge, told->edge);
    }
    /* By less than a unit it may be told lower, as RFC 7323 section 2.4 has it: what was
     * promised is still taken. */
    FUZZ_CHECK(!told->acked || seq_ge(edge + (1u << shift) - 1, told->edge));
    told->ack = seg->ack;
    told->edge = told->acked ? seq_max(edge, told->edge) : edge;
    told->acked = true;
    FUZZ_CHECK(world.tells_ecn_bytes || !(seg->options_seen & TCP_OPT_ACCECN));
    hear_sack(seg, told);
}

/* Nothing beyond the window, but a probe of one byte, or of what a SYN has carried and the peer has
 * not taken, as Linux sends it; and bytes that are right. */
static void hear_text(struct peer *peer, const struct packet_sight *sight)
{
    struct testimony *told = &peer->told;
    const struct tcp_segment *seg = &sight->seg;
    uint32_t length = tcp_segment_length(seg);
    uint32_t end = seg->seq + length;

    if (seg->flags & TCP_SYN) {
        FUZZ_CHECK(life_sent_right(seg->seq + 1, sight->payload, seg->payload.length));
        told->carried = seq_max(told->carried, end);
    } else if (length > 0) {
        FUZZ_CHECK(told->offered);
        FUZZ_CHECK(world.settings.mss_max == 0 || length <= world.settings.mss_max + 1u);
        FUZZ_CHECK(seq_le(end, told->offered_edge + (length == 1)) || seq_le(end, told->carried));
        FUZZ_CHECK(life_sent_right(seg->seq, sight->payload, seg->payload.length));
    }
    told->sent = seq_max(told->sent, end);
}

/* A cookie of before has come back, of other numbers than the last SYN-ACK had, or of a
 * connection that was reset: the one that it made says what both sides know. */
static void hear_older_cookie(struct peer *peer)
{
    const struct tcp_conn *conn = peer_view(peer).conn;

    if (world.syn_cookies == TCP_COOKIES_NEVER || conn == NULL ||
        (conn->snd.iss == peer->told.iss && !peer->told.reset)) {
        return;
    }
    peer->told =
        (struct testimony){.syn = true,
                           .iss = conn->snd.iss,
                           .sent = conn->snd.nxt,
                           .offered = true,
                           .offered_edge = seq_max(conn->snd.una + conn->snd.wnd, conn->snd.nxt)};
    peer->timestamps_on = tcp_conn_has(conn, TCP_CONN_TIMESTAMPS);
}

void peer_hear(struct peer *peer, const struct packet_sight *sight)
{
    const struct tcp_segment *seg = &sight->seg;
    struct testimony *told = &peer->told;

    peer_trace(peer, true, seg);
    if (seg->flags & TCP_RST) {
        told->reset = true;
        return;
    }
    if (seg->flags & TCP_SYN) {
        hear_syn(peer, seg);
    } else if (is_forgotten(peer)) {
        return;
    } else {
        hear_older_cookie(peer);
    }
    FUZZ_CHECK(told->syn);
    hear_text(peer, sight);
    if (seg->flags & TCP_ACK) {
        hear_ack(peer, seg);
    }
    if (seg->options_seen & TCP_OPT_TIMESTAMPS) {
        FUZZ_CHECK(!told->timestamped || seq_ge(seg->ts_val, told->ts_value));
        told->timestamped = true;
        told->ts_value = seg->ts_val;
    }
}
