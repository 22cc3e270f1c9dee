/*
 * Goal:   a port whose FILL ring can't be topped up recovers once there are frames
 *         again: what waited in RX is taken, what was dropped comes again.
 * Method: a stream flows each way. At the receiver every frame that FILL could get
 *         is taken away, by somebody who holds them, or the ring is empty by the
 *         wire's impairment; packets are dropped. Then the frames come back.
 */
#include "tests/sim/scenario.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BYTES 400000u
#define CLIENT_PORT 40000u
#define FRAMES 1024u

struct fixture {
    struct pair pair;
    struct end listener;
    struct end client;
    struct end server;
    uint32_t hoard[FRAMES];
    uint32_t hoarded;
};

/* Slow enough that the stream is still on its way when the trouble begins. */
static void impair(struct fixture *f, bool starved)
{
    for (unsigned side = 0; side < 2; side++) {
        const struct wire_impairment link = {
            .delay_ns = NS_PER_MS,
            .rate_bytes_per_s = 10000000,
            .queue_bytes = 1u << 20,
            .receiver_starved = starved && side == 0,
        };

        wire_impair(&f->pair.wire, side, &link);
    }
}

static void open_pair(struct fixture *f)
{
    struct pair_config config = pair_config_default;

    *f = (struct fixture){
        .client = {.key = 1, .peer_key = 2, .total = BYTES},
        .server = {.key = 2, .peer_key = 1, .total = BYTES},
    };
    config.tcp = tcp_config_default;
    config.tcp.events = &end_events;
    config.tcp.time_wait_ns = NS_PER_S;
    config.frames[1] = FRAMES;
    config.lent = 16; /* fewer than are on their way */
    assert_int_equal(pair_init(&f->pair, &config), 0);
    impair(f, false);
    scenario_listen(&f->pair, &f->listener, &f->server, CLIENT_PORT);
    scenario_connect(&f->pair, &f->client, CLIENT_PORT);
    pair_run(&f->pair, f->pair.now_ns + 10 * NS_PER_MS);
    assert_true(f->server.received > 0 && f->server.received < BYTES);
}

static void hoard(struct fixture *f)
{
    struct frame_pool *pool = &f->pair.pool[1];
    uint32_t frame;

    while ((frame = frame_take(pool, FRAME_BUDGET_RECEIVE, FRAME_APP)) != FRAME_NONE) {
        f->hoard[f->hoarded++] = frame;
    }
}

static void give_back(struct fixture *f)
{
    while (f->hoarded > 0) {
        frame_drop(&f->pair.pool[1], f->hoard[--f->hoarded], FRAME_APP);
    }
}

static void finish(struct fixture *f)
{
    scenario_finish(&f->pair, 100 * NS_PER_S);
    assert_false(f->server.wrong || f->client.wrong);
    assert_int_equal(f->server.received, BYTES);
    assert_int_equal(f->client.received, BYTES);
    assert_int_equal(f->client.reason, TCP_REASON_DONE);
    assert_int_equal(f->server.reason, TCP_REASON_DONE);
    pair_destroy(&f->pair);
}

static void starved_by_frames(void)
{
    static struct fixture f;
    const struct wire_end *from = &f.pair.wire.end[0];
    uint32_t received;

    open_pair(&f);
    hoard(&f);
    received = f.server.received;
    /* The port has nothing to give for what it would take: RX is left alone. A
     * starved host polls its ring, so its turns are at times of their own. */
    for (unsigned i = 0; i < 100; i++) {
        pair_advance(&f.pair, f.pair.now_ns + NS_PER_MS);
        host_turn(&f.pair.host[0], f.pair.now_ns);
        host_turn(&f.pair.host[1], f.pair.now_ns);
        assert_true(frame_pool_check(&f.pair.pool[1]));
    }
    assert_int_equal(f.server.received, received);
    assert_true(f.pair.wire.end[1].port.counters.rx_starved > 0);
    assert_true(from->counts[WIRE_STARVED] > 0);
    assert_int_equal(wire_arrived(&f.pair.wire, 1), f.pair.wire.end[1].lent_mask + 1);

    give_back(&f);
    finish(&f);
}

static void starved_by_port(void)
{
    static struct fixture f;
    uint32_t received;

    open_pair(&f);
    impair(&f, true);
    pair_run(&f.pair, f.pair.now_ns + 50 * NS_PER_MS);
    received = f.server.received;
    pair_run(&f.pair, f.pair.now_ns + 3 * NS_PER_S);
    assert_int_equal(f.server.received, received);
    assert_true(f.pair.wire.end[0].counts[WIRE_STARVED] > 0);
    impair(&f, false);
    finish(&f);
}

void fill_starved(void **state)
{
    (void)state;
    starved_by_frames();
    starved_by_port();
}
