/*
 * Goal:   ARP answers, learns, announces and defends itself as RFC 826, RFC 1122
 *         section 2.3.2 and RFC 5227 say.
 * Method: single packets in tables, each against a fresh instance.
 */
#include "tests/unit/net_arp_steps.h"

/* Shows: RFC 826 a. */
static void what_a_stranger_can_do(void **state)
{
    static const struct {
        const char *name;
        struct arp_spec spec;
        enum neighbour_state state; /* of the sender afterwards; FREE: no entry */
        bool answered;
    } cases[] = {
        {"asks for us", {REQUEST, "10.0.0.2", "10.0.0.1", NULL, &all_mac}, NEIGHBOUR_STALE, true},
        {"asks us alone", {REQUEST, "10.0.0.2", "10.0.0.1", NULL, NULL}, NEIGHBOUR_STALE, true},
        {"asks for another",
         {REQUEST, "10.0.0.2", "10.0.0.3", NULL, &all_mac},
         NEIGHBOUR_FREE,
         false},
        {"announces itself",
         {REQUEST, "10.0.0.2", "10.0.0.2", NULL, &all_mac},
         NEIGHBOUR_FREE,
         false},
        {"answers unasked", {REPLY, "10.0.0.2", "10.0.0.1", NULL, NULL}, NEIGHBOUR_FREE, false},
        {"asks from another network",
         {REQUEST, "192.0.2.1", "10.0.0.1", NULL, NULL},
         NEIGHBOUR_FREE,
         true},
        {"probes for our address",
         {REQUEST, "0.0.0.0", "10.0.0.1", NULL, &all_mac},
         NEIGHBOUR_FREE,
         true},
        {"probes for another",
         {REQUEST, "0.0.0.0", "10.0.0.3", NULL, &all_mac},
         NEIGHBOUR_FREE,
         false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;

        fixture_open(&f);
        receive_arp(&f, &cases[i].spec);
        if (state_of(&f, cases[i].spec.sender) != cases[i].state ||
            f.sent_count != (cases[i].answered ? 1u : 0u)) {
            fail_msg("%s: state %d, %u sent", cases[i].name, state_of(&f, cases[i].spec.sender),
                     f.sent_count);
        }
        if (cases[i].answered) {
            expect_arp(&f, REPLY, &peer_mac, "10.0.0.1", cases[i].spec.sender);
            assert_int_equal(f.net.counters.arp_requests_in, 1);
            assert_int_equal(f.net.counters.arp_replies_out, 1);
        }
        assert_int_equal(f.net.counters.drop_arp, 0);
        fixture_close(&f);
    }
}

/* Shows: RFC 826 d. */
static void malformed_packets_change_nothing(void **state)
{
    static const struct {
        const char *name;
        uint16_t at; /* in the ARP packet */
        uint8_t value;
    } cases[] = {
        {"hardware is not Ethernet", 1, 6},
        {"protocol is not IPv4", 2, 0x86},
        {"hardware length 0", 4, 0},
        {"hardware length 8", 4, 8},
        {"protocol length 0", 5, 0},
        {"protocol length 16", 5, 16},
        {"operation 0", 7, 0},
        {"operation 3", 7, 3},
        {"operation 257", 6, 1},
        {"sender's MAC is a group", 8, 0x03},
        {"sender is multicast", 14, 224},
        {"sender is loopback", 14, 127},
        {"sender is our broadcast address", 17, 255},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        static const struct arp_spec spec = {REQUEST, "10.0.0.2", "10.0.0.1", NULL, NULL};
        uint8_t bytes[64];
        uint16_t length = put_arp(bytes, &spec);

        bytes[14 + cases[i].at] = cases[i].value;
        assert_int_equal(fixture_receive(&f, bytes, length), NET_LOCAL);
        expect_counter(&f, COUNTER(drop_arp), cases[i].name);
        expect_silence(&f);
        assert_int_equal(f.net.neighbours.used, 0);
    }
    fixture_close(&f);
}

static const struct {
    const char *name;
    enum neighbour_state before;
    struct arp_spec spec;
    enum neighbour_state after;
    bool moved; /* the MAC address is the packet's */
} merges[] = {
    {"answer while asked",
     NEIGHBOUR_INCOMPLETE,
     {REPLY, "10.0.0.2", "10.0.0.1", &third_mac, NULL},
     NEIGHBOUR_REACHABLE,
     true},
    {"request while asked",
     NEIGHBOUR_INCOMPLETE,
     {REQUEST, "10.0.0.2", "10.0.0.1", &third_mac, NULL},
     NEIGHBOUR_STALE,
     true},
    {"announcement while asked",
     NEIGHBOUR_INCOMPLETE,
     {REQUEST, "10.0.0.2", "10.0.0.2", &third_mac, &all_mac},
     NEIGHBOUR_STALE,
     true},
    {"late answer",
     NEIGHBOUR_FAILED,
     {REPLY, "10.0.0.2", "10.0.0.1", &third_mac, NULL},
     NEIGHBOUR_REACHABLE,
     true},
    {"the same again",
     NEIGHBOUR_REACHABLE,
     {REQUEST, "10.0.0.2", "10.0.0.1", &peer_mac, NULL},
     NEIGHBOUR_REACHABLE,
     false},
    {"it moved",
     NEIGHBOUR_REACHABLE,
     {REQUEST, "10.0.0.2", "10.0.0.9", &third_mac, &all_mac},
     NEIGHBOUR_STALE,
     true},
    {"it moved, unasked answer",
     NEIGHBOUR_REACHABLE,
     {REPLY, "10.0.0.2", "10.0.0.1", &third_mac, NULL},
     NEIGHBOUR_STALE,
     true},
    {"probe answered",
     NEIGHBOUR_PROBE,
     {REPLY, "10.0.0.2", "10.0.0.1", &peer_mac, NULL},
     NEIGHBOUR_REACHABLE,
     false},
    {"probe answered from elsewhere",
     NEIGHBOUR_PROBE,
     {REPLY, "10.0.0.2", "10.0.0.1", &third_mac, NULL},
     NEIGHBOUR_REACHABLE,
     true},
    {"configured stays",
     NEIGHBOUR_STATIC,
     {REPLY, "10.0.0.2", "10.0.0.1", &third_mac, NULL},
     NEIGHBOUR_STATIC,
     false},
};

/* Shows: RFC 826 b, c. */
static void merge_rule(void **state)
{

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(merges); i++) {
        struct fixture f;
        struct neighbour *entry;

        fixture_open(&f);
        (void)find_path(&f, "10.0.0.2");
        entry = neighbour_at(&f.net.neighbours, 0);
        entry->mac = peer_mac;
        entry->state = (uint8_t)merges[i].before;
        entry->requests = merges[i].before == NEIGHBOUR_REACHABLE ? 0 : 1;
        receive_arp(&f, &merges[i].spec);
        if (entry->state != merges[i].after ||
            mac_addr_equal(&entry->mac, &third_mac) != merges[i].moved) {
            fail_msg("%s: state %d", merges[i].name, entry->state);
        }
        fixture_close(&f);
    }
}

/* Shows: RFC 5227 2.4a. */
static void defended_once_in_ten_seconds(void **state)
{
    static const struct arp_spec claim = {REQUEST, "10.0.0.1", "10.0.0.1", &third_mac, &all_mac};
    static const struct arp_spec echo = {REQUEST, "10.0.0.1", "10.0.0.1", &our_mac, &all_mac};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    receive_arp(&f, &claim);
    expect_arp(&f, REQUEST, &all_mac, "10.0.0.1", "10.0.0.1");
    f.now_ns += 10 * NS_PER_S - 1;
    receive_arp(&f, &claim);
    expect_silence(&f);
    f.now_ns += 1;
    receive_arp(&f, &claim);
    expect_arp(&f, REQUEST, &all_mac, "10.0.0.1", "10.0.0.1");
    assert_int_equal(f.net.counters.arp_conflicts, 3);
    receive_arp(&f, &echo); /* our own words, come back */
    expect_silence(&f);
    assert_int_equal(f.net.counters.arp_conflicts, 3);
    assert_int_equal(f.net.neighbours.used, 0);
    fixture_close(&f);
}

/* Shows: RFC 5227 1.1a. */
static void announced_at_start(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    net_announce(&f.net);
    expect_arp(&f, REQUEST, &all_mac, "10.0.0.1", "10.0.0.1"); /* and nothing for IPv6 */
    f.port.tx_room = 0;
    net_announce(&f.net);
    assert_int_equal(f.net.counters.drop_tx_full, 1);
    fixture_close(&f);
}

/* The answer to a question that finds no room is lost, as a packet may be. */
static void reply_without_room(void **state)
{
    static const struct arp_spec spec = {REQUEST, "10.0.0.2", "10.0.0.1", NULL, NULL};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    f.port.tx_room = 0;
    receive_arp(&f, &spec);
    assert_int_equal(f.net.counters.arp_replies_out, 0);
    assert_int_equal(f.net.counters.drop_tx_full, 1);
    fixture_close(&f);
}

static void tagged_like_all_else(void **state)
{
    struct fixture f;

    (void)state;
    fixture_prepare(&f);
    f.config.vlan = 7;
    assert_int_equal(net_init(&f.net, &f.config), 0);
    net_announce(&f.net);
    port_flush(&f.port);
    assert_int_equal(f.sent[0].length, 46);
    assert_int_equal(get16(f.sent[0].bytes + 12), 0x8100);
    assert_int_equal(get16(f.sent[0].bytes + 14), 7);
    assert_int_equal(get16(f.sent[0].bytes + 16), 0x0806);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_stranger_can_do),
        cmocka_unit_test(malformed_packets_change_nothing),
        cmocka_unit_test(merge_rule),
        cmocka_unit_test(defended_once_in_ten_seconds),
        cmocka_unit_test(announced_at_start),
        cmocka_unit_test(reply_without_room),
        cmocka_unit_test(tagged_like_all_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
