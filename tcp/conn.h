/*
 * A connection: its transmission control block (RFC 9293 section 3.3.1).
 *
 * Two parts. `struct tcp_conn` is what an idle connection costs: at most 512 bytes and no frame.
 * `struct tcp_flight`, at most 512 bytes too, is what only a connection with data queued needs:
 * the send queue and the state of loss recovery. It is taken when the first record is queued and
 * given back by output when that is empty; congestion window, SSTHRESH and round trip stay.
 *
 * Owner: the `struct tcp` of one worker, on its thread; both parts stand in its slabs.
 */
#ifndef HEADRACE_TCP_CONN_H
#define HEADRACE_TCP_CONN_H

#include "datapath/list.h"
#include "datapath/net/net.h"
#include "datapath/util.h"
#include "tcp/cc_cubic.h"
#include "tcp/cc_dctcp.h"
#include "tcp/conn_flags.h"
#include "tcp/ecn.h"
#include "tcp/flight.h"
#include "tcp/mtu.h"
#include "tcp/reassembly.h"
#include "tcp/recvq.h"
#include "tcp/rtt.h"
#include "tcp/state.h"
#include "tcp/tuple.h"
#include "tcp/wheel.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp;
struct tcp_cc_ops;
struct tcp_settings;

/* Send sequence variables (RFC 9293 figure 3). The queue knows the rest. */
struct tcp_snd {
    uint32_t una;
    uint32_t nxt;
    uint32_t wnd; /* bytes, scaled */
    uint32_t wl1;
    uint32_t wl2;
    uint32_t iss;
    uint32_t up;      /* behind the last urgent byte, with URGENT_OUT */
    uint32_t wnd_max; /* largest that the peer ever offered */
    uint16_t mss;     /* payload of a full segment, options that stand in all taken off */
    uint8_t wscale;   /* shift of the peer's windows */
    uint8_t backoff;  /* of the retransmission timer, in doublings */
};

/* Receive sequence variables (RFC 9293 figure 4). */
struct tcp_rcv {
    uint32_t nxt;
    uint32_t edge;  /* right edge once advertised; it never moves left */
    uint32_t acked; /* Last.ACK.sent of RFC 7323 */
    uint32_t irs;
    uint32_t up;        /* likewise, with URGENT_IN */
    uint32_t fin;       /* sequence number of the FIN, when FIN_PENDING */
    uint32_t buffer;    /* bytes that the window may span */
    uint32_t held;      /* bytes of frames that the application keeps */
    uint16_t mss;       /* largest payload seen: what a full segment of the peer is */
    uint8_t wscale;     /* shift of our windows */
    uint8_t quick_acks; /* segments still acknowledged at once */
    uint32_t tune_seq;  /* NXT when the round began that tune_at is of */
};

/* What the application may ask for. */
struct tcp_tally {
    uint64_t bytes_acked; /* text of ours */
    uint64_t bytes_in;    /* given to the application */
    uint32_t segments_in; /* this and the rest modulo 2^32 */
    uint32_t segments_out;
    uint32_t retransmissions;     /* segments */
    uint32_t retransmitted_bytes; /* of them, text */
};

/* Of the algorithm that conn->cc says. */
union tcp_cc_state {
    uint32_t acked; /* NewReno: bytes acknowledged towards the next increase */
    struct tcp_cubic cubic;
    struct tcp_dctcp dctcp; /* begins with what is NewReno's */
};

static_assert(offsetof(struct tcp_dctcp, acked) == 0, "NewReno's increase works on it");

struct tcp_conn {
    struct tcp_tuple tuple;
    uint32_t index; /* in the slab */
    uint32_t flags; /* enum tcp_conn_flag */
    uint8_t state;  /* enum tcp_state */
    uint8_t reason; /* enum tcp_reason, once CLOSED */
    uint8_t rexmit_timer;
    uint8_t trouble : 4;     /* enum tcp_trouble, the latest */
    uint8_t probe_doubt : 1; /* nothing is out, and a tail loss probe was for nothing or was not */
    uint8_t has_mishaps : 1; /* see tcp/mishap.h */
    uint8_t syn_data : 1;    /* Fast Open: text that came with the SYN was taken, ours or theirs */
    uint8_t no_cookie : 1;   /* Fast Open, a client: text goes without a cookie */
    struct tcp_snd snd;
    struct tcp_rcv rcv;
    struct tcp_flight *flight; /* NULL while nothing is queued */
    struct tcp *tcp;
    uint32_t cwnd;          /* bytes */
    uint32_t ssthresh;      /* bytes */
    uint32_t ts_recent;     /* TS.Recent of RFC 7323 */
    uint32_t ts_offset;     /* of our timestamps from tcp->now_ms (RFC 7323 section 5.4) */
    uint32_t ts_recent_age; /* when ts_recent was taken, by tcp_age() */
    uint32_t heard_ms;      /* when the peer last sent something acceptable; tcp->now_ms then */
    uint8_t policy;         /* its place in tcp->policies */
    uint8_t keepalives;     /* sent since heard_ms */
    uint16_t mss_told;      /* of our SYN; 0: none went */
    struct net_path path;
    uint16_t pseudo_sum; /* of the pseudo header, length left out */
    uint8_t tos;
    uint8_t ttl;
    uint16_t listener;       /* index, for passive connections */
    uint8_t retransmissions; /* of the oldest segment, for R1 and R2 */
    uint8_t challenges;      /* in the period of challenge_ms */
    struct tcp_mtu mtu;

    /* On the transmit list, with those whose ACK is held, on a neighbour's list of
     * waiters, or, when CLOSED, on the list of those that end with this turn. */
    struct list_link output_link;
    struct wheel_entry timer; /* due at the earliest of the deadlines below */
    uint64_t rexmit_ns;       /* UINT64_MAX: not armed */
    uint64_t ack_ns;          /* delayed ACK, or what waits for frames looks again */
    uint64_t life_ns; /* keepalive; once the application has closed, how long that may last */
    struct tcp_rtt rtt;
    const struct tcp_cc_ops *cc;
    struct tcp_ecn ecn;
    uint64_t last_send_ns; /* for the restart after idleness (RFC 5681 section 4.1) */
    void *app;             /* the layer above; it owns what this points to */
    const void *app_ops;   /* likewise */
    struct tcp_tally tally;
    uint32_t send_buffer; /* bytes, as set: see tcp/user.h for what it grows to */
    uint32_t ack_held_ns; /* since when, with ACK_HELD; modulo 2^32 */
    struct reassembly reassembly;
    struct recvq recvq;
    uint16_t mtu_s;    /* when mtu.high was set, in seconds modulo 2^16 */
    uint16_t tune_at;  /* when a round of the receive window began, by TCP_TUNE_SHIFT */
    struct slice kept; /* the small payload that the application retained last, or FRAME_NONE */
    uint32_t idle;     /* time without a flight, all in all, by TCP_BUSY_SHIFT */
    union tcp_cc_state cc_state;
    uint32_t challenge_ms;  /* start of the period in which challenges are counted */
    uint32_t listener_life; /* of the listener, which may be another by now */
};

static_assert(sizeof(struct tcp_conn) <= 512, "an idle connection is at most 512 bytes");

/* A fresh connection in CLOSED with its tuple in the table, or NULL when the slab, the table or
 * that of policies is full, or no route leads to the peer. `hash` is tuple_hash() of the tuple
 * with the table's key; tuple and settings are copied. */
struct tcp_conn *tcp_conn_create(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash,
                                 const struct tcp_settings *settings);

/* Ends the connection, once: out of the table, timers off, queues dropped; nothing is sent. The
 * application hears of it, and the memory goes, in tcp_turn_end(). */
void tcp_conn_end(struct tcp_conn *conn, enum tcp_reason reason);

/* Ends a connection that the application has never heard of, silently; its memory is gone. */
void tcp_conn_abandon(struct tcp_conn *conn);

/* Its memory goes, and with it every pointer to it. */
void tcp_conn_free(struct tcp_conn *conn);

/* The flight, taken now if there is none, and with it the restart after idleness (RFC 5681 section
 * 4.1) where the policy has that; NULL when the slab is empty. */
struct tcp_flight *tcp_conn_flight(struct tcp_conn *conn);

/* Gives the flight back when nothing is queued any more. */
void tcp_conn_rest(struct tcp_conn *conn);

/* Puts the connection on the transmit list unless it stands there, waits for a neighbour
 * or has ended. */
void tcp_conn_want_output(struct tcp_conn *conn);

/* A deadline was changed: the shared entry of the wheel follows; where none is left it stays. */
void tcp_conn_arm(struct tcp_conn *conn);

/* Bytes received in order since the last ACK. */
static inline uint32_t tcp_ack_owed_bytes(const struct tcp_conn *conn)
{
    return conn->rcv.nxt - conn->rcv.acked;
}

/* Any of these: enum tcp_conn_flag. */
static inline bool tcp_conn_has(const struct tcp_conn *conn, uint32_t flag)
{
    return (conn->flags & flag) != 0;
}

/* Sequence space that is queued and not acknowledged, SYN and FIN included. */
static inline uint32_t tcp_conn_queued(const struct tcp_conn *conn)
{
    return conn->flight ? conn->flight->sendq.bytes : 0;
}

#endif
