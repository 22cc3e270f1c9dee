/*
 * Settings of connections, and what is told of them, by the public header alone: one connection
 * for each, to the peer of api_settings.py. What is waited for is told by events: a timer only
 * looks again.
 *
 *     api_settings INTERFACE ADDRESS/PREFIX PEER PORT
 */
#include <headrace/headrace.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS 50000000u
#define PIECES 3u
#define PIECE_BYTES 100

struct trial {
    const char *name;
    char what; /* the first byte: see api_settings.py */
    struct hr_conn_ops ops;
    void (*prepare)(struct hr_connect_options *options);
    int end;     /* what on_close says */
    bool nobody; /* to an address that no host has */
};

static const uint8_t piece[PIECE_BYTES];
static struct hr_addr peer;
static struct hr_addr nobody;
static sem_t ended;
static const struct trial *current;
static struct hr_worker *worker;
static struct hr_conn_id id;
static struct hr_timer timer;
static uint32_t segments_before;
static size_t received;
static size_t mark;
static int trouble;
static unsigned failures;
static struct hr_message step; /* of what takes several turns */
static unsigned steps;

static void check(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s: not so: %s\n", current->name, what);
        failures++;
    }
}
#define CHECK(condition) check((condition), #condition)

static struct hr_conn_info info_of(const struct hr_conn *conn)
{
    struct hr_conn_info info;

    CHECK(hr_conn_get_info(conn, &info, sizeof info) == sizeof info);
    return info;
}

static void open_plain(struct hr_conn *conn)
{
    id = hr_conn_id(conn);
    CHECK(info_of(conn).state == HR_STATE_ESTABLISHED);
    CHECK(hr_send(conn, &current->what, 1) == 1);
}

static void tell_end(struct hr_conn *conn, int reason)
{
    (void)conn;
    CHECK(reason == current->end);
    hr_timer_stop(worker, &timer);
    (void)sem_post(&ended);
}

static void tell_trouble(struct hr_conn *conn, int what)
{
    CHECK(info_of(conn).trouble == what);
    trouble = what;
}

/* Without and with what was offered: bits of tcpi_options for timestamps, SACK, scale. */
static void without_options(struct hr_connect_options *options)
{
    options->sack = false;
    options->timestamps = false;
    options->window_scale = false;
    options->congestion_control = "cubic";
}

static void data_options(struct hr_conn *conn, const struct hr_data *data)
{
    struct hr_conn_info info = info_of(conn);
    unsigned ours =
        (unsigned)info.timestamps | (unsigned)info.sack << 1 | (unsigned)info.window_scale << 2;

    CHECK(data->length == 1);
    CHECK((data->slices[0].bytes[0] & 7) == ours);
    CHECK(ours == (current->prepare ? 0 : 7));
    /* The stack's, where none is named. */
    CHECK(strcmp(info.congestion_control, current->prepare ? "cubic" : "newreno") == 0);
    CHECK(info.bytes_received == 1 && info.bytes_acked == 1);
    hr_close(conn);
}

static void look(void (*again)(struct hr_timer *, struct hr_worker *))
{
    timer.on_expiry = again;
    hr_timer_start(worker, &timer, LOOK_NS);
}

/* Two answers, and nothing else that could have come. */
static void look_for_answers(struct hr_timer *unused, struct hr_worker *same)
{
    struct hr_conn *conn = hr_conn_from_id(same, id);
    struct hr_conn_info info = info_of(conn);

    (void)unused;
    if (info.bytes_acked == 0) {
        segments_before = info.segments_in;
    } else if (info.segments_in >= segments_before + 3) { /* with the ACK of the first byte */
        CHECK(info.bytes_received == 0);
        hr_close(conn);
        return;
    }
    look(look_for_answers);
}

static void open_keepalive(struct hr_conn *conn)
{
    struct hr_tuning tuning;

    open_plain(conn);
    segments_before = info_of(conn).segments_in;
    hr_conn_tuning(conn, &tuning);
    CHECK(!tuning.keepalive);
    tuning.keepalive = true;
    tuning.keepalive_idle_s = 1;
    tuning.keepalive_interval_s = 1;
    CHECK(hr_conn_tune(conn, &tuning) == HR_OK);
    look(look_for_answers);
}

static void urgent_came(struct hr_conn *conn, size_t left)
{
    CHECK(left == hr_conn_urgent(conn));
    mark = received + left;
}

/* The last of 'abcX' is before the mark, and is in the stream. */
static void data_urgent(struct hr_conn *conn, const struct hr_data *data)
{
    static const uint8_t wanted[] = "abcXdef";

    for (unsigned i = 0; i < data->count; i++) {
        for (uint32_t n = 0; n < data->slices[i].length; n++) {
            CHECK(received < 7 && data->slices[i].bytes[n] == wanted[received]);
            received++;
        }
    }
    if (received == 7) {
        CHECK(mark == 4);
        CHECK(hr_conn_urgent(conn) == 0);
        CHECK(hr_send(conn, "pq", 2) == 2);
        CHECK(hr_send_urgent(conn, "Z", 1) == 1);
        CHECK(hr_send(conn, "rs", 2) == 2);
        hr_close_within(conn, 20000);
    }
}

static void acked_reset(struct hr_conn *conn, size_t bytes)
{
    CHECK(bytes == 1);
    hr_close_within(conn, 0);
}

/* Nothing of what is sent from now on arrives. */
static void data_deaf(struct hr_conn *conn, const struct hr_data *data)
{
    struct hr_tuning tuning;

    CHECK(data->length == 1);
    hr_conn_tuning(conn, &tuning);
    tuning.user_timeout_ms = 2000;
    tuning.r1_retransmissions = 1;
    CHECK(hr_conn_tune(conn, &tuning) == HR_OK);
    CHECK(hr_send(conn, "x", 1) == 1);
}

static void end_deaf(struct hr_conn *conn, int reason)
{
    CHECK(trouble == HR_TROUBLE_UNANSWERED);
    CHECK(info_of(conn).retransmissions > 0);
    CHECK(info_of(conn).state == HR_STATE_CLOSED);
    tell_end(conn, reason);
}

static void end_nobody(struct hr_conn *conn, int reason)
{
    CHECK(trouble == HR_TROUBLE_NEIGHBOUR);
    tell_end(conn, reason);
}

static void soon(struct hr_connect_options *options)
{
    options->tuning.syn_retransmissions = 1;
}

static void next_step(void (*on_message)(struct hr_message *, struct hr_worker *))
{
    step.on_message = on_message;
    hr_post(worker, &step);
}

/* The pieces in more than one turn, and none of them goes. */
static void write_pieces(struct hr_message *message, struct hr_worker *same)
{
    struct hr_conn *conn = hr_conn_from_id(same, id);
    struct hr_conn_info info = info_of(conn);

    (void)message;
    if (steps < PIECES) {
        CHECK(info.unsent == steps * PIECE_BYTES);
        CHECK(hr_send(conn, piece, PIECE_BYTES) == PIECE_BYTES);
    } else if (steps == PIECES) {
        CHECK(info.unsent == PIECES * PIECE_BYTES);
        hr_conn_set_cork(conn, false);
    } else {
        CHECK(info.unsent == 0);
        return;
    }
    steps++;
    next_step(write_pieces);
}

static void acked_cork(struct hr_conn *conn, size_t bytes)
{
    (void)bytes;
    if (steps == 0) { /* what the peer is to do has arrived */
        hr_conn_set_cork(conn, true);
        write_pieces(NULL, worker);
    }
}

/* So many segments with text came to the peer, the first byte's among them. */
static void data_cork(struct hr_conn *conn, const struct hr_data *data)
{
    CHECK(data->length == 1);
    CHECK(data->slices[0].bytes[0] == 2);
    hr_close(conn);
}

static void late_acks(struct hr_connect_options *options)
{
    options->tuning.ack_delay_ms = 499;
    options->tuning.quick_acks = 0;
}

/* Two turns after the data nothing has gone; one after the call its ACK has. */
static void hurry(struct hr_message *message, struct hr_worker *same)
{
    struct hr_conn *conn = hr_conn_from_id(same, id);

    (void)message;
    if (steps == 2) {
        CHECK(info_of(conn).segments_out == segments_before);
        hr_conn_quick_ack(conn);
    } else if (steps == 3) {
        CHECK(info_of(conn).segments_out == segments_before + 1);
        return;
    }
    steps++;
    next_step(hurry);
}

/* The second byte comes once the first is acknowledged. */
static void data_hurry(struct hr_conn *conn, const struct hr_data *data)
{
    CHECK(data->length == 1);
    if (data->slices[0].bytes[0] == 'b') {
        CHECK(steps == 3);
        hr_close(conn);
        return;
    }
    segments_before = info_of(conn).segments_out;
    hurry(NULL, worker);
}

static const struct trial trials[] = {
    {"all options",
     'o',
     {.on_open = open_plain, .on_data = data_options, .on_close = tell_end},
     NULL,
     HR_OK,
     false},
    {"no options",
     'o',
     {.on_open = open_plain, .on_data = data_options, .on_close = tell_end},
     without_options,
     HR_OK,
     false},
    {"urgent data",
     'u',
     {.on_open = open_plain,
      .on_data = data_urgent,
      .on_urgent = urgent_came,
      .on_close = tell_end},
     NULL,
     HR_OK,
     false},
    {"keepalives", 'k', {.on_open = open_keepalive, .on_close = tell_end}, NULL, HR_OK, false},
    {"cork",
     'c',
     {.on_open = open_plain, .on_sent = acked_cork, .on_data = data_cork, .on_close = tell_end},
     NULL,
     HR_OK,
     false},
    {"quick ACK",
     'q',
     {.on_open = open_plain, .on_data = data_hurry, .on_close = tell_end},
     late_acks,
     HR_OK,
     false},
    {"no lingering",
     'r',
     {.on_open = open_plain, .on_sent = acked_reset, .on_close = tell_end},
     NULL,
     HR_ERR_ABORTED,
     false},
    {"nobody is there",
     'n',
     {.on_trouble = tell_trouble, .on_close = end_nobody},
     soon,
     HR_ERR_UNREACHABLE,
     true},
    {"the user timeout",
     'd',
     {.on_open = open_plain,
      .on_data = data_deaf,
      .on_trouble = tell_trouble,
      .on_close = end_deaf},
     NULL,
     HR_ERR_TIMEOUT,
     false},
};

static void begin(struct hr_message *message, struct hr_worker *self)
{
    struct hr_connect_options options = hr_connect_options_default;

    (void)message;
    worker = self;
    trouble = HR_TROUBLE_NONE;
    steps = 0;
    options.tuning.dscp = 64;
    CHECK(hr_connect_with(self, &peer, &current->ops, &options) == HR_ERR_ARGUMENT);
    options.tuning.dscp = 8;
    options.nodelay = true;
    if (current->prepare) {
        current->prepare(&options);
    }
    CHECK(hr_connect_with(self, current->nobody ? &nobody : &peer, &current->ops, &options) ==
          HR_OK);
}

static bool run(struct hr_worker *self)
{
    static struct hr_message message = {.on_message = begin};
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    hr_post(self, &message);
    if (sem_timedwait(&ended, &until) != 0) {
        check(false, "it ends within 30 seconds");
        return false;
    }
    return true;
}

int main(int count, char **words)
{
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_failure failure;
    struct hr_stack *stack;
    unsigned at = 0;

    if (count != 5 || hr_addr_parse(words[3], (uint16_t)atoi(words[4]), &peer) != HR_OK) {
        return 2;
    }
    nobody = peer;
    nobody.bytes[15] = 99;
    options.interface = words[1];
    options.addresses = (const char *const *)&words[2];
    options.address_count = 1;
    options.congestion_control = "newreno";
    (void)sem_init(&ended, 0, 0);
    if (hr_stack_create(&options, &stack, &failure) != HR_OK ||
        hr_stack_start(stack, &failure) != HR_OK) {
        (void)fprintf(stderr, "%s\n", failure.text);
        return 1;
    }
    for (; at < sizeof trials / sizeof *trials; at++) {
        current = &trials[at];
        if (!run(hr_stack_worker(stack, 0))) {
            break;
        }
    }
    hr_stack_stop(stack);
    hr_stack_destroy(stack);
    (void)printf("%u trials, %u failures\n", at, failures);
    return failures == 0 ? 0 : 1;
}
