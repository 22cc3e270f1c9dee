/*
 * What an application may set of a connection at its beginning and change while it is open:
 * the same structure in hr_listen_options, in hr_connect_options and in hr_conn_tune().
 * Ranges are inclusive; a value out of its range is HR_ERR_ARGUMENT.
 */
#ifndef HEADRACE_TUNING_H
#define HEADRACE_TUNING_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_conn;

/* When a larger segment goes than is known to pass, to find out what the path takes (RFC
 * 4821); the numbers of Linux's tcp_mtu_probing. */
enum hr_mtu_probing {
    HR_MTU_PROBING_OFF, /* never: ICMP alone tells, and a router that tells nothing stops us */
    /* When large segments have had no answer for three timeouts, or ICMP has told of a smaller
     * path: segments become smaller, and what passes is looked for from there. */
    HR_MTU_PROBING_AFTER_BLACK_HOLE,
    /* From the start: a connection begins with packets of 1,024 bytes, IPv6 of 1,280. */
    HR_MTU_PROBING_ALWAYS,
};

/* Copied from hr_tuning_default and changed. Of a worker's connections at most 256 may differ
 * from one another in all but `dscp` and `ttl` at a time. */
struct hr_tuning {
    /* Keepalives (RFC 9293 section 3.8.4): when nothing was heard for keepalive_idle_s, the
     * peer is asked, again each keepalive_interval_s without an answer; after keepalive_probes
     * of them the connection ends with HR_ERR_TIMEOUT. Behind an answer the longer of the two
     * is waited, as in Linux. None go while something waits to be
     * sent or acknowledged: then retransmissions ask. */
    bool keepalive;
    uint16_t keepalive_idle_s;     /* 1 to 32,767; below 7,200 only where it is needed (RFC 9293) */
    uint16_t keepalive_interval_s; /* 1 to 32,767 */
    uint8_t keepalive_probes;      /* 1 to 127 */
    /* The longest that anything may wait for its acknowledgement, or for a window that stays
     * closed, in milliseconds up to 2^31 - 1: then the connection ends with HR_ERR_TIMEOUT.
     * 0: no such limit. With one, r2_retransmissions and keepalive_probes are not counted once
     * the connection is open; a keepalive without an answer has to be out. It ends nothing
     * before the first retransmission is due. As Linux's TCP_USER_TIMEOUT; RFC 5482's option is
     * not sent. */
    uint32_t user_timeout_ms;
    /* Retransmissions in a row (RFC 9293 section 3.8.3), 1 to 255: until the neighbour is asked
     * anew, on_trouble told and a large segment taken for what the path drops, if mtu_probing is
     * not off (R1); until the connection ends (R2). */
    uint8_t r1_retransmissions;
    uint8_t r2_retransmissions;
    uint8_t syn_retransmissions;     /* 1 to 127, of one that hr_connect() opens; 7 are 4 minutes */
    uint8_t syn_ack_retransmissions; /* 1 to 127, of a listener's */
    /* 0 to 499 ms: less than two full segments are acknowledged after that long, or with the next
     * data (RFC 9293 MUST-40). 0: each segment at once. */
    uint16_t ack_delay_ms;
    /* 0 to 255: so many segments are each acknowledged at once, at the start and behind a loss of
     * the peer's, whose window is small then. 0: none but what RFC 5681 asks for. */
    uint8_t quick_acks;
    /* The retransmission timeout (RFC 6298), in milliseconds: before the first round trip is
     * measured, rto_min_ms to rto_max_ms; the least that is added to a smoothed round trip, 1 to
     * rto_max_ms; the most, doublings included, 1,000 to 120,000. A minimum below what the peer
     * delays its ACKs by (Linux 40 ms, others up to 500) retransmits for nothing. */
    uint32_t rto_initial_ms;
    uint32_t rto_min_ms;
    uint32_t rto_max_ms;
    /* 1 to 3,600: after hr_close(), and when the peer has acknowledged everything, its FIN is
     * waited for no longer (FIN-WAIT-2). As Linux's TCP_LINGER2. */
    uint16_t fin_wait_2_s;
    /* 1 to 100: what goes before the first ACK comes, and, in bytes, after idleness; of segments
     * larger than 1,460 bytes what that many of 1,460 hold, but two where it is two or more (RFC
     * 6928, which has 10). */
    uint8_t initial_window_segments;
    /* After an RTO in which nothing was sent the congestion window is no larger than the initial
     * one (RFC 5681 section 4.1). False, as Linux's tcp_slow_start_after_idle 0: it stays. */
    bool idle_restart;
    /* 3 to 127, DupThresh: without SACK so many duplicate ACKs are a loss (RFC 5681); with it so
     * many SACKed segments are one at once while no reordering was seen (RFC 8985). More for a path
     * that reorders: losses are found later. As Linux's tcp_reordering. */
    uint8_t dup_threshold;
    /* With SACK a segment is lost when a later one has arrived and a quarter of the least round
     * trip has passed (RFC 8985). False: when dup_threshold runs of segments behind it are SACKed,
     * or the bytes of that many (RFC 6675), so that a repair that is lost too costs a timeout. As
     * 0x1 of Linux's tcp_recovery. */
    bool rack;
    /* With `rack`: that quarter grows with what was sent again for nothing, unless
     * `reordering_adapts` is false; dup_threshold segments end it, unless `reordering_by_count` is.
     * As 0x2 and 0x4 of Linux's tcp_recovery, which switch them off. */
    bool reordering_adapts;
    bool reordering_by_count;
    /* The last segment goes again, or a new one, before the timeout, where its ACK is late (RFC
     * 8985 section 7). As Linux's tcp_early_retrans 3 and 4; false: 0. */
    bool tail_probes;
    /* After a timeout, ACKs of what went before it show that it was needless, and the window is as
     * it was (RFC 5682). As Linux's tcp_frto. */
    bool frto;
    /* Bytes, up to 1 GiB: as far as the send buffer grows by itself with the congestion window,
     * where that needs more than was set. 0: not at all. */
    uint32_t send_buffer_max;
    /* Bytes, up to 1 GiB: as far as the receive window grows by itself with what the peer sends in
     * a round trip, while on_data retains nothing for long. 0: not at all. A connection tells its
     * scale at its start (RFC 7323): to be set before that, for more than was set then. */
    uint32_t receive_buffer_max;
    uint8_t mtu_probing; /* enum hr_mtu_probing; HR_MTU_PROBING_ALWAYS only from the beginning on */
    uint8_t dscp;        /* 0 to 63 (RFC 2474); the two bits beside it are for ECN */
    uint8_t ttl;         /* 1 to 255; IPv6's hop limit */
    /* Segments go spread over the round trip, in bursts of a millisecond: 2 congestion windows
     * in each in slow start, 1.2 after, as with Linux. Spares shallow queues, and costs timers. */
    bool pacing;
    bool dsack; /* the peer is told of what came twice (RFC 2883), with SACK */
    /* With accurate ECN: the option that counts bytes with each mark is sent where there is room,
     * and heeded (RFC 9768 section 3.2.3). False: neither, three bits of each header tell of marks.
     * As 2 and 0 of Linux's tcp_ecn_option. */
    bool ecn_option;
    /* The delivery rate is measured, what holds sending up, and what else hr_conn_info says is so
     * counted; with "bbr" they always are. */
    bool delivery_rates;
};

/* No keepalives (else after 7,200 s, each 75 s, 9 of them), no user timeout, R1 of 3, R2 of 15, 7
 * SYNs and 5 SYN-ACKs again, ACKs delayed by 40 ms, 16 quick ones, RTO of 1 s at first, at least
 * 200 ms beyond the round trip, at most 120 s, FIN-WAIT-2 of 60 s, an initial window of 10
 * segments, a restart after idleness, DupThresh 3, RFC 8985 and RFC 5682 as they are, send buffers
 * up to 4 MiB, receive buffers up to 6 MiB, MTU probing after a black hole, DSCP 0, TTL 64, no
 * pacing, D-SACK, the option of accurate ECN, no delivery rates. */
extern const struct hr_tuning hr_tuning_default;

/* How an open connection is tuned, and from now on is; silence begins anew for keepalives.
 * HR_OK; HR_ERR_ARGUMENT, HR_ERR_NO_MEMORY (256 others) or HR_ERR_STATE (it has ended, so also
 * in on_close), and nothing has changed. On the worker, from any callback. */
void hr_conn_tuning(const struct hr_conn *conn, struct hr_tuning *tuning);
int hr_conn_tune(struct hr_conn *conn, const struct hr_tuning *tuning);

#ifdef __cplusplus
}
#endif

#endif
