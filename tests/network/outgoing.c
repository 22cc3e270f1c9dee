/*
 * A client of the public API for tests/network/outgoing.sh: each worker opens its
 * share of the connections to an echo server, sends a pattern in pieces, compares
 * what comes back, and closes; meanwhile listeners come and go.
 *
 *   outgoing INTERFACE CIDR PEER PORT CONNECTIONS BYTES
 */
#include <headrace/headrace.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct client {
    size_t sent;
    size_t received;
    bool failed;
};

struct batch {
    struct hr_message message;
    unsigned count;
};

static struct hr_addr peer;
static size_t bytes_each;
static sem_t finished; /* counts connections */
static atomic_uint failed;

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + (at >> 8) * 13);
}

static void push(struct hr_conn *conn)
{
    struct client *client = hr_conn_context(conn);
    uint8_t piece[4096];

    while (client->sent < bytes_each) {
        size_t length = bytes_each - client->sent;
        long taken;

        length = length < sizeof piece ? length : sizeof piece;
        for (size_t i = 0; i < length; i++) {
            piece[i] = pattern(client->sent + i);
        }
        taken = hr_send(conn, piece, length);
        if (taken <= 0) {
            return; /* on_writable goes on */
        }
        client->sent += (size_t)taken;
    }
}

static void on_data(struct hr_conn *conn, const struct hr_data *data)
{
    struct client *client = hr_conn_context(conn);

    for (unsigned i = 0; i < data->count; i++) {
        const uint8_t *bytes = data->slices[i].bytes;

        for (size_t j = 0; j < data->slices[i].length; j++) {
            client->failed |= bytes[j] != pattern(client->received++);
        }
    }
    if (client->received == bytes_each) {
        hr_close(conn);
    }
}

static void on_close(struct hr_conn *conn, enum hr_error reason)
{
    struct client *client = hr_conn_context(conn);

    if (client->failed || client->received != bytes_each || reason != HR_OK) {
        (void)fprintf(stderr, "sent %zu, received %zu of %zu bytes: %s%s\n", client->sent,
                      client->received, bytes_each, hr_error_text(reason),
                      client->failed ? ", wrong bytes" : "");
        atomic_fetch_add(&failed, 1);
    }
    free(client);
    (void)sem_post(&finished);
}

static const struct hr_conn_ops ops = {
    .on_open = push,
    .on_data = on_data,
    .on_writable = push,
    .on_close = on_close,
};

static void open_batch(struct hr_message *message, struct hr_worker *worker)
{
    struct batch *batch = (struct batch *)message;

    for (unsigned i = 0; i < batch->count; i++) {
        int error = hr_connect(worker, &peer, &ops, calloc(1, sizeof(struct client)));

        if (error != HR_OK) {
            (void)fprintf(stderr, "hr_connect: %s\n", hr_error_text((enum hr_error)error));
            atomic_fetch_add(&failed, 1);
            (void)sem_post(&finished);
        }
    }
}

/* Ends of connections are waited for, a minute for all. */
static bool wait_for(unsigned connections)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    for (unsigned i = 0; i < connections; i++) {
        if (sem_timedwait(&finished, &until) != 0) {
            (void)fprintf(stderr, "only %u of %u connections ended\n", i, connections);
            return false;
        }
    }
    return true;
}

static void open_all(struct hr_stack *stack, unsigned connections_each)
{
    static struct batch batches[HR_WORKERS_MAX];

    for (unsigned i = 0; i < hr_stack_worker_count(stack); i++) {
        batches[i] = (struct batch){{.on_message = open_batch}, connections_each};
        hr_post(hr_stack_worker(stack, i), &batches[i].message);
    }
}

/* Listeners come and go while workers turn: they read the set that is replaced. */
static bool change_listeners(struct hr_stack *stack)
{
    const struct hr_addr addr = {.port = 9};

    for (unsigned i = 0; i < 50; i++) {
        if (hr_listen(stack, &addr, &ops, &hr_listen_options_default) != HR_OK ||
            hr_unlisten(stack, &addr) != HR_OK) {
            (void)fprintf(stderr, "a listener could not be changed\n");
            return false;
        }
    }
    return true;
}

int main(int count, char **words)
{
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_failure failure;
    struct hr_stack *stack;
    struct hr_stats stats;
    unsigned each;
    bool ended;

    if (count != 7 || hr_addr_parse(words[3], (uint16_t)atoi(words[4]), &peer) != HR_OK) {
        return 2;
    }
    options.interface = words[1];
    options.addresses = (const char *const *)&words[2];
    options.address_count = 1;
    bytes_each = (size_t)atol(words[6]);
    (void)sem_init(&finished, 0, 0);
    if (hr_stack_create(&options, &stack, &failure) != HR_OK ||
        hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "%s\n", failure.text);
        return 1;
    }
    each = (unsigned)atoi(words[5]) / hr_stack_worker_count(stack);
    open_all(stack, each);
    ended = change_listeners(stack);
    ended = wait_for(each * hr_stack_worker_count(stack)) && ended;
    hr_stack_stop(stack);
    hr_stack_stats_sum(stack, &stats);
    (void)printf("workers %u connections %u failed %u crossed %lu of %lu packets\n",
                 hr_stack_worker_count(stack), (unsigned)stats.connected, atomic_load(&failed),
                 (unsigned long)stats.crossed, (unsigned long)stats.rx_packets);
    hr_stack_destroy(stack);
    return ended && atomic_load(&failed) == 0 ? 0 : 1;
}
