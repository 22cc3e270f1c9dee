/*
 * Goal:   a path says truly whether its neighbour can be reached, never speaks of
 *         another one, and packets without a connection wait for it in bounds, the
 *         latest of them, with no frame lost or left.
 * Method: an instance over a port that keeps what is sent; the frame pool is
 *         checked at the end of each test.
 */
#include "tests/unit/net_steps.h"

#define PAYLOAD 34 /* in a frame without tag */

static const struct arp_spec answer = {2, "10.0.0.2", "10.0.0.1", NULL, NULL};

static void routes_and_refusals(void **state)
{
    static const struct {
        const char *remote;
        const char *neighbour; /* NULL: no path */
    } cases[] = {
        {"10.0.0.2", "10.0.0.2"},
        {"8.8.8.8", "10.0.0.254"},
        {"9.9.9.9", "10.0.0.254"},
        {"2001:db8::2", "2001:db8::2"},
        {"2001:db8:1::2", "2001:db8::fe"},
        {"10.0.0.1", NULL},
        {"10.0.0.255", NULL},
        {"255.255.255.255", NULL},
        {"224.0.0.1", NULL},
        {"127.0.0.1", NULL},
        {"0.0.0.0", NULL},
        {"::1", NULL},
        {"2001:db8::1", NULL},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr remote = addr_of(cases[i].remote);
        struct net_path path;
        int result = net_path_find(&f.net, &remote, &path);

        if (result != (cases[i].neighbour ? 0 : -1)) {
            fail_msg("%s: %d", cases[i].remote, result);
        }
        if (cases[i].neighbour) {
            struct ip_addr hop = addr_of(cases[i].neighbour);

            assert_int_equal(path.neighbour, neighbour_find(&f.net.neighbours, &hop));
            assert_int_equal(path.mtu, 1500);
        }
    }
    assert_int_equal(f.net.neighbours.used, 4);
    fixture_close(&f);
}

static void path_outlived_by_its_entry(void **state)
{
    struct fixture f;
    struct net_path old;
    struct net_path never = {0};

    (void)state;
    fixture_open(&f);
    assert_int_equal(net_path_check(&f.net, &never, f.now_ns), NET_PATH_STALE);
    old = find_path(&f, "10.0.0.2");
    for (unsigned i = 0; i < FIXTURE_NEIGHBOURS; i++) { /* drive it out */
        struct ip_addr remote = ip_addr_v4(0x0a000010u + i);
        char text[IP_ADDR_TEXT_BYTES];

        f.now_ns++;
        old.mtu = 1500;
        (void)find_path(&f, ip_addr_format(&remote, text));
    }
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_FREE);
    assert_int_equal(net_path_check(&f.net, &old, f.now_ns), NET_PATH_STALE);
    net_path_confirm(&f.net, &old, f.now_ns); /* says nothing of the new one */
    net_path_suspect(&f.net, &old);
    assert_int_equal(neighbour_at(&f.net.neighbours, old.neighbour)->state, NEIGHBOUR_FAILED);
    fixture_close(&f);
}

static void no_entry_is_to_be_had(void **state)
{
    struct fixture f;
    struct list_link waiters[FIXTURE_NEIGHBOURS];
    struct ip_addr remote = addr_of("10.0.0.2");
    struct net_path path;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < FIXTURE_NEIGHBOURS; i++) {
        struct ip_addr other = ip_addr_v4(0x0a000010u + i);
        char text[IP_ADDR_TEXT_BYTES];

        path = find_path(&f, ip_addr_format(&other, text));
        list_push_back(net_path_waiters(&f.net, &path), &waiters[i]);
    }
    assert_int_equal(net_path_find(&f.net, &remote, &path), -1);
    assert_int_equal(net_neighbour_set(&f.net, &remote, &peer_mac), -1);
    send_marked(&f, "10.0.0.2", 1);
    assert_int_equal(f.net.counters.drop_unresolved, 1);
    receive_arp(&f, &(struct arp_spec){1, "10.0.0.2", "10.0.0.1", NULL, NULL});
    assert_int_equal(f.net.counters.arp_replies_out, 1); /* answered, not learnt */
    fixture_close(&f);
}

static void configured_neighbours(void **state)
{
    struct fixture f;
    struct ip_addr v4 = addr_of("10.0.0.2");
    struct ip_addr v6 = addr_of("2001:db8::2");
    struct list_link waiter;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = find_path(&f, "2001:db8::2");
    /* Nobody can ask for it: NDP is not spoken. */
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_FAILED);
    path = find_path(&f, "10.0.0.2");
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
    list_push_back(net_path_waiters(&f.net, &path), &waiter);
    assert_int_equal(net_neighbour_set(&f.net, &v4, &peer_mac), 0);
    assert_int_equal(net_neighbour_set(&f.net, &v6, &third_mac), 0);
    assert_int_equal(f.reachable_count, 1);
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_READY);
    net_path_confirm(&f.net, &path, f.now_ns);
    net_path_suspect(&f.net, &path);
    pass(&f, 3600 * NS_PER_S);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_STATIC);
    path = find_path(&f, "2001:db8::2");
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_READY);
    fixture_close(&f);
}

static void confirmation_needs_an_address(void **state)
{
    struct fixture f;
    struct net_path path;

    (void)state;
    fixture_open(&f);
    path = find_path(&f, "10.0.0.2");
    assert_int_equal(net_path_check(&f.net, &path, f.now_ns), NET_PATH_WAIT);
    net_path_confirm(&f.net, &path, f.now_ns);
    net_path_suspect(&f.net, &path);
    assert_int_equal(state_of(&f, "10.0.0.2"), NEIGHBOUR_INCOMPLETE);
    fixture_close(&f);
}

static void packets_wait_and_go(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (uint8_t mark = 1; mark <= NEIGHBOUR_QUEUE_MAX + 2; mark++) {
        send_marked(&f, "10.0.0.2", mark);
    }
    assert_int_equal(f.net.counters.drop_unresolved, 2);
    assert_int_equal(f.net.neighbours.queued_total, NEIGHBOUR_QUEUE_MAX);
    assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], NEIGHBOUR_QUEUE_MAX);
    port_flush(&f.port);
    assert_int_equal(f.sent_count, 1); /* the request */
    receive_arp(&f, &answer);
    assert_int_equal(f.sent_count, 1 + NEIGHBOUR_QUEUE_MAX);
    for (unsigned i = 1; i < f.sent_count; i++) { /* the latest, in their order */
        assert_memory_equal(f.sent[i].bytes, peer_mac.bytes, 6);
        assert_int_equal(f.sent[i].length, PAYLOAD + 8);
        assert_int_equal(f.sent[i].bytes[PAYLOAD], 2 + i);
    }
    assert_int_equal(f.net.neighbours.queued_total, 0);
    fixture_close(&f);
}

static void packets_wait_in_vain(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    send_marked(&f, "10.0.0.2", 1);
    send_marked(&f, "10.0.0.2", 2);
    pass(&f, 3 * NS_PER_S);
    assert_int_equal(f.net.counters.drop_unresolved, 2);
    assert_int_equal(f.net.neighbours.queued_total, 0);
    send_marked(&f, "10.0.0.2", 3); /* asked in vain a moment ago */
    send_marked(&f, "2001:db8::7", 4);
    assert_int_equal(f.net.counters.drop_unresolved, 4);
    fixture_close(&f);
}

static void packets_of_an_evicted_neighbour(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (unsigned i = 0; i < 3 * FIXTURE_NEIGHBOURS; i++) {
        struct ip_addr remote = ip_addr_v4(0x0a000010u + i);
        char text[IP_ADDR_TEXT_BYTES];

        send_marked(&f, ip_addr_format(&remote, text), 1);
        port_flush(&f.port);
        f.sent_count = 0;
    }
    assert_int_equal(f.net.neighbours.queued_total, FIXTURE_NEIGHBOURS);
    assert_int_equal(f.net.counters.drop_unresolved, 2 * FIXTURE_NEIGHBOURS);
    fixture_close(&f);
}

/* Neither more than the bound of all queues, nor a frame that data needs. */
static void queues_have_a_common_bound(void **state)
{
    struct fixture f;
    uint32_t frames[FIXTURE_FRAMES];
    unsigned taken = 0;

    (void)state;
    fixture_open(&f);
    f.net.neighbours.queued_total = NEIGHBOUR_QUEUED_TOTAL_MAX;
    send_marked(&f, "10.0.0.2", 1);
    assert_int_equal(f.net.counters.drop_unresolved, 1);
    f.net.neighbours.queued_total = 0;
    while ((frames[taken] = frame_take(&f.pool, FRAME_BUDGET_DATA, FRAME_WORKER)) != FRAME_NONE) {
        taken++;
    }
    send_marked(&f, "10.0.0.2", 2);
    assert_int_equal(f.net.counters.drop_unresolved, 2);
    assert_int_equal(f.net.neighbours.queued_total, 0);
    while (taken > 0) {
        frame_drop(&f.pool, frames[--taken], FRAME_WORKER);
    }
    fixture_close(&f);
}

static void port_is_full(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    send_marked(&f, "10.0.0.2", 1);
    port_flush(&f.port);
    f.port.tx_room = 0;
    f.sent_count = 0;
    receive_arp(&f, &answer);
    assert_int_equal(f.sent_count, 0);
    assert_int_equal(f.net.counters.drop_tx_full, 1);
    f.port.tx_room = 0;
    send_marked(&f, "10.0.0.2", 2);
    assert_int_equal(f.net.counters.drop_tx_full, 2);
    f.port.tx_room = 1;
    send_marked(&f, "10.0.0.2", 3);
    port_flush(&f.port);
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(f.sent[0].bytes[PAYLOAD], 3);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_and_refusals),
        cmocka_unit_test(path_outlived_by_its_entry),
        cmocka_unit_test(no_entry_is_to_be_had),
        cmocka_unit_test(configured_neighbours),
        cmocka_unit_test(confirmation_needs_an_address),
        cmocka_unit_test(packets_wait_and_go),
        cmocka_unit_test(packets_wait_in_vain),
        cmocka_unit_test(packets_of_an_evicted_neighbour),
        cmocka_unit_test(queues_have_a_common_bound),
        cmocka_unit_test(port_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
