/*
 * Goal:   an IPv4 header is taken exactly when RFC 791 and RFC 1122 section 3.2.1
 *         let it be, each reason to drop is counted as itself, and what we write
 *         is what another would write.
 * Method: one good packet, and a table of single changes to it, with the header
 *         checksum mended afterwards unless it is the subject.
 */
#include "datapath/net/ipv4.h"

#include "tests/unit/net_steps.h"

#include <netinet/in.h>

#define L3 14

/* Shows: RFC 9293 MUST-50; RFC 1122 3.2.1.8a. */
static void good_packets(void **state)
{
    static const struct {
        const char *name;
        struct ipv4_spec spec;
        uint16_t payload;
        uint16_t padding; /* Ethernet's, behind the packet */
        enum net_kind kind;
    } cases[] = {
        {"TCP", {.protocol = IPPROTO_TCP, .tos = 0xb9}, 20, 0, NET_TCP},
        {"UDP", {.protocol = IPPROTO_UDP}, 8, 0, NET_UDP},
        {"ICMP", {.protocol = IPPROTO_ICMP}, 8, 0, NET_LOCAL},
        {"no payload", {.protocol = IPPROTO_TCP}, 0, 26, NET_TCP},
        {"padding", {.protocol = IPPROTO_TCP}, 1, 25, NET_TCP},
        {"options", {.protocol = IPPROTO_TCP, .option_bytes = 4}, 20, 0, NET_TCP},
        {"most options", {.protocol = IPPROTO_TCP, .option_bytes = 40}, 20, 3, NET_TCP},
        {"DF", {.protocol = IPPROTO_TCP, .fragment = 0x4000}, 20, 0, NET_TCP},
        {"reserved flag", {.protocol = IPPROTO_TCP, .fragment = 0x8000}, 20, 0, NET_TCP},
        {"first fragment", {.protocol = IPPROTO_TCP, .fragment = 0x2000}, 20, 0, NET_FRAGMENT},
        {"later fragment", {.protocol = IPPROTO_TCP, .fragment = 1}, 20, 0, NET_FRAGMENT},
        {"largest", {.protocol = IPPROTO_TCP}, 1480, 0, NET_TCP},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[1600] = {0};
        uint8_t payload[1480] = {0};
        uint16_t length = put_ipv4(bytes, &cases[i].spec, payload, cases[i].payload);
        struct ip_addr us = addr_of("10.0.0.1");
        struct ip_addr peer = addr_of("10.0.0.2");
        struct packet packet;
        enum net_kind kind =
            fixture_parse(&f, bytes, (uint16_t)(length + cases[i].padding), &packet);

        if (kind != cases[i].kind) {
            fail_msg("%s: %d", cases[i].name, kind);
        }
        expect_counter(&f, NO_COUNTER, cases[i].name);
        assert_int_equal(packet.l2_offset, 256);
        assert_int_equal(packet.l3_offset, 256 + L3);
        assert_int_equal(packet.l4_offset, 256 + L3 + 20 + cases[i].spec.option_bytes);
        assert_int_equal(packet.l4_length, cases[i].payload);
        assert_int_equal(packet.protocol,
                         kind == NET_FRAGMENT ? IPPROTO_FRAGMENT : cases[i].spec.protocol);
        assert_int_equal(packet.tos, cases[i].spec.tos);
        assert_int_equal(packet.ttl, 63);
        assert_int_equal(packet.flags, 0);
        assert_true(ip_addr_equal(&packet.src, &peer));
        assert_true(ip_addr_equal(&packet.dst, &us));
    }
    fixture_close(&f);
}

/* Shows: RFC 1122 3.2.1.1a, 3.2.1.2a, 3.2.1.3a. */
static void broken_packets(void **state)
{
    enum mend { MEND, LEAVE }; /* the header checksum */
    static const struct {
        const char *name;
        uint16_t at; /* in the IP header */
        uint8_t value;
        int16_t cut; /* bytes taken off the frame's end */
        enum mend mend;
        size_t counter;
    } cases[] = {
        {"nothing behind Ethernet", 0, 0x45, 40, LEAVE, COUNTER(drop_short)},
        {"header cut", 0, 0x45, 21, LEAVE, COUNTER(drop_short)},
        {"version 0", 0, 0x05, 0, MEND, COUNTER(drop_version)},
        {"version 6", 0, 0x65, 0, MEND, COUNTER(drop_version)},
        {"header length 0", 0, 0x40, 0, LEAVE, COUNTER(drop_version)},
        {"header length 16", 0, 0x44, 0, LEAVE, COUNTER(drop_version)},
        {"header longer than the packet", 0, 0x4b, 0, LEAVE, COUNTER(drop_length)},
        {"options beyond the checksum", 0, 0x46, 0, LEAVE, COUNTER(drop_checksum)},
        {"length 0", 3, 0, 0, MEND, COUNTER(drop_length)},
        {"length below the header", 3, 19, 0, MEND, COUNTER(drop_length)},
        {"length beyond the frame", 3, 41, 0, MEND, COUNTER(drop_length)},
        {"length far beyond", 2, 0xff, 0, MEND, COUNTER(drop_length)},
        {"payload cut", 0, 0x45, 1, LEAVE, COUNTER(drop_length)},
        {"checksum wrong", 10, 0xaa, 0, LEAVE, COUNTER(drop_checksum)},
        {"bit flipped in the TTL", 8, 62, 0, LEAVE, COUNTER(drop_checksum)},
        {"not for us", 19, 9, 0, MEND, COUNTER(drop_destination)},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        static const struct ipv4_spec spec = {.protocol = IPPROTO_TCP};
        uint8_t bytes[64];
        uint8_t payload[20] = {0};
        uint16_t length = put_ipv4(bytes, &spec, payload, sizeof payload);
        struct packet packet;

        bytes[L3 + cases[i].at] = cases[i].value;
        if (cases[i].mend == MEND) {
            put_ipv4_checksum(bytes + L3);
        }
        length = (uint16_t)(length - cases[i].cut);
        if (fixture_parse(&f, bytes, length, &packet) != NET_DROP) {
            fail_msg("%s: taken", cases[i].name);
        }
        expect_counter(&f, cases[i].counter, cases[i].name);
    }
    fixture_close(&f);
}

/* It was for routers to count.
 * Shows: RFC 1122 3.2.1.7b. */
static void no_ttl_is_too_small(void **state)
{
    static const struct ipv4_spec spec = {.protocol = IPPROTO_TCP};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned ttl = 0; ttl < 256; ttl++) {
        uint8_t bytes[64];
        uint8_t payload[20] = {0};
        uint16_t length = put_ipv4(bytes, &spec, payload, sizeof payload);
        struct packet packet;

        bytes[L3 + 8] = (uint8_t)ttl;
        put_ipv4_checksum(bytes + L3);
        assert_int_equal(fixture_parse(&f, bytes, length, &packet), NET_TCP);
        assert_int_equal(packet.ttl, ttl);
    }
    fixture_close(&f);
}

/* Shows: RFC 1191 3a; RFC 6864 4.1a. */
static void header_is_written_as_others_would(void **state)
{
    static const struct {
        const char *local, *remote;
        uint8_t tos, ttl;
        uint16_t l4_length;
    } cases[] = {
        {"10.0.0.1", "10.0.0.2", 0, 64, 20},
        {"255.254.253.252", "251.250.249.248", 0xff, 255, 1480},
        {"0.0.0.0", "0.0.0.1", 0, 0, 0}, /* small sums */
        {"255.255.255.255", "255.255.255.255", 0x02, 1, 65515},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr local = addr_of(cases[i].local);
        struct ip_addr remote = addr_of(cases[i].remote);
        struct net_header header = {&local,       &remote,      6,
                                    cases[i].tos, cases[i].ttl, cases[i].l4_length};
        uint8_t expected[20] = {0x45, cases[i].tos, 0, 0, 0, 0, 0x40, 0, cases[i].ttl, 6};
        uint8_t room[24];

        memset(room, 0xee, sizeof room);
        put16(expected + 2, 20u + cases[i].l4_length);
        memcpy(expected + 12, local.bytes + 12, 4);
        memcpy(expected + 16, remote.bytes + 12, 4);
        put_ipv4_checksum(expected);
        assert_ptr_equal(ipv4_write(&header, room + 22), room + 2);
        assert_memory_equal(room + 2, expected, sizeof expected);
        assert_int_equal(wire_checksum(room + 2, 20), 0);
        assert_int_equal(room[1], 0xee);
        assert_int_equal(room[22], 0xee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_packets),
        cmocka_unit_test(broken_packets),
        cmocka_unit_test(no_ttl_is_too_small),
        cmocka_unit_test(header_is_written_as_others_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
