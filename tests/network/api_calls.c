/*
 * Each call of the public API on connections, timers and ids, against an echo server of
 * the kernel, for tests/network/api_calls.sh. A trial is a connection of its own, opened
 * from a message; the next one begins when it has been told its end.
 *
 *   api_calls INTERFACE CIDR PEER PORT      nobody listens on PORT + 1
 */
#include <headrace/headrace.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL 5u
#define LARGE 1000u
#define KEPT_MAX 16u

static const uint64_t delay_ns = 20000000; /* of a trial's timer: what was asked for is there */

struct trial;

struct kind {
    const char *name;
    struct hr_conn_ops ops;
    void (*on_delay)(struct trial *trial);
    int end; /* what on_close says */
    bool refused;
    bool chosen; /* from an address and a port of our choice */
};

struct trial {
    struct hr_message message;
    struct hr_timer timer;
    const struct kind *kind;
    struct hr_worker *worker;
    struct hr_conn_id id;
    uint64_t due_ns;
    struct hr_slice kept[KEPT_MAX];
    unsigned kept_count;
    size_t received;
    size_t acked;
    bool was_opened;
};

static struct hr_addr peer;
static struct hr_addr own; /* with a port that no worker would choose */
static char peer_text[HR_ADDR_TEXT_BYTES];
static sem_t ended;
static struct trial *current;
static unsigned failures;

static void check(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s: not so: %s\n", current->kind->name, what);
        failures++;
    }
}
#define CHECK(condition) check((condition), #condition)

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + (at >> 8) * 13);
}

static void send_pattern(struct hr_conn *conn, size_t length)
{
    uint8_t text[LARGE];

    for (size_t i = 0; i < length; i++) {
        text[i] = pattern(i);
    }
    CHECK(hr_conn_unacked(conn) == 0);
    CHECK(hr_send(conn, text, length) == (long)length);
    CHECK(hr_conn_unacked(conn) == length);
}

static size_t compare(const struct hr_slice *slice, size_t at)
{
    for (uint32_t i = 0; i < slice->length; i++) {
        CHECK(slice->bytes[i] == pattern(at + i));
    }
    return at + slice->length;
}

static void on_expiry(struct hr_timer *timer, struct hr_worker *worker)
{
    CHECK(timer == &current->timer);
    CHECK(hr_worker_now_ns(worker) >= current->due_ns);
    CHECK(hr_conn_from_id(worker, current->id) != NULL);
    current->kind->on_delay(current);
}

static void never(struct hr_timer *timer, struct hr_worker *worker)
{
    (void)timer;
    (void)worker;
    check(false, "a timer that was stopped does not expire");
}

static void delay(struct trial *trial)
{
    static struct hr_timer stopped;

    hr_timer_stop(trial->worker, &stopped); /* that was never started: nothing happens */
    stopped.on_expiry = never;
    hr_timer_start(trial->worker, &stopped, delay_ns / 2);
    hr_timer_stop(trial->worker, &stopped);
    trial->timer.on_expiry = on_expiry;
    hr_timer_start(trial->worker, &trial->timer, 1);
    trial->due_ns = hr_worker_now_ns(trial->worker) + delay_ns;
    hr_timer_start(trial->worker, &trial->timer, delay_ns); /* anew, and later */
}

/* What every opened connection knows of itself. */
static void opened(struct hr_conn *conn)
{
    struct trial *trial = hr_conn_context(conn);
    struct hr_conn_id id = hr_conn_id(conn);
    char text[HR_ADDR_TEXT_BYTES];
    struct hr_addr addr;

    CHECK(trial == current);
    CHECK(hr_conn_worker(conn) == trial->worker);
    CHECK(hr_conn_from_id(trial->worker, id) == conn);
    id.generation += 2;
    CHECK(hr_conn_from_id(trial->worker, id) == NULL);
    id = (struct hr_conn_id){id.worker, UINT32_MAX, 1};
    CHECK(hr_conn_from_id(trial->worker, id) == NULL);
    id = hr_conn_id(conn);
    id.worker++;
    CHECK(hr_conn_from_id(trial->worker, id) == NULL);
    hr_conn_peer(conn, &addr);
    CHECK(strcmp(hr_addr_format(&addr, text), peer_text) == 0);
    hr_conn_local(conn, &addr);
    CHECK(addr.port != 0 && memcmp(addr.bytes, peer.bytes, 12) == 0);
    trial->id = hr_conn_id(conn);
    trial->was_opened = true;
}

static void count_acked(struct hr_conn *conn, size_t bytes)
{
    struct trial *trial = hr_conn_context(conn);

    trial->acked += bytes;
}

static void on_close(struct hr_conn *conn, int reason)
{
    struct trial *trial = hr_conn_context(conn);

    CHECK(reason == trial->kind->end);
    CHECK(trial->was_opened == !trial->kind->refused);
    for (unsigned i = 0; i < trial->kept_count; i++) {
        hr_data_release_late(trial->worker, &trial->kept[i]);
    }
    hr_timer_stop(trial->worker, &trial->timer);
    (void)sem_post(&ended);
}

/* Retained slices stay what they were after on_data, and are given back one by one. */
static void keep_open(struct hr_conn *conn)
{
    opened(conn);
    hr_conn_set_nodelay(conn, true);
    send_pattern(conn, LARGE);
    delay(current);
}

static void keep_data(struct hr_conn *conn, const struct hr_data *data)
{
    struct trial *trial = hr_conn_context(conn);

    for (unsigned i = 0; i < data->count && trial->kept_count < KEPT_MAX; i++) {
        CHECK(hr_data_retain(conn, &data->slices[i], &trial->kept[trial->kept_count++]) == HR_OK);
    }
    trial->received += data->length;
}

static void keep_delay(struct trial *trial)
{
    struct hr_conn *conn = hr_conn_from_id(trial->worker, trial->id);
    size_t at = 0;

    CHECK(trial->received == LARGE);
    CHECK(trial->acked == LARGE);
    for (unsigned i = 0; i < trial->kept_count; i++) {
        at = compare(&trial->kept[i], at);
        hr_data_release(conn, &trial->kept[i]);
    }
    CHECK(at == LARGE);
    trial->kept_count = 0;
    hr_close(conn);
}

/* Closed while data is kept: the peer is reset, and the data is given back after. */
static void unread_delay(struct trial *trial)
{
    CHECK(trial->kept_count > 0);
    hr_close(hr_conn_from_id(trial->worker, trial->id));
}

/* Nothing arrives while paused; all of it does after. */
static void pause_open(struct hr_conn *conn)
{
    opened(conn);
    hr_recv_pause(conn);
    send_pattern(conn, SMALL);
    delay(current);
}

static void plain_data(struct hr_conn *conn, const struct hr_data *data)
{
    struct trial *trial = hr_conn_context(conn);

    for (unsigned i = 0; i < data->count; i++) {
        trial->received = compare(&data->slices[i], trial->received);
    }
    if (trial->received == SMALL) {
        hr_close(conn);
    }
}

static void pause_delay(struct trial *trial)
{
    CHECK(trial->received == 0);
    CHECK(trial->acked == SMALL);
    hr_recv_resume(hr_conn_from_id(trial->worker, trial->id));
}

/* A reserved place that is given back sends nothing; one that is committed does. */
static void reserve_open(struct hr_conn *conn)
{
    size_t room = 0;
    uint8_t *place;

    opened(conn);
    place = hr_reserve(conn, &room);
    CHECK(place != NULL && room >= SMALL);
    CHECK(hr_commit(conn, place, 0) == HR_OK);
    CHECK(hr_conn_unacked(conn) == 0);
    place = hr_reserve(conn, &room);
    for (unsigned i = 0; i < SMALL; i++) {
        place[i] = pattern(i);
    }
    CHECK(hr_commit(conn, place, SMALL) == HR_OK);
    CHECK(hr_conn_unacked(conn) == SMALL);
}

/* After the half close nothing can be sent, and everything is still received. */
static void shut_open(struct hr_conn *conn)
{
    size_t room;

    opened(conn);
    send_pattern(conn, LARGE);
    CHECK(hr_shutdown(conn) == HR_OK);
    CHECK(hr_send(conn, "x", 1) == HR_ERR_STATE);
    CHECK(hr_reserve(conn, &room) == NULL);
}

static void shut_data(struct hr_conn *conn, const struct hr_data *data)
{
    struct trial *trial = hr_conn_context(conn);

    for (unsigned i = 0; i < data->count; i++) {
        trial->received = compare(&data->slices[i], trial->received);
    }
}

static void shut_eof(struct hr_conn *conn)
{
    const struct trial *trial = hr_conn_context(conn);

    CHECK(trial->received == LARGE);
    hr_close(conn);
}

static void abort_open(struct hr_conn *conn)
{
    opened(conn);
    hr_abort(conn);
}

/* Shows: RFC 9293 MUST-43. */
static void chosen_open(struct hr_conn *conn)
{
    struct hr_addr local;

    opened(conn);
    hr_conn_local(conn, &local);
    CHECK(memcmp(local.bytes, own.bytes, sizeof own.bytes) == 0 && local.port == own.port);
    send_pattern(conn, SMALL);
}

static const struct kind kinds[] = {
    {"retained and released",
     {.on_open = keep_open, .on_data = keep_data, .on_sent = count_acked, .on_close = on_close},
     keep_delay,
     HR_OK,
     false,
     false},
    {"closed with data kept",
     {.on_open = keep_open, .on_data = keep_data, .on_close = on_close},
     unread_delay,
     HR_ERR_UNREAD,
     false,
     false},
    {"paused",
     {.on_open = pause_open, .on_data = plain_data, .on_sent = count_acked, .on_close = on_close},
     pause_delay,
     HR_OK,
     false,
     false},
    {"reserved",
     {.on_open = reserve_open, .on_data = plain_data, .on_close = on_close},
     NULL,
     HR_OK,
     false,
     false},
    {"half closed",
     {.on_open = shut_open, .on_data = shut_data, .on_eof = shut_eof, .on_close = on_close},
     NULL,
     HR_OK,
     false,
     false},
    {"aborted", {.on_open = abort_open, .on_close = on_close}, NULL, HR_ERR_ABORTED, false, false},
    {"refused", {.on_open = opened, .on_close = on_close}, NULL, HR_ERR_REFUSED, true, false},
    {"from an address of our choice",
     {.on_open = chosen_open, .on_data = plain_data, .on_close = on_close},
     NULL,
     HR_OK,
     false,
     true},
};

/* All that can be wrong, and then right; the same port is taken once. */
static int connect_chosen(struct hr_worker *worker, const struct hr_addr *to, struct trial *trial)
{
    struct hr_connect_options options = hr_connect_options_default;
    int error;

    options.context = trial;
    options.nodelay = true;
    options.local = own;
    options.local.bytes[15]++;
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ADDRESS);
    options.local = own;
    options.receive_buffer = 4095;
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.receive_buffer = 4096;
    options.send_buffer = (1u << 30) + 1;
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.send_buffer = 4096;
    options.congestion_control = "vegas";
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.congestion_control = "newreno";
    options.ecn = (enum hr_ecn)3;
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.ecn = HR_ECN_ACCURATE;
    options.mss_max = 87;
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.mss_max = 32768;
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.mss_max = 1000;
    options.local.port = 49152; /* the first of the first worker's slice */
    CHECK(hr_worker_index(worker) == 0 ||
          hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_ARGUMENT);
    options.local.port = own.port;
    error = hr_connect_with(worker, to, &trial->kind->ops, &options);
    CHECK(hr_connect_with(worker, to, &trial->kind->ops, &options) == HR_ERR_IN_USE);
    return error;
}

/* On the worker: opens the connection of the current trial. */
static void begin(struct hr_message *message, struct hr_worker *worker)
{
    struct trial *trial = (struct trial *)message;
    struct hr_addr to = peer;
    struct hr_addr nowhere;
    int error;

    trial->worker = worker;
    CHECK(hr_addr_parse("203.0.113.1", 7, &nowhere) == HR_OK);
    CHECK(hr_connect(worker, &nowhere, &trial->kind->ops, trial) == HR_ERR_NO_ROUTE);
    to.port = (uint16_t)(to.port + trial->kind->refused);
    error = trial->kind->chosen ? connect_chosen(worker, &to, trial)
                                : hr_connect(worker, &to, &trial->kind->ops, trial);
    CHECK(error == HR_OK);
    if (error != HR_OK) {
        (void)sem_post(&ended);
    }
}

/* On the worker, after the end: the id names nothing any more. */
static void look_back(struct hr_message *message, struct hr_worker *worker)
{
    const struct trial *trial = (const struct trial *)message;

    CHECK(!trial->was_opened || hr_conn_from_id(worker, trial->id) == NULL);
    (void)sem_post(&ended);
}

static bool post_and_wait(struct hr_worker *worker, struct trial *trial,
                          void (*on_message)(struct hr_message *, struct hr_worker *))
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    trial->message.on_message = on_message;
    hr_post(worker, &trial->message);
    if (sem_timedwait(&ended, &until) != 0) {
        check(false, "it ends within 20 seconds");
        return false;
    }
    return true;
}

static void run(struct hr_stack *stack)
{
    static struct trial trials[sizeof kinds / sizeof *kinds];

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct hr_worker *worker = hr_stack_worker(stack, i % hr_stack_worker_count(stack));

        current = &trials[i];
        current->kind = &kinds[i];
        if (!post_and_wait(worker, current, begin) || !post_and_wait(worker, current, look_back)) {
            return;
        }
    }
}

static bool parse_own(const char *cidr)
{
    char text[HR_ADDR_TEXT_BYTES];

    (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(cidr, "/"), cidr);
    return hr_addr_parse(text, 40000, &own) == HR_OK;
}

int main(int count, char **words)
{
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_failure failure;
    struct hr_stack *stack;
    struct hr_stats stats;

    if (count != 5 || hr_addr_parse(words[3], (uint16_t)atoi(words[4]), &peer) != HR_OK ||
        !parse_own(words[2])) {
        return 2;
    }
    (void)snprintf(peer_text, sizeof peer_text, "%s:%s", words[3], words[4]);
    options.interface = words[1];
    options.addresses = (const char *const *)&words[2];
    options.address_count = 1;
    (void)sem_init(&ended, 0, 0);
    if (hr_stack_create(&options, &stack, &failure) != HR_OK ||
        hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "%s\n", failure.text);
        return 1;
    }
    run(stack);
    hr_stack_stop(stack);
    CHECK(hr_stack_start(stack, &failure) == HR_ERR_STATE);
    hr_stack_stats_sum(stack, &stats);
    CHECK(stats.frames_data == 0);
    CHECK(stats.connections == 0);
    CHECK(stats.connected == sizeof kinds / sizeof *kinds - 1);
    (void)printf("%u trials, %u failures\n", (unsigned)(sizeof kinds / sizeof *kinds), failures);
    hr_stack_destroy(stack);
    return failures == 0 ? 0 : 1;
}
