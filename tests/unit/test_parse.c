/*
 * Goal:   a frame reaches the transport only when link, VLAN and addresses say
 *         that it is ours and from a host that may speak; and nothing that an
 *         attacker sends is read beyond its end.
 * Method: tables of link headers and addresses around a good packet; then frames
 *         of random bytes, and good ones cut and mangled, at the very end of the
 *         pool's memory, where the address sanitizer watches.
 */
#include "datapath/wire/random.h"

#include "tests/unit/net_steps.h"

#include <netinet/in.h>

/* A SYN is enough of a payload here. */
static const uint8_t payload[20];

static const struct {
    const char *name;
    struct mac_addr dst;
    uint16_t our_vlan;
    uint8_t tag[12]; /* what stands between the MAC addresses and IPv4 */
    uint8_t tag_bytes;
    enum net_kind kind;
    size_t counter;
} links[] = {
    {"ours", {{OUR_MAC}}, 0, {8, 0}, 2, NET_UDP, NO_COUNTER},
    {"broadcast", {{ALL_MAC}}, 0, {8, 0}, 2, NET_UDP, NO_COUNTER},
    {"multicast", {{1, 0, 0x5e, 0, 0, 1}}, 0, {8, 0}, 2, NET_UDP, NO_COUNTER},
    {"another's", {{PEER_MAC}}, 0, {8, 0}, 2, NET_DROP, COUNTER(drop_link)},
    {"another EtherType", {{OUR_MAC}}, 0, {0x88, 0xcc}, 2, NET_DROP, COUNTER(drop_ethertype)},
    {"802.3 length", {{OUR_MAC}}, 0, {0, 40}, 2, NET_DROP, COUNTER(drop_ethertype)},
    {"tag that we have not",
     {{OUR_MAC}},
     0,
     {0x81, 0, 0, 5, 8, 0},
     6,
     NET_DROP,
     COUNTER(drop_vlan)},
    {"priority tag", {{OUR_MAC}}, 0, {0x81, 0, 0xe0, 0, 8, 0}, 6, NET_UDP, NO_COUNTER},
    {"our tag", {{OUR_MAC}}, 5, {0x81, 0, 0, 5, 8, 0}, 6, NET_UDP, NO_COUNTER},
    {"our tag with a priority", {{OUR_MAC}}, 5, {0x81, 0, 0xb0, 5, 8, 0}, 6, NET_UDP, NO_COUNTER},
    {"largest tag", {{OUR_MAC}}, 4094, {0x81, 0, 0x0f, 0xfe, 8, 0}, 6, NET_UDP, NO_COUNTER},
    {"another tag", {{OUR_MAC}}, 5, {0x81, 0, 1, 5, 8, 0}, 6, NET_DROP, COUNTER(drop_vlan)},
    {"no tag", {{OUR_MAC}}, 5, {8, 0}, 2, NET_DROP, COUNTER(drop_vlan)},
    {"priority tag, not ours",
     {{OUR_MAC}},
     5,
     {0x81, 0, 0xe0, 0, 8, 0},
     6,
     NET_DROP,
     COUNTER(drop_vlan)},
    {"two tags",
     {{OUR_MAC}},
     5,
     {0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 0},
     10,
     NET_DROP,
     COUNTER(drop_ethertype)},
};

/* Shows: RFC 1122 2.3.3a. */
static void links_and_tags(void **state)
{

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(links); i++) {
        static const struct ipv4_spec spec = {.protocol = IPPROTO_UDP};
        struct fixture f;
        uint8_t plain[64];
        uint8_t bytes[96];
        uint16_t length = put_ipv4(plain, &spec, payload, sizeof payload);
        struct packet packet;
        enum net_kind kind;

        fixture_prepare(&f);
        f.config.vlan = links[i].our_vlan;
        assert_int_equal(net_init(&f.net, &f.config), 0);
        memcpy(bytes, plain, 12);
        memcpy(bytes, links[i].dst.bytes, 6);
        memcpy(bytes + 12, links[i].tag, links[i].tag_bytes);
        memcpy(bytes + 12 + links[i].tag_bytes, plain + 14, length - 14u);
        kind = fixture_parse(&f, bytes, (uint16_t)(length - 2 + links[i].tag_bytes), &packet);
        if (kind != links[i].kind) {
            fail_msg("%s: %d", links[i].name, kind);
        }
        expect_counter(&f, links[i].counter, links[i].name);
        if (kind != NET_DROP) {
            assert_int_equal(packet.l3_offset, 256 + 12 + links[i].tag_bytes);
            assert_int_equal(packet.flags, bytes[0] & 1 ? PACKET_TO_GROUP : 0);
        }
        fixture_close(&f);
    }
}

static const struct {
    const char *name;
    struct ipv4_spec spec;
    enum net_kind kind;
    size_t counter;
    bool to_group;
} judged[] = {
    {"from another network", {.protocol = 6, .src = "203.0.113.9"}, NET_TCP, NO_COUNTER, false},
    {"from 0.0.0.0", {.protocol = 6, .src = "0.0.0.0"}, NET_DROP, COUNTER(drop_source), false},
    {"from 0.1.2.3", {.protocol = 6, .src = "0.1.2.3"}, NET_DROP, COUNTER(drop_source), false},
    {"from loopback", {.protocol = 6, .src = "127.0.0.1"}, NET_DROP, COUNTER(drop_source), false},
    {"from multicast", {.protocol = 6, .src = "224.0.0.1"}, NET_DROP, COUNTER(drop_source), false},
    {"from reserved", {.protocol = 6, .src = "240.0.0.1"}, NET_DROP, COUNTER(drop_source), false},
    {"from broadcast",
     {.protocol = 6, .src = "255.255.255.255"},
     NET_DROP,
     COUNTER(drop_source),
     false},
    {"from our broadcast",
     {.protocol = 6, .src = "10.0.0.255"},
     NET_DROP,
     COUNTER(drop_source),
     false},
    {"from ourselves", {.protocol = 6, .src = "10.0.0.1"}, NET_DROP, COUNTER(drop_source), false},
    {"from our other address",
     {.protocol = 6, .src = "192.0.2.1"},
     NET_DROP,
     COUNTER(drop_source),
     false},
    {"to our other address", {.protocol = 6, .dst = "192.0.2.1"}, NET_TCP, NO_COUNTER, false},
    {"to another", {.protocol = 6, .dst = "10.0.0.3"}, NET_DROP, COUNTER(drop_destination), false},
    {"to loopback",
     {.protocol = 6, .dst = "127.0.0.1"},
     NET_DROP,
     COUNTER(drop_destination),
     false},
    {"to nobody", {.protocol = 6, .dst = "0.0.0.0"}, NET_DROP, COUNTER(drop_destination), false},
    {"to reserved",
     {.protocol = 17, .dst = "240.0.0.1"},
     NET_DROP,
     COUNTER(drop_destination),
     false},
    {"TCP to all",
     {.protocol = 6, .dst = "255.255.255.255"},
     NET_DROP,
     COUNTER(drop_destination),
     true},
    {"TCP to our broadcast",
     {.protocol = 6, .dst = "10.0.0.255"},
     NET_DROP,
     COUNTER(drop_destination),
     true},
    {"TCP to multicast",
     {.protocol = 6, .dst = "224.0.0.1"},
     NET_DROP,
     COUNTER(drop_destination),
     true},
    {"TCP in a link broadcast",
     {.protocol = 6, .link_dst = &all_mac},
     NET_DROP,
     COUNTER(drop_destination),
     true},
    {"UDP to all", {.protocol = 17, .dst = "255.255.255.255"}, NET_UDP, NO_COUNTER, true},
    {"UDP to our broadcast", {.protocol = 17, .dst = "10.0.0.255"}, NET_UDP, NO_COUNTER, true},
    {"UDP to multicast", {.protocol = 17, .dst = "239.1.2.3"}, NET_UDP, NO_COUNTER, true},
    {"UDP from all to all",
     {.protocol = 17, .src = "255.255.255.255", .dst = "10.0.0.255"},
     NET_DROP,
     COUNTER(drop_source),
     true},
};

/* Shows: RFC 1122 3.2.1.3b; RFC 9293 MUST-57, MUST-63. */
static void addresses_are_judged(void **state)
{
    struct fixture f;
    struct ip_prefix addresses[3];

    (void)state;
    fixture_prepare(&f);
    memcpy(addresses, f.addresses, sizeof f.addresses);
    addresses[2] = (struct ip_prefix){addr_of("192.0.2.1"), 32};
    f.config.addresses = addresses;
    f.config.address_count = 3;
    assert_int_equal(net_init(&f.net, &f.config), 0);
    for (unsigned i = 0; i < COUNT_OF(judged); i++) {
        uint8_t bytes[64];
        uint16_t length = put_ipv4(bytes, &judged[i].spec, payload, sizeof payload);
        struct packet packet;
        enum net_kind kind = fixture_parse(&f, bytes, length, &packet);

        if (kind != judged[i].kind) {
            fail_msg("%s: %d", judged[i].name, kind);
        }
        expect_counter(&f, judged[i].counter, judged[i].name);
        assert_int_equal((packet.flags & PACKET_TO_GROUP) != 0, judged[i].to_group);
    }
    fixture_close(&f);
}

static void short_frames(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        uint16_t length;
        size_t counter;
    } cases[] = {
        {"nothing", 0x0800, 0, COUNTER(drop_short)},
        {"no EtherType", 0x0800, 13, COUNTER(drop_short)},
        {"Ethernet alone, IPv4", 0x0800, 14, COUNTER(drop_short)},
        {"Ethernet alone, IPv6", 0x86dd, 14, COUNTER(drop_short)},
        {"Ethernet alone, ARP", 0x0806, 14, COUNTER(drop_short)},
        {"ARP cut", 0x0806, 41, COUNTER(drop_short)},
        {"tag cut", 0x8100, 17, COUNTER(drop_vlan)},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[64] = {0};
        struct packet packet;

        (void)put_ethernet(bytes, &our_mac, &peer_mac, cases[i].type);
        assert_int_equal(fixture_parse(&f, bytes, cases[i].length, &packet), NET_DROP);
        expect_counter(&f, cases[i].counter, cases[i].name);
    }
    fixture_close(&f);
}

/* The frame that is last in memory. */
static uint32_t take_last(struct fixture *f, uint32_t *others, unsigned *count)
{
    for (;;) {
        uint32_t frame = frame_take(&f->pool, FRAME_BUDGET_RECEIVE, FRAME_WORKER);

        assert_int_not_equal(frame, FRAME_NONE);
        if (frame == FIXTURE_FRAMES - 1) {
            return frame;
        }
        others[(*count)++] = frame;
    }
}

/* Where in the chunk the mangled frame's parts lie must make sense. */
static void check_parts(const struct port_packet *raw, const struct packet *packet)
{
    assert_true(packet->l3_offset >= raw->offset + 14);
    assert_true(packet->l4_offset >= packet->l3_offset);
    assert_true(packet->l4_offset + packet->l4_length <= raw->offset + raw->length);
}

static void mangled_frames_are_never_left(void **state)
{
    static const unsigned types[] = {0x0800, 0x86dd, 0x0806, 0x8100};
    struct fixture f;
    struct random random;
    uint32_t others[FIXTURE_FRAMES];
    unsigned other_count = 0;
    uint32_t last;

    (void)state;
    fixture_prepare(&f);
    wire_pool_destroy(&f.pool);
    assert_int_equal(wire_pool_create(&f.pool, &(struct frame_pool_config){.count = FIXTURE_FRAMES,
                                                                           .chunk_bytes = 2048}),
                     0);
    assert_int_equal(net_init(&f.net, &f.config), 0);
    random_init(&random, 7);
    last = take_last(&f, others, &other_count);
    for (unsigned i = 0; i < 20000; i++) {
        static const struct ipv4_spec spec = {.protocol = 6, .option_bytes = 8};
        uint8_t bytes[128];
        uint16_t length = (uint16_t)random_below(&random, sizeof bytes);
        struct port_packet raw = {last, (uint16_t)(2048 - length), length};
        struct packet packet;

        for (unsigned j = 0; j < sizeof bytes; j++) {
            bytes[j] = (uint8_t)random_next(&random);
        }
        if (random_chance(&random, 500000)) {
            (void)put_ipv4(bytes, &spec, payload, sizeof payload);
            bytes[14 + random_below(&random, 30)] = (uint8_t)random_next(&random);
            put_ipv4_checksum(bytes + 14);
        } else {
            (void)put_ethernet(bytes, &our_mac, &peer_mac, types[random_below(&random, 4)]);
            bytes[14] = bytes[12] == 0x86 ? 0x60 : 0x45;
            bytes[20] = (uint8_t)(random_chance(&random, 500000) ? IPPROTO_DSTOPTS : bytes[20]);
            put16(bytes + 18, (unsigned)random_below(&random, 128));
        }
        memcpy(frame_data(&f.pool, last) + raw.offset, bytes, length);
        if (net_parse(&f.net, &raw, &packet) != NET_DROP) {
            check_parts(&raw, &packet);
        }
    }
    frame_drop(&f.pool, last, FRAME_WORKER);
    while (other_count > 0) {
        frame_drop(&f.pool, others[--other_count], FRAME_WORKER);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_tags),
        cmocka_unit_test(addresses_are_judged),
        cmocka_unit_test(short_frames),
        cmocka_unit_test(mangled_frames_are_never_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
