/*
 * A `struct tcp` over the instance of net_fixture.h, with room for a few
 * connections: what the tests of connections and their windows share. Included by
 * each once, after <cmocka.h>. The test owns the fixture, between conn_open() and
 * conn_close(), which finds everything at home.
 */
#ifndef HEADRACE_TESTS_UNIT_CONN_FIXTURE_H
#define HEADRACE_TESTS_UNIT_CONN_FIXTURE_H

#include "tcp/tcp.h"
#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#define CONNECTIONS 3u
#define FLIGHTS 2u
#define CONN_TIMEWAITS 4u
#define CONN_ARENA_BYTES (1u << BLOCKS_ORDER_MAX)
#define PAGE_BYTES 4096u

struct conn_fixture {
    struct fixture net;
    struct tcp tcp;
    void *memory;
};

/* How often, and for whom last, the layer above was told of an end. */
static unsigned closes_told;
static const struct tcp_conn *close_told_of;

static inline void on_close(struct tcp_conn *conn)
{
    closes_told++;
    close_told_of = conn;
}

static const struct tcp_events conn_events = {.close = on_close};

/* Over f->net, which is open. */
static inline struct tcp_config conn_config(struct conn_fixture *f)
{
    struct tcp_config config = tcp_config_default;

    config.net = &f->net.net;
    config.pool = &f->net.pool;
    config.events = &conn_events;
    config.connections_max = CONNECTIONS;
    config.flights_max = FLIGHTS;
    config.timewaits_max = CONN_TIMEWAITS;
    config.pieces_max = 64;
    config.blocks_bytes = CONN_ARENA_BYTES;
    config.secret[0] = 1;
    config.secret[1] = 2;
    config.secret[2] = 3;
    config.secret[3] = 4;
    return config;
}

/* With so many entries of TIME-WAIT. */
static inline void conn_open_with(struct conn_fixture *f, uint32_t timewaits_max)
{
    struct tcp_config config;
    size_t bytes;

    fixture_open(&f->net);
    config = conn_config(f);
    config.timewaits_max = timewaits_max;
    bytes = (tcp_memory_bytes(&config) + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    f->memory = aligned_alloc(PAGE_BYTES, bytes);
    assert_non_null(f->memory);
    memset(f->memory, 0, bytes);
    assert_int_equal(tcp_init(&f->tcp, &config, f->memory, f->net.now_ns), 0);
    closes_told = 0;
    close_told_of = NULL;
}

static inline void conn_open(struct conn_fixture *f)
{
    conn_open_with(f, CONN_TIMEWAITS);
}

static inline void conn_close(struct conn_fixture *f)
{
    assert_int_equal(f->tcp.conns.used, 0);
    assert_int_equal(f->tcp.flights.used, 0);
    assert_int_equal(f->tcp.promised_bytes, 0);
    assert_int_equal(f->tcp.blocks.free_bytes, CONN_ARENA_BYTES);
    free(f->memory);
    fixture_close(&f->net);
}

/* The peer's port tells connections apart. */
static inline struct tcp_tuple conn_tuple(uint16_t remote_port)
{
    return (struct tcp_tuple){
        .local = addr_of("10.0.0.1"),
        .remote = addr_of("10.0.0.2"),
        .local_port = 7,
        .remote_port = remote_port,
    };
}

/* In ESTABLISHED, as after a handshake; no window is promised yet. */
static inline struct tcp_conn *conn_make(struct conn_fixture *f, uint16_t remote_port)
{
    struct tcp_tuple tuple = conn_tuple(remote_port);
    struct tcp_conn *conn = tcp_conn_create(&f->tcp, &tuple, tuple_hash(&tuple, f->tcp.table_key),
                                            &tcp_settings_default);

    assert_non_null(conn);
    conn->state = TCP_ESTABLISHED;
    conn->snd.mss = 1448;
    return conn;
}

/* The same, known to the application when it ended, and away. */
static inline void conn_unmake(struct conn_fixture *f, struct tcp_conn *conn)
{
    tcp_conn_end(conn, TCP_REASON_DONE);
    tcp_turn_end(&f->tcp);
}

/* Data frames, until the pool's pressure is at that level; returns how many. */
static inline unsigned conn_press(struct conn_fixture *f, enum frame_pressure level,
                                  uint32_t *frames)
{
    unsigned count = 0;

    while (frame_pool_pressure(&f->net.pool) != level) {
        assert_true(count < FIXTURE_FRAMES);
        frames[count] = frame_take(&f->net.pool, FRAME_BUDGET_DATA, FRAME_APP);
        assert_int_not_equal(frames[count], FRAME_NONE);
        count++;
    }
    return count;
}

static inline void conn_relieve(struct conn_fixture *f, const uint32_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        frame_drop(&f->net.pool, frames[i], FRAME_APP);
    }
}

#endif
