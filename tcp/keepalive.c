#include "tcp/keepalive.h"

#include "tcp/ack.h"
#include "tcp/emit.h"
#include "tcp/path.h"

/* Open on both sides or on one, with an application that waits for the peer. */
static bool may_ask(const struct tcp_conn *conn)
{
    switch (conn->state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_1:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
        return !tcp_conn_has(conn, TCP_CONN_APP_CLOSED);
    default:
        return false;
    }
}

static void look_again(struct tcp_conn *conn, uint64_t wait_ms)
{
    conn->life_ns = conn->tcp->now_ns + wait_ms * NS_PER_MS;
    tcp_conn_arm(conn);
}

void keepalive_begin(struct tcp_conn *conn)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);

    if (!may_ask(conn)) {
        return;
    }
    conn->keepalives = 0;
    if (policy->keepalive) {
        look_again(conn, policy->keepalive_idle_s * 1000ull);
    } else {
        conn->life_ns = UINT64_MAX;
    }
}

/* Something came since the last keepalive went, a gap before this deadline. */
static bool was_answered(const struct tcp_conn *conn)
{
    uint64_t asked_ns = conn->life_ns - tcp_conn_policy(conn)->keepalive_gap_s * NS_PER_S;
    uint32_t since_ms = conn->tcp->now_ms - (uint32_t)(asked_ns / NS_PER_MS);

    /* As ages: a silence of 25 days would lie ahead. */
    return conn->tcp->now_ms - conn->heard_ms <= since_ms;
}

unsigned keepalives_unanswered(const struct tcp_conn *conn)
{
    return conn->keepalives > 0 && may_ask(conn) && !was_answered(conn) ? conn->keepalives : 0;
}

/* MUST-29: never for one that was not answered, when more are to be sent. */
static bool is_dead(const struct tcp_conn *conn, uint32_t silence_ms)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);

    if (policy->user_timeout_ms != 0) {
        return conn->keepalives > 0 && silence_ms >= policy->user_timeout_ms;
    }
    return conn->keepalives >= policy->keepalive_count;
}

static void ask(struct tcp_conn *conn)
{
    if (conn->keepalives < UINT8_MAX) {
        conn->keepalives++;
    }
    conn->flags |= TCP_CONN_KEEPALIVE;
    tcp_ack_now(conn);
    conn->tcp->counters.keepalives++;
    look_again(conn, tcp_conn_policy(conn)->keepalive_gap_s * 1000ull);
    if (conn->keepalives == tcp_conn_policy(conn)->r1) {
        tcp_path_silent(conn);
    }
}

void keepalive_due(struct tcp_conn *conn)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn);
    uint32_t idle_ms = policy->keepalive_idle_s * 1000u;
    uint32_t silence_ms = conn->tcp->now_ms - conn->heard_ms;

    if (!may_ask(conn)) {
        conn->life_ns = UINT64_MAX;
        return;
    }
    if (conn->keepalives > 0 && was_answered(conn)) {
        conn->keepalives = 0;
    }
    if (tcp_conn_queued(conn) > 0) {
        conn->keepalives = 0;
        look_again(conn, idle_ms);
        return;
    }
    if (conn->keepalives == 0 && silence_ms < idle_ms) {
        /* Both ends of the silence are known to a millisecond: rather one later. */
        look_again(conn, idle_ms - silence_ms);
        conn->life_ns += NS_PER_MS - conn->tcp->now_ns % NS_PER_MS;
        return;
    }
    if (is_dead(conn, silence_ms)) {
        emit_reset(conn);
        tcp_conn_end(conn, TCP_REASON_TIMEOUT);
        return;
    }
    ask(conn);
}
