/*
 * Goal:   echoes are answered as they came, errors reach the transport with what
 *         they quote, and we send errors only where RFC 1122 section 3.2.2 lets
 *         us, and not too many.
 * Method: messages built by bytes; tables of quotes; every answer's checksums are
 *         added up by bytes.
 */
#include "tests/unit/net_steps.h"

#include <netinet/in.h>

#define L4 34 /* in a frame without tag and options */

/* An ICMP message with its checksum, to us. */
static uint16_t put_icmp(uint8_t *at, const struct ipv4_spec *spec, uint8_t *message,
                         unsigned bytes)
{
    put16(message + 2, 0);
    put16(message + 2, wire_checksum(message, bytes));
    return put_ipv4(at, spec, message, bytes);
}

static void know_peer(struct fixture *f)
{
    struct ip_addr peer = addr_of("10.0.0.2");

    assert_int_equal(net_neighbour_set(&f->net, &peer, &peer_mac), 0);
}

/* From us to the peer, both checksums right. */
static void check_sent(const struct sent *sent, uint16_t length)
{
    const uint8_t *bytes = sent->bytes;
    struct ip_addr us = addr_of("10.0.0.1");
    struct ip_addr peer = addr_of("10.0.0.2");

    assert_int_equal(sent->length, length);
    assert_memory_equal(bytes, peer_mac.bytes, 6);
    assert_memory_equal(bytes + 6, our_mac.bytes, 6);
    assert_int_equal(get16(bytes + 12), 0x0800);
    assert_int_equal(bytes[14], 0x45);
    assert_int_equal(get16(bytes + 16), length - 14);
    assert_int_equal(bytes[22], 64);
    assert_int_equal(bytes[23], IPPROTO_ICMP);
    assert_int_equal(wire_checksum(bytes + 14, 20), 0);
    assert_memory_equal(bytes + 26, us.bytes + 12, 4);
    assert_memory_equal(bytes + 30, peer.bytes + 12, 4);
    assert_int_equal(wire_checksum(bytes + L4, length - L4), 0);
}

/* Shows: RFC 1122 3.2.1.5a, 3.2.2.6a, 3.2.2.6c. */
static void echo_comes_back(void **state)
{
    static const struct {
        const char *name;
        struct ipv4_spec spec;
        uint16_t data;
        uint16_t padding;
        uint8_t fill;
    } cases[] = {
        {"no data", {.protocol = 1}, 0, 18, 0},
        {"56 bytes", {.protocol = 1}, 56, 0, 0x5a},
        {"odd length", {.protocol = 1}, 57, 0, 0xff},
        {"all ones", {.protocol = 1}, 1472, 0, 0xff},
        {"TOS kept, ECN not", {.protocol = 1, .tos = 0xbb}, 8, 10, 1},
        {"options left out", {.protocol = 1, .option_bytes = 12}, 8, 0, 1},
        {"from far away", {.protocol = 1}, 8, 10, 1},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[1600] = {0};
        uint8_t message[1500] = {8, 0, 0, 0, 0x12, 0x34, 0xff, 0xfe};
        uint16_t length;

        memset(message + 8, cases[i].fill, cases[i].data);
        length = put_icmp(bytes, &cases[i].spec, message, 8u + cases[i].data);
        assert_int_equal(fixture_receive(&f, bytes, (uint16_t)(length + cases[i].padding)),
                         NET_LOCAL);
        expect_counter(&f, COUNTER(icmp_echos), cases[i].name);
        assert_int_equal(f.sent_count, 1);
        check_sent(&f.sent[0], (uint16_t)(L4 + 8 + cases[i].data));
        assert_int_equal(f.sent[0].bytes[15], cases[i].spec.tos & 0xfc);
        assert_int_equal(f.sent[0].bytes[L4], 0);
        assert_memory_equal(f.sent[0].bytes + L4 + 4, message + 4, 4u + cases[i].data);
        f.sent_count = 0;
    }
    fixture_close(&f);
}

/* One that was put together from fragments may be longer than what can be sent. */
static void an_echo_beyond_the_mtu_is_not_answered(void **state)
{
    static const struct ipv4_spec spec = {.protocol = 1};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    f.net.mtu = 576;
    for (unsigned beyond = 0; beyond < 2; beyond++) {
        uint8_t bytes[700] = {0};
        uint8_t message[600] = {8};

        assert_int_equal(
            fixture_receive(&f, bytes, put_icmp(bytes, &spec, message, 576 - 20 + beyond)),
            NET_LOCAL);
        expect_counter(&f, beyond ? COUNTER(icmp_too_long) : COUNTER(icmp_echos), "");
        assert_int_equal(f.sent_count, !beyond);
        f.sent_count = 0;
    }
    fixture_close(&f);
}

/* Each checksum that an echo request can have: the difference is always right. */
static void echo_checksum_is_right_for_every_request(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    for (unsigned id = 0; id < 0x10000; id += 0x55) {
        static const struct ipv4_spec spec = {.protocol = 1};
        uint8_t bytes[64];
        uint8_t message[8] = {8, 0};
        uint16_t length;

        put16(message + 4, id);
        length = put_icmp(bytes, &spec, message, sizeof message);
        assert_int_equal(fixture_receive(&f, bytes, length), NET_LOCAL);
        check_sent(&f.sent[0], L4 + 8);
        f.sent_count = 0;
    }
    fixture_close(&f);
}

/* The echo waits in its own frame, which the receive budget gets back.
 * Shows: RFC 1122 2.3.2.2a. */
static void echo_waits_for_its_neighbour(void **state)
{
    static const struct ipv4_spec spec = {.protocol = 1};
    static const struct arp_spec answer = {2, "10.0.0.2", "10.0.0.1", NULL, NULL};
    struct fixture f;
    uint8_t bytes[64];
    uint8_t message[16] = {8};

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_receive(&f, bytes, put_icmp(bytes, &spec, message, sizeof message)),
                     NET_LOCAL);
    assert_int_equal(f.sent_count, 1); /* the ARP request */
    assert_int_equal(f.pool.used[FRAME_BUDGET_RECEIVE], 0);
    assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], 1);
    f.sent_count = 0;
    receive_arp(&f, &answer);
    assert_int_equal(f.sent_count, 1);
    check_sent(&f.sent[0], L4 + 16);
    fixture_close(&f);
}

/* Shows: RFC 1122 3.2.2a, 3.2.2.6b; RFC 9293 MUST-55; RFC 5927 6.2a. */
static void messages_that_are_not_answered(void **state)
{
    static const struct {
        const char *name;
        struct ipv4_spec spec;
        uint8_t type;
        uint16_t length;
        bool spoil; /* the checksum */
        size_t counter;
    } cases[] = {
        {"too short", {.protocol = 1}, 8, 7, false, COUNTER(drop_icmp)},
        {"empty", {.protocol = 1}, 8, 0, false, COUNTER(drop_icmp)},
        {"checksum", {.protocol = 1}, 8, 16, true, COUNTER(drop_icmp)},
        {"echo to all",
         {.protocol = 1, .dst = "255.255.255.255"},
         8,
         16,
         false,
         COUNTER(icmp_ignored)},
        {"echo to our broadcast",
         {.protocol = 1, .dst = "10.0.0.255"},
         8,
         16,
         false,
         COUNTER(icmp_ignored)},
        {"echo to multicast",
         {.protocol = 1, .dst = "224.0.0.1"},
         8,
         16,
         false,
         COUNTER(icmp_ignored)},
        {"echo in a link broadcast",
         {.protocol = 1, .link_dst = &all_mac},
         8,
         16,
         false,
         COUNTER(icmp_ignored)},
        {"error to all",
         {.protocol = 1, .dst = "255.255.255.255"},
         3,
         36,
         false,
         COUNTER(icmp_ignored)},
        {"echo reply", {.protocol = 1}, 0, 16, false, COUNTER(icmp_ignored)},
        {"source quench", {.protocol = 1}, 4, 36, false, COUNTER(icmp_ignored)},
        {"redirect", {.protocol = 1}, 5, 36, false, COUNTER(icmp_ignored)},
        {"timestamp", {.protocol = 1}, 13, 20, false, COUNTER(icmp_ignored)},
        {"unheard of", {.protocol = 1}, 255, 36, false, COUNTER(icmp_ignored)},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[128];
        uint8_t message[64] = {cases[i].type};
        uint16_t length = put_icmp(bytes, &cases[i].spec, message, cases[i].length);

        bytes[L4 + 8] ^= cases[i].spoil ? 1 : 0;
        assert_int_equal(fixture_receive(&f, bytes, length), NET_LOCAL);
        expect_counter(&f, cases[i].counter, cases[i].name);
        assert_int_equal(f.sent_count, 0);
        assert_int_equal(f.error_count, 0);
    }
    fixture_close(&f);
}

/* An error about a TCP segment from 10.0.0.1:80 to 192.0.2.7:1025. */
static void put_quote(uint8_t *at)
{
    static const uint8_t quote[28] = {0x45, 0,  0,  60, 0,    0,    0x40, 0,   64, 6,
                                      0,    0,  10, 0,  0,    1,    192,  0,   2,  7,
                                      0,    80, 4,  1,  0xde, 0xad, 0xbe, 0xef};

    memcpy(at, quote, sizeof quote);
}

/* Shows: RFC 1122 3.2.2.1b, 3.2.2.4a, 3.2.2.5a. */
static void errors_reach_the_transport(void **state)
{
    static const struct {
        uint8_t type, code;
        enum net_icmp_class class;
    } cases[] = {
        {3, 0, NET_ICMP_NET_UNREACH},    {3, 1, NET_ICMP_HOST_UNREACH},
        {3, 2, NET_ICMP_PROTO_UNREACH},  {3, 3, NET_ICMP_PORT_UNREACH},
        {3, 4, NET_ICMP_FRAG_NEEDED},    {3, 5, NET_ICMP_HOST_UNREACH},
        {3, 6, NET_ICMP_NET_UNREACH},    {3, 7, NET_ICMP_HOST_UNREACH},
        {3, 8, NET_ICMP_HOST_UNREACH},   {3, 9, NET_ICMP_PROHIBITED},
        {3, 10, NET_ICMP_PROHIBITED},    {3, 11, NET_ICMP_NET_UNREACH},
        {3, 12, NET_ICMP_HOST_UNREACH},  {3, 13, NET_ICMP_PROHIBITED},
        {3, 14, NET_ICMP_PROHIBITED},    {3, 15, NET_ICMP_PROHIBITED},
        {3, 16, NET_ICMP_NONE},          {3, 255, NET_ICMP_NONE},
        {11, 0, NET_ICMP_TIME_EXCEEDED}, {11, 1, NET_ICMP_TIME_EXCEEDED},
        {12, 0, NET_ICMP_PARAM_PROBLEM}, {12, 2, NET_ICMP_PARAM_PROBLEM},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        static const struct ipv4_spec spec = {.protocol = 1, .src = "198.51.100.1"};
        uint8_t bytes[128];
        uint8_t message[36] = {cases[i].type, cases[i].code, [6] = 0x05, 0x78};
        struct ip_addr local = addr_of("10.0.0.1");
        struct ip_addr remote = addr_of("192.0.2.7");
        const struct net_icmp_error *error = &f.errors[0];
        bool is_known = cases[i].class != NET_ICMP_NONE;

        put_quote(message + 8);
        assert_int_equal(
            fixture_receive(&f, bytes, put_icmp(bytes, &spec, message, sizeof message)), NET_LOCAL);
        expect_counter(&f, is_known ? COUNTER(icmp_errors_in) : COUNTER(icmp_ignored), "error");
        assert_int_equal(f.error_count, is_known ? 1 : 0);
        if (is_known) {
            assert_int_equal(error->class, cases[i].class);
            assert_int_equal(error->protocol, IPPROTO_TCP);
            assert_true(ip_addr_equal(&error->local, &local));
            assert_true(ip_addr_equal(&error->remote, &remote));
            assert_int_equal(error->local_port, 80);
            assert_int_equal(error->remote_port, 1025);
            assert_int_equal(error->seq, 0xdeadbeef);
            assert_int_equal(error->mtu, cases[i].class == NET_ICMP_FRAG_NEEDED ? 1400 : 0);
        }
        f.error_count = 0;
    }
    fixture_close(&f);
}

static void quotes_are_checked(void **state)
{
    static const struct {
        const char *name;
        uint8_t at; /* in the quote */
        uint8_t value;
        uint8_t length; /* of the quote */
        bool taken;
    } cases[] = {
        {"nothing quoted", 0, 0x45, 0, false},
        {"header cut", 0, 0x45, 19, false},
        {"7 bytes behind the header", 0, 0x45, 27, false},
        {"8 bytes behind the header", 0, 0x45, 28, true},
        {"more", 0, 0x45, 40, true},
        {"options", 0, 0x46, 32, true},
        {"options, cut", 0, 0x46, 31, false},
        {"header length 60, cut", 0, 0x4f, 40, false},
        {"header length 16", 0, 0x44, 40, false},
        {"version", 0, 0x65, 40, false},
        {"first fragment", 6, 0x20, 28, true},
        {"later fragment", 7, 0x01, 28, false},
        {"not our packet", 15, 9, 28, false},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        static const struct ipv4_spec spec = {.protocol = 1};
        uint8_t bytes[128];
        uint8_t message[64] = {3, 1};

        put_quote(message + 8);
        message[8 + cases[i].at] = cases[i].value;
        assert_int_equal(
            fixture_receive(&f, bytes, put_icmp(bytes, &spec, message, 8u + cases[i].length)),
            NET_LOCAL);
        expect_counter(&f, cases[i].taken ? COUNTER(icmp_errors_in) : COUNTER(drop_icmp),
                       cases[i].name);
        f.error_count = 0;
    }
    fixture_close(&f);
}

/* Shows: RFC 1122 3.2.2b, 3.2.2c, 3.2.2.1a. */
static void refusals(void **state)
{
    static const struct {
        const char *name;
        struct ipv4_spec spec;
        uint16_t payload;
        uint8_t code; /* 0: silence */
        uint16_t quoted;
    } cases[] = {
        {"UDP", {.protocol = 17}, 100, 3, 120},
        {"UDP, empty", {.protocol = 17}, 0, 3, 20},
        {"UDP, large", {.protocol = 17}, 1480, 3, 548},
        {"UDP with options", {.protocol = 17, .option_bytes = 40}, 8, 3, 68},
        {"UDP to all", {.protocol = 17, .dst = "255.255.255.255"}, 8, 0, 0},
        {"UDP to our broadcast", {.protocol = 17, .dst = "10.0.0.255"}, 8, 0, 0},
        {"UDP to multicast", {.protocol = 17, .dst = "224.0.0.251"}, 8, 0, 0},
        {"UDP in a link broadcast", {.protocol = 17, .link_dst = &all_mac}, 8, 0, 0},
        {"protocol 47", {.protocol = 47}, 8, 2, 28},
        /* It looks like an echo, and must not be taken for one. */
        {"protocol 132", {.protocol = 132}, 8, 2, 28},
        {"protocol 2 to multicast", {.protocol = 2, .dst = "224.0.0.1"}, 8, 0, 0},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[1600];
        uint8_t payload[1480] = {8, 0, 0xf7, 0xff};
        uint16_t length = put_ipv4(bytes, &cases[i].spec, payload, cases[i].payload);

        (void)fixture_receive(&f, bytes, length);
        if (f.sent_count != (cases[i].code ? 1u : 0u)) {
            fail_msg("%s: %u answers", cases[i].name, f.sent_count);
        }
        if (cases[i].code) {
            check_sent(&f.sent[0], (uint16_t)(L4 + 8 + cases[i].quoted));
            assert_true(f.sent[0].length <= 14 + 576);
            assert_int_equal(f.sent[0].bytes[L4], 3);
            assert_int_equal(f.sent[0].bytes[L4 + 1], cases[i].code);
            assert_memory_equal(f.sent[0].bytes + L4 + 8, bytes + 14, cases[i].quoted);
        }
        f.sent_count = 0;
    }
    fixture_close(&f);
}

static void refusals_are_limited(void **state)
{
    static const struct ipv4_spec spec = {.protocol = 17};
    struct fixture f;
    uint8_t bytes[64];
    uint8_t payload[8] = {0};
    uint16_t length = put_ipv4(bytes, &spec, payload, sizeof payload);

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    for (unsigned i = 0; i < 50; i++) {
        (void)fixture_receive(&f, bytes, length);
    }
    assert_int_equal(f.sent_count, 20);
    assert_int_equal(f.net.counters.icmp_errors_out, 20);
    assert_int_equal(f.net.counters.icmp_errors_limited, 30);
    f.now_ns += NS_PER_S / 100;
    (void)fixture_receive(&f, bytes, length);
    (void)fixture_receive(&f, bytes, length);
    assert_int_equal(f.sent_count, 21);
    fixture_close(&f);
}

static void refusal_without_a_frame(void **state)
{
    static const struct ipv4_spec spec = {.protocol = 17};
    struct fixture f;
    uint32_t frames[FIXTURE_FRAMES];
    unsigned taken = 0;
    uint8_t bytes[64];
    uint8_t payload[8] = {0};

    (void)state;
    fixture_open(&f);
    know_peer(&f);
    while ((frames[taken] = frame_take(&f.pool, FRAME_BUDGET_CONTROL, FRAME_WORKER)) !=
           FRAME_NONE) {
        taken++;
    }
    (void)fixture_receive(&f, bytes, put_ipv4(bytes, &spec, payload, sizeof payload));
    expect_counter(&f, COUNTER(drop_no_frame), "no frame");
    while (taken > 0) {
        frame_drop(&f.pool, frames[--taken], FRAME_WORKER);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_comes_back),
        cmocka_unit_test(an_echo_beyond_the_mtu_is_not_answered),
        cmocka_unit_test(echo_checksum_is_right_for_every_request),
        cmocka_unit_test(echo_waits_for_its_neighbour),
        cmocka_unit_test(messages_that_are_not_answered),
        cmocka_unit_test(errors_reach_the_transport),
        cmocka_unit_test(quotes_are_checked),
        cmocka_unit_test(refusals),
        cmocka_unit_test(refusals_are_limited),
        cmocka_unit_test(refusal_without_a_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
