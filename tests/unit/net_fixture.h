/*
 * What the tests of datapath/net share: an instance of `struct net` over a port
 * that keeps what is sent, a transport that notes what it is told, and packets
 * built byte by byte, independently of the code under test.
 *
 * Ours: 02:00:00:00:00:01, 10.0.0.1/24, 2001:db8::1/64, gateways 10.0.0.254 and
 * 2001:db8::fe. The peer: 02:00:00:00:00:02, 10.0.0.2, 2001:db8::2.
 */
#ifndef HEADRACE_TESTS_UNIT_NET_FIXTURE_H
#define HEADRACE_TESTS_UNIT_NET_FIXTURE_H

#include "datapath/net/arp.h"
#include "datapath/net/ethernet.h"
#include "datapath/net/icmp.h"
#include "datapath/net/ipv4.h"
#include "datapath/net/ipv6.h"
#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE_FRAMES 96u
#define FIXTURE_NEIGHBOURS 8u
#define FIXTURE_SENT 64u
#define FIXTURE_TX_ROOM 32u
#define FIXTURE_ERRORS 8u

/* The place of a counter in the structure, for tables. */
#define COUNTER(name) (offsetof(struct net_counters, name) / sizeof(uint64_t))
#define COUNTERS (sizeof(struct net_counters) / sizeof(uint64_t))
#define NO_COUNTER SIZE_MAX

#define OUR_MAC 0x02, 0x00, 0x00, 0x00, 0x00, 0x01
#define PEER_MAC 0x02, 0x00, 0x00, 0x00, 0x00, 0x02
#define ALL_MAC 0xff, 0xff, 0xff, 0xff, 0xff, 0xff

static const struct mac_addr our_mac = {{OUR_MAC}};
static const struct mac_addr peer_mac = {{PEER_MAC}};
static const struct mac_addr third_mac = {{0x02, 0, 0, 0, 0, 3}};
static const struct mac_addr all_mac = {{ALL_MAC}};

struct sent {
    uint8_t bytes[2048];
    uint16_t length;
};

struct fixture {
    struct frame_pool pool;
    struct port port;
    struct net net;
    struct neighbour neighbours[FIXTURE_NEIGHBOURS];
    struct ip_prefix addresses[2];
    struct ip_addr gateways[2];
    struct net_config config;
    struct sent sent[FIXTURE_SENT];
    unsigned sent_count;
    unsigned reachable_count; /* waiters that were told so */
    unsigned failed_count;
    struct net_icmp_error errors[FIXTURE_ERRORS];
    unsigned error_count;
    uint64_t now_ns;
    struct ip_addr ask_when_changed; /* unless unspecified: looked for in path_changed */
};

static inline struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr;

    assert_int_equal(ip_addr_parse(text, &addr), 0);
    return addr;
}

static inline void fixture_submit(struct port *port)
{
    struct fixture *f = container_of(port, struct fixture, port);

    for (uint32_t i = 0; i < port->tx_count; i++) {
        const struct port_packet *packet = &port->tx[i];
        struct sent *sent = &f->sent[f->sent_count++];

        assert_true(f->sent_count <= FIXTURE_SENT);
        sent->length = packet->length;
        assert_true(packet->offset >= FRAME_TX_METADATA);
        memcpy(sent->bytes, frame_data(&f->pool, packet->frame) + packet->offset, packet->length);
        frame_drop(&f->pool, packet->frame, FRAME_KERNEL_TX);
    }
    port->tx_count = 0;
    port->tx_room = FIXTURE_TX_ROOM;
}

static inline void fixture_path_changed(void *ctx, struct list *waiters, bool reachable)
{
    struct fixture *f = ctx;
    struct net_path path;

    while (list_pop_front(waiters)) {
        if (reachable) {
            f->reachable_count++;
        } else {
            f->failed_count++;
        }
    }
    if (!ip_addr_is_unspecified(&f->ask_when_changed)) {
        assert_int_equal(net_path_find(&f->net, &f->ask_when_changed, &path), 0);
        (void)net_path_check(&f->net, &path, f->now_ns);
    }
}

static inline void fixture_icmp_error(void *ctx, const struct net_icmp_error *error,
                                      uint64_t now_ns)
{
    struct fixture *f = ctx;

    assert_int_equal(now_ns, f->now_ns);
    assert_true(f->error_count < FIXTURE_ERRORS);
    f->errors[f->error_count++] = *error;
}

static const struct port_ops fixture_port_ops = {
    .submit = fixture_submit,
    .flush = fixture_submit,
};

static const struct net_transport fixture_transport = {
    .path_changed = fixture_path_changed,
    .icmp_error = fixture_icmp_error,
};

/* Everything but net_init(): the test may change f->config first. */
static inline void fixture_prepare(struct fixture *f)
{
    const struct frame_pool_config pool = {
        .count = FIXTURE_FRAMES, .chunk_bytes = 2048, .floor = {8, 16, 8}};

    memset(f, 0, sizeof *f);
    assert_int_equal(wire_pool_create(&f->pool, &pool), 0);
    f->port.ops = &fixture_port_ops;
    f->port.pool = &f->pool;
    f->port.tx_room = FIXTURE_TX_ROOM;
    f->addresses[0] = (struct ip_prefix){addr_of("10.0.0.1"), 24};
    f->addresses[1] = (struct ip_prefix){addr_of("2001:db8::1"), 64};
    f->gateways[0] = addr_of("10.0.0.254");
    f->gateways[1] = addr_of("2001:db8::fe");
    f->now_ns = 1000 * NS_PER_S;
    f->config = (struct net_config){
        .port = &f->port,
        .pool = &f->pool,
        .mac = our_mac,
        .mtu = 1500,
        .address_count = 2,
        .addresses = f->addresses,
        .gateway_count = 2,
        .gateways = f->gateways,
        .neighbours = f->neighbours,
        .neighbours_max = FIXTURE_NEIGHBOURS,
        .transport = &fixture_transport,
        .transport_ctx = f,
        .checksum_tx = true,
    };
}

static inline void fixture_open(struct fixture *f)
{
    fixture_prepare(f);
    assert_int_equal(net_init(&f->net, &f->config), 0);
}

/* All frames are home but those that neighbours still queue. */
static inline void fixture_close(struct fixture *f)
{
    uint32_t used = 0;

    port_flush(&f->port);
    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        used += f->pool.used[i];
    }
    assert_int_equal(used, f->net.neighbours.queued_total);
    assert_true(frame_pool_check(&f->pool));
    wire_pool_destroy(&f->pool);
}

static inline uint64_t counter_at(const struct fixture *f, size_t place)
{
    uint64_t value;

    memcpy(&value, (const uint8_t *)&f->net.counters + place * sizeof value, sizeof value);
    return value;
}

static inline const char *counter_name(size_t place)
{
#define FIXTURE_COUNTER_NAME(name, meaning) #name,
    static const char *const names[] = {NET_COUNTERS(FIXTURE_COUNTER_NAME)};
#undef FIXTURE_COUNTER_NAME

    return place < COUNT_OF(names) ? names[place] : "none";
}

/* Exactly this counter has moved since the counters were last forgotten. */
static inline void expect_counter(struct fixture *f, size_t place, const char *name)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        if (counter_at(f, i) != (i == place ? 1u : 0u)) {
            fail_msg("%s: %s is %u, expected %s", name, counter_name(i), (unsigned)counter_at(f, i),
                     counter_name(place));
        }
    }
    f->net.counters = (struct net_counters){0};
}

/* A frame of the receive budget with a packet at `offset`. */
static inline struct port_packet fixture_arrive(struct fixture *f, const void *bytes,
                                                uint16_t length)
{
    struct port_packet raw = {.offset = 256, .length = length};

    raw.frame = frame_take(&f->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
    assert_int_not_equal(raw.frame, FRAME_NONE);
    memcpy(frame_data(&f->pool, raw.frame) + raw.offset, bytes, length);
    frame_arrive(&f->pool, raw.frame, (uint16_t)(raw.offset + length));
    return raw;
}

static inline enum net_kind fixture_parse(struct fixture *f, const void *bytes, uint16_t length,
                                          struct packet *out)
{
    struct port_packet raw = fixture_arrive(f, bytes, length);
    enum net_kind kind = net_parse(&f->net, &raw, out);

    frame_drop(&f->pool, raw.frame, FRAME_WORKER);
    return kind;
}

/* As a worker does it: parse, hand in what is local, send, drop. */
static inline enum net_kind fixture_receive(struct fixture *f, const void *bytes, uint16_t length)
{
    struct port_packet raw = fixture_arrive(f, bytes, length);
    struct packet packet;
    enum net_kind kind = net_parse(&f->net, &raw, &packet);

    if (kind == NET_LOCAL) {
        net_input(&f->net, &packet, f->now_ns);
    } else if (kind == NET_UDP) {
        net_port_unreachable(&f->net, &packet, f->now_ns);
    }
    port_flush(&f->port);
    frame_drop(&f->pool, raw.frame, FRAME_WORKER);
    return kind;
}

/* The sum of RFC 1071, by bytes; 0 when a header with its checksum is right. */
static inline uint16_t wire_checksum(const uint8_t *bytes, unsigned length)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static inline void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint16_t put_ethernet(uint8_t *at, const struct mac_addr *dst,
                                    const struct mac_addr *src, unsigned type)
{
    memcpy(at, dst, 6);
    memcpy(at + 6, src, 6);
    put16(at + 12, type);
    return 14;
}

/* An IPv4 packet to us in Ethernet; returns its bytes. */
struct ipv4_spec {
    const char *src; /* NULL: the peer */
    const char *dst; /* NULL: us */
    uint8_t protocol;
    uint8_t tos;
    uint16_t fragment; /* flags and offset */
    uint8_t option_bytes;
    const struct mac_addr *link_dst; /* NULL: us */
};

static inline void put_ipv4_checksum(uint8_t *l3)
{
    unsigned bytes = (l3[0] & 15u) * 4;

    put16(l3 + 10, 0);
    put16(l3 + 10, wire_checksum(l3, bytes));
}

static inline uint16_t put_ipv4(uint8_t *at, const struct ipv4_spec *spec, const void *payload,
                                unsigned payload_bytes)
{
    uint8_t *l3 =
        at + put_ethernet(at, spec->link_dst ? spec->link_dst : &our_mac, &peer_mac, 0x0800);
    unsigned header_bytes = 20u + spec->option_bytes;
    struct ip_addr src = addr_of(spec->src ? spec->src : "10.0.0.2");
    struct ip_addr dst = addr_of(spec->dst ? spec->dst : "10.0.0.1");

    memset(l3, 0, header_bytes);
    memset(l3 + 20, 1, spec->option_bytes); /* no operation */
    l3[0] = (uint8_t)(0x40 | header_bytes / 4);
    l3[1] = spec->tos;
    put16(l3 + 2, header_bytes + payload_bytes);
    put16(l3 + 4, 0x1234);
    put16(l3 + 6, spec->fragment);
    l3[8] = 63;
    l3[9] = spec->protocol;
    memcpy(l3 + 12, src.bytes + 12, 4);
    memcpy(l3 + 16, dst.bytes + 12, 4);
    put_ipv4_checksum(l3);
    if (payload_bytes > 0) {
        memcpy(l3 + header_bytes, payload, payload_bytes);
    }
    return (uint16_t)(14 + header_bytes + payload_bytes);
}

/* An ARP packet in Ethernet, 42 bytes. */
struct arp_spec {
    uint8_t operation;
    const char *sender;
    const char *target;
    const struct mac_addr *sender_mac; /* NULL: the peer's */
    const struct mac_addr *link_dst;   /* NULL: us */
};

static inline uint16_t put_arp(uint8_t *at, const struct arp_spec *spec)
{
    static const uint8_t kind[] = {0, 1, 8, 0, 6, 4, 0};
    const struct mac_addr *mac = spec->sender_mac ? spec->sender_mac : &peer_mac;
    uint8_t *arp = at + put_ethernet(at, spec->link_dst ? spec->link_dst : &our_mac, mac, 0x0806);
    struct ip_addr sender = addr_of(spec->sender);
    struct ip_addr target = addr_of(spec->target);

    memcpy(arp, kind, sizeof kind);
    arp[7] = spec->operation;
    memcpy(arp + 8, mac, 6);
    memcpy(arp + 14, sender.bytes + 12, 4);
    memset(arp + 18, 0, 6);
    memcpy(arp + 24, target.bytes + 12, 4);
    return 42;
}

static inline void receive_arp(struct fixture *f, const struct arp_spec *spec)
{
    uint8_t bytes[64];

    assert_int_equal(fixture_receive(f, bytes, put_arp(bytes, spec)), NET_LOCAL);
}

/* Sends a packet without a connection, of 8 payload bytes that all are `mark`. */
static inline void send_marked(struct fixture *f, const char *remote, uint8_t mark)
{
    struct ip_addr dst = addr_of(remote);
    struct net_header header = {.local = &f->addresses[ip_addr_is_v4(&dst) ? 0 : 1].addr,
                                .remote = &dst,
                                .protocol = 6,
                                .ttl = 64,
                                .l4_length = 8};
    uint32_t frame = frame_take(&f->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);
    uint8_t *l4;

    assert_int_not_equal(frame, FRAME_NONE);
    l4 = frame_data(&f->pool, frame) + FRAME_TX_METADATA + FRAME_HEADROOM;
    memset(l4, mark, 8);
    net_send_stateless(&f->net, frame, &header, l4, f->now_ns);
    frame_drop(&f->pool, frame, FRAME_WORKER);
}

static inline struct net_path find_path(struct fixture *f, const char *remote)
{
    struct ip_addr addr = addr_of(remote);
    struct net_path path;

    assert_int_equal(net_path_find(&f->net, &addr, &path), 0);
    return path;
}

static inline enum neighbour_state state_of(const struct fixture *f, const char *text)
{
    struct ip_addr addr = addr_of(text);
    uint16_t index = neighbour_find(&f->net.neighbours, &addr);

    return index == NEIGHBOUR_NONE
               ? NEIGHBOUR_FREE
               : (enum neighbour_state)neighbour_at(&f->net.neighbours, index)->state;
}

/* Time passes: the ticks that come due happen at their own time. */
static inline void pass(struct fixture *f, uint64_t duration_ns)
{
    uint64_t end_ns = f->now_ns + duration_ns;

    while (net_next_deadline(&f->net) <= end_ns) {
        f->now_ns = max_u64(f->now_ns, net_next_deadline(&f->net));
        net_tick(&f->net, f->now_ns);
        port_flush(&f->port);
    }
    f->now_ns = end_ns;
}

#endif
