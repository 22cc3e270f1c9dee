/*
 * What the tests of datapath/net share: an instance of `struct net` over a port
 * that keeps what is sent, and a transport that notes what it is told.
 *
 * Ours: 02:00:00:00:00:01, 10.0.0.1/24, 2001:db8::1/64, gateways 10.0.0.254 and
 * 2001:db8::fe. The peer: 02:00:00:00:00:02, 10.0.0.2, 2001:db8::2.
 */
#ifndef HEADRACE_TESTS_UNIT_NET_FIXTURE_H
#define HEADRACE_TESTS_UNIT_NET_FIXTURE_H

#include "datapath/net/net.h"
#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "tests/unit/net_packets.h"

#define FIXTURE_FRAMES 96u
#define FIXTURE_NEIGHBOURS 8u
#define FIXTURE_SENT 64u
#define FIXTURE_TX_ROOM 32u
#define FIXTURE_ERRORS 8u

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

#endif
