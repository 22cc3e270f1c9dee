/*
 * TCP options, both ways: RFC 9293 section 3.2, RFC 7323 (window scale, timestamps), RFC 2018
 * (SACK), RFC 7413 (Fast Open), RFC 9768 (accurate ECN). Read without trust and without alignment
 * (MUST-64); written in the order in which Linux sends them, which middleboxes know best.
 *
 * Pure; nothing is kept.
 */
#ifndef HEADRACE_TCP_OPTIONS_H
#define HEADRACE_TCP_OPTIONS_H

#include "datapath/net/wire.h"
#include "tcp/segment.h"

#include <stdint.h>

/* Bytes that options can take: the header's 60 less its fixed 20. */
#define TCP_OPTIONS_BYTES_MAX 40u

/* NOP, NOP, timestamps, length 10: RFC 7323 appendix A. They are TCP_TIMESTAMP_BYTES. */
#define TIMESTAMPS_ALIGNED 0x0101080au

/* What to write. */
struct tcp_options_out {
    uint8_t seen; /* enum tcp_option_seen: which */
    uint8_t wscale;
    uint8_t sack_count;       /* 1 to 4 with TCP_OPT_SACK */
    uint8_t fast_open_length; /* bytes of the cookie, at most 16; 0 asks for one */
    uint16_t mss;             /* bytes */
    uint32_t ts_val;
    uint32_t ts_ecr;
    const uint8_t *fast_open; /* the cookie, the caller's */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX];
    bool accecn_order_1;   /* kind 174, with ECT(1) first; else 172, with ECT(0) */
    uint8_t accecn_fields; /* 1 to 3 */
    uint32_t accecn[3];    /* in the order of sending; the low 24 bits go */
};

/* Fills in what stands in `length` bytes at `at`; seg->flags say already whether this is a SYN,
 * with which alone some count. Of seg, what `options_seen` does not name stays as it was;
 * `fast_open` points to where the cookie stands. An option that is broken ends the list; unknown
 * ones, and known ones of a wrong length, are skipped (MUST-6, MUST-7). */
void tcp_options_parse(const uint8_t *at, unsigned length, struct tcp_segment *seg);

/* Bytes that tcp_options_write would write: a multiple of 4. More than 40 is the caller's fault,
 * and asserted. */
unsigned tcp_options_bytes(const struct tcp_options_out *options);
/* Writes them from `at` on. How many bytes. */
unsigned tcp_options_write(uint8_t *at, const struct tcp_options_out *options);
/* Likewise, so that they end at `end`. */
unsigned tcp_options_write_before(uint8_t *end, const struct tcp_options_out *options);

/* That with timestamps alone: nearly all segments have these and no other. */
static inline unsigned tcp_timestamps_write(uint8_t *end, uint32_t ts_val, uint32_t ts_ecr)
{
    be32_store(end - TCP_TIMESTAMP_BYTES, TIMESTAMPS_ALIGNED);
    be32_store(end - 8, ts_val);
    be32_store(end - 4, ts_ecr);
    return TCP_TIMESTAMP_BYTES;
}

#endif
