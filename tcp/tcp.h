/*
 * TCP of one worker: its connections, listeners, timers and lists.
 *
 * Pure: no system call, no clock, no heap. Memory, time, randomness and secrets
 * are handed in. One thread, the worker's, calls everything here.
 *
 * A turn of the worker is: tcp_turn_begin(now), tcp_input_burst(),
 * calls of the application, tcp_timers(), tcp_transmit(), tcp_turn_end(). A
 * connection that ended is told so in tcp_turn_end() and freed after: within a
 * turn no pointer to a connection goes stale.
 */
#ifndef HEADRACE_TCP_TCP_H
#define HEADRACE_TCP_TCP_H

#include "datapath/frame.h"
#include "datapath/list.h"
#include "datapath/net/net.h"
#include "tcp/blocks.h"
#include "tcp/cc_bbr.h"
#include "tcp/conn.h"
#include "tcp/counters.h"
#include "tcp/fastopen.h"
#include "tcp/limits.h"
#include "tcp/listener.h"
#include "tcp/mishap.h"
#include "tcp/owners.h"
#include "tcp/pacing.h"
#include "tcp/piece.h"
#include "tcp/policy.h"
#include "tcp/rate.h"
#include "tcp/segment.h"
#include "tcp/slab.h"
#include "tcp/table.h"
#include "tcp/timewait.h"
#include "tcp/wheel.h"

#include <stdint.h>

/* What TCP tells the layer above. All are called on the worker, within a turn.
 * Every function of tcp/user.h, tcp/listener.h, tcp/policy.h and tcp/urgent.h may be called
 * inside. */
struct tcp_events {
    /* ESTABLISHED was reached, or text of the SYN is about to come (Fast Open). */
    void (*open)(struct tcp_conn *conn);
    /* In-order bytes. The slices are valid until this returns; a frame that is
     * to stay is taken over with tcp_data_retain(), which cannot fail for the
     * slices of this call, or passed on with tcp_send_slice(). */
    void (*data)(struct tcp_conn *conn, const struct slice *slices, unsigned count);
    /* The peer acknowledged so many bytes of data. */
    void (*sent)(struct tcp_conn *conn, uint32_t bytes);
    /* A send was refused before, and would be taken now. */
    void (*writable)(struct tcp_conn *conn);
    /* The peer will send no more. */
    void (*eof)(struct tcp_conn *conn);
    /* There is urgent data to come, or more of it: tcp_urgent_left(). NULL: nobody cares. */
    void (*urgent)(struct tcp_conn *conn);
    /* conn->trouble, enum tcp_trouble. NULL: nobody cares. */
    void (*trouble)(struct tcp_conn *conn);
    /* The last call for this connection; conn->reason says why. */
    void (*close)(struct tcp_conn *conn);
};

struct tcp_config {
    struct net *net;
    struct frame_pool *pool;
    const struct tcp_events *events;
    const struct tcp_owners *owners; /* NULL: this TCP is alone */
    void *app;                       /* the layer above, for tcp->app */
    uint32_t connections_max;        /* 1 to 2^24 */
    uint32_t flights_max;            /* connections with data in flight at once */
    uint32_t half_open_max;          /* connections in SYN-RECEIVED that peers began */
    uint32_t timewaits_max;          /* entries of TIME-WAIT */
    uint32_t fast_open_peers;        /* servers whose cookies are kept: a power of two from 4 on */
    uint32_t pieces_max;             /* pieces of out-of-order or unread data */
    uint64_t blocks_bytes;           /* for long send queues and reassembly */
    uint64_t time_wait_ns;           /* 2MSL */
    uint32_t ack_every_segments;     /* 1 and more: no ACK is held for more segments */
    uint64_t ack_hold_ns;            /* at most TCP_DELAYED_ACK_NS; nor for longer */
    uint16_t port_first;             /* ephemeral ports are [port_first, port_first + port_count) */
    uint16_t port_count;
    bool verify_checksums; /* off only without net's checksum_tx: a received payload that is
                              sent on brings the sum that was taken here */
    uint64_t secret[4];    /* random, the same for all side by side: two for the table, two for
                              ISNs, offsets and ports */
};

extern const struct tcp_config tcp_config_default;

struct tcp {
    struct net *net;
    struct frame_pool *pool;
    const struct tcp_events *events;
    const struct tcp_owners *owners;
    void *app;
    uint64_t now_ns;
    uint32_t now_ms; /* the clock of timestamps */
    bool verify_checksums;
    uint32_t ack_every_segments;
    uint32_t half_open; /* on all listeners */
    uint32_t half_open_max;
    uint32_t orphans;     /* connections with TCP_CONN_APP_CLOSED that have not ended */
    uint32_t orphans_max; /* with so many a close resets: TCP_ORPHANS_LEFT_SHIFT */
    uint64_t ack_hold_ns;
    struct list held;   /* connections whose ACK is held: see tcp/ack.h */
    struct list output; /* connections that have something to send */
    struct list ended;  /* connections that ended in this turn */
    uint64_t stuck_ns;  /* since when some of `output` wait for memory; UINT64_MAX: none does */
    struct table table; /* connections and TIME-WAIT entries by tuple */
    struct wheel wheel;
    struct tcp_pacer pacer;
    struct tcp_rate *rates; /* this and the next two: by the index of the connection */
    struct tcp_bbr *bbrs;
    struct tcp_mishaps *mishaps;
    struct slab conns;
    struct slab flights;
    struct pieces pieces;
    struct tcp_blocks blocks;
    struct timewait timewait;
    uint32_t prune_hand;     /* see tcp/prune.h */
    uint64_t promised_bytes; /* sum of the windows that are out */
    uint64_t promise_limit;
    uint32_t last_frames; /* free data frames from which on who has kept much is given no more */
    uint64_t table_key[2];
    uint64_t secret[2];
    uint32_t port_next;
    uint16_t port_first;
    uint16_t port_count;
    struct tcp_no_port no_port;
    struct tcp_fast_open fast_open;
    struct tcp_counters counters;
    struct tcp_policies policies;
    uint32_t listener_count; /* entries of listeners[] that were ever used */
    struct tcp_listener listeners[TCP_LISTENERS_MAX];
};

/* The bytes that tcp_init wants for this configuration. */
size_t tcp_memory_bytes(const struct tcp_config *config);

/* `memory` is zeroed, aligned to a page, and outlives the instance. 0, or -1
 * when a field is out of its range. */
int tcp_init(struct tcp *tcp, const struct tcp_config *config, void *memory, uint64_t now_ns);

void tcp_turn_begin(struct tcp *tcp, uint64_t now_ns);

/* Segments arrived: in passes over the burst, parse and verify, find, then take
 * in order. The caller keeps its own hold of the frames. */
void tcp_input_burst(struct tcp *tcp, const struct packet *const *packets, unsigned count);

/* Runs the timers that are due. */
void tcp_timers(struct tcp *tcp, uint64_t now_ns);

/* Serves the transmit list round robin until it is empty or the port full. */
void tcp_transmit(struct tcp *tcp);

/* Tells of the connections that ended, and frees them. */
void tcp_turn_end(struct tcp *tcp);

/* When tcp_timers, or tcp_transmit for an ACK that is held, has something to do next;
 * UINT64_MAX never. */
uint64_t tcp_next_deadline(const struct tcp *tcp);

/* Now, as ages are told. */
static inline uint32_t tcp_age(const struct tcp *tcp)
{
    return (uint32_t)(tcp->now_ns >> TCP_AGE_SHIFT);
}

/* Whether the port was full or frames were short, or ACKs are held for some
 * microseconds, so that another turn is owed. */
static inline bool tcp_has_output(const struct tcp *tcp)
{
    return !list_is_empty(&tcp->output) || !list_is_empty(&tcp->held) ||
           !list_is_empty(&tcp->timewait.owing);
}

static inline const struct tcp_policy *tcp_conn_policy(const struct tcp_conn *conn)
{
    return &conn->tcp->policies.at[conn->policy];
}

/* The RTO with its doublings (RFC 6298 section 5.5). */
static inline uint64_t tcp_rto_ns(const struct tcp_conn *conn)
{
    return min_u64(conn->rtt.rto_ns << conn->snd.backoff, tcp_conn_policy(conn)->rto.max_ns);
}

/* In FIN-WAIT-2 with nobody who reads: the peer's FIN is waited for no longer than so. */
static inline void tcp_fin_wait_2_begin(struct tcp_conn *conn)
{
    conn->life_ns = conn->tcp->now_ns + tcp_conn_policy(conn)->fin_wait_2_s * (uint64_t)NS_PER_S;
    tcp_conn_arm(conn);
}

struct tcp_conn *tcp_conn_find(struct tcp *tcp, const struct tcp_tuple *tuple);

/* Everything that can be checked by walking; for tests and the simulator. */
bool tcp_check(const struct tcp *tcp);

#endif
