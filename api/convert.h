/*
 * Public types to inner ones and back. A `struct hr_conn` is the core's
 * connection under another name: the public headers never say what is in it.
 */
#ifndef HEADRACE_API_CONVERT_H
#define HEADRACE_API_CONVERT_H

#include "datapath/net/addr.h"
#include "tcp/limits.h"
#include "tcp/user.h"

#include <headrace/addr.h>
#include <headrace/conn.h>
#include <headrace/data.h>
#include <headrace/error.h>

static inline struct tcp_conn *conn_inner(const struct hr_conn *conn)
{
    return (struct tcp_conn *)(void *)conn;
}

static inline struct hr_conn *conn_outer(struct tcp_conn *conn)
{
    return (struct hr_conn *)(void *)conn;
}

static inline struct slice slice_inner(const struct hr_slice *slice)
{
    return (struct slice){.frame = slice->frame,
                          .offset = slice->offset,
                          .length = (uint16_t)slice->length,
                          .sum = slice->sum};
}

static inline struct hr_slice slice_outer(const struct frame_pool *pool, const struct slice *slice)
{
    return (struct hr_slice){.bytes = slice_data(pool, slice),
                             .length = slice->length,
                             .frame = slice->frame,
                             .offset = slice->offset,
                             .sum = slice->sum};
}

static inline struct ip_addr addr_inner(const struct hr_addr *addr)
{
    struct ip_addr inner;

    memcpy(inner.bytes, addr->bytes, sizeof inner.bytes);
    return inner;
}

static inline void addr_outer(struct hr_addr *out, const struct ip_addr *addr, uint16_t port)
{
    memcpy(out->bytes, addr->bytes, sizeof out->bytes);
    out->port = port;
}

/* Of a connection's, in bytes, as the public headers say. */
#define BUFFER_BYTES_MAX (1u << 30)

static inline bool buffer_is_in_range(uint32_t bytes)
{
    return bytes >= 4096 && bytes <= BUFFER_BYTES_MAX;
}

/* Of the largest segment; 0: no limit. */
static inline bool mss_is_in_range(uint32_t bytes)
{
    return bytes == 0 || (bytes >= TCP_MSS_MIN && bytes <= TCP_MSS_MAX);
}

/* Of enum tcp_error, and of enum tcp_reason. */
int error_outer(int tcp_error);
int reason_outer(enum tcp_reason reason);

#endif
