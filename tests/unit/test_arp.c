/*
 * Goal:   ARP answers, learns, asks, gives up and defends itself as RFC 826,
 *         RFC 1122 section 2.3.2 and RFC 5227 say.
 * Method: single packets in tables, each against a fresh instance; then the life
 *         of an entry in virtual time, with every request counted.
 */
#include "tests/unit/net_fixture.h"

#define REQUEST 1
#define REPLY 2

/* The one packet sent since the last look is ARP with these contents. */
static void expect_arp(struct fixture *f, uint8_t operation, const struct mac_addr *link_dst,
                       const char *sender, const char *target)
{
    const uint8_t *bytes = f->sent[0].bytes;
    struct ip_addr sender_ip = addr_of(sender);
    struct ip_addr target_ip = addr_of(target);

    port_flush(&f->port);
    assert_int_equal(f->sent_count, 1);
    assert_int_equal(f->sent[0].length, 42);
    assert_memory_equal(bytes, link_dst->bytes, 6);
    assert_memory_equal(bytes + 6, our_mac.bytes, 6);
    assert_int_equal(get16(bytes + 12), 0x0806);
    assert_int_equal(get16(bytes + 14), 1);
    assert_int_equal(get16(bytes + 16), 0x0800);
    assert_int_equal(get16(bytes + 18), 0x0604);
    assert_int_equal(get16(bytes + 20), operation);
    assert_memory_equal(bytes + 22, our_mac.bytes, 6);
    assert_memory_equal(bytes + 28, sender_ip.bytes + 12, 4);
    assert_memory_equal(bytes + 38, target_ip.bytes + 12, 4);
    f->sent_count = 0;
}

static void expect_silence(struct fixture *f)
{
    port_flush(&f->port);
    assert_int_equal(f->sent_count, 0);
}

static const struct neighbour *entry_of(const struct fixture *f, const char *text)
{
    struct ip_addr addr = addr_of(text);
    uint16_t index = neighbour_find(&f->net.neighbours, &addr);

    assert_int_not_equal(index, NEIGHBOUR_NONE);
    return neighbour_at(&f->net.neighbours, index);
}

/* Asks for the peer and hears the answer: REACHABLE. */
static struct net_path resolve_peer(struct fixture *f)
{
    static const struct arp_spec answer = {REPLY, "10.0.0.2", "10.0.0.1", NULL, NULL};
    struct net_path path = find_path(f, "10.0.0.2");

    assert_int_equal(net_path_check(&f->net, &path, f->now_ns), NET_PATH_WAIT);
    receive_arp(f, &answer);
    assert_int_equal(net_path_check(&f->net, &path, f->now_ns), NET_PATH_READY);
    f->sent_count = 0;
    f->net.counters = (struct net_counters){0};
    return path;
}

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

static void merge_rule(void **state)
{
    static const struct {
        const char *name;
        enum neighbour_state before;
        struct arp_spec spec;
        enum neighbour_state after;
        bool moved; /* the MAC address is the packet's */
    } cases[] = {
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

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        struct neighbour *entry;

        fixture_open(&f);
        (void)find_path(&f, "10.0.0.2");
        entry = neighbour_at(&f.net.neighbours, 0);
        entry->mac = peer_mac;
        entry->state = (uint8_t)cases[i].before;
        entry->requests = cases[i].before == NEIGHBOUR_REACHABLE ? 0 : 1;
        receive_arp(&f, &cases[i].spec);
        if (entry->state != cases[i].after ||
            mac_addr_equal(&entry->mac, &third_mac) != cases[i].moved) {
            fail_msg("%s: state %d", cases[i].name, entry->state);
        }
        fixture_close(&f);
    }
}

/* Three requests, a second apart; then the waiters hear of it, and a second later
 * it may be asked again. */
static void nobody_answers(void **state)
{
    struct fixture f;
    struct list_link waiter;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = find_path(&f, "10.0.0.2");
    for (unsigned round = 1; round <= 2; round++) {
        assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
        expect_arp(&f, REQUEST, &all_mac, "10.0.0.1", "10.0.0.2");
        list_push_back(net_path_waiters(&f.net, &path), &waiter);
        for (unsigned second = 1; second <= 2; second++) {
            pass(&f, NS_PER_S - 1);
            assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
            expect_silence(&f);
            pass(&f, 1);
            expect_arp(&f, REQUEST, &all_mac, "10.0.0.1", "10.0.0.2");
        }
        pass(&f, NS_PER_S);
        expect_silence(&f);
        assert_int_equal(f.failed_count, round);
        assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_FAILED);
        expect_silence(&f);
        pass(&f, NS_PER_S);
    }
    assert_int_equal(f.reachable_count, 0);
    assert_int_equal(f.net.counters.arp_requests_out, 6);
    fixture_close(&f);
}

static void waiters_are_told_of_the_answer(void **state)
{
    static const struct arp_spec answer = {REPLY, "10.0.0.2", "10.0.0.1", NULL, NULL};
    struct fixture f;
    struct list_link waiters[3];
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = find_path(&f, "10.0.0.2");
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
    for (unsigned i = 0; i < COUNT_OF(waiters); i++) {
        list_push_back(net_path_waiters(&f.net, &path), &waiters[i]);
    }
    receive_arp(&f, &answer);
    assert_int_equal(f.reachable_count, 3);
    assert_int_equal(f.failed_count, 0);
    assert_int_equal(f.net.counters.arp_replies_in, 1);
    assert_true(mac_addr_equal(&entry_of(&f, "10.0.0.2")->mac, &peer_mac));
    fixture_close(&f);
}

/* 30 s without a word: used again, it serves; nobody confirms: it is asked alone,
 * and lost when it keeps silent. */
static void entry_grows_old(void **state)
{
    struct fixture f;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = resolve_peer(&f);
    pass(&f, 30 * NS_PER_S - 1);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_REACHABLE);
    pass(&f, 1);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_STALE);
    pass(&f, 3600 * NS_PER_S);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_STALE);
    expect_silence(&f);
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_READY);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_DELAY);
    pass(&f, 5 * NS_PER_S - 1);
    expect_silence(&f);
    for (unsigned i = 0; i < 3; i++) {
        pass(&f, i == 0 ? 1 : NS_PER_S);
        assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_PROBE);
        expect_arp(&f, REQUEST, &peer_mac, "10.0.0.1", "10.0.0.2");
        assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_READY);
    }
    pass(&f, NS_PER_S);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_FAILED);
    fixture_close(&f);
}

static void upper_layer_spares_the_question(void **state)
{
    struct fixture f;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = resolve_peer(&f);
    for (unsigned i = 0; i < 20; i++) { /* ACKs keep coming */
        pass(&f, 20 * NS_PER_S);
        net_path_confirm(&f.net, &path, f.now_ns);
        assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_REACHABLE);
    }
    pass(&f, 30 * NS_PER_S);
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_READY);
    pass(&f, 4 * NS_PER_S);
    net_path_confirm(&f.net, &path, f.now_ns);
    pass(&f, 29 * NS_PER_S);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_REACHABLE);
    expect_silence(&f);
    fixture_close(&f);
}

static void suspicion_asks_at_once(void **state)
{
    static const struct arp_spec answer = {REPLY, "10.0.0.2", "10.0.0.1", &third_mac, NULL};
    struct fixture f;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = resolve_peer(&f);
    net_path_suspect(&f.net, &path);
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_READY);
    pass(&f, 0);
    expect_arp(&f, REQUEST, &peer_mac, "10.0.0.1", "10.0.0.2");
    net_path_suspect(&f.net, &path); /* no second question while one is open */
    pass(&f, NS_PER_S / 2);
    expect_silence(&f);
    receive_arp(&f, &answer);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_REACHABLE);
    assert_true(mac_addr_equal(&entry_of(&f, "10.0.0.2")->mac, &third_mac));
    fixture_close(&f);
}

/* A request that could not leave does not count as one that was not answered. */
static void request_without_room_or_frame_is_repeated_soon(void **state)
{
    struct fixture f;
    struct net_path path;
    uint32_t frames[FIXTURE_FRAMES];
    unsigned taken = 0;

    (void)state;
    fixture_open(&f);
    path = find_path(&f, "10.0.0.2");
    f.port.tx_room = 0;
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
    assert_int_equal(f.net.counters.drop_tx_full, 1);
    expect_silence(&f); /* and there is room again */
    while ((frames[taken] = frame_take(&f.pool, FRAME_BUDGET_CONTROL, FRAME_WORKER)) !=
           FRAME_NONE) {
        taken++;
    }
    pass(&f, 10 * NS_PER_MS);
    assert_int_equal(f.net.counters.drop_no_frame, 1);
    expect_silence(&f);
    while (taken > 0) {
        frame_drop(&f.pool, frames[--taken], FRAME_WORKER);
    }
    pass(&f, 10 * NS_PER_MS);
    expect_arp(&f, REQUEST, &all_mac, "10.0.0.1", "10.0.0.2");
    assert_int_equal(entry_of(&f, "10.0.0.2")->requests, 1);
    fixture_close(&f);
}

/* Packets that pretend to come from all over our link: the requests that they
 * provoke have a limit, and the gateway keeps its entry. */
static void flood_of_invented_sources(void **state)
{
    static const struct arp_spec answer = {REPLY, "10.0.0.254", "10.0.0.1", NULL, NULL};
    struct fixture f;
    struct net_path gateway;
    struct ip_prefix wide[1];

    (void)state;
    fixture_prepare(&f);
    wide[0] = (struct ip_prefix){addr_of("10.0.0.1"), 8};
    f.config.addresses = wide;
    f.config.address_count = 1;
    f.config.gateway_count = 1;
    assert_int_equal(net_init(&f.net, &f.config), 0);
    gateway = find_path(&f, "10.0.0.254");
    assert_int_equal(net_path_check(&f.net, &gateway, f.now_ns), NET_PATH_WAIT);
    receive_arp(&f, &answer);
    for (unsigned i = 0; i < 5000; i++) {
        struct ip_addr remote = ip_addr_v4(0x0a010000u + i);
        char text[IP_ADDR_TEXT_BYTES];

        send_marked(&f, ip_addr_format(&remote, text), 1);
        port_flush(&f.port);
        f.sent_count = 0;
    }
    assert_true(f.net.counters.arp_requests_out <= 257);
    assert_true(f.net.neighbours.queued_total <= NEIGHBOUR_QUEUED_TOTAL_MAX);
    assert_int_equal(net_path_check(&f.net, &gateway, f.now_ns), NET_PATH_READY);
    fixture_close(&f);
}

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
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(waiters_are_told_of_the_answer),
        cmocka_unit_test(entry_grows_old),
        cmocka_unit_test(upper_layer_spares_the_question),
        cmocka_unit_test(suspicion_asks_at_once),
        cmocka_unit_test(request_without_room_or_frame_is_repeated_soon),
        cmocka_unit_test(flood_of_invented_sources),
        cmocka_unit_test(defended_once_in_ten_seconds),
        cmocka_unit_test(announced_at_start),
        cmocka_unit_test(reply_without_room),
        cmocka_unit_test(tagged_like_all_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
