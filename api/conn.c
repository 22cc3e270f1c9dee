#include <headrace/conn.h>

#include "api/convert.h"
#include "api/worker.h"

void *hr_conn_context(const struct hr_conn *conn)
{
    return conn_inner(conn)->app;
}

void hr_conn_set_context(struct hr_conn *conn, void *context)
{
    conn_inner(conn)->app = context;
}

struct hr_worker *hr_conn_worker(const struct hr_conn *conn)
{
    return conn_inner(conn)->tcp->app;
}

void hr_conn_local(const struct hr_conn *conn, struct hr_addr *addr)
{
    const struct tcp_tuple *tuple = &conn_inner(conn)->tuple;

    addr_outer(addr, &tuple->local, tuple->local_port);
}

void hr_conn_peer(const struct hr_conn *conn, struct hr_addr *addr)
{
    const struct tcp_tuple *tuple = &conn_inner(conn)->tuple;

    addr_outer(addr, &tuple->remote, tuple->remote_port);
}

int hr_shutdown(struct hr_conn *conn)
{
    return error_outer(tcp_shutdown(conn_inner(conn)));
}

void hr_close(struct hr_conn *conn)
{
    tcp_close(conn_inner(conn));
}

void hr_close_within(struct hr_conn *conn, uint32_t linger_ms)
{
    tcp_close_within(conn_inner(conn), linger_ms * (uint64_t)NS_PER_MS);
}

void hr_abort(struct hr_conn *conn)
{
    tcp_abort(conn_inner(conn));
}

void hr_conn_set_nodelay(struct hr_conn *conn, bool nodelay)
{
    tcp_set_nodelay(conn_inner(conn), nodelay);
}

void hr_conn_set_cork(struct hr_conn *conn, bool cork)
{
    tcp_set_cork(conn_inner(conn), cork);
}

void hr_conn_quick_ack(struct hr_conn *conn)
{
    tcp_hurry_acks(conn_inner(conn));
}

struct hr_conn_id hr_conn_id(const struct hr_conn *conn)
{
    const struct tcp_conn *inner = conn_inner(conn);

    return (struct hr_conn_id){
        .worker = hr_worker_index(hr_conn_worker(conn)),
        .index = inner->index,
        .generation = slab_generation(&inner->tcp->conns, inner->index),
    };
}

struct hr_conn *hr_conn_from_id(struct hr_worker *worker, struct hr_conn_id id)
{
    if (id.worker != worker->index || !slab_is_live(&worker->tcp.conns, id.index, id.generation)) {
        return NULL;
    }
    return conn_outer(slab_at(&worker->tcp.conns, id.index));
}
