/*
 * Explicit congestion notification: RFC 3168 ("classic") and its successor RFC 9768
 * ("accurate"), both roles of both.
 *
 *   negotiation   the flags AE, CWR and ECE of SYN and SYN-ACK; a SYN that is not answered
 *                 goes without them later
 *   receiver      classic: ECE in all ACKs from the first CE to the peer's CWR; under DCTCP,
 *                 just in those of segments with CE (RFC 8257 section 3.2). Accurate: how
 *                 many packets with CE came, modulo 8, in the flags (ACE); how many bytes
 *                 with each codepoint in an option of SYN-ACKs, pure ACKs, and text that leaves
 *                 room, unless the policy has none: then the peer's is not looked at either
 *   sender        new text is sent as ECT(0), and nothing else is; what was marked reduces
 *                 the window once in a round trip
 *
 * Invariant: the mode is chosen by the first SYN or SYN-ACK that arrives, behind a SYN cookie by
 * the ACK that brings it back, and stays.
 *
 * Owner: the connection, on its worker's thread. Names of the RFC: cep, ceb, e0b and e1b are r.cep
 * and the like, and begin as section 3.2.1 has it: at 5, 0, 1 and 1.
 */
#ifndef HEADRACE_TCP_ECN_H
#define HEADRACE_TCP_ECN_H

#include "tcp/segment.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct tcp_ack_news;
struct tcp_conn;
struct tcp_options_out;
struct tcp_settings;

enum tcp_ecn_mode {
    TCP_ECN_OFF,
    TCP_ECN_CLASSIC,
    TCP_ECN_ACCURATE,
};

/* ACE stands in the three flags, AE the highest bit. */
#define ACE_SHIFT 6u
#define ACE_MASK 7u
/* So many marks, and it is what it was. */
#define ECN_ACE_ROUND 8u
static_assert(ECN_ACE_ROUND == ACE_MASK + 1, "the count of marks is what ACE holds of it");

/* The two low bits of the IP field. */
enum ecn_field {
    ECN_NOT_ECT = 0,
    ECN_ECT_1 = 1,
    ECN_ECT_0 = 2,
    ECN_CE = 3,
};

static inline enum ecn_field ecn_field_of(const struct tcp_segment *seg)
{
    return (enum ecn_field)(seg->tos & 3u);
}

enum tcp_ecn_flag {
    TCP_ECN_ECHO = 1 << 0,          /* classic: CE came, and no CWR since */
    TCP_ECN_CWR_OWED = 1 << 1,      /* classic: the window was reduced; new text will say so */
    TCP_ECN_CWR_OUT = 1 << 2,       /* classic: it has been said, at cwr_end */
    TCP_ECN_NO_ECT = 1 << 3,        /* the path can't be trusted with it */
    TCP_ECN_DEAF = 1 << 4,          /* nor with what the peer tells */
    TCP_ECN_HANDSHAKE = 1 << 5,     /* accurate: the next pure ACK tells how the SYN-ACK came */
    TCP_ECN_LAST_CE = 1 << 6,       /* the last packet had CE */
    TCP_ECN_TELL_BYTES = 1 << 7,    /* accurate, with the option: a counter moved since the last */
    TCP_ECN_NO_OPTION = 1 << 8,     /* accurate: none is sent, the path may block it */
    TCP_ECN_FEEDBACK_SEEN = 1 << 9, /* accurate: the first ACE after the handshake was judged */
    TCP_ECN_NO_COUNT = 1 << 10,     /* accurate: the ACK under way is encoded as the handshake's */
    TCP_ECN_ACE_MOVED = 1 << 11,    /* accurate: since the peer's last count of bytes with CE */
    TCP_ECN_TELL_CE = 1 << 12,      /* accurate: with TELL_BYTES, that of CE among them */
    TCP_ECN_TELL_AGAIN = 1 << 13,   /* accurate: the next option may be lost unseen */
    TCP_ECN_SYN_MARKED = 1 << 14,   /* accurate: our SYN or SYN-ACK had CE */
};

/* Wide enough for ECN_ACE_ROUND. */
#define ECN_COVERED_BITS 4u
static_assert(ECN_ACE_ROUND < 1u << ECN_COVERED_BITS, "so many segments can be counted");

struct tcp_ecn {
    uint8_t mode;                       /* enum tcp_ecn_mode: how this connection tells */
    uint8_t most;                       /* enum tcp_ecn_mode: up to what it would */
    uint16_t flags;                     /* enum tcp_ecn_flag */
    enum ecn_field syn_field : 2;       /* how the peer's last SYN or SYN-ACK arrived */
    uint8_t covered : ECN_COVERED_BITS; /* segments acknowledged since ceb_told, 8 at the most */
    uint8_t cep;                        /* packets received with CE, modulo 256 */
    uint8_t cep_told;                   /* the peer's last ACE: 0 to 7 */
    uint8_t ce_unacked;                 /* packets with CE that no ACK has told of */
    union {
        uint32_t cwr_end; /* classic, with CWR_OUT: end of the segment that had CWR */
        struct {
            uint32_t ceb, e0b, e1b; /* bytes of text received with CE, ECT(0), ECT(1) */
            uint32_t ceb_told;      /* the peer's last count of bytes with CE: 24 bits */
        };
    };
};

/* Up to what a connection with these settings would. DCTCP has at least the classic one. */
enum tcp_ecn_mode ecn_most(const struct tcp_settings *settings);

/* What the SYN asks for and we would (RFC 9768 table 2). */
enum tcp_ecn_mode ecn_agreed(enum tcp_ecn_mode most, const struct tcp_segment *syn);

/* A SYN-ACK after which nothing is kept: its flags, and the option with the counters as they
 * begin. */
uint16_t ecn_cookie_flags(enum tcp_ecn_mode mode, const struct tcp_segment *syn);
void ecn_cookie_option(struct tcp_options_out *options);
/* The flags of the SYN that it answered, by the ACK of it (RFC 9768 section 5.1), unless it was
 * classic. */
uint16_t ecn_cookie_syn_flags(enum tcp_ecn_mode most, const struct tcp_segment *ack);

/* The flags of our SYN or SYN-ACK as it goes now. */
uint16_t ecn_syn_flags(struct tcp_conn *conn);

/* A SYN arrived: of a passive open, or crossing ours. */
void ecn_take_syn(struct tcp_conn *conn, const struct tcp_segment *seg);

/* It arrived once more, with what may be other flags. False when the two contradict each
 * other, which resets (RFC 9768 section 3.1.5). */
bool ecn_take_repeat(struct tcp_conn *conn, const struct tcp_segment *seg);

/* Our SYN was answered. */
void ecn_take_syn_ack(struct tcp_conn *conn, const struct tcp_segment *seg);

/* It was answered once more: the ACK of that tells how it came. */
void ecn_repeat_syn_ack(struct tcp_conn *conn, const struct tcp_segment *seg);

/* The ACK that ends the handshake arrived. */
void ecn_take_last_ack(struct tcp_conn *conn, const struct tcp_segment *seg);
/* Nobody looks at it again: the next one counts. */
void ecn_last_ack_taken(struct tcp_conn *conn);

/* An acceptable segment arrived, of a peer that knows what we sent: what it is to be told, and
 * whether at once. This and the next: not while the mode is TCP_ECN_OFF. */
void ecn_receive(struct tcp_conn *conn, const struct tcp_segment *seg);

/* What an ACK tells of congestion, into the news: `congested` asks for a reduction, `ce_bytes` of
 * text were marked. */
void ecn_take_feedback(struct tcp_conn *conn, const struct tcp_segment *seg,
                       struct tcp_ack_news *news);

/* The flags of a segment other than SYN that is sent now; `pure` without text. What it tells counts
 * as told. */
uint16_t ecn_ack_flags(struct tcp_conn *conn, bool pure);

/* More flags, and the IP field, of text that goes for the first time and ends at `end`: CWR, when
 * it is owed, goes with it. */
uint16_t ecn_text_flags(struct tcp_conn *conn, uint32_t end);
enum ecn_field ecn_text_field(const struct tcp_conn *conn);

/* The window was reduced, for whatever reason. */
void ecn_reduced(struct tcp_conn *conn);

/* After the policy changed: whether it has the AccECN option. */
void ecn_follow(struct tcp_conn *conn);

/* Adds the AccECN option to those of a segment that is sent now, when there is something to tell
 * and all of them take no more than `room` bytes; SACK blocks behind the second give way to it. */
void ecn_add_option(struct tcp_conn *conn, struct tcp_options_out *options, unsigned room);

/* An ACK without text goes before the next text: it tells what that has no room for. */
bool ecn_ack_goes_first(const struct tcp_conn *conn);

#endif
