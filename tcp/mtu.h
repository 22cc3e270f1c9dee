/*
 * How large a segment the path takes: ICMP's word (RFC 1191), and where none comes, probes
 * with data (RFC 4821, its names in brackets).
 *
 *   conn->snd.mss    what is sent: it passes, as far as is known     [search_low]
 *   conn->mtu.high   the most that may pass yet                      [search_high]
 *   conn->mtu.most   what both ends take
 *
 * all in bytes of text, with the options that stand in all segments taken off. While less is
 * sent than both ends take, the connection has TCP_CONN_MTU_LOW, and only then does output
 * ask here: a connection whose path takes all pays a look at that flag.
 *
 * A probe is new data: one segment larger than the others, made of what is queued. Its loss
 * alone is no sign of congestion. R1 timeouts in a row of a large segment are a black hole:
 * segments become small, and the search begins anew.
 *
 * Owner: the connection, and its flight for the probe that is out.
 */
#ifndef HEADRACE_TCP_MTU_H
#define HEADRACE_TCP_MTU_H

#include <stdbool.h>
#include <stdint.h>

/* Where a search of the path's MTU begins, and where a black hole leads: bytes of an IPv4 packet.
 * RFC 4821 section 7.2 and Linux (TCP_BASE_MSS); with IPv6 it is what each path carries. */
#define TCP_MTU_BASE_V4 1024u
/* The search ends with fewer bytes between what passes and what does not; Linux's
 * TCP_PROBE_THRESHOLD. */
#define TCP_MTU_SEARCH_END 8u
/* From when on more is tried than passed: RFC 1191 section 6.3 has 5 minutes at least and
 * recommends 10, as does RFC 4821 section 7.7. */
#define TCP_MTU_RAISE_S 600u

struct tcp_conn;

/* When probes go; the numbers of hr_mtu_probing, and of Linux's tcp_mtu_probing. */
enum tcp_mtu_probing {
    TCP_MTU_PROBING_OFF,              /* never; nor are black holes looked for */
    TCP_MTU_PROBING_AFTER_BLACK_HOLE, /* when segments have become smaller */
    TCP_MTU_PROBING_ALWAYS,           /* a connection begins with small segments */
};

struct tcp_mtu {
    uint16_t most; /* before the peer's SYN: what ours may take (tcp_settings.mss_max) */
    uint16_t high : 15;
    uint16_t untried : 1; /* `high` is a bound that was told or assumed: the next to try */
};

/* What a send of new data has to do first. */
enum mtu_verdict {
    MTU_GO_ON, /* nothing */
    MTU_SENT,  /* a probe went */
    MTU_WAIT,  /* room for a probe is being made: nothing goes before it */
};

/* The options of the peer's SYN are taken: conn->snd.mss is what both ends take. */
void mtu_begin(struct tcp_conn *conn);

/* ICMP says of the segment at `seq`, which is in flight, that no more than this passes, bytes of
 * a packet. False when it says nothing new, or nothing of a segment of ours. */
bool mtu_take_icmp(struct tcp_conn *conn, uint32_t seq, uint32_t mtu);

/* With TCP_CONN_MTU_LOW and a flight: sends a probe when it is time. The port has room. */
enum mtu_verdict mtu_probe(struct tcp_conn *conn);

/* An ACK was taken while a probe is out: whether it has arrived. */
void mtu_on_ack(struct tcp_conn *conn);

/* A loss was found: true when it is the probe's alone, which is not answered. */
bool mtu_probe_failed(struct tcp_conn *conn);

/* The retransmission timer ran out, and nothing is marked lost yet. */
void mtu_on_timeout(struct tcp_conn *conn);

#endif
