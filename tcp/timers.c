/* Timers of TCP: what a due entry of the wheel means. */
#include "tcp/ack.h"
#include "tcp/emit.h"
#include "tcp/input.h"
#include "tcp/keepalive.h"
#include "tcp/prune.h"
#include "tcp/recovery.h"
#include "tcp/tcp.h"
#include "tcp/timewait_table.h"
#include "tcp/window.h"

/* Entries run in one call; the rest waits a turn, so that a million timers
 * that come due at once do not starve the rings. */
static const unsigned timers_per_turn = 4096;

static void delayed_ack(struct tcp_conn *conn)
{
    conn->ack_ns = UINT64_MAX;
    if (tcp_ack_owed_bytes(conn) > 0) {
        conn->flags |= TCP_CONN_ACK_NOW;
    }
    if (tcp_conn_has(conn, TCP_CONN_SQUEEZED)) {
        tcp_window_freed(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_ACK_NOW | TCP_CONN_FIN_OWED)) {
        tcp_conn_want_output(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_STARVED)) {
        conn->flags &= ~(uint32_t)TCP_CONN_STARVED;
        tcp_conn_want_output(conn); /* what is queued goes before what is to be */
        tcp_tell_writable(conn);
    }
}

static void life_over(struct tcp_conn *conn)
{
    if (!tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        keepalive_due(conn);
        return;
    }
    conn->life_ns = UINT64_MAX;
    if (conn->state == TCP_FIN_WAIT_2) {
        tcp_conn_end(conn, TCP_REASON_DONE); /* the peer never closed */
    } else {
        emit_reset(conn); /* it lingered for long enough, or takes for ever */
        tcp_conn_end(conn, TCP_REASON_TIMEOUT);
    }
}

static void expire(struct wheel_entry *entry, void *ctx)
{
    struct tcp *tcp = ctx;
    struct tcp_conn *conn = container_of(entry, struct tcp_conn, timer);

    if (conn->life_ns <= tcp->now_ns) {
        life_over(conn);
    }
    if (conn->state != TCP_CLOSED && conn->ack_ns <= tcp->now_ns) {
        delayed_ack(conn);
    }
    if (conn->state != TCP_CLOSED && conn->rexmit_ns <= tcp->now_ns) {
        tcp_recovery_on_timer(conn);
    }
    if (conn->state != TCP_CLOSED) {
        tcp_conn_arm(conn);
    }
}

void tcp_timers(struct tcp *tcp, uint64_t now_ns)
{
    tcp->now_ns = now_ns;
    tcp->now_ms = (uint32_t)(now_ns / NS_PER_MS);
    tcp_prune_old(tcp);
    wheel_advance(&tcp->wheel, now_ns, expire, tcp, timers_per_turn);
    pacer_run(tcp);
    tcp_timewait_expire(tcp);
}

uint64_t tcp_next_deadline(const struct tcp *tcp)
{
    uint64_t timer_ns = min_u64(wheel_next_ns(&tcp->wheel), pacer_next_ns(&tcp->pacer));

    return min_u64(min_u64(timer_ns, timewait_next_ns(&tcp->timewait)), tcp_ack_next_ns(tcp));
}
