/*
 * Steps that the tests of datapath/net take on their fixture: packets arrive and
 * are sent, time passes, counters are compared.
 */
#ifndef HEADRACE_TESTS_UNIT_NET_STEPS_H
#define HEADRACE_TESTS_UNIT_NET_STEPS_H

#include "tests/unit/net_fixture.h"

/* The place of a counter in the structure, for tables. */
#define COUNTER(name) (offsetof(struct net_counters, name) / sizeof(uint64_t))
#define COUNTERS (sizeof(struct net_counters) / sizeof(uint64_t))
#define NO_COUNTER SIZE_MAX

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
