/*
 * A listener: who may connect to it, and what it gives its connections. One worker's, a copy
 * of what all have; it stands in that worker's `struct tcp`. Who comes in is decided in
 * tcp/admission.c.
 */
#ifndef HEADRACE_TCP_LISTENER_H
#define HEADRACE_TCP_LISTENER_H

#include "datapath/net/addr.h"
#include "tcp/fastopen.h"
#include "tcp/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp;

/* When a listener answers SYNs with cookies (tcp/syncookie.h). */
enum tcp_cookies {
    TCP_COOKIES_NEVER,
    TCP_COOKIES_WHEN_FULL,
    TCP_COOKIES_ALWAYS,
};

struct tcp_listener {
    struct ip_addr address; /* unspecified: any of ours */
    uint16_t port;
    bool open;           /* takes new connections */
    bool paused;         /* but not now */
    uint8_t syn_cookies; /* enum tcp_cookies */
    uint8_t policy;      /* while open, the place of that of its settings: see tcp/policy.h */
    uint32_t half_open;  /* in SYN-RECEIVED */
    uint32_t half_open_max;
    uint32_t connections; /* of this life, half-open ones included */
    uint32_t connections_max;
    uint32_t life;      /* how many listeners stood in this place before */
    uint64_t cookie_ns; /* when the last cookie was sent; 0: none was */
    struct fast_open_pending fast_open;
    struct tcp_settings settings;
    void *app;
    const void *app_ops;
};

/* LISTEN (RFC 9293 section 3.9.1). `address` unspecified listens on all of ours. 0, or an enum
 * tcp_error. */
int tcp_listen(struct tcp *tcp, const struct tcp_listener *listener, uint32_t *index);
/* No new connections; those that are open go on. */
void tcp_unlisten(struct tcp *tcp, uint32_t index);
/* While paused it answers no SYN; handshakes that have begun go on. */
void tcp_listen_pause(struct tcp *tcp, uint32_t index, bool paused);

/* The listener for a SYN to this address and port, or NULL. */
struct tcp_listener *tcp_listener_find(struct tcp *tcp, const struct ip_addr *local, uint16_t port);

#endif
