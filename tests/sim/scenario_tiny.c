/*
 * Goal:   the frames of a receiver are bounded apart from its windows: a window of
 *         64 KiB is 65,536 segments of one byte.
 * Method: 10,000 connections send one-byte segments, some in order, then every
 *         other one of the next, to a receiver that does not read. Once with
 *         memory for all, where each connection may hold two frames; then with so
 *         little that pieces or frames run out, and what is not taken is not
 *         acknowledged. Then the receiver reads, all that is not acknowledged
 *         comes again, and every byte arrives.
 */
#include "tests/sim/raw.h"
#include "tests/sim/scenario.h"
#include "tests/sim/stream.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONNECTIONS 10000u
#define FIRST_PORT 10000u
#define IN_ORDER 8u /* bytes, each a segment */
#define BYTES 32u   /* of each connection */
#define ROUNDS_MAX 100u

struct row {
    const char *name;
    uint32_t frames;     /* of the receiver */
    uint32_t pieces_max; /* likewise */
    bool runs_out;       /* of frames or pieces */
    bool full;           /* so that nothing is taken out of order at all */
};

struct client {
    uint32_t iss;
    uint32_t una;      /* next byte that the peer expects */
    uint32_t peer_nxt; /* 0: no SYN-ACK yet */
};

struct fixture {
    struct pair pair;
    struct end listener;
    struct end *ends; /* of the receiver */
    struct client *clients;
    unsigned queued; /* segments not yet flushed */
};

static void on_segment(void *ctx, uint16_t local_port, const struct tcp_segment *seg)
{
    struct fixture *f = ctx;
    struct client *client = &f->clients[local_port - FIRST_PORT];

    assert_false(seg->flags & TCP_RST);
    if (seg->flags & TCP_SYN) {
        client->peer_nxt = seg->seq + 1;
    }
    client->una = seq_max(client->una, seg->ack);
}

/* The receiver takes a turn, and its ACKs are read. */
static void turn(struct fixture *f, uint64_t span_ns)
{
    const struct frame_pool *pool = &f->pair.pool[1];

    port_flush(f->pair.host[0].net.port);
    f->queued = 0;
    pair_advance(&f->pair, f->pair.now_ns + span_ns);
    host_turn(&f->pair.host[1], f->pair.now_ns);
    raw_receive(&f->pair, on_segment, f);
    /* At every step: the receive floor is not touched. */
    assert_int_equal(pool->refused[FRAME_BUDGET_RECEIVE], 0);
    assert_true(pool->free_count >= pool->reserved);
}

/* Delayed ACKs included. */
static void settle(struct fixture *f)
{
    uint64_t end_ns = f->pair.now_ns + NS_PER_S / 10;

    while (f->pair.now_ns < end_ns || tcp_has_output(&f->pair.host[1].tcp)) {
        turn(f, NS_PER_MS);
    }
}

static void send(struct fixture *f, const struct raw_segment *segment)
{
    raw_send(&f->pair, segment);
    if (++f->queued == PORT_BURST) {
        turn(f, 10 * NS_PER_US);
    }
}

static void send_control(struct fixture *f, unsigned i, uint16_t flags)
{
    const struct client *client = &f->clients[i];

    send(f, &(struct raw_segment){
                .local_port = (uint16_t)(FIRST_PORT + i),
                .remote_port = SCENARIO_PORT,
                .seq = flags & TCP_SYN ? client->iss : client->una,
                .ack = client->peer_nxt,
                .flags = flags,
                .window = UINT16_MAX,
            });
}

static void send_byte(struct fixture *f, unsigned i, uint32_t offset)
{
    const struct client *client = &f->clients[i];
    const uint8_t byte = stream_byte(i, offset);

    send(f, &(struct raw_segment){
                .local_port = (uint16_t)(FIRST_PORT + i),
                .remote_port = SCENARIO_PORT,
                .seq = client->iss + 1 + offset,
                .ack = client->peer_nxt,
                .flags = TCP_ACK | TCP_PSH,
                .window = UINT16_MAX,
                .length = 1,
                .payload = &byte,
            });
}

static void open_all(struct fixture *f, const struct row *row)
{
    struct pair_config config = pair_config_default;

    *f = (struct fixture){
        .ends = calloc(CONNECTIONS, sizeof *f->ends),
        .clients = calloc(CONNECTIONS, sizeof *f->clients),
    };
    assert_true(f->ends && f->clients);
    config.tcp = tcp_config_default;
    config.tcp.events = &end_events;
    config.tcp.connections_max = CONNECTIONS;
    config.tcp.half_open_max = CONNECTIONS; /* no cookies */
    config.tcp.flights_max = CONNECTIONS;
    config.tcp.pieces_max = row->pieces_max;
    config.frames[1] = row->frames;
    config.lent = 256; /* a burst of segments and the ACKs of one */
    assert_int_equal(pair_init(&f->pair, &config), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        f->ends[i] = (struct end){.peer_key = i, .paused = true, .shut = true};
        f->clients[i].iss = i * 0x10003u; /* all over the sequence space */
        f->clients[i].una = f->clients[i].iss + 1;
    }
    scenario_listen(&f->pair, &f->listener, f->ends, FIRST_PORT);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        send_control(f, i, TCP_SYN);
    }
    settle(f);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        send_control(f, i, TCP_ACK);
    }
    settle(f);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        assert_true(f->ends[i].opened);
    }
}

/* Nobody reads: so many bytes in order, then every other one. */
static void fill(struct fixture *f, const struct row *row)
{
    const struct frame_pool *pool = &f->pair.pool[1];
    const struct tcp_counters *counters = &f->pair.host[1].tcp.counters;

    for (uint32_t offset = 0; offset < BYTES; offset += offset < IN_ORDER ? 1 : 2) {
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            send_byte(f, i, offset);
        }
    }
    settle(f);
    assert_true(frame_pool_check(pool));
    assert_int_equal(counters->bytes_in, 0);
    assert_int_equal(row->full, counters->out_of_order == 0);
    assert_int_equal(row->full, pool->used[FRAME_BUDGET_DATA] + 1 == pool->critical_at);
    assert_true(pool->used[FRAME_BUDGET_DATA] <= 2 * CONNECTIONS);
    assert_int_equal(row->runs_out, counters->dropped_no_frame + counters->dropped_no_piece > 0);
}

/* All read; whatever is not acknowledged comes again, until all is. */
static void drain(struct fixture *f)
{
    const struct frame_pool *pool = &f->pair.pool[1];
    bool all = false;

    tcp_turn_begin(&f->pair.host[1].tcp, f->pair.now_ns);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        end_resume(&f->ends[i]);
    }
    for (unsigned round = 0; !all && round < ROUNDS_MAX; round++) {
        settle(f);
        all = true;
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            uint32_t offset = f->clients[i].una - f->clients[i].iss - 1;

            all = all && offset == BYTES;
            for (; offset < BYTES; offset++) {
                send_byte(f, i, offset);
            }
        }
    }
    assert_true(all);
    assert_int_equal(pool->used[FRAME_BUDGET_DATA], 0);
    assert_int_equal(f->pair.host[1].tcp.pieces.slab.used, 0);
}

static void close_all(struct fixture *f)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        assert_false(f->ends[i].wrong);
        assert_int_equal(f->ends[i].received, BYTES);
        send_control(f, i, TCP_RST | TCP_ACK);
    }
    settle(f);
    scenario_finish(&f->pair, NS_PER_S);
    pair_destroy(&f->pair);
    free(f->ends);
    free(f->clients);
}

void tiny_segments(void **state)
{
    static const struct row rows[] = {
        {"memory for all", 32768, 40 * CONNECTIONS, false, false},
        {"pieces run out", 32768, 65536, true, false},
        {"frames come under pressure", 18000, 40 * CONNECTIONS, true, false},
        {"frames run out", 4096, 65536, true, true},
    };
    static struct fixture f;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        print_message("%s\n", rows[i].name);
        open_all(&f, &rows[i]);
        fill(&f, &rows[i]);
        drain(&f);
        close_all(&f);
    }
}
