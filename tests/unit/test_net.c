/*
 * Goal:   an instance starts only with a configuration that makes sense, writes
 *         headers that another instance takes, and never forgets a deadline.
 * Method: one field wrong at a time; headers written and parsed back over both
 *         families, tagged and not; a transport that asks again from inside.
 */
#include "datapath/net/ipv6.h"

#include "tests/unit/net_steps.h"

#include <netinet/in.h>

enum wrong {
    NOTHING,
    NO_PORT,
    NO_POOL,
    NO_TRANSPORT,
    NO_NEIGHBOURS,
    NEIGHBOURS_ZERO,
    NEIGHBOURS_TOO_MANY,
    ADDRESSES_NONE,
    ADDRESSES_TOO_MANY,
    ADDRESS_MULTICAST,
    ADDRESS_BROADCAST,
    ADDRESS_V4_LENGTH,
    ADDRESS_V6_LENGTH,
    MAC_GROUP,
    VLAN_RESERVED,
    MTU_SMALL,
    MTU_SMALL_FOR_V6,
    MTU_LARGE,
    GATEWAY_OWN,
    GATEWAY_BROADCAST,
    GATEWAY_OTHER_FAMILY,
    GATEWAYS_TOO_MANY,
    WRONG_COUNT,
};

static void spoil_sizes(struct net_config *config, enum wrong wrong)
{
    config->port = wrong == NO_PORT ? NULL : config->port;
    config->pool = wrong == NO_POOL ? NULL : config->pool;
    config->transport = wrong == NO_TRANSPORT ? NULL : config->transport;
    config->neighbours = wrong == NO_NEIGHBOURS ? NULL : config->neighbours;
    config->neighbours_max = wrong == NEIGHBOURS_ZERO       ? 0
                             : wrong == NEIGHBOURS_TOO_MANY ? NEIGHBOUR_NONE
                                                            : config->neighbours_max;
    config->mac = wrong == MAC_GROUP ? all_mac : config->mac;
    config->vlan = wrong == VLAN_RESERVED ? 4095 : 0;
    config->mtu = wrong == MTU_SMALL          ? 575
                  : wrong == MTU_SMALL_FOR_V6 ? 1279
                  : wrong == MTU_LARGE        ? 9001
                                              : 1500;
}

static void spoil_addresses(struct fixture *f, enum wrong wrong)
{
    static struct ip_prefix many_addresses[NET_ADDRESSES_MAX + 1];
    static struct ip_addr many_gateways[ROUTES_MAX];

    for (unsigned i = 0; i < COUNT_OF(many_addresses); i++) {
        many_addresses[i] = (struct ip_prefix){ip_addr_v4(0x0a000001u + i), 24};
    }
    for (unsigned i = 0; i < COUNT_OF(many_gateways); i++) {
        many_gateways[i] = ip_addr_v4(0x0a000040u + i);
    }
    switch (wrong) {
    case ADDRESSES_NONE:
        f->config.address_count = 0;
        break;
    case ADDRESSES_TOO_MANY:
        f->config.addresses = many_addresses;
        f->config.address_count = COUNT_OF(many_addresses);
        break;
    case ADDRESS_MULTICAST:
        f->addresses[0].addr = addr_of("224.0.0.1");
        break;
    case ADDRESS_BROADCAST:
        f->addresses[0].addr = addr_of("10.0.0.255");
        break;
    case ADDRESS_V4_LENGTH:
        f->addresses[0].length = 33;
        break;
    case ADDRESS_V6_LENGTH:
        f->addresses[1].length = 129;
        break;
    case GATEWAY_OWN:
        f->gateways[0] = addr_of("10.0.0.1");
        break;
    case GATEWAY_BROADCAST:
        f->gateways[0] = addr_of("10.0.0.255");
        break;
    case GATEWAY_OTHER_FAMILY:
        f->config.address_count = 1;
        break;
    case GATEWAYS_TOO_MANY:
        f->config.gateways = many_gateways;
        f->config.gateway_count = COUNT_OF(many_gateways);
        break;
    default:
        break;
    }
}

static void configuration_is_checked(void **state)
{
    (void)state;
    for (enum wrong wrong = NOTHING; wrong < WRONG_COUNT; wrong++) {
        struct fixture f;

        fixture_prepare(&f);
        spoil_sizes(&f.config, wrong);
        spoil_addresses(&f, wrong);
        if (net_init(&f.net, &f.config) != (wrong == NOTHING ? 0 : -1)) {
            fail_msg("row %d", (int)wrong);
        }
        wire_pool_destroy(&f.pool);
    }
}

/* All addresses, all routes: the most there can be. */
static void largest_configuration(void **state)
{
    struct fixture f;
    struct ip_prefix addresses[NET_ADDRESSES_MAX];
    struct ip_addr gateways[ROUTES_MAX - NET_ADDRESSES_MAX];

    (void)state;
    fixture_prepare(&f);
    for (unsigned i = 0; i < COUNT_OF(addresses); i++) {
        addresses[i] = (struct ip_prefix){ip_addr_v4(0x0a000001u + i), 24};
    }
    for (unsigned i = 0; i < COUNT_OF(gateways); i++) {
        gateways[i] = ip_addr_v4(0x0a000040u + i);
    }
    f.config.addresses = addresses;
    f.config.address_count = COUNT_OF(addresses);
    f.config.gateways = gateways;
    f.config.gateway_count = COUNT_OF(gateways);
    f.config.mtu = NET_MTU_MIN_V4; /* enough without IPv6 */
    assert_int_equal(net_init(&f.net, &f.config), 0);
    fixture_close(&f);
}

static void headers_are_taken_by_another(void **state)
{
    static const struct {
        const char *local, *remote;
        uint16_t vlan;
        uint16_t header_bytes;
    } cases[] = {
        {"10.0.0.1", "10.0.0.2", 0, 34},
        {"10.0.0.1", "10.0.0.2", 4094, 38},
        {"2001:db8::1", "2001:db8::2", 0, 54},
        {"2001:db8::1", "2001:db8::2", 1, 58},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct fixture ours;
        struct fixture peer;
        struct ip_addr local = addr_of(cases[i].local);
        struct ip_addr remote = addr_of(cases[i].remote);
        struct net_header header = {&local, &remote, IPPROTO_TCP, 0xb9, 61, 20};
        struct net_path path;
        struct packet packet;
        uint32_t frame;
        uint8_t *l4;
        uint8_t *start;

        fixture_prepare(&ours);
        fixture_prepare(&peer);
        ours.config.vlan = cases[i].vlan;
        peer.config.vlan = cases[i].vlan;
        peer.config.mac = peer_mac;
        peer.addresses[0].addr = addr_of("10.0.0.2");
        peer.addresses[1].addr = addr_of("2001:db8::2");
        assert_int_equal(net_init(&ours.net, &ours.config), 0);
        assert_int_equal(net_init(&peer.net, &peer.config), 0);
        assert_int_equal(net_neighbour_set(&ours.net, &remote, &peer_mac), 0);
        path = find_path(&ours, cases[i].remote);
        frame = frame_take(&ours.pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);
        l4 = frame_data(&ours.pool, frame) + FRAME_TX_METADATA + FRAME_HEADROOM;
        memset(l4, 0x5a, 20);
        start = net_header_write(&ours.net, &path, &header, l4);
        assert_int_equal(l4 - start, cases[i].header_bytes);
        net_send(&ours.net, frame, start, (uint16_t)(l4 + 20 - start));
        frame_drop(&ours.pool, frame, FRAME_WORKER);
        port_flush(&ours.port);
        assert_int_equal(fixture_parse(&peer, ours.sent[0].bytes, ours.sent[0].length, &packet),
                         NET_TCP);
        assert_true(ip_addr_equal(&packet.src, &local));
        assert_true(ip_addr_equal(&packet.dst, &remote));
        assert_int_equal(packet.tos, 0xb9);
        assert_int_equal(packet.ttl, 61);
        assert_int_equal(packet.l4_length, 20);
        assert_int_equal(packet.l4_offset - packet.l2_offset, cases[i].header_bytes);
        expect_counter(&peer, NO_COUNTER, "round trip");
        fixture_close(&ours);
        fixture_close(&peer);
    }
}

/* Not spoken yet, and said so. */
static void icmpv6_is_counted(void **state)
{
    struct fixture f;
    uint8_t bytes[128] = {0};
    struct ip_addr local = addr_of("2001:db8::2");
    struct ip_addr remote = addr_of("2001:db8::1");
    struct net_header header = {&local, &remote, IPPROTO_ICMPV6, 0, 255, 8};

    (void)state;
    fixture_open(&f);
    (void)put_ethernet(bytes, &our_mac, &peer_mac, 0x86dd);
    (void)ipv6_write(&header, bytes + 54);
    assert_int_equal(fixture_receive(&f, bytes, 62), NET_LOCAL);
    expect_counter(&f, COUNTER(drop_protocol), "ICMPv6");
    assert_int_equal(f.sent_count, 0);
    fixture_close(&f);
}

/* The walk over the deadlines has passed the first entry when the second one's
 * failure makes the transport ask for the first. */
static void deadline_set_during_the_walk_is_kept(void **state)
{
    struct fixture f;
    struct net_path first;
    struct net_path second;
    struct list_link waiter;

    (void)state;
    fixture_open(&f);
    first = find_path(&f, "10.0.0.2");
    second = find_path(&f, "10.0.0.3");
    assert_true(first.neighbour < second.neighbour);
    assert_int_equal(net_path_check(&f.net, &second, f.now_ns), NET_PATH_WAIT);
    list_push_back(net_path_waiters(&f.net, &second), &waiter);
    f.ask_when_changed = addr_of("10.0.0.2");
    pass(&f, 3 * NS_PER_S);
    assert_int_equal(f.failed_count, 1);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_INCOMPLETE);
    assert_int_equal(net_next_deadline(&f.net), f.now_ns + NS_PER_S);
    f.ask_when_changed = (struct ip_addr){.bytes = {0}};
    pass(&f, 3 * NS_PER_S);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_FAILED);
    fixture_close(&f);
}

static void tick_before_its_time_does_nothing(void **state)
{
    struct fixture f;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    assert_int_equal(net_next_deadline(&f.net), UINT64_MAX);
    net_tick(&f.net, f.now_ns);
    path = find_path(&f, "10.0.0.2");
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
    net_tick(&f.net, f.now_ns + NS_PER_S - 1);
    assert_int_equal(f.net.counters.arp_requests_out, 1);
    net_tick(&f.net, f.now_ns + NS_PER_S);
    assert_int_equal(f.net.counters.arp_requests_out, 2);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(largest_configuration),
        cmocka_unit_test(headers_are_taken_by_another),
        cmocka_unit_test(icmpv6_is_counted),
        cmocka_unit_test(deadline_set_during_the_walk_is_kept),
        cmocka_unit_test(tick_before_its_time_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
