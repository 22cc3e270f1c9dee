#include "tcp/listener.h"

#include "tcp/user.h"

#include <assert.h>

int tcp_listen(struct tcp *tcp, const struct tcp_listener *wanted, uint32_t *index)
{
    uint32_t at = tcp->listener_count;
    uint32_t life;
    uint8_t policy;

    if (wanted->port == 0 || wanted->half_open_max == 0 || wanted->connections_max == 0) {
        return TCP_ERR_ARGUMENT;
    }
    if (!ip_addr_is_unspecified(&wanted->address) &&
        !net_address_is_local(tcp->net, &wanted->address)) {
        return TCP_ERR_ADDRESS;
    }
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        const struct tcp_listener *other = &tcp->listeners[i];

        if (other->open && other->port == wanted->port &&
            ip_addr_equal(&other->address, &wanted->address)) {
            return TCP_ERR_IN_USE;
        }
        /* Half-open connections still count on their entry. */
        if (!other->open && other->half_open == 0) {
            at = i;
        }
    }
    if (at == TCP_LISTENERS_MAX ||
        !policy_take(&tcp->policies, &wanted->settings.policy, &policy)) {
        return TCP_ERR_NO_MEMORY;
    }
    life = tcp->listeners[at].life + 1;
    tcp->listeners[at] = *wanted;
    tcp->listeners[at].life = life;
    tcp->listeners[at].policy = policy;
    tcp->listeners[at].half_open = 0;
    tcp->listeners[at].connections = 0;
    tcp->listeners[at].cookie_ns = 0;
    tcp->listeners[at].fast_open.count = 0;
    tcp->listeners[at].open = true;
    tcp->listener_count = max_u32(tcp->listener_count, at + 1);
    *index = at;
    return TCP_OK;
}

void tcp_unlisten(struct tcp *tcp, uint32_t index)
{
    struct tcp_listener *listener = &tcp->listeners[index];

    assert(index < tcp->listener_count);
    if (listener->open) {
        policy_give(&tcp->policies, listener->policy);
        listener->open = false;
    }
}

void tcp_listen_pause(struct tcp *tcp, uint32_t index, bool paused)
{
    assert(index < tcp->listener_count);
    tcp->listeners[index].paused = paused;
}

/* One on the very address goes before one on all. */
struct tcp_listener *tcp_listener_find(struct tcp *tcp, const struct ip_addr *local, uint16_t port)
{
    struct tcp_listener *any = NULL;

    for (unsigned i = 0; i < tcp->listener_count; i++) {
        struct tcp_listener *listener = &tcp->listeners[i];

        if (listener->port != port || !listener->open) {
            continue;
        }
        if (ip_addr_equal(&listener->address, local)) {
            return listener;
        }
        if (ip_addr_is_unspecified(&listener->address)) {
            any = listener;
        }
    }
    return any;
}
