/*
 * Goal:   a worker's listeners are those of the newest set, whatever sets it has slept
 *         through.
 * Method: sets as tables of an address, its callbacks and one option, taken one after
 *         the other by a worker without threads; then what its TCP would give a SYN.
 */
#include "api/convert.h"
#include "api/stack.h"
#include "tcp/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PORT 7u

static const struct hr_conn_ops ops_a, ops_b;

static void take(struct hr_worker *worker, const struct listener_entry *entry)
{
    static struct listener_set set;

    set.version++;
    set.count = entry ? 1 : 0;
    if (entry) {
        set.entries[0] = *entry;
    }
    worker_take_listeners(worker, &set);
    assert_int_equal(worker->listeners_version, set.version);
}

static const struct tcp_listener *listener_of(struct hr_worker *worker)
{
    static const struct ip_addr any;

    return tcp_listener_find(&worker->tcp, &any, PORT);
}

static struct listener_entry entry_of(const struct hr_conn_ops *ops)
{
    return (struct listener_entry){
        .addr = {.port = PORT}, .ops = ops, .options = hr_listen_options_default};
}

static void sets_are_taken_over(void **state)
{
    static struct hr_worker worker;
    struct listener_entry entry = entry_of(&ops_a);

    (void)state;
    take(&worker, &entry);
    assert_ptr_equal(listener_of(&worker)->app_ops, &ops_a);
    take(&worker, NULL);
    assert_null(listener_of(&worker));
    take(&worker, &entry);
    assert_ptr_equal(listener_of(&worker)->app_ops, &ops_a);
}

/* Taken away and given again while the worker slept: it never saw the set between. */
static void what_has_changed_is_taken_anew(void **state)
{
    static int context;
    const struct {
        const char *name;
        struct hr_listen_options options;
        const struct hr_conn_ops *ops;
    } cases[] = {
        {"other callbacks", hr_listen_options_default, &ops_b},
        {"another context", {8192, 8192, 5, false, &context, NULL, 0, 1}, &ops_b},
        {"another receive buffer", {16384, 8192, 5, false, &context, NULL, 0, 1}, &ops_b},
        {"another send buffer", {16384, 16384, 5, false, &context, NULL, 0, 1}, &ops_b},
        {"more half-open connections", {16384, 16384, 6, false, &context, NULL, 0, 1}, &ops_b},
        {"without Nagle", {16384, 16384, 6, true, &context, NULL, 0, 1}, &ops_b},
        {"another congestion control", {16384, 16384, 6, true, &context, "newreno", 0, 1}, &ops_b},
        {"cookies", {16384, 16384, 6, true, &context, "newreno", HR_SYN_COOKIES_ALWAYS, 1}, &ops_b},
        {"more connections", {16384, 16384, 6, true, &context, "newreno", 2, 3}, &ops_b},
    };
    static struct hr_worker worker;
    struct listener_entry entry = entry_of(&ops_a);

    (void)state;
    take(&worker, &entry);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const struct tcp_listener *listener;

        print_message("  %s\n", cases[i].name);
        entry.ops = cases[i].ops;
        entry.options = cases[i].options;
        take(&worker, &entry);
        listener = listener_of(&worker);
        assert_ptr_equal(listener->app_ops, entry.ops);
        assert_ptr_equal(listener->app, entry.options.context);
        assert_int_equal(listener->settings.receive_buffer, entry.options.receive_buffer);
        assert_int_equal(listener->settings.send_buffer, entry.options.send_buffer);
        assert_int_equal(listener->half_open_max, entry.options.half_open_max);
        assert_int_equal(listener->syn_cookies, entry.options.syn_cookies);
        assert_int_equal(listener->connections_max, entry.options.connections_max);
        assert_int_equal(listener->settings.nodelay, entry.options.nodelay);
        assert_ptr_equal(listener->settings.cc, tcp_cc_find(entry.options.congestion_control));
    }
}

/* Half-open connections of the old listener go on to count on their entry. */
static void what_has_not_changed_stays(void **state)
{
    static struct hr_worker worker;
    struct listener_entry entry = entry_of(&ops_a);

    (void)state;
    take(&worker, &entry);
    worker.tcp.listeners[0].half_open = 1;
    take(&worker, &entry);
    assert_int_equal(worker.tcp.listener_count, 1);
    entry.ops = &ops_b;
    take(&worker, &entry);
    assert_int_equal(worker.tcp.listeners[0].half_open, 1);
    assert_false(worker.tcp.listeners[0].open);
    assert_ptr_equal(listener_of(&worker)->app_ops, &ops_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_taken_over),
        cmocka_unit_test(what_has_changed_is_taken_anew),
        cmocka_unit_test(what_has_not_changed_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
