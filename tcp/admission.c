#include "tcp/admission.h"

#include <assert.h>

bool tcp_admission_has_room(struct tcp *tcp, const struct tcp_listener *listener)
{
    if (listener->connections < listener->connections_max) {
        return true;
    }
    tcp->counters.dropped_listener_full++;
    return false;
}

enum tcp_admission tcp_admission_ask(struct tcp *tcp, const struct tcp_listener *listener)
{
    bool is_full =
        listener->half_open >= listener->half_open_max || tcp->half_open >= tcp->half_open_max;

    if (listener->paused) {
        tcp->counters.dropped_paused++;
        return TCP_ADMIT_NONE;
    }
    if (!tcp_admission_has_room(tcp, listener)) {
        return TCP_ADMIT_NONE;
    }
    if (listener->syn_cookies == TCP_COOKIES_ALWAYS) {
        return TCP_ADMIT_WITH_COOKIE;
    }
    if (!is_full) {
        return TCP_ADMIT;
    }
    if (listener->syn_cookies == TCP_COOKIES_WHEN_FULL) {
        return TCP_ADMIT_WITH_COOKIE;
    }
    tcp->counters.dropped_half_open++;
    return TCP_ADMIT_NONE;
}

void tcp_admission_begin(struct tcp_conn *conn, struct tcp_listener *listener)
{
    conn->flags |= TCP_CONN_PASSIVE;
    conn->listener = (uint16_t)(listener - conn->tcp->listeners);
    conn->listener_life = listener->life;
    conn->app = listener->app;
    conn->app_ops = listener->app_ops;
    listener->connections++;
    listener->half_open++;
    conn->tcp->half_open++;
}

void tcp_admission_established(struct tcp_conn *conn)
{
    struct tcp_listener *listener = &conn->tcp->listeners[conn->listener];

    assert(listener->half_open > 0 && conn->tcp->half_open > 0);
    tcp_fast_open_leave(conn);
    listener->half_open--;
    conn->tcp->half_open--;
}

void tcp_admission_end(struct tcp_conn *conn)
{
    struct tcp_listener *listener = &conn->tcp->listeners[conn->listener];

    if (conn->state == TCP_SYN_RECEIVED) {
        tcp_admission_established(conn);
    }
    /* Its place may be another listener's by now. */
    if (conn->listener_life == listener->life) {
        assert(listener->connections > 0);
        listener->connections--;
    }
}
