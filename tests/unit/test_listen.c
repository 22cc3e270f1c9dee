/*
 * Goal:   a worker's listeners are those of the newest set, whatever sets it has slept
 *         through.
 * Method: sets as tables of an address, its callbacks and one option, taken one after
 *         the other by a worker without threads; then what its TCP would give a SYN.
 */
#include "api/convert.h"
#include "api/stack.h"
#include "tcp/cc.h"
#include "tests/unit/one_change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

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

static void assert_given(const struct tcp_listener *listener, const struct listener_entry *entry)
{
    const struct hr_listen_options *options = &entry->options;
    const struct tcp_settings *settings = &listener->settings;

    assert_ptr_equal(listener->app_ops, entry->ops);
    assert_ptr_equal(listener->app, options->context);
    assert_int_equal(listener->half_open_max, options->half_open_max);
    assert_int_equal(listener->connections_max, options->connections_max);
    assert_int_equal(listener->fast_open.max, options->fast_open_max);
    assert_int_equal(settings->fast_open_no_cookie, options->fast_open_no_cookie);
    assert_int_equal(listener->syn_cookies, options->syn_cookies);
    assert_int_equal(settings->receive_buffer, options->receive_buffer);
    assert_int_equal(settings->send_buffer, options->send_buffer);
    assert_int_equal(settings->nodelay, options->nodelay);
    assert_ptr_equal(settings->cc, tcp_cc_find(options->congestion_control));
    assert_int_equal(settings->ecn, options->ecn);
    assert_int_equal(settings->sack, options->sack);
    assert_int_equal(settings->timestamps, options->timestamps);
    assert_int_equal(settings->window_scale, options->window_scale);
    assert_int_equal(settings->mss_max, options->mss_max);
    assert_int_equal(settings->policy.user_timeout_ms, options->tuning.user_timeout_ms);
    assert_int_equal(settings->tos, options->tuning.dscp << 2);
    assert_int_equal(settings->ttl, options->tuning.ttl);
}

/* Taken away and given again while the worker slept: it never saw the set between. */
static void what_has_changed_is_taken_anew(void **state)
{
    static int context;
    static const char newreno[] = "newreno";
    const struct change changes[] = {
        CHANGE(struct hr_listen_options, context, (uintptr_t)&context),
        CHANGE(struct hr_listen_options, receive_buffer, 16384),
        CHANGE(struct hr_listen_options, send_buffer, 16384),
        CHANGE(struct hr_listen_options, half_open_max, 6),
        CHANGE(struct hr_listen_options, connections_max, 3),
        CHANGE(struct hr_listen_options, nodelay, true),
        CHANGE(struct hr_listen_options, congestion_control, (uintptr_t)newreno),
        CHANGE(struct hr_listen_options, fast_open_max, 9),
        CHANGE(struct hr_listen_options, fast_open_no_cookie, true),
        CHANGE(struct hr_listen_options, syn_cookies, HR_SYN_COOKIES_ALWAYS),
        CHANGE(struct hr_listen_options, ecn, HR_ECN_CLASSIC),
        CHANGE(struct hr_listen_options, sack, false),
        CHANGE(struct hr_listen_options, timestamps, false),
        CHANGE(struct hr_listen_options, window_scale, false),
        CHANGE(struct hr_listen_options, mss_max, 536),
        CHANGE(struct hr_listen_options, tuning.user_timeout_ms, 5),
        CHANGE(struct hr_listen_options, tuning.dscp, 5),
        CHANGE(struct hr_listen_options, tuning.ttl, 5),
    };
    static struct hr_worker worker;
    struct listener_entry entry = entry_of(&ops_a);

    (void)state;
    take(&worker, &entry);
    entry.ops = &ops_b;
    take(&worker, &entry);
    assert_given(listener_of(&worker), &entry);
    for (unsigned i = 0; i < COUNT_OF(changes); i++) {
        print_message("  %s\n", changes[i].name);
        change_one(&entry.options, &changes[i]);
        take(&worker, &entry);
        assert_given(listener_of(&worker), &entry);
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

/* It stays so when another listener comes or goes; one listened on anew is not paused. */
static void a_pause_is_this_listeners(void **state)
{
    static struct hr_worker worker;
    struct listener_entry entry = entry_of(&ops_a);
    const struct hr_addr other = {.port = PORT + 1};

    (void)state;
    assert_int_equal(hr_listen_pause(&worker, &entry.addr), HR_ERR_ADDRESS);
    take(&worker, &entry);
    assert_int_equal(hr_listen_pause(&worker, &other), HR_ERR_ADDRESS);
    assert_false(listener_of(&worker)->paused);
    assert_int_equal(hr_listen_pause(&worker, &entry.addr), HR_OK);
    assert_true(listener_of(&worker)->paused);
    take(&worker, &entry);
    assert_true(listener_of(&worker)->paused);
    assert_int_equal(hr_listen_resume(&worker, &entry.addr), HR_OK);
    assert_false(listener_of(&worker)->paused);
    assert_int_equal(hr_listen_pause(&worker, &entry.addr), HR_OK);
    entry.ops = &ops_b;
    take(&worker, &entry);
    assert_false(listener_of(&worker)->paused);
    take(&worker, NULL);
    assert_int_equal(hr_listen_resume(&worker, &entry.addr), HR_ERR_ADDRESS);
}

/* Connections have all places of the policies: as soon as there is one the listener is open. */
static void without_memory_it_is_tried_again(void **state)
{
    static struct hr_worker worker;
    static struct listener_set set = {.version = 1, .count = 1};
    struct tcp_policy policy = tcp_settings_default.policy;
    uint8_t place, last = 0;

    (void)state;
    policies_init(&worker.tcp.policies);
    while (policy_take(&worker.tcp.policies, &policy, &place)) {
        policy.user_timeout_ms++;
        last = place;
    }
    set.entries[0] = entry_of(&ops_a);
    set.entries[0].options.tuning.user_timeout_ms = 7000;
    worker_take_listeners(&worker, &set);
    assert_null(listener_of(&worker));
    assert_int_equal(worker.listeners_version, 0);
    policy_give(&worker.tcp.policies, last);
    worker_take_listeners(&worker, &set);
    assert_ptr_equal(listener_of(&worker)->app_ops, &ops_a);
    assert_int_equal(worker.listeners_version, 1);
}

/* A worker that slept through several changes has the newest key and the one before. */
static void keys_of_fast_open_are_taken_over(void **state)
{
    static struct hr_worker worker;
    static struct listener_set set;
    struct fast_open_key first;

    (void)state;
    worker.tcp.secret[0] = 7;
    first = fast_open_first_key(worker.tcp.secret);
    worker_take_listeners(&worker, &set);
    assert_memory_equal(&worker.tcp.fast_open.keys[0], &first, sizeof first);
    set.keys[0].words[0] = 1;
    set.key_count = 1;
    worker_take_listeners(&worker, &set);
    assert_int_equal(worker.tcp.fast_open.keys[0].words[0], 1);
    assert_memory_equal(&worker.tcp.fast_open.keys[1], &first, sizeof first);
    set.keys[0].words[0] = 3;
    set.keys[1].words[0] = 2;
    set.key_count = 2;
    worker_take_listeners(&worker, &set);
    assert_int_equal(worker.tcp.fast_open.keys[0].words[0], 3);
    assert_int_equal(worker.tcp.fast_open.keys[1].words[0], 2);
}

/* A cookie of the first key is taken, and exchanged, until a second other one is set. */
static void the_key_before_is_taken_still(void **state)
{
    static const struct {
        uint8_t key[HR_FAST_OPEN_KEY_BYTES];
        enum fast_open_verdict verdict; /* of a cookie of the first one, then */
    } rows[] = {{{1}, FAST_OPEN_GOOD}, {{2}, FAST_OPEN_OLD}, {{3}, FAST_OPEN_WRONG}};
    static struct hr_worker worker;
    static struct hr_stack stack;
    struct tcp_tuple tuple = {.local_port = PORT};
    struct fast_open_key first;
    uint8_t cookie[FAST_OPEN_COOKIE_BYTES];
    struct tcp_segment syn = {.fast_open = cookie, .fast_open_length = sizeof cookie};

    (void)state;
    memcpy(&first, rows[0].key, sizeof first);
    fast_open_cookie(&first, &tuple, cookie);
    (void)pthread_mutex_init(&stack.lock, NULL);
    stack.listeners = calloc(1, sizeof *stack.listeners);
    assert_non_null(stack.listeners);
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(hr_stack_set_fast_open_key(&stack, rows[i].key), HR_OK);
        worker_take_listeners(&worker, stack.listeners);
        assert_int_equal(worker.listeners_version, i + 1);
        assert_int_equal(fast_open_check(worker.tcp.fast_open.keys, &tuple, &syn), rows[i].verdict);
    }
    free(stack.listeners);
    (void)pthread_mutex_destroy(&stack.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_taken_over),
        cmocka_unit_test(what_has_changed_is_taken_anew),
        cmocka_unit_test(what_has_not_changed_stays),
        cmocka_unit_test(a_pause_is_this_listeners),
        cmocka_unit_test(without_memory_it_is_tried_again),
        cmocka_unit_test(keys_of_fast_open_are_taken_over),
        cmocka_unit_test(the_key_before_is_taken_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
