/*
 * Goal:   what the kernel still holds is never written to, and goes home only when
 *         its completion has come.
 * Method: completions are held back at the sender. Held across a probe and a timeout, with the
 * link down: the first retransmission is put off, the second is a copy. Held across the ACK:
 * the data is acknowledged, its frame stays until the completion. The wire compares each packet
 * at hand-over and at completion.
 */
#include "tests/sim/scenario.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BYTES 900u /* too few for a black hole */
#define CLIENT_PORT 40000u

struct fixture {
    struct pair pair;
    struct end listener;
    struct end client;
    struct end server;
};

static void impair(struct fixture *f, bool down, bool completions_stalled)
{
    const struct wire_impairment link = {
        .delay_ns = NS_PER_MS,
        .down = down,
        .completions_stalled = completions_stalled,
    };

    wire_impair(&f->pair.wire, 0, &link);
}

/* Open, with nothing in flight and every completion reaped. */
static void open_pair(struct fixture *f)
{
    struct pair_config config = pair_config_default;

    *f = (struct fixture){
        .client = {.key = 1, .peer_key = 2, .shut = true}, /* not yet */
        .server = {.key = 2, .peer_key = 1, .shut = true},
    };
    config.tcp = tcp_config_default;
    config.tcp.events = &end_events;
    config.tcp.time_wait_ns = NS_PER_S;
    assert_int_equal(pair_init(&f->pair, &config), 0);
    impair(f, false, false);
    scenario_listen(&f->pair, &f->listener, &f->server, CLIENT_PORT);
    scenario_connect(&f->pair, &f->client, CLIENT_PORT);
    pair_run(&f->pair, f->pair.now_ns + NS_PER_S);
    assert_true(f->client.opened && f->server.opened);
    assert_int_equal(f->pair.pool[0].used[FRAME_BUDGET_DATA], 0);
    assert_int_equal(f->pair.pool[0].used[FRAME_BUDGET_CONTROL], 0);
}

static void send_bytes(struct fixture *f)
{
    f->client.total = BYTES;
    end_write(&f->client);
    assert_int_equal(f->client.sent, BYTES);
}

static void close_pair(struct fixture *f)
{
    f->client.shut = false;
    f->server.shut = false;
    end_write(&f->client);
    end_write(&f->server);
    scenario_finish(&f->pair, 10 * NS_PER_S);
    assert_int_equal(f->client.reason, TCP_REASON_DONE);
    assert_int_equal(f->server.reason, TCP_REASON_DONE);
    pair_destroy(&f->pair);
}

void held_by_kernel(void **state)
{
    struct fixture f;
    const struct tcp_counters *counters = &f.pair.host[0].tcp.counters;
    const struct frame_pool *pool = &f.pair.pool[0];
    uint64_t packets;

    (void)state;
    open_pair(&f);
    impair(&f, true, true);
    packets = f.pair.wire.end[0].port.counters.tx_packets;
    send_bytes(&f);

    /* The first, a probe in the timeout's place: the kernel is about to send it anyway. */
    while (counters->held_by_kernel == 0) {
        pair_run(&f.pair, pair_next_ns(&f.pair));
    }
    assert_int_equal(counters->rto_expired, 0);
    assert_int_equal(counters->retransmissions, 1);
    assert_int_equal(counters->copied_for_retransmission, 0);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 1);
    assert_int_equal(f.pair.wire.end[0].port.counters.tx_packets - packets, 1);

    /* The second: a copy. */
    while (counters->copied_for_retransmission == 0) {
        pair_run(&f.pair, pair_next_ns(&f.pair));
    }
    assert_int_equal(counters->rto_expired, 1);
    assert_int_equal(counters->held_by_kernel, 1);
    assert_int_equal(counters->retransmissions, 2);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 2);
    assert_int_equal(f.pair.wire.end[0].port.counters.tx_packets - packets, 2);
    assert_int_equal(f.server.received, 0);

    /* The third, with the link up again, is a copy of the copy, which arrives. */
    impair(&f, false, true);
    pair_run(&f.pair, f.pair.now_ns + 2 * NS_PER_S);
    assert_int_equal(counters->rto_expired, 2);
    assert_int_equal(counters->copied_for_retransmission, 2);
    assert_int_equal(f.server.received, BYTES);
    assert_int_equal(f.client.acked, BYTES);
    assert_int_equal(f.pair.host[1].tcp.counters.duplicates, 0);

    /* All is acknowledged, but the kernel has all three. */
    assert_null(f.client.conn->flight);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 3);
    impair(&f, false, false);
    pair_run(&f.pair, f.pair.now_ns + NS_PER_S);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 0);
    assert_int_equal(f.pair.wire.end[0].tx_rewritten, 0);
    assert_false(f.server.wrong);
    close_pair(&f);
}

void acked_before_completion(void **state)
{
    struct fixture f;
    const struct tcp_counters *counters = &f.pair.host[0].tcp.counters;
    const struct frame_pool *pool = &f.pair.pool[0];

    (void)state;
    open_pair(&f);
    impair(&f, false, true);
    send_bytes(&f);
    pair_run(&f.pair, f.pair.now_ns + NS_PER_S);

    assert_int_equal(f.server.received, BYTES);
    assert_int_equal(f.client.acked, BYTES);
    assert_null(f.client.conn->flight);
    assert_int_equal(counters->bytes_out, BYTES);
    assert_int_equal(counters->retransmissions, 0);
    assert_int_equal(counters->held_by_kernel, 0);
    assert_int_equal(counters->copied_for_retransmission, 0);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 1);

    impair(&f, false, false);
    pair_run(&f.pair, f.pair.now_ns + NS_PER_S);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 0);
    assert_int_equal(f.pair.wire.end[0].tx_rewritten, 0);
    assert_false(f.server.wrong);
    close_pair(&f);
}
