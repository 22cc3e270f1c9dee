/*
 * Scripts of loss: a peer at a round trip of 100 ms, with SACK or without, and segments
 * of a full MSS numbered from 0.
 */
#ifndef HEADRACE_TESTS_UNIT_RECOVERY_FIXTURE_H
#define HEADRACE_TESTS_UNIT_RECOVERY_FIXTURE_H

#include "tcp/cc.h"
#include "tests/unit/tcp_fixture.h"

#define RTT MS(100)
#define RTO MS(300) /* SRTT 100 ms, four times RTTVAR 200 ms */

static inline struct tcp_fixture *far_peer(void **state, bool sack)
{
    struct tcp_fixture *f = *state;

    f->settings.cc = &tcp_cc_newreno; /* its windows are easy to count */
    f->peer->sack = sack;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->rtt.rto_ns, RTO);
    return f;
}

/* Segments [first, end), numbered from 0, are sent now. */
static inline void expect_segments(struct tcp_fixture *f, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect_silence(f);
}

static inline void send_segments(struct tcp_fixture *f, uint32_t count)
{
    assert_int_equal(app_sends(f, count * MSS), count * MSS);
}

/* The peer has all before `ack`, in segments. */
static inline void acks(struct tcp_fixture *f, uint32_t ack)
{
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + ack * MSS);
}

/* And [first, end) beyond it. */
static inline void sacks(struct tcp_fixture *f, uint32_t ack, uint32_t first, uint32_t end)
{
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + ack * MSS,
               .sack = {{1 + first * MSS, 1 + end * MSS}});
}

#endif
