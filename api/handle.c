#include <headrace/worker.h>

#include "api/convert.h"
#include "api/stack.h"
#include "api/tuning.h"

static_assert(sizeof(struct wheel_entry) == sizeof(((struct hr_timer *)0)->opaque),
              "an entry of the wheel stands in the application's timer");

static struct wheel_entry *entry_of(struct hr_timer *timer)
{
    return (struct wheel_entry *)(void *)timer->opaque;
}

void hr_timer_start(struct hr_worker *worker, struct hr_timer *timer, uint64_t delay_ns)
{
    struct wheel_entry *entry = entry_of(timer);

    if (!entry->link.next) {
        wheel_entry_init(entry);
    }
    wheel_arm(&worker->timers, entry, worker->tcp.now_ns + min_u64(delay_ns, INT64_MAX));
}

void hr_timer_stop(struct hr_worker *worker, struct hr_timer *timer)
{
    struct wheel_entry *entry = entry_of(timer);

    if (entry->link.next) {
        wheel_cancel(&worker->timers, entry);
    }
}

unsigned hr_worker_index(const struct hr_worker *worker)
{
    return worker->index;
}

unsigned hr_worker_core(const struct hr_worker *worker)
{
    return worker->core;
}

unsigned hr_worker_queue(const struct hr_worker *worker)
{
    return worker->queue;
}

struct hr_stack *hr_worker_stack(const struct hr_worker *worker)
{
    return worker->stack;
}

uint64_t hr_worker_now_ns(const struct hr_worker *worker)
{
    return worker->tcp.now_ns;
}

void hr_post(struct hr_worker *worker, struct hr_message *message)
{
    mailbox_post(&worker->mailbox, message);
}

const struct hr_connect_options hr_connect_options_default = {
    .receive_buffer = TCP_RECEIVE_BUFFER_DEFAULT,
    .send_buffer = TCP_SEND_BUFFER_DEFAULT,
    .sack = true,
    .timestamps = true,
    .window_scale = true,
    .tuning = TUNING_DEFAULT,
};

/* Answers to a port in the slice of another worker would be given to that one. */
static bool may_use_port(const struct hr_worker *worker, uint16_t port)
{
    int owner = stack_owner_of_port(worker->stack, port);

    return owner < 0 || (unsigned)owner == worker->index;
}

int hr_connect_with(struct hr_worker *worker, const struct hr_addr *peer,
                    const struct hr_conn_ops *ops, const struct hr_connect_options *options)
{
    struct tcp_tuple tuple = {.local = addr_inner(&options->local),
                              .local_port = options->local.port,
                              .remote = addr_inner(peer),
                              .remote_port = peer->port};
    struct tcp_settings settings = tcp_settings_default;
    struct tcp_conn *conn;
    int error;

    /* The end of what is opened from here on, as by an on_close() that connects anew,
     * would never be told. */
    if (atomic_load_explicit(&worker->stack->stopping, memory_order_relaxed)) {
        return HR_ERR_STATE;
    }
    settings.cc = stack_cc(worker->stack, options->congestion_control);
    if (!buffer_is_in_range(options->receive_buffer) || !buffer_is_in_range(options->send_buffer) ||
        (unsigned)options->ecn > HR_ECN_ACCURATE || !settings.cc ||
        !mss_is_in_range(options->mss_max) || !tuning_is_valid(&options->tuning) ||
        !may_use_port(worker, tuple.local_port)) {
        return HR_ERR_ARGUMENT;
    }
    settings.receive_buffer = options->receive_buffer;
    settings.send_buffer = options->send_buffer;
    settings.ecn = (uint8_t)options->ecn;
    settings.nodelay = options->nodelay;
    settings.sack = options->sack;
    settings.timestamps = options->timestamps;
    settings.window_scale = options->window_scale;
    settings.mss_max = options->mss_max;
    tuning_take(&settings, &options->tuning);
    settings.fast_open = options->fast_open;
    settings.fast_open_no_cookie = options->fast_open_no_cookie;
    error = tcp_connect(&worker->tcp, &tuple, &settings, &conn);
    if (error == TCP_OK) {
        conn->app = options->context;
        conn->app_ops = ops;
        if (options->conn) {
            *options->conn = conn_outer(conn);
        }
    }
    return error_outer(error);
}

int hr_connect(struct hr_worker *worker, const struct hr_addr *peer, const struct hr_conn_ops *ops,
               void *context)
{
    struct hr_connect_options options = hr_connect_options_default;

    options.context = context;
    return hr_connect_with(worker, peer, ops, &options);
}
