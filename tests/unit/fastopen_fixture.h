/*
 * What the tests of servers of TCP Fast Open share: the listener's pending connections, and an
 * application that answers with what it receives.
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

#endif
