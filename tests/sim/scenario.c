#include "tests/sim/scenario.h"

#include "datapath/util.h"
#include "tests/sim/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void end_write(struct end *end)
{
    uint8_t bytes[4096];

    while (end->conn && end->sent < end->total) {
        uint32_t length = min_u32(end->total - end->sent, sizeof bytes);
        int32_t done;

        stream_fill(end->key, end->sent, bytes, length);
        done = tcp_send(end->conn, bytes, length);
        if (done <= 0) {
            assert_true(done == TCP_ERR_AGAIN || done == TCP_ERR_NO_MEMORY);
            end->refused++;
            return;
        }
        end->sent += (uint32_t)done;
    }
    if (end->conn && !end->shut) {
        end->shut = true;
        assert_int_equal(tcp_shutdown(end->conn), TCP_OK);
    }
}

void end_resume(struct end *end)
{
    end->paused = false;
    if (end->conn) {
        tcp_resume(end->conn);
    }
}

static void on_open(struct tcp_conn *conn)
{
    struct end *end = conn->app;

    if (end->accepted) {
        end = &end->accepted[conn->tuple.remote_port - end->first_port];
        conn->app = end;
    }
    assert_false(end->opened);
    end->opened = true;
    end->conn = conn;
    if (end->paused) {
        tcp_pause(conn);
    }
    end_write(end);
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct end *end = conn->app;

    assert_false(end->paused);
    for (unsigned i = 0; i < count; i++) {
        if (!stream_matches(end->peer_key, end->received, slice_data(conn->tcp->pool, &slices[i]),
                            slices[i].length)) {
            end->wrong = true;
        }
        end->received += slices[i].length;
    }
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    struct end *end = conn->app;

    end->acked += bytes;
}

static void on_writable(struct tcp_conn *conn)
{
    end_write(conn->app);
}

static void on_eof(struct tcp_conn *conn)
{
    struct end *end = conn->app;

    end->eof = true;
}

static void on_close(struct tcp_conn *conn)
{
    struct end *end = conn->app;

    end->closed = true;
    end->reason = (enum tcp_reason)conn->reason;
    end->conn = NULL;
}

const struct tcp_events end_events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .close = on_close,
};

void scenario_listen(struct pair *pair, struct end *listener, struct end *ends, uint16_t first_port)
{
    const struct tcp_listener wanted = {
        .port = SCENARIO_PORT,
        .half_open_max = UINT16_MAX,
        .connections_max = UINT32_MAX,
        .settings = tcp_settings_default,
        .app = listener,
    };
    uint32_t index;

    listener->accepted = ends;
    listener->first_port = first_port;
    assert_int_equal(tcp_listen(&pair->host[1].tcp, &wanted, &index), TCP_OK);
}

void scenario_connect(struct pair *pair, struct end *end, uint16_t local_port)
{
    const struct tcp_tuple tuple = pair_tuple(pair, 0, local_port, SCENARIO_PORT);

    assert_int_equal(tcp_connect(&pair->host[0].tcp, &tuple, &tcp_settings_default, &end->conn),
                     TCP_OK);
    end->conn->app = end;
}

void scenario_finish(struct pair *pair, uint64_t span_ns)
{
    uint64_t end_ns = pair->now_ns + span_ns;
    const char *what = NULL;
    unsigned side = 0;

    pair_run(pair, end_ns);
    assert_int_equal(pair_next_ns(pair), UINT64_MAX);
    if (!pair_is_at_home(pair, &what, &side)) {
        fail_msg("side %u: %s are left", side, what);
    }
    assert_true(frame_pool_check(&pair->pool[0]));
    assert_true(frame_pool_check(&pair->pool[1]));
    assert_int_equal(pair->wire.end[0].tx_rewritten, 0);
    assert_int_equal(pair->wire.end[1].tx_rewritten, 0);
}
