/*
 * What an application may set of a connection, at its beginning and later, beyond what a
 * segment needs to know: keepalives, the user timeout, when retransmissions are given up,
 * when what came is acknowledged, what bounds the RTO and the windows.
 *
 * Most connections of a worker have the same, so each policy stands once in a table and a
 * connection has a byte to say which. The first is the default of struct tcp_settings.
 *
 * Owner: the worker's `struct tcp`, on its thread. Values are in range when they come here: who
 * takes them from an application checks them. Invariant: `users` of a place is the number of
 * connections and open listeners that have it, and no two places with users are alike; the
 * default's are not counted. A listener has its place, so that connections which others have
 * tuned, each in its own way, can't keep new ones out.
 */
#ifndef HEADRACE_TCP_POLICY_H
#define HEADRACE_TCP_POLICY_H

#include "tcp/rtt.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;

/* Places of the table: a byte tells them apart. */
#define TCP_POLICIES_MAX 256u

struct tcp_policy {
    struct rto_bounds rto;
    uint32_t send_buffer_max;    /* bytes up to which the send buffer follows the window */
    uint32_t receive_buffer_max; /* bytes up to which the receive window follows the peer */
    uint32_t user_timeout_ms;    /* RFC 5482's; 0: none, the counts of retransmissions hold */
    uint16_t keepalive_idle_s;   /* silence before the first keepalive */
    uint16_t keepalive_gap_s;    /* and between one and the next */
    uint16_t ack_delay_ms;       /* of less than two full segments; 0: each is answered at once */
    uint16_t fin_wait_2_s;       /* once nobody reads any more (RFC 9293 section 3.6.1) */
    uint8_t keepalive_count;     /* without an answer until the connection ends */
    bool keepalive : 1;          /* RFC 9293 MUST-25: off unless asked for */
    bool pacing : 1;             /* segments go at a rate (tcp/pacing.h) */
    uint8_t mtu_probing : 2;     /* enum tcp_mtu_probing */
    bool rates : 1;              /* delivery rates are sampled (tcp/rate.h) */
    bool dsack : 1;              /* what came twice is told (RFC 2883) */
    bool tail_probes : 1;        /* tail loss probes (RFC 8985 section 7) */
    bool frto : 1;               /* timeouts are doubted (RFC 5682) */
    uint8_t r1;             /* RFC 9293 section 3.8.3: retransmissions until the path is doubted */
    uint8_t r2;             /* and until the connection ends */
    uint8_t r2_syn;         /* the same of a SYN */
    uint8_t r2_syn_ack;     /* and of a listener's SYN-ACK */
    uint8_t initial_window; /* segments: IW of RFC 6928, which has 10 */
    uint8_t dup_threshold;  /* DupThresh of RFC 5681 and RFC 8985, which have 3 */
    uint8_t quick_acks;     /* segments that are answered at once, at the start and behind a loss */
    bool idle_restart : 1;  /* the window closes with idleness (RFC 5681 section 4.1) */
    bool reordering_adapts : 1;   /* the reordering window grows with D-SACKs (RFC 8985) */
    bool reordering_by_count : 1; /* there is none with dup_threshold segments SACKed, at first */
    bool ecn_option : 1;          /* that of accurate ECN (RFC 9768 section 3.2.3) */
    bool rack : 1; /* with SACK losses are found by time (RFC 8985), or else counted (RFC 6675) */
    uint8_t zero : 3;
    uint8_t zeros[2];
};

static_assert(sizeof(struct tcp_policy) == 56, "without padding: compared as a whole");

struct tcp_policies {
    struct tcp_policy at[TCP_POLICIES_MAX];
    uint32_t users[TCP_POLICIES_MAX];
};

/* All places are free but that of the default. */
void policies_init(struct tcp_policies *policies);

/* The place of such a policy, which is copied, with one user more. False when all are taken;
 * `place` is 0 then, which has no users to give back. */
bool policy_take(struct tcp_policies *policies, const struct tcp_policy *policy, uint8_t *place);
/* One user of the place less. */
void policy_give(struct tcp_policies *policies, uint8_t place);

/* The connection has this one, which is copied, from now on; its keepalives begin anew, and its RTO
 * is cut to the new bound. Not what counts at the beginning alone: the first RTO and window, probes
 * of the MTU from the start. TCP_OK; TCP_ERR_NO_MEMORY when all places are taken or TCP_ERR_STATE
 * when it has ended, and it has what it had. */
int tcp_set_policy(struct tcp_conn *conn, const struct tcp_policy *policy);

#endif
