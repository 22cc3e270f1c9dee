/*
 * Goal:   full send queues stop senders by their budget, and nothing else stops:
 *         ACKs, window probes, RST and new connections go on, and when both sides
 *         read again all drains (budgets have floors).
 * Method: both ends of each connection write all that is taken, and nobody reads,
 *         until nothing moves but probes. Then one connection is opened and one
 *         aborted in the middle of it; then all read. Once with wide
 *         windows, once with windows so small that no promise is left when everything
 *         is stuck. Many connections: a few would have no more than their share.
 */
#include "tests/sim/scenario.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CONNECTIONS 64u
#define FIRST_PORT 40000u
#define LATE CONNECTIONS /* the connection that is opened while all is stuck */

struct row {
    const char *name;
    uint32_t receive_buffer; /* bytes */
    uint32_t send_buffer;
    uint32_t bytes; /* each way of each connection */
};

struct fixture {
    struct pair pair;
    struct end listener;
    struct end ends[2][CONNECTIONS + 1];
};

static void open_all(struct fixture *f, const struct row *row)
{
    struct pair_config config = pair_config_default;

    memset(f, 0, sizeof *f);
    config.tcp = tcp_config_default;
    config.tcp.events = &end_events;
    config.tcp.connections_max = CONNECTIONS + 1;
    config.tcp.time_wait_ns = NS_PER_S;
    assert_int_equal(pair_init(&f->pair, &config), 0);
    for (unsigned i = 0; i <= CONNECTIONS; i++) {
        f->ends[0][i] = (struct end){.key = 2 * i, .peer_key = 2 * i + 1, .paused = true};
        f->ends[1][i] = (struct end){.key = 2 * i + 1, .peer_key = 2 * i, .paused = true};
        f->ends[0][i].total = row->bytes;
        f->ends[1][i].total = row->bytes;
    }
    f->listener.accepted = f->ends[1];
    scenario_listen(&f->pair, &f->listener, f->ends[1], FIRST_PORT);
    f->pair.host[1].tcp.listeners[0].settings.receive_buffer = row->receive_buffer;
    f->pair.host[1].tcp.listeners[0].settings.send_buffer = row->send_buffer;
}

static void connect_one(struct fixture *f, const struct row *row, unsigned i)
{
    struct tcp_settings settings = tcp_settings_default;
    const struct tcp_tuple tuple =
        pair_tuple(&f->pair, 0, (uint16_t)(FIRST_PORT + i), SCENARIO_PORT);
    struct end *end = &f->ends[0][i];

    settings.receive_buffer = row->receive_buffer;
    settings.send_buffer = row->send_buffer;
    assert_int_equal(tcp_connect(&f->pair.host[0].tcp, &tuple, &settings, &end->conn), TCP_OK);
    end->conn->app = end;
}

static uint64_t bytes_moved(const struct fixture *f)
{
    return f->pair.host[0].tcp.counters.bytes_out + f->pair.host[1].tcp.counters.bytes_out;
}

/* Probes go on for ever; what was never sent does not move any more. */
static void run_until_stuck(struct fixture *f)
{
    uint64_t before;

    do {
        before = bytes_moved(f);
        pair_run(&f->pair, f->pair.now_ns + 10 * NS_PER_S);
    } while (bytes_moved(f) > before + 2 * CONNECTIONS * 10);
}

static void check_budgets(const struct fixture *f, unsigned side)
{
    const struct frame_pool *pool = &f->pair.pool[side];

    assert_true(frame_pool_check(pool));
    assert_int_equal(pool->refused[FRAME_BUDGET_RECEIVE], 0);
    assert_int_equal(f->pair.wire.end[side].port.counters.rx_starved, 0);
    assert_true(pool->used[FRAME_BUDGET_DATA] <= pool->count - pool->floor[FRAME_BUDGET_RECEIVE] -
                                                     pool->floor[FRAME_BUDGET_CONTROL]);
}

/* All ends still want to send, and are stopped by the frames. */
static void check_stuck(const struct fixture *f)
{
    for (unsigned side = 0; side < 2; side++) {
        check_budgets(f, side);
        assert_int_equal(frame_pool_pressure(&f->pair.pool[side]), FRAME_CRITICAL);
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            assert_true(f->ends[side][i].opened);
            assert_true(f->ends[side][i].refused > 0);
            assert_true(f->ends[side][i].sent < f->ends[side][i].total);
            assert_int_equal(f->ends[side][i].received, 0);
        }
    }
}

/* While everything is stuck: probes are sent and answered, a new connection
 * opens, and one that is aborted is heard of. */
static void check_control(struct fixture *f, const struct row *row)
{
    const struct tcp_counters before = f->pair.host[0].tcp.counters;
    const struct tcp_counters *after = &f->pair.host[0].tcp.counters;

    connect_one(f, row, LATE);
    tcp_abort(f->ends[0][0].conn);
    tcp_turn_end(&f->pair.host[0].tcp);
    pair_run(&f->pair, f->pair.now_ns + 200 * NS_PER_S);
    assert_true(f->ends[0][LATE].opened && f->ends[1][LATE].opened);
    assert_true(f->ends[1][0].closed);
    assert_int_equal(f->ends[1][0].reason, TCP_REASON_RESET);
    assert_true(after->retransmissions + after->zero_window_probes >
                before.retransmissions + before.zero_window_probes);
    assert_true(after->acks_out > before.acks_out);
    check_budgets(f, 0);
    check_budgets(f, 1);
}

static void drain(struct fixture *f, const struct row *row)
{
    for (unsigned side = 0; side < 2; side++) {
        tcp_turn_begin(&f->pair.host[side].tcp, f->pair.now_ns);
        for (unsigned i = 0; i <= LATE; i++) {
            end_resume(&f->ends[side][i]);
        }
        host_turn(&f->pair.host[side], f->pair.now_ns);
    }
    scenario_finish(&f->pair, 3600 * NS_PER_S);
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 1; i <= LATE; i++) {
            const struct end *end = &f->ends[side][i];

            assert_false(end->wrong);
            assert_int_equal(end->received, row->bytes);
            assert_int_equal(end->acked, row->bytes);
            assert_true(end->eof && end->closed);
            assert_int_equal(end->reason, TCP_REASON_DONE);
        }
    }
}

void send_queues_full(void **state)
{
    static const struct row rows[] = {
        {"wide windows", TCP_RECEIVE_BUFFER_DEFAULT, 65536, 200000},
        {"small windows", 4096, 4u << 20, 400000},
    };
    static struct fixture f;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        print_message("%s\n", rows[i].name);
        open_all(&f, &rows[i]);
        for (unsigned each = 0; each < CONNECTIONS; each++) {
            connect_one(&f, &rows[i], each);
        }
        run_until_stuck(&f);
        check_stuck(&f);
        check_control(&f, &rows[i]);
        drain(&f, &rows[i]);
        pair_destroy(&f.pair);
    }
}
