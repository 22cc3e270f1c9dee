/*
 * What a listener, or an active open, gives its connections. A value; a connection takes what
 * it needs of it when it is made.
 */
#ifndef HEADRACE_TCP_SETTINGS_H
#define HEADRACE_TCP_SETTINGS_H

#include "tcp/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp_cc_ops;

struct tcp_settings {
    uint32_t receive_buffer; /* bytes, 4096 to 1 GiB */
    uint32_t send_buffer;    /* bytes, 4096 to 1 GiB */
    const struct tcp_cc_ops *cc;
    struct tcp_policy policy;
    bool nodelay;
    bool sack;
    bool timestamps;
    bool window_scale;
    bool fast_open;           /* of active opens (RFC 7413) */
    bool fast_open_no_cookie; /* none is sent, or asked for: see tcp/fastopen.h */
    uint8_t ecn;              /* enum tcp_ecn_mode: as far as a SYN asks, or a listener agrees */
    uint8_t tos;
    uint8_t ttl;
    uint16_t mss_max; /* bytes of a segment, options included, either way; 0: what the path takes */
};

extern const struct tcp_settings tcp_settings_default;

#endif
