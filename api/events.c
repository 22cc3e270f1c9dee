/* What TCP tells, in the words of the public header. */
#include "api/convert.h"
#include "api/worker.h"
#include "tcp/urgent.h"

static const struct hr_conn_ops *ops_of(const struct tcp_conn *conn)
{
    return conn->app_ops;
}

static void on_open(struct tcp_conn *conn)
{
    if (ops_of(conn)->on_open) {
        ops_of(conn)->on_open(conn_outer(conn));
    }
}

/* Slices that one call of the core delivers, at most; it delivers one. */
#define SLICES_MAX 16u

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct hr_slice outer[SLICES_MAX];
    struct hr_data data = {outer, count, 0};

    if (!ops_of(conn)->on_data) {
        return;
    }
    assert(count <= SLICES_MAX);
    for (unsigned i = 0; i < count; i++) {
        outer[i] = slice_outer(conn->tcp->pool, &slices[i]);
        data.length += slices[i].length;
    }
    ops_of(conn)->on_data(conn_outer(conn), &data);
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    if (ops_of(conn)->on_sent) {
        ops_of(conn)->on_sent(conn_outer(conn), bytes);
    }
}

static void on_writable(struct tcp_conn *conn)
{
    if (ops_of(conn)->on_writable) {
        ops_of(conn)->on_writable(conn_outer(conn));
    }
}

static void on_eof(struct tcp_conn *conn)
{
    if (ops_of(conn)->on_eof) {
        ops_of(conn)->on_eof(conn_outer(conn));
    }
}

static void on_urgent(struct tcp_conn *conn)
{
    if (ops_of(conn)->on_urgent) {
        ops_of(conn)->on_urgent(conn_outer(conn), tcp_urgent_left(conn));
    }
}

static void on_trouble(struct tcp_conn *conn)
{
    if (ops_of(conn)->on_trouble) {
        ops_of(conn)->on_trouble(conn_outer(conn), conn->trouble);
    }
}

static void on_close(struct tcp_conn *conn)
{
    if (ops_of(conn)->on_close) {
        ops_of(conn)->on_close(conn_outer(conn), reason_outer((enum tcp_reason)conn->reason));
    }
}

const struct tcp_events worker_events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .urgent = on_urgent,
    .trouble = on_trouble,
    .close = on_close,
};
