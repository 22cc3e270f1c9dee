/*
 * TCP options, both ways: RFC 9293 section 3.2, RFC 7323 (window scale,
 * timestamps), RFC 2018 (SACK), RFC 7413 (Fast Open). Read without trust and without alignment
 * (MUST-64); written in the order in which Linux sends them, which middleboxes
 * know best.
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
    uint8_t sack_count;
    uint8_t fast_open_length;
    uint16_t mss;
    uint32_t ts_val;
    uint32_t ts_ecr;
    const uint8_t *fast_open; /* the cookie */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX];
    bool accecn_order_1;
    uint8_t accecn_fields; /* 1 to 3 */
    uint32_t accecn[3];    /* in the order of sending; the low 24 bits go */
};

/* Fills in what stands in `length` bytes at `at`. An option that is broken ends
 * the list; unknown ones are skipped (MUST-6). */
void tcp_options_parse(const uint8_t *at, unsigned length, struct tcp_segment *seg);

/* Bytes that tcp_options_write would write: a multiple of 4. It writes at most 40. */
unsigned tcp_options_bytes(const struct tcp_options_out *options);
unsigned tcp_options_write(uint8_t *at, const struct tcp_options_out *options);
/* So that they end at `end`. */
unsigned tcp_options_write_before(uint8_t *end, const struct tcp_options_out *options);

/* The same of timestamps alone: nearly all segments have these and no other. */
static inline unsigned tcp_timestamps_write(uint8_t *end, uint32_t ts_val, uint32_t ts_ecr)
{
    be32_store(end - TCP_TIMESTAMP_BYTES, TIMESTAMPS_ALIGNED);
    be32_store(end - 8, ts_val);
    be32_store(end - 4, ts_ecr);
    return TCP_TIMESTAMP_BYTES;
}

#endif
