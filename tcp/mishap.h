/*
 * What is counted of a connection only when something happens that mostly does not: timeouts,
 * reordering, duplicates, marks (ECN). For whoever asks (headrace/info.h); nothing depends on it.
 *
 * Owner: the worker's `struct tcp`; a place for each connection, by its index, which is cleared
 * with the first mishap and untouched until then. So nobody else pays for it.
 */
#ifndef HEADRACE_TCP_MISHAP_H
#define HEADRACE_TCP_MISHAP_H

#include "datapath/util.h"

#include <assert.h>
#include <stdint.h>

struct tcp_conn;

struct tcp_mishaps {
    uint64_t timeout_ns;         /* in recoveries behind a timeout that are over */
    uint64_t timeout_since_ns;   /* one lasts since then; 0: none does */
    uint64_t ce_bytes_delivered; /* text of ours that came to the peer with CE, as it tells */
    uint32_t timeouts;           /* this and the rest modulo 2^32 */
    uint32_t timeout_recoveries;
    uint32_t dsacks;      /* reports of the peer that it had something twice */
    uint32_t reordered;   /* segments that the peer had behind some that were sent later */
    uint32_t ahead;       /* segments of the peer that came beyond a hole */
    uint32_t ce_segments; /* that came with CE */
    uint64_t zeros[2];
};

static_assert(sizeof(struct tcp_mishaps) == CACHE_LINE_BYTES, "one line a connection");

/* To be counted in. */
struct tcp_mishaps *mishaps_of(struct tcp_conn *conn);

/* To be read: all 0 while there were none. */
const struct tcp_mishaps *mishaps_so_far(const struct tcp_conn *conn);

/* The RTO has run out. */
void mishap_timeout(struct tcp_conn *conn);

/* The recovery behind it is over, or was needless. */
void mishap_timeout_over(struct tcp_conn *conn);

#endif
