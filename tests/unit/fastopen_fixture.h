/*
 * What the tests of TCP Fast Open share: a listener's pending connections, an application that
 * answers with what it receives, and one that sends as it connects.
 */
#ifndef HEADRACE_TESTS_UNIT_FASTOPEN_FIXTURE_H
#define HEADRACE_TESTS_UNIT_FASTOPEN_FIXTURE_H

#include "tcp/fastopen.h"
#include "tests/unit/tcp_fixture.h"

static inline struct fast_open_pending *pending_of(struct tcp_fixture *f)
{
    return &f->tcp.listeners[f->listener].fast_open;
}

/* For f->app.data, with f->echoes. */
static inline void echo(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    assert_int_equal(tcp_send_slice(conn, slice, FRAME_WORKER), TCP_OK);
    f->peer->told.queued += slice->length;
}

/* A client: the SYN goes with what is queued in the same turn. */
static inline void connect_and_send(struct tcp_fixture *f, unsigned peer, uint32_t bytes)
{
    struct tcp_tuple tuple;
    struct tcp_conn *conn;

    f->settings.fast_open = true;
    fixture_open(f);
    f->peer = &f->peers[peer];
    tuple = tuple_of(f);
    assert_int_equal(tcp_connect(&f->tcp, &tuple, &f->settings, &conn), TCP_OK);
    assert_int_equal(app_sends(f, bytes), bytes);
}

#endif
