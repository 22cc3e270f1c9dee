/*
 * A record of the send queue: one segment, with the times of its transmission, where it
 * stands in recovery, and where delivery stood when it went.
 *
 * Owner: the queue (tcp/sendq.h).
 */
#ifndef HEADRACE_TCP_RECORD_H
#define HEADRACE_TCP_RECORD_H

#include "datapath/slice.h"

#include <assert.h>
#include <stdint.h>

enum tcp_record_flag {
    TCP_RECORD_SYN = 1 << 0,
    TCP_RECORD_FIN = 1 << 1,
    TCP_RECORD_SENT = 1 << 2,
    TCP_RECORD_SACKED = 1 << 3,
    TCP_RECORD_LOST = 1 << 4,
    TCP_RECORD_RETRANSMITTED = 1 << 5,
};

#define TCP_POSITION_NONE UINT32_MAX

struct tcp_record {
    uint64_t first_tx_ns;
    uint64_t last_tx_ns;
    struct slice slice; /* length 0 for a SYN or FIN without text */
    uint32_t seq;
    uint32_t next; /* positions on the list that the record is on, or the skip */
    uint32_t prev;
    uint8_t flags; /* enum tcp_record_flag */
    uint8_t transmissions;
    uint32_t length; /* sequence space: the slice, SYN and FIN */
    /* Where delivery stood at the last transmission: see tcp/rate.h. Times before it are in
     * units of 512 ns, the two of bytes in units of 64; the most is "more than that". */
    uint32_t delivered;
    uint32_t since_ack : 31;   /* the last ACK that delivered something */
    uint32_t stamped : 1;      /* all this was noted */
    uint64_t since_first : 23; /* the transmission of what that ACK delivered */
    uint64_t app_limited : 1;
    uint64_t tx_in_flight : 20;
    uint64_t lost_before : 20; /* modulo 2^20 */
};

#define TCP_RECORD_TIME_SHIFT 9u
#define TCP_RECORD_BYTES_SHIFT 6u
#define TCP_RECORD_SINCE_ACK_MAX ((1u << 31) - 1)
#define TCP_RECORD_SINCE_FIRST_MAX ((1u << 23) - 1)
#define TCP_RECORD_BYTES_MAX ((1u << 20) - 1)

static_assert(sizeof(struct tcp_record) == 64, "one cache line");

static inline uint32_t tcp_record_end(const struct tcp_record *record)
{
    return record->seq + record->length;
}

#endif
