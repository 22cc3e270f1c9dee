/* Listeners: an immutable set for all workers, and each worker's copies. */
#include "api/convert.h"
#include "api/stack.h"
#include "api/tuning.h"
#include "tcp/cc.h"

#include <stdlib.h>
#include <urcu-qsbr.h>

const struct hr_listen_options hr_listen_options_default = {
    .receive_buffer = TCP_RECEIVE_BUFFER_DEFAULT,
    .send_buffer = TCP_SEND_BUFFER_DEFAULT,
    .half_open_max = 4096,
    .nodelay = false,
    .context = NULL,
    .congestion_control = NULL,
    .sack = true,
    .timestamps = true,
    .window_scale = true,
    .tuning = TUNING_DEFAULT,
    .syn_cookies = HR_SYN_COOKIES_WHEN_FULL,
    .connections_max = UINT32_MAX,
    .fast_open_max = 0,
    .fast_open_no_cookie = false,
    .ecn = HR_ECN_ACCURATE,
};

static_assert((int)HR_SYN_COOKIES_NEVER == (int)TCP_COOKIES_NEVER &&
                  (int)HR_SYN_COOKIES_WHEN_FULL == (int)TCP_COOKIES_WHEN_FULL &&
                  (int)HR_SYN_COOKIES_ALWAYS == (int)TCP_COOKIES_ALWAYS,
              "the public names are those of the core");
static_assert((int)HR_ECN_OFF == (int)TCP_ECN_OFF && (int)HR_ECN_CLASSIC == (int)TCP_ECN_CLASSIC &&
                  (int)HR_ECN_ACCURATE == (int)TCP_ECN_ACCURATE,
              "these too");

const char *const *hr_congestion_controls(void)
{
    return tcp_cc_names;
}

static bool addr_equal(const struct hr_addr *a, const struct hr_addr *b)
{
    return a->port == b->port && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static unsigned find(const struct listener_set *set, const struct hr_addr *addr)
{
    unsigned i = 0;

    while (i < set->count && !addr_equal(&set->entries[i].addr, addr)) {
        i++;
    }
    return i;
}

/* The new set takes the place of the old, which goes when no worker reads it
 * any more. A release, read by an acquire, is what rcu_assign_pointer() is, and
 * ThreadSanitizer knows it. */
static void replace_listeners(struct hr_stack *stack, struct listener_set *set)
{
    struct listener_set *old = stack->listeners;

    set->version = old->version + 1;
    __atomic_store_n(&stack->listeners, set, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < stack->worker_count; i++) {
        mailbox_wake(&stack->workers[i].mailbox);
    }
    synchronize_rcu();
    free(old);
}

static int check(const struct hr_stack *stack, const struct hr_addr *addr,
                 const struct hr_listen_options *options)
{
    struct ip_addr inner = addr_inner(addr);
    bool is_own = ip_addr_is_unspecified(&inner);

    if (addr->port == 0 || options->half_open_max == 0 || options->connections_max == 0 ||
        (unsigned)options->syn_cookies > HR_SYN_COOKIES_ALWAYS ||
        (unsigned)options->ecn > HR_ECN_ACCURATE || !buffer_is_in_range(options->receive_buffer) ||
        !buffer_is_in_range(options->send_buffer) ||
        !stack_cc(stack, options->congestion_control) || !mss_is_in_range(options->mss_max) ||
        !tuning_is_valid(&options->tuning)) {
        return HR_ERR_ARGUMENT;
    }
    for (unsigned i = 0; i < stack->address_count; i++) {
        is_own = is_own || ip_addr_equal(&stack->addresses[i].addr, &inner);
    }
    return is_own ? HR_OK : HR_ERR_ADDRESS;
}

static int add(struct hr_stack *stack, const struct listener_entry *entry)
{
    struct listener_set *set;

    if (find(stack->listeners, &entry->addr) < stack->listeners->count) {
        return HR_ERR_IN_USE;
    }
    set = malloc(sizeof *set);
    if (!set || stack->listeners->count == TCP_LISTENERS_MAX) {
        free(set);
        return HR_ERR_NO_MEMORY;
    }
    *set = *stack->listeners;
    set->entries[set->count++] = *entry;
    replace_listeners(stack, set);
    return HR_OK;
}

int hr_listen(struct hr_stack *stack, const struct hr_addr *addr, const struct hr_conn_ops *ops,
              const struct hr_listen_options *options)
{
    struct listener_entry entry = {.addr = *addr, .ops = ops, .options = *options};
    int error = check(stack, addr, options);

    if (error != HR_OK) {
        return error;
    }
    /* The caller's string need not outlive the call. */
    entry.options.congestion_control = stack_cc(stack, options->congestion_control)->name;
    (void)pthread_mutex_lock(&stack->lock);
    error = add(stack, &entry);
    (void)pthread_mutex_unlock(&stack->lock);
    return error;
}

static int take_away(struct hr_stack *stack, const struct hr_addr *addr)
{
    unsigned at = find(stack->listeners, addr);
    struct listener_set *set;

    if (at == stack->listeners->count) {
        return HR_ERR_ADDRESS;
    }
    set = malloc(sizeof *set);
    if (!set) {
        return HR_ERR_NO_MEMORY;
    }
    *set = *stack->listeners;
    set->entries[at] = set->entries[--set->count];
    replace_listeners(stack, set);
    return HR_OK;
}

int hr_unlisten(struct hr_stack *stack, const struct hr_addr *addr)
{
    int error;

    (void)pthread_mutex_lock(&stack->lock);
    error = take_away(stack, addr);
    (void)pthread_mutex_unlock(&stack->lock);
    return error;
}

static int set_key(struct hr_stack *stack, const struct fast_open_key *key)
{
    struct listener_set *set = malloc(sizeof *set);

    if (!set) {
        return HR_ERR_NO_MEMORY;
    }
    *set = *stack->listeners;
    set->keys[1] = set->keys[0];
    set->keys[0] = *key;
    set->key_count = min_u32(set->key_count + 1, COUNT_OF(set->keys));
    replace_listeners(stack, set);
    return HR_OK;
}

int hr_stack_set_fast_open_key(struct hr_stack *stack, const uint8_t key[HR_FAST_OPEN_KEY_BYTES])
{
    struct fast_open_key inner;
    int error;

    static_assert(sizeof inner == HR_FAST_OPEN_KEY_BYTES, "the key is copied whole");
    memcpy(&inner, key, sizeof inner);
    (void)pthread_mutex_lock(&stack->lock);
    error = set_key(stack, &inner);
    (void)pthread_mutex_unlock(&stack->lock);
    return error;
}

static struct tcp_listener listener_of(const struct listener_entry *entry)
{
    struct tcp_listener listener = {
        .address = addr_inner(&entry->addr),
        .port = entry->addr.port,
        .half_open_max = entry->options.half_open_max,
        .connections_max = entry->options.connections_max,
        .syn_cookies = (uint8_t)entry->options.syn_cookies,
        .fast_open = {.max = entry->options.fast_open_max},
        .settings = tcp_settings_default,
        .app = entry->options.context,
        .app_ops = entry->ops,
    };

    listener.settings.receive_buffer = entry->options.receive_buffer;
    listener.settings.send_buffer = entry->options.send_buffer;
    listener.settings.nodelay = entry->options.nodelay;
    listener.settings.ecn = (uint8_t)entry->options.ecn;
    listener.settings.cc = tcp_cc_find(entry->options.congestion_control);
    listener.settings.sack = entry->options.sack;
    listener.settings.timestamps = entry->options.timestamps;
    listener.settings.window_scale = entry->options.window_scale;
    listener.settings.mss_max = entry->options.mss_max;
    listener.settings.fast_open_no_cookie = entry->options.fast_open_no_cookie;
    tuning_take(&listener.settings, &entry->options.tuning);
    return listener;
}

/* Whether the set has just this listener, of this address and all else that a caller
 * may give: one that was taken away and listened on anew with other callbacks, while
 * the worker slept, is another. */
static bool has(const struct listener_set *set, const struct tcp_listener *listener)
{
    struct hr_addr addr;
    struct tcp_listener wanted;
    unsigned at;

    addr_outer(&addr, &listener->address, listener->port);
    at = find(set, &addr);
    if (at == set->count) {
        return false;
    }
    wanted = listener_of(&set->entries[at]);
    return listener->app_ops == wanted.app_ops && listener->app == wanted.app &&
           listener->half_open_max == wanted.half_open_max &&
           listener->connections_max == wanted.connections_max &&
           listener->syn_cookies == wanted.syn_cookies &&
           listener->fast_open.max == wanted.fast_open.max &&
           settings_equal(&listener->settings, &wanted.settings);
}

static int set_paused(struct hr_worker *worker, const struct hr_addr *addr, bool paused)
{
    struct ip_addr inner = addr_inner(addr);
    struct tcp *tcp = &worker->tcp;

    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        const struct tcp_listener *listener = &tcp->listeners[i];

        if (listener->open && listener->port == addr->port &&
            ip_addr_equal(&listener->address, &inner)) {
            tcp_listen_pause(tcp, i, paused);
            return HR_OK;
        }
    }
    return HR_ERR_ADDRESS;
}

int hr_listen_pause(struct hr_worker *worker, const struct hr_addr *addr)
{
    return set_paused(worker, addr, true);
}

int hr_listen_resume(struct hr_worker *worker, const struct hr_addr *addr)
{
    return set_paused(worker, addr, false);
}

static void close_missing(struct tcp *tcp, const struct listener_set *set)
{
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        if (tcp->listeners[i].open && !has(set, &tcp->listeners[i])) {
            tcp_unlisten(tcp, i);
        }
    }
}

void worker_take_listeners(struct hr_worker *worker, const struct listener_set *set)
{
    bool complete = true;

    close_missing(&worker->tcp, set);
    for (unsigned i = 0; i < set->count; i++) {
        struct tcp_listener listener = listener_of(&set->entries[i]);
        uint32_t index;
        int error = tcp_listen(&worker->tcp, &listener, &index);

        /* In use: this worker has it from an earlier set. Without memory (64 have half-open
         * connections yet, or connections have all places of the policies) it is tried again with
         * the next turn. */
        complete = complete && (error == TCP_OK || error == TCP_ERR_IN_USE);
    }
    tcp_fast_open_keys(&worker->tcp, set->keys, set->key_count);
    if (complete) {
        worker->listeners_version = set->version;
    }
}
