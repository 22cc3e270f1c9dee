/* What the algorithms share. */
#include "tcp/cc.h"

#include <assert.h>
#include <string.h>

const char *const tcp_cc_names[] = {"cubic", "newreno", "dctcp", "bbr", NULL};
static const struct tcp_cc_ops *const algorithms[] = {&tcp_cc_cubic, &tcp_cc_newreno, &tcp_cc_dctcp,
                                                      &tcp_cc_bbr};
static_assert(COUNT_OF(algorithms) == COUNT_OF(tcp_cc_names) - 1, "a name for each");

const struct tcp_cc_ops *tcp_cc_find(const char *name)
{
    unsigned i = 0;

    if (name && strcmp(name, "reno") == 0) {
        return &tcp_cc_newreno;
    }
    while (name && tcp_cc_names[i] && strcmp(tcp_cc_names[i], name) != 0) {
        i++;
    }
    return tcp_cc_names[i] ? algorithms[i] : NULL;
}

uint32_t tcp_cc_initial_window(const struct tcp_conn *conn)
{
    uint32_t segments = tcp_conn_policy(conn)->initial_window;
    uint32_t mss = conn->snd.mss;
    uint32_t window =
        min_u32(segments * mss, max_u32(2 * mss, segments * TCP_INITIAL_WINDOW_SEGMENT_BYTES));

    /* RFC 5681 section 3.1: one segment after a lost SYN. */
    if (tcp_conn_has(conn, TCP_CONN_SYN_LOST)) {
        return mss;
    }
    /* RFC 9768 section 3.2.2.2: CE on it is answered as any. */
    return conn->ecn.flags & TCP_ECN_SYN_MARKED ? max_u32(window / 2, mss) : window;
}

uint32_t tcp_cc_slow_start(struct tcp_conn *conn, uint32_t bytes)
{
    uint32_t grown = min_u32(bytes, TCP_SLOW_START_SEGMENTS * conn->snd.mss);
    uint32_t room = min_u32(conn->ssthresh, TCP_CWND_MAX) - conn->cwnd;

    conn->cwnd += min_u32(grown, room);
    return grown > room && conn->cwnd == conn->ssthresh ? grown - room : 0;
}

void tcp_cc_undo(struct tcp_conn *conn, const struct tcp_undo *undo)
{
    (void)conn;
    (void)undo;
}

void tcp_cc_recovered(struct tcp_conn *conn)
{
    conn->cwnd = max_u32(conn->ssthresh, conn->snd.mss);
}
