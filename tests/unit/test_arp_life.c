/*
 * Goal:   an entry is asked for, confirmed, doubted and given up as arp.h draws it,
 *         and the link never hears more of us than it must.
 * Method: the life of an entry in virtual time, with every request counted.
 */
#include "datapath/wire/pool.h"
#include "tests/unit/net_arp_steps.h"

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

/* Three requests, a second apart; then the waiters hear of it, and a second later
 * it may be asked again.
 * Shows: RFC 1122 2.3.2.1b. */
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
 * and lost when it keeps silent.
 * Shows: RFC 1122 2.3.2.1a. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(waiters_are_told_of_the_answer),
        cmocka_unit_test(entry_grows_old),
        cmocka_unit_test(upper_layer_spares_the_question),
        cmocka_unit_test(suspicion_asks_at_once),
        cmocka_unit_test(request_without_room_or_frame_is_repeated_soon),
        cmocka_unit_test(flood_of_invented_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
