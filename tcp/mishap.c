#include "tcp/mishap.h"

#include "tcp/tcp.h"

struct tcp_mishaps *mishaps_of(struct tcp_conn *conn)
{
    struct tcp_mishaps *mishaps = &conn->tcp->mishaps[conn->index];

    if (!conn->has_mishaps) {
        conn->has_mishaps = 1;
        *mishaps = (struct tcp_mishaps){0};
    }
    return mishaps;
}

const struct tcp_mishaps *mishaps_so_far(const struct tcp_conn *conn)
{
    static const struct tcp_mishaps none = {0};

    return conn->has_mishaps ? &conn->tcp->mishaps[conn->index] : &none;
}

void mishap_timeout(struct tcp_conn *conn)
{
    struct tcp_mishaps *mishaps = mishaps_of(conn);

    mishaps->timeouts++;
    if (mishaps->timeout_since_ns == 0) {
        mishaps->timeout_recoveries++;
        mishaps->timeout_since_ns = conn->tcp->now_ns;
    }
}

void mishap_timeout_over(struct tcp_conn *conn)
{
    struct tcp_mishaps *mishaps = mishaps_of(conn);

    if (mishaps->timeout_since_ns != 0) {
        mishaps->timeout_ns += conn->tcp->now_ns - mishaps->timeout_since_ns;
        mishaps->timeout_since_ns = 0;
    }
}
