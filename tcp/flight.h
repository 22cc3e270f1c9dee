/*
 * The flight: what only a connection with data queued needs, the send queue and
 * the state of loss recovery (RFC 8985, RFC 6675, RFC 6582). Taken when the first
 * record is queued, given back at the end of the turn that leaves the queue empty: an
 * answer within the turn keeps it.
 *
 * Owner: the connection, through tcp_conn_flight() and tcp_conn_rest(); it stands
 * in a slab of the worker's `struct tcp`.
 */
#ifndef HEADRACE_TCP_FLIGHT_H
#define HEADRACE_TCP_FLIGHT_H

#include "datapath/util.h"
#include "tcp/hystart.h"
#include "tcp/prr.h"
#include "tcp/sendq.h"
#include "tcp/undo.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tcp_recovery_state {
    TCP_RECOVERY_OPEN,
    TCP_RECOVERY_CWR,  /* marks (ECN) reduce the window; nothing is lost */
    TCP_RECOVERY_FAST, /* loss found by RACK or duplicate ACKs */
    TCP_RECOVERY_LOSS, /* after an RTO, or what a path has dropped for its size */
};

/* Loss is being repaired. */
static inline bool tcp_recovery_repairs(uint8_t recovery)
{
    return recovery >= TCP_RECOVERY_FAST;
}

/* The window is on its way to ssthresh, by rate reduction. */
static inline bool tcp_recovery_reduces(uint8_t recovery)
{
    return recovery == TCP_RECOVERY_CWR || recovery == TCP_RECOVERY_FAST;
}

struct tcp_flight {
    struct tcp_undo undo;      /* only a recovery touches it; not cleared with the rest */
    uint64_t rto_base_ns;      /* the RTO counts from here (RFC 6298 section 5) */
    uint64_t rack_deadline_ns; /* 0: no segment waits for its reordering window */
    /* RFC 8985: RACK.xmit_ts, RACK.rtt, RACK.end_seq, RACK.fack; below RACK.reo_wnd_mult,
     * RACK.reo_wnd_persist, RACK.reordering_seen and what RACK.dsack_round needs. */
    uint64_t rack_xmit_ns;
    uint64_t rack_rtt_ns;
    uint32_t rack_end_seq;
    uint32_t rack_fack; /* highest sequence SACKed or acknowledged */
    uint32_t small;     /* behind the last segment that was not full when it first went */
    /* 0 as a whole while nothing is amiss. */
    union {
        struct {
            uint16_t dup_acks; /* of a peer without SACK: segments that have left the network */
            uint8_t recovery;  /* enum tcp_recovery_state */
            uint8_t frto : 2;  /* enum tcp_frto */
            bool can_undo : 1; /* see tcp/undo.h */
            bool tlp_out : 1;  /* a probe is in flight */
            bool mtu_probe_out : 1; /* see tcp/mtu.h */
            bool stuck : 1;         /* nothing is out, and what is to go has no frame or record */
            bool too_big : 1;       /* after ICMP's word and no RTO: see tcp/mtu.c */
            bool rexmit_now : 1;    /* the next lost segment goes whatever the pipe holds */
        };
        uint32_t unrest;
    };
    uint8_t rack_reo_mult;
    uint8_t rack_reo_persist;
    bool rack_reordering : 1;
    bool rack_dsack_pending : 1;
    bool tlp_retransmitted : 1; /* with tlp_out: it was a retransmission */
    bool hystart_runs : 1;      /* the rest is in hystart */
    bool cwnd_limits : 1;       /* it did at an ACK since output had its turn */
    bool undone : 1;            /* the recovery that `undo` is of was undone */
    bool rescued : 1;           /* this recovery has sent its last segment again (RFC 6675) */
    uint32_t tlp_end_seq;
    uint32_t recovery_point; /* RecoveryPoint of RFC 6675, recover of RFC 6582; then SND.NXT of its
                                end */
    uint32_t index;          /* in the slab */
    struct tcp_sendq sendq;
    /* From here on nothing is cleared when the flight is taken: what needs it sets it. */
    struct tcp_prr prr; /* in fast recovery */
    struct tcp_hystart hystart;
    uint32_t mtu_probe_seq; /* with mtu_probe_out: where it begins */
    uint16_t mtu_probe_bytes;
    /* With RACK off and something SACKed: see tcp/islost.h. */
    uint16_t islost_runs;      /* SACKed at or behind the edge */
    uint32_t islost_edge;      /* what is before it was looked at */
    uint32_t islost_bytes;     /* SACKed at or behind it */
    uint32_t rack_dsack_round; /* with rack_dsack_pending: SND.NXT when it widened the window */
};

/* What a recovery leaves behind when it ends, or is undone. */
static inline void tcp_recovery_over(struct tcp_flight *flight)
{
    flight->recovery = TCP_RECOVERY_OPEN;
    flight->frto = TCP_FRTO_OFF;
    flight->dup_acks = 0;
    flight->rexmit_now = false; /* its rate, or a full port, may have held it up until now */
}

static_assert(offsetof(struct tcp_flight, rack_reo_mult) ==
                  offsetof(struct tcp_flight, unrest) + sizeof(uint32_t),
              "all that is amiss is seen with one look");
static_assert(sizeof(struct tcp_flight) <= 512, "a flight is at most 512 bytes");
/* What every segment touches: three lines with the first record, not five. */
static_assert(sizeof(struct tcp_undo) == CACHE_LINE_BYTES &&
                  offsetof(struct tcp_flight, sendq) == 2u * CACHE_LINE_BYTES &&
                  offsetof(struct tcp_sendq, inline_records) == CACHE_LINE_BYTES,
              "loss recovery, the send queue and each record in a cache line of its own");

#endif
