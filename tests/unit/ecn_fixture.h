/*
 * Scripts of accurate ECN (RFC 9768): a peer at a round trip of 100 ms that has agreed to it.
 */
#ifndef HEADRACE_TESTS_UNIT_ECN_FIXTURE_H
#define HEADRACE_TESTS_UNIT_ECN_FIXTURE_H

#include "tests/unit/recovery_fixture.h"

#define ACCURATE (TCP_AE | TCP_CWR | TCP_ECE)
/* ACE as flags. */
#define ACE(count) ((uint16_t)(((count)&7u) << 6))
#define ACE_START ACE(5)

/* Passive, with what the peer's last ACK says of the SYN-ACK. */
static inline struct tcp_fixture *accurate_with(void **state, uint16_t last_ack)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = f->settings.cc == &tcp_cc_dctcp ? f->settings.cc : &tcp_cc_newreno;
    f->settings.ecn = TCP_ECN_ACCURATE;
    peer_sends_syn(f, ACCURATE, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1, .accecn_kind = 172,
           .accecn_fields = 1, .accecn = {1});
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | last_ack, .seq = 1, .ack = 1);
    return f;
}

/* It came as it went, and the peer has SACK. */
static inline struct tcp_fixture *accurate(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->sack = true;
    return accurate_with(state, ACE(2));
}

/* Text of the peer, so far behind its first byte. */
static inline void text(struct tcp_fixture *f, uint32_t at, uint8_t field)
{
    peer_sends(f, TCP_ACK | ACE_START, .seq = 1 + at, .ack = 1, .bytes = 100, .tos = field);
}

/* Segments [first, end), with the count of no mark. */
static inline void expect_segments_ace(struct tcp_fixture *f, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        expect(f, TCP_ACK | ACE_START, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
}

#endif
