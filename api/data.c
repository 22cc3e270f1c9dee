#include <headrace/data.h>

#include "api/convert.h"
#include "api/worker.h"
#include "tcp/urgent.h"

size_t hr_conn_unacked(const struct hr_conn *conn)
{
    return tcp_unacked(conn_inner(conn));
}

long hr_send(struct hr_conn *conn, const void *data, size_t length)
{
    int32_t done = tcp_send(conn_inner(conn), data,
                            length > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)length);

    return done < 0 ? error_outer(done) : done;
}

long hr_send_urgent(struct hr_conn *conn, const void *data, size_t length)
{
    int32_t done = tcp_send_urgent(conn_inner(conn), data,
                                   length > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)length);

    return done < 0 ? error_outer(done) : done;
}

size_t hr_conn_urgent(const struct hr_conn *conn)
{
    return tcp_urgent_left(conn_inner(conn));
}

int hr_send_data(struct hr_conn *conn, const struct hr_slice *slice)
{
    struct slice inner = slice_inner(slice);

    return error_outer(tcp_send_slice(conn_inner(conn), &inner, FRAME_WORKER));
}

int hr_send_retained(struct hr_conn *conn, struct hr_conn *source, const struct hr_slice *slice)
{
    struct slice inner = slice_inner(slice);
    int error = tcp_send_slice(conn_inner(conn), &inner, FRAME_APP);

    if (error == TCP_OK) {
        tcp_data_passed(conn_inner(source), inner.length);
    }
    return error_outer(error);
}

void *hr_reserve(struct hr_conn *conn, size_t *room)
{
    uint32_t bytes = 0;
    void *place = tcp_reserve(conn_inner(conn), &bytes);

    *room = bytes;
    return place;
}

int hr_commit(struct hr_conn *conn, void *place, size_t length)
{
    return error_outer(
        tcp_commit(conn_inner(conn), place, length > UINT32_MAX ? UINT32_MAX : (uint32_t)length));
}

int hr_data_retain(struct hr_conn *conn, const struct hr_slice *slice, struct hr_slice *kept)
{
    struct slice inner = slice_inner(slice);
    struct slice out;

    if (!tcp_data_retain(conn_inner(conn), &inner, &out)) {
        return HR_ERR_NO_MEMORY;
    }
    *kept = slice_outer(conn_inner(conn)->tcp->pool, &out);
    return HR_OK;
}

void hr_data_release(struct hr_conn *conn, const struct hr_slice *kept)
{
    struct slice inner = slice_inner(kept);

    tcp_data_release(conn_inner(conn), &inner);
}

void hr_data_release_late(struct hr_worker *worker, const struct hr_slice *kept)
{
    struct slice inner = slice_inner(kept);

    tcp_data_release_orphan(&worker->tcp, &inner);
}

void hr_recv_pause(struct hr_conn *conn)
{
    tcp_pause(conn_inner(conn));
}

void hr_recv_resume(struct hr_conn *conn)
{
    tcp_resume(conn_inner(conn));
}
