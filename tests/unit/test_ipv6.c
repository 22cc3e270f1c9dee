/*
 * Goal:   an IPv6 packet is taken exactly when RFC 8200 lets it be, its extension
 *         headers are stepped over and never out of, and an IPv4 address can't be
 *         smuggled in.
 * Method: tables of packets, each a chain of headers or one change to a good one.
 */
#include "datapath/net/ipv6.h"

#include "tests/unit/net_steps.h"

#include <netinet/in.h>

#define L3 14
#define HOP IPPROTO_HOPOPTS
#define ROUTE IPPROTO_ROUTING
#define OPTIONS IPPROTO_DSTOPTS
#define TCP IPPROTO_TCP

static uint16_t put_ipv6(uint8_t *at, uint8_t next, const void *payload, unsigned payload_bytes)
{
    uint8_t *l3 = at + put_ethernet(at, &our_mac, &peer_mac, 0x86dd);
    struct ip_addr src = addr_of("2001:db8::2");
    struct ip_addr dst = addr_of("2001:db8::1");

    memset(l3, 0, 40);
    l3[0] = 0x6a; /* traffic class 0xa5, flow label 0x12345 */
    l3[1] = 0x51;
    l3[2] = 0x23;
    l3[3] = 0x45;
    put16(l3 + 4, payload_bytes);
    l3[6] = next;
    l3[7] = 63;
    memcpy(l3 + 8, src.bytes, 16);
    memcpy(l3 + 24, dst.bytes, 16);
    if (payload_bytes > 0) {
        memcpy(l3 + 40, payload, payload_bytes);
    }
    return (uint16_t)(L3 + 40 + payload_bytes);
}

static const struct {
    const char *name;
    uint8_t next;
    uint8_t payload[96];
    uint16_t length;
    uint16_t skipped;
    enum net_kind kind;
    size_t counter;
} chains[] = {
    {"TCP", TCP, {0}, 20, 0, NET_TCP, NO_COUNTER},
    {"UDP", IPPROTO_UDP, {0}, 8, 0, NET_UDP, NO_COUNTER},
    {"ICMPv6", IPPROTO_ICMPV6, {0}, 8, 0, NET_LOCAL, NO_COUNTER},
    {"no payload", TCP, {0}, 0, 0, NET_TCP, NO_COUNTER},
    {"hop by hop", HOP, {TCP, 0}, 28, 8, NET_TCP, NO_COUNTER},
    {"hop by hop, 24 bytes", HOP, {TCP, 2}, 44, 24, NET_TCP, NO_COUNTER},
    {"nothing behind it", HOP, {TCP, 0}, 8, 8, NET_TCP, NO_COUNTER},
    {"three in a row",
     HOP,
     {OPTIONS, 0, [8] = ROUTE, 0, [16] = TCP, 0},
     44,
     24,
     NET_TCP,
     NO_COUNTER},
    {"eight in a row",
     OPTIONS,
     {OPTIONS, [8] = OPTIONS, [16] = OPTIONS, [24] = OPTIONS, [32] = OPTIONS, [40] = OPTIONS,
      [48] = OPTIONS, [56] = TCP},
     84,
     64,
     NET_TCP,
     NO_COUNTER},
    {"nine in a row",
     OPTIONS,
     {OPTIONS, [8] = OPTIONS, [16] = OPTIONS, [24] = OPTIONS, [32] = OPTIONS, [40] = OPTIONS,
      [48] = OPTIONS, [56] = OPTIONS, [64] = TCP},
     84,
     0,
     NET_DROP,
     COUNTER(drop_extension)},
    {"routing, segments left", ROUTE, {TCP, 0, 0, 1}, 28, 0, NET_DROP, COUNTER(drop_extension)},
    {"routing, used up", ROUTE, {TCP, 0, 0, 0}, 28, 8, NET_TCP, NO_COUNTER},
    {"hop by hop behind another",
     OPTIONS,
     {HOP, 0, [8] = TCP, 0},
     36,
     0,
     NET_DROP,
     COUNTER(drop_extension)},
    {"hop by hop twice", HOP, {HOP, 0, [8] = TCP, 0}, 36, 0, NET_DROP, COUNTER(drop_extension)},
    {"padding of more than a byte", HOP, {TCP, 0, 1, 4}, 28, 8, NET_TCP, NO_COUNTER},
    {"unknown option, to be skipped",
     HOP,
     {TCP, 0, 0x1e, 2, 0xff, 0xff},
     28,
     8,
     NET_TCP,
     NO_COUNTER},
    {"unknown option, to be dropped",
     OPTIONS,
     {TCP, 0, 0x5e, 4},
     28,
     0,
     NET_DROP,
     COUNTER(drop_extension)},
    {"unknown option, to be answered",
     HOP,
     {TCP, 0, 0, 0, 0x9e, 2},
     28,
     0,
     NET_DROP,
     COUNTER(drop_extension)},
    {"jumbo payload", HOP, {TCP, 0, 0xc2, 4, 0, 1, 0, 0}, 28, 0, NET_DROP, COUNTER(drop_extension)},
    {"option beyond its header", HOP, {TCP, 0, 0x1e, 5}, 28, 0, NET_DROP, COUNTER(drop_extension)},
    {"option cut behind its type",
     HOP,
     {TCP, 0, 0, 0, 0, 0, 0, 0x1e},
     28,
     0,
     NET_DROP,
     COUNTER(drop_extension)},
    {"header cut", HOP, {TCP, 0}, 7, 0, NET_DROP, COUNTER(drop_extension)},
    {"no header at all", HOP, {0}, 0, 0, NET_DROP, COUNTER(drop_extension)},
    {"longer than the packet", HOP, {TCP, 1}, 15, 0, NET_DROP, COUNTER(drop_extension)},
    {"far longer", HOP, {TCP, 255}, 28, 0, NET_DROP, COUNTER(drop_extension)},
    {"second one too long",
     HOP,
     {OPTIONS, 0, [8] = TCP, 9},
     28,
     0,
     NET_DROP,
     COUNTER(drop_extension)},
    {"fragment", IPPROTO_FRAGMENT, {TCP, 0, 0, 1}, 28, 0, NET_FRAGMENT, NO_COUNTER},
    {"fragment behind options",
     OPTIONS,
     {IPPROTO_FRAGMENT, 0, [8] = TCP},
     28,
     8,
     NET_FRAGMENT,
     NO_COUNTER},
};

/* Shows: RFC 8200 4a, 4b, 4.2a, 4.4a. */
static void headers_are_stepped_over(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(chains); i++) {
        uint8_t bytes[256] = {0};
        uint16_t length = put_ipv6(bytes, chains[i].next, chains[i].payload, chains[i].length);
        struct packet packet;
        enum net_kind kind = fixture_parse(&f, bytes, length, &packet);

        if (kind != chains[i].kind) {
            fail_msg("%s: %d", chains[i].name, kind);
        }
        expect_counter(&f, chains[i].counter, chains[i].name);
        if (kind != NET_DROP) {
            assert_int_equal(packet.l4_offset, 256 + L3 + 40 + chains[i].skipped);
            assert_int_equal(packet.l4_length, chains[i].length - chains[i].skipped);
            assert_int_equal(packet.tos, 0xa5);
            assert_int_equal(packet.ttl, 63);
            assert_int_equal(packet.flags, PACKET_V6);
        }
    }
    fixture_close(&f);
}

/* Shows: RFC 8200 3a. */
static void broken_packets(void **state)
{
    static const struct {
        const char *name;
        uint16_t at; /* in the IP header */
        uint8_t value;
        int16_t cut; /* bytes taken off the frame's end; below 0: padding */
        size_t counter;
    } cases[] = {
        {"padding", 7, 1, -6, NO_COUNTER},
        {"header cut", 7, 1, 21, COUNTER(drop_short)},
        {"nothing behind Ethernet", 7, 1, 60, COUNTER(drop_short)},
        {"version 4", 0, 0x45, 0, COUNTER(drop_version)},
        {"length beyond the frame", 5, 21, 0, COUNTER(drop_length)},
        {"length far beyond", 4, 0xff, 0, COUNTER(drop_length)},
        {"payload cut", 7, 1, 1, COUNTER(drop_length)},
        {"not for us", 39, 9, 0, COUNTER(drop_destination)},
        {"from ourselves", 23, 1, 0, COUNTER(drop_source)},
        {"from a group", 8, 0xff, 0, COUNTER(drop_source)},
        {"TCP to a group", 24, 0xff, 0, COUNTER(drop_destination)},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[128] = {0};
        uint8_t payload[20] = {0};
        uint16_t length = put_ipv6(bytes, TCP, payload, sizeof payload);
        struct packet packet;
        enum net_kind kind;

        bytes[L3 + cases[i].at] = cases[i].value;
        length = (uint16_t)(length - cases[i].cut);
        kind = fixture_parse(&f, bytes, length, &packet);
        expect_counter(&f, cases[i].counter, cases[i].name);
        assert_int_equal(kind, cases[i].counter == NO_COUNTER ? NET_TCP : NET_DROP);
    }
    fixture_close(&f);
}

/* Inside, ::ffff:10.0.0.2 is 10.0.0.2: it must not come from an IPv6 header. */
static void mapped_addresses_stay_out(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned at = 8; at <= 24; at += 16) {
        uint8_t bytes[128];
        uint8_t payload[20] = {0};
        uint16_t length = put_ipv6(bytes, TCP, payload, sizeof payload);
        struct ip_addr mapped = addr_of(at == 8 ? "10.0.0.2" : "10.0.0.1");
        struct packet packet;

        memcpy(bytes + L3 + at, mapped.bytes, 16);
        assert_int_equal(fixture_parse(&f, bytes, length, &packet), NET_DROP);
        expect_counter(&f, COUNTER(drop_source), "mapped");
    }
    fixture_close(&f);
}

static void header_is_written_as_others_would(void **state)
{
    struct ip_addr local = addr_of("2001:db8::1");
    struct ip_addr remote = addr_of("2001:db8:ffff::2");
    struct net_header header = {&local, &remote, TCP, 0xa5, 63, 1440};
    uint8_t expected[40] = {0x6a, 0x50, 0, 0, 0x05, 0xa0, TCP, 63};
    uint8_t room[44];

    (void)state;
    memcpy(expected + 8, local.bytes, 16);
    memcpy(expected + 24, remote.bytes, 16);
    memset(room, 0xee, sizeof room);
    assert_ptr_equal(ipv6_write(&header, room + 42), room + 2);
    assert_memory_equal(room + 2, expected, sizeof expected);
    assert_int_equal(room[1], 0xee);
    assert_int_equal(room[42], 0xee);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_stepped_over),
        cmocka_unit_test(broken_packets),
        cmocka_unit_test(mapped_addresses_stay_out),
        cmocka_unit_test(header_is_written_as_others_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
