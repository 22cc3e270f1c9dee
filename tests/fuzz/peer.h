/*
 * The adversarial peers of the state-aware target. A peer says what it likes, but with
 * numbers relative to the true state of the connection, valid checksums, and bytes that are
 * what their sequence number says; and it remembers what the stack has told and was offered,
 * to hold it to the rules that can be seen on the wire.
 */
#ifndef HEADRACE_TESTS_FUZZ_PEER_H
#define HEADRACE_TESTS_FUZZ_PEER_H

#include "tests/fuzz/packet.h"

#define PEERS 3u
#define PEER_LISTEN_PORT 80u
#define PEER_PAYLOAD_MAX 1400u

/* What the stack has said on these ports since its last SYN. */
struct testimony {
    bool syn, acked, answered, scales, agreed, timestamped, offered;
    bool reset; /* one side has sent a RST: the next SYN may begin another life */
    bool asks;  /* its SYN has the option of Fast Open */
    uint8_t shift;
    uint32_t iss;
    uint32_t answered_to; /* ACK of its SYN-ACK */
    uint32_t sent;        /* behind the last byte that it ever sent */
    uint32_t ack;
    uint32_t edge; /* of its window, the right-most told */
    uint32_t ts_value;
    uint32_t offered_edge; /* the right-most that it may send up to */
    uint32_t carried;      /* behind the text that its SYN has had */
};

struct peer {
    struct tcp_tuple tuple; /* of the stack's view */
    uint32_t iss;           /* of its next SYN */
    uint16_t window;        /* the field, where nothing else is said */
    uint16_t mss;
    uint8_t wscale;
    bool scales, sack, timestamps;
    bool timestamps_on;                /* the stack's SYN had them too */
    uint16_t syn_flags, syn_ack_flags; /* of ECN; likewise what follows */
    uint16_t flags;                    /* of segments other than SYN: ECE and CWR, or ACE */
    uint8_t tos;
    uint32_t bytes_marked; /* that its option has told */
    bool cookies;          /* of Fast Open: it asks for one, has one, and gives some */
    uint16_t syn_window;   /* the largest of its SYNs: a cookie lets the stack use it at once */
    struct testimony told;
};

/* The numbers of the connection, or what is remembered of them when it is gone. */
struct peer_view {
    struct tcp_conn *conn; /* NULL: none, or in TIME-WAIT */
    uint32_t rcv_nxt, rcv_edge, snd_una, snd_nxt;
};

struct peer_view peer_view(const struct peer *peer);

/* A segment with nothing in it but ports, numbers that are right, and timestamps. */
struct packet_segment peer_segment(const struct peer *peer, uint16_t flags);

/* SYN or SYN-ACK with its options. */
struct packet_segment peer_syn(const struct peer *peer, uint16_t flags);

void peer_add_option(struct packet_segment *seg, const uint8_t *bytes, unsigned length);
void peer_add_sacks(struct packet_segment *seg, const struct tcp_sack_block *blocks,
                    unsigned count);
/* AccECN (RFC 9768), with so many counters; the second is bytes_marked. */
void peer_add_accecn(const struct peer *peer, struct packet_segment *seg, unsigned fields);
/* Fast Open (RFC 7413): a request, or a cookie, that of the stack's key when it is `good`. */
void peer_add_cookie(const struct peer *peer, struct packet_segment *seg, bool request, bool good);
/* Before SACK and other options: TSval so much behind the peer's clock. */
void peer_add_timestamps(const struct peer *peer, struct packet_segment *seg, uint32_t behind);
/* TSval not before this. */
void peer_add_timestamps_after(const struct peer *peer, struct packet_segment *seg, uint32_t least);

/* With the next turn; `bytes` of payload, whose values follow from SEQ. */
void peer_queue(struct peer *peer, struct packet_segment *seg, uint16_t bytes);

/* With FUZZ_TRACE in the environment each segment is a line, of either side. */
void peer_trace(const struct peer *peer, bool from_stack, const struct tcp_segment *seg);

/* The stack sent a segment to this peer. */
void peer_hear(struct peer *peer, const struct packet_sight *sight);

#endif
