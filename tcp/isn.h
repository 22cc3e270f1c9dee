/*
 * What must be unpredictable to others and computable by us: initial sequence
 * numbers (RFC 6528), timestamp offsets (RFC 7323 section 5.4) and the start of
 * the search for an ephemeral port (RFC 6056). Pure; the secret is handed in.
 */
#ifndef HEADRACE_TCP_ISN_H
#define HEADRACE_TCP_ISN_H

#include "tcp/tuple.h"

#include <stdint.h>

/* What a connection begins with. Both come of one pass over the tuple: the halves of
 * SipHash's output are as unrelated as two outputs. */
struct isn {
    uint32_t number;
    uint32_t ts_offset; /* does not depend on the time */
};

/* ISN = M + F(tuple, secret), M a clock of 4.096 us (RFC 9293 section 3.4.1
 * says about 4 us; a shift instead of a division). */
struct isn isn_make(const uint64_t secret[2], const struct tcp_tuple *tuple, uint64_t now_ns);

/* Depends on both addresses and the remote port; the local port is 0. */
uint32_t isn_port_offset(const uint64_t secret[2], const struct tcp_tuple *tuple);

#endif
