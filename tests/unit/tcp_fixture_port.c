#include "tests/unit/tcp_fixture_port.h"

#include "tests/unit/net_packets.h"

#include <netinet/in.h>

#define ETHERNET_BYTES 14u
#define TCP_BYTES 20u

uint8_t fixture_byte(bool from_stack, uint32_t seq)
{
    return (uint8_t)(seq * (from_stack ? 0x9e3779b1u : 0x85ebca6bu) >> 24);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static unsigned put_sack(const struct tcp_fixture *f, const struct seg *seg, uint8_t *at)
{
    unsigned count = 0;

    while (count < TCP_SACK_BLOCKS_MAX && seg->sack[count].start != seg->sack[count].end) {
        put32(at + 4 + 8 * count, f->peer->irs + seg->sack[count].start);
        put32(at + 8 + 8 * count, f->peer->irs + seg->sack[count].end);
        count++;
    }
    if (count == 0) {
        return 0;
    }
    put16(at, 0x0101);
    at[2] = 5;
    at[3] = (uint8_t)(2 + 8 * count);
    return 4 + 8 * count;
}

static unsigned put_timestamps(const struct tcp_fixture *f, const struct seg *seg, uint8_t *at)
{
    const struct peer *peer = f->peer;
    uint32_t clock = peer->ts_base + (uint32_t)((f->now_ns - f->start_ns) / NS_PER_MS);

    if (!seg->timestamps && (!peer->timestamps_on || seg->no_timestamps)) {
        return 0;
    }
    put32(at, 0x0101080a);
    put32(at + 4, seg->ts_val ? seg->ts_val : clock);
    put32(at + 8, seg->ts_ecr ? seg->ts_ecr : peer->ts_heard);
    return 12;
}

static unsigned put_accecn(const struct seg *seg, uint8_t *at)
{
    unsigned bytes = 2 + 3u * seg->accecn_fields;

    if (!seg->accecn_kind) {
        return 0;
    }
    at[0] = seg->accecn_kind;
    at[1] = (uint8_t)bytes;
    for (unsigned i = 0; i < seg->accecn_fields; i++) {
        at[2 + 3 * i] = (uint8_t)(seg->accecn[i] >> 16);
        put16(at + 3 + 3 * i, (uint16_t)seg->accecn[i]);
    }
    memset(at + bytes, 1, (4 - bytes % 4) % 4);
    return (bytes + 3) & ~3u;
}

static unsigned put_options(const struct tcp_fixture *f, const struct seg *seg, uint8_t *at)
{
    unsigned bytes = 0;

    if (seg->mss) {
        put32(at, 0x02040000u | seg->mss);
        bytes += 4;
    }
    if (seg->sack_permitted) {
        put32(at + bytes, 0x01010402);
        bytes += 4;
    }
    if (seg->wscale) {
        put32(at + bytes, 0x01030300u | (seg->wscale & 0x7fu));
        bytes += 4;
    }
    bytes += put_timestamps(f, seg, at + bytes);
    if (seg->fast_open) {
        at[bytes++] = 34;
        at[bytes++] = (uint8_t)(2 + seg->cookie_bytes);
        memcpy(at + bytes, seg->cookie, seg->cookie_bytes);
        for (bytes += seg->cookie_bytes; bytes % 4 != 0; bytes++) {
            at[bytes] = 1;
        }
    }
    bytes += put_accecn(seg, at + bytes);
    return bytes + put_sack(f, seg, at + bytes);
}

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum of pseudo header and segment; 0xffff when its checksum is right. */
static uint16_t tcp_sum(const struct ip_addr *a, const struct ip_addr *b, const uint8_t *l4,
                        unsigned length)
{
    unsigned skip = ip_addr_is_v4(a) ? 12 : 0;
    uint32_t sum = IPPROTO_TCP + length;

    sum += (uint16_t)~wire_checksum(a->bytes + skip, 16 - skip);
    sum += (uint16_t)~wire_checksum(b->bytes + skip, 16 - skip);
    return fold(sum + (uint16_t)~wire_checksum(l4, length));
}

static unsigned put_tcp(const struct tcp_fixture *f, const struct seg *seg, uint8_t *l4)
{
    const struct peer *peer = f->peer;
    unsigned options_bytes = put_options(f, seg, l4 + TCP_BYTES);
    unsigned length = TCP_BYTES + options_bytes + seg->bytes;
    uint32_t first = seg->seq + (seg->flags & TCP_SYN ? 1 : 0);

    put16(l4, peer->port);
    put16(l4 + 2, peer->local_port);
    put32(l4 + 4, peer->iss + seg->seq);
    put32(l4 + 8, seg->flags & TCP_ACK ? peer->irs + seg->ack : 0);
    put16(l4 + 12, (TCP_BYTES + options_bytes) << 10 | seg->flags);
    put16(l4 + 14, (seg->window ? seg->window : peer->window) & 0xffff);
    put16(l4 + 16, 0);
    put16(l4 + 18, seg->urgent);
    for (uint32_t i = 0; i < seg->bytes; i++) {
        l4[TCP_BYTES + options_bytes + i] = fixture_byte(false, first + i);
    }
    put16(l4 + 16, (uint16_t)~tcp_sum(&f->local, &f->remote, l4, length) ^ seg->bad_checksum);
    return length;
}

static void put_ipv6(const struct tcp_fixture *f, uint8_t tos, uint8_t *l3, unsigned length)
{
    put32(l3, 0x60000000 | (uint32_t)tos << 20);
    put16(l3 + 4, length);
    l3[6] = IPPROTO_TCP;
    l3[7] = 64;
    memcpy(l3 + 8, f->remote.bytes, 16);
    memcpy(l3 + 24, f->local.bytes, 16);
}

void fixture_write(const struct tcp_fixture *f, const struct seg *seg, struct fixture_packet *out)
{
    uint8_t segment[FIXTURE_PACKET_BYTES];
    unsigned length;

    assert_true(seg->bytes <= 1800);
    length = put_tcp(f, seg, segment);
    if (f->v6) {
        put_ethernet(out->bytes, &our_mac, &peer_mac, 0x86dd);
        put_ipv6(f, seg->tos, out->bytes + ETHERNET_BYTES, length);
        memcpy(out->bytes + ETHERNET_BYTES + 40, segment, length);
        out->length = (uint16_t)(ETHERNET_BYTES + 40 + length);
    } else {
        out->length =
            put_ipv4(out->bytes, &(struct ipv4_spec){.protocol = IPPROTO_TCP, .tos = seg->tos},
                     segment, length);
    }
}

static void take_sack(const struct peer *peer, const uint8_t *at, unsigned bytes, struct seg *seg)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        seg->sack[i].start = get32(at + (size_t)8 * i) - peer->iss;
        seg->sack[i].end = get32(at + (size_t)8 * i + 4) - peer->iss;
    }
}

static void take_accecn(const uint8_t *at, struct seg *seg)
{
    seg->accecn_kind = at[0];
    seg->accecn_fields = (uint8_t)((at[1] - 2) / 3);
    for (unsigned i = 0; i < seg->accecn_fields; i++) {
        seg->accecn[i] = (uint32_t)at[2 + 3 * i] << 16 | get16(at + 3 + 3 * i);
    }
}

static void take_option(const struct peer *peer, const uint8_t *at, struct seg *seg)
{
    switch (at[0]) {
    case 2:
        seg->mss = (uint16_t)get16(at + 2);
        break;
    case 3:
        seg->wscale = WSCALE(at[2]);
        break;
    case 4:
        seg->sack_permitted = true;
        break;
    case 5:
        take_sack(peer, at + 2, at[1] - 2u, seg);
        break;
    case 8:
        seg->timestamps = true;
        seg->ts_val = get32(at + 2);
        seg->ts_ecr = get32(at + 6);
        break;
    case 34:
        seg->fast_open = true;
        seg->cookie_bytes = (uint8_t)(at[1] - 2);
        memcpy(seg->cookie, at + 2, seg->cookie_bytes);
        break;
    case 172:
    case 174:
        take_accecn(at, seg);
        break;
    default:
        fail_msg("the stack sent an option of kind %u", at[0]);
    }
}

static void take_options(const struct peer *peer, const uint8_t *at, unsigned length,
                         struct seg *seg)
{
    while (length > 0) {
        unsigned bytes = at[0] == 1 ? 1 : at[1];

        assert_in_range(bytes, 1, length);
        if (at[0] != 1) {
            take_option(peer, at, seg);
        }
        at += bytes;
        length -= bytes;
    }
}

/* The stack's ISN and its timestamps are what the peer answers with. */
static void learn(struct peer *peer, const struct seg *seg, uint32_t seq)
{
    if (seg->flags & TCP_SYN) {
        peer->irs = seq;
        peer->timestamps_on = seg->timestamps && peer->timestamps;
    }
    if (seg->timestamps) {
        peer->ts_heard = seg->ts_val;
    }
}

static unsigned peer_index(const struct tcp_fixture *f, const uint8_t *l4)
{
    for (unsigned i = 0; i < PEERS; i++) {
        if (f->peers[i].port == get16(l4 + 2) && f->peers[i].local_port == get16(l4)) {
            return i;
        }
    }
    fail_msg("the stack sent a segment from port %u to %u", get16(l4), get16(l4 + 2));
    return 0;
}

static void read_tcp(struct tcp_fixture *f, const uint8_t *l4, unsigned length,
                     struct fixture_sent *out)
{
    struct seg *seg = &out->seg;
    unsigned header_bytes = (l4[12] >> 4) * 4u;
    uint32_t first;
    struct peer *peer;

    assert_int_equal(tcp_sum(&f->local, &f->remote, l4, length), 0xffff);
    assert_in_range(header_bytes, TCP_BYTES, length);
    out->peer = peer_index(f, l4);
    peer = &f->peers[out->peer];
    seg->flags = (uint16_t)(get16(l4 + 12) & 0x1ff);
    seg->window = get16(l4 + 14);
    seg->urgent = (uint16_t)get16(l4 + 18);
    seg->bytes = length - header_bytes;
    seg->at_ns = f->now_ns;
    take_options(peer, l4 + TCP_BYTES, header_bytes - TCP_BYTES, seg);
    learn(peer, seg, get32(l4 + 4));
    seg->seq = get32(l4 + 4) - peer->irs;
    seg->ack = seg->flags & TCP_ACK ? get32(l4 + 8) - peer->iss : get32(l4 + 8);
    first = seg->seq + (seg->flags & TCP_SYN ? 1 : 0);
    for (uint32_t i = 0; i < seg->bytes; i++) {
        assert_int_equal(l4[header_bytes + i], fixture_byte(!f->echoes, first + i));
    }
}

void fixture_read(struct tcp_fixture *f, const uint8_t *packet, uint16_t length,
                  struct fixture_sent *out)
{
    const uint8_t *l3 = packet + ETHERNET_BYTES;
    unsigned header_bytes = f->v6 ? 40 : 20;

    memset(out, 0, sizeof *out);
    assert_true(length >= ETHERNET_BYTES + header_bytes + TCP_BYTES);
    assert_memory_equal(packet, &peer_mac, 6);
    assert_memory_equal(packet + 6, &our_mac, 6);
    out->seg.ip_bytes = (uint16_t)(length - ETHERNET_BYTES);
    if (f->v6) {
        assert_int_equal(get16(packet + 12), 0x86dd);
        assert_memory_equal(l3 + 8, f->local.bytes, 16);
        assert_memory_equal(l3 + 24, f->remote.bytes, 16);
        assert_int_equal(get16(l3 + 4) + header_bytes, out->seg.ip_bytes);
        out->seg.tos = (uint8_t)(get16(l3) >> 4);
        out->seg.ttl = l3[7];
    } else {
        assert_int_equal(get16(packet + 12), 0x0800);
        assert_int_equal(wire_checksum(l3, 20), 0);
        assert_memory_equal(l3 + 12, f->local.bytes + 12, 4);
        assert_memory_equal(l3 + 16, f->remote.bytes + 12, 4);
        assert_int_equal(get16(l3 + 2), out->seg.ip_bytes);
        out->seg.tos = l3[1];
        out->seg.ttl = l3[8];
    }
    read_tcp(f, l3 + header_bytes, out->seg.ip_bytes - header_bytes, out);
}

static struct fixture_port *port_of(struct port *port)
{
    return container_of(port, struct fixture_port, port);
}

static unsigned receive(struct port *at, struct port_packet *burst, unsigned max)
{
    struct fixture_port *port = port_of(at);
    unsigned count = port->arrived;

    assert_true(count <= max);
    for (unsigned i = 0; i < count; i++) {
        struct frame_pool *pool = &port->f->pool;
        const struct fixture_packet *packet = &port->inbox[i];
        uint32_t frame = frame_take(pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);

        assert_int_not_equal(frame, FRAME_NONE);
        /* Where a driver puts it: behind XDP's headroom. */
        burst[i] = (struct port_packet){frame, 256, packet->length};
        assert_true(256u + packet->length <= frame_chunk_bytes(pool));
        memcpy(frame_data(pool, frame) + 256, packet->bytes, packet->length);
        frame_arrive(pool, frame, (uint16_t)(256 + packet->length));
        port->given[i] = frame;
    }
    port->given_count = count;
    port->arrived = 0;
    return count;
}

static void deliver(struct fixture_port *port, const struct port_packet *packet)
{
    struct tcp_fixture *f = port->f;
    const uint8_t *bytes = frame_data(&f->pool, packet->frame) + packet->offset;

    assert_true(packet->offset >= FRAME_TX_METADATA);
    if (get16(bytes + 12) == 0x0806) {
        f->arp_requests++;
        return;
    }
    assert_true(port->sent_end < FIXTURE_OUTBOX);
    fixture_read(f, bytes, packet->length, &port->outbox[port->sent_end++]);
}

static void submit(struct port *at)
{
    struct fixture_port *port = port_of(at);

    for (uint32_t i = 0; i < at->tx_count; i++) {
        deliver(port, &at->tx[i]);
        assert_true(port->held_count < FIXTURE_HELD);
        port->held[port->held_count++] = at->tx[i].frame;
    }
    at->tx_count = 0;
}

void fixture_port_complete(struct fixture_port *port)
{
    for (unsigned i = 0; i < port->held_count; i++) {
        frame_drop(&port->f->pool, port->held[i], FRAME_KERNEL_TX);
    }
    port->held_count = 0;
}

static void reap(struct port *at)
{
    struct fixture_port *port = port_of(at);

    if (!port->f->hold_completions) {
        fixture_port_complete(port);
    }
}

static void flush(struct port *at)
{
    submit(at);
    reap(at);
    at->tx_room = port_of(at)->f->tx_room;
}

void fixture_port_init(struct fixture_port *port, struct tcp_fixture *f)
{
    static const struct port_ops ops = {
        .receive = receive, .submit = submit, .flush = flush, .reap = reap};

    port->f = f;
    port->port.ops = &ops;
    port->port.pool = &f->pool;
    port->port.tx_room = f->tx_room;
}
