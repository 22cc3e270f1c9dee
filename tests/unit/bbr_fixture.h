/*
 * BBR alone, on a connection whose samples are written by hand: an ACK for each round trip of
 * 10 ms. Included by each test once, after <cmocka.h>; open_connection() makes all anew.
 */
#ifndef HEADRACE_TESTS_UNIT_BBR_FIXTURE_H
#define HEADRACE_TESTS_UNIT_BBR_FIXTURE_H

#include "tcp/cc.h"
#include "tcp/cc_bbr.h"

#include <string.h>

#define MSS 1000u
#define RTT (10 * NS_PER_MS)
#define BW (100u * MSS) /* of the path: bytes in a round trip */

static struct tcp tcp;
static struct tcp_pacing pacing;
static struct tcp_rate rate;
static struct tcp_bbr bbr;
static struct tcp_flight flight;
static struct tcp_conn conn;

static inline uint64_t rate_of_round(uint32_t bytes)
{
    return ((uint64_t)bytes << TCP_RATE_SHIFT) / RTT;
}

static inline void assert_near(uint64_t got, uint64_t want)
{
    assert_in_range(got, want - want / 500, want + want / 500 + 1);
}

static inline int open_connection(void **state)
{
    (void)state;
    memset(&pacing, 0, sizeof pacing);
    memset(&rate, 0, sizeof rate);
    memset(&bbr, 0xdb, sizeof bbr); /* what the last one left */
    memset(&flight, 0, sizeof flight);
    tcp.pacer.places = &pacing;
    tcp.rates = &rate;
    tcp.bbrs = &bbr;
    tcp.now_ns = 1000 * NS_PER_S;
    policies_init(&tcp.policies);
    conn = (struct tcp_conn){.tcp = &tcp,
                             .cc = &tcp_cc_bbr,
                             .flight = &flight,
                             .snd.mss = MSS,
                             .flags = TCP_CONN_SACK_OK | TCP_CONN_PACED | TCP_CONN_RATED};
    wheel_entry_init(&pacing.timer);
    conn.cc->open(&conn);
    conn.rtt.srtt_ns = RTT;
    return 0;
}

/* An ACK with its sample. */
static inline struct tcp_rate_sample sample_of(uint32_t bytes)
{
    return (struct tcp_rate_sample){.rate = rate_of_round(bytes),
                                    .prior_delivered = rate.delivered,
                                    .interval_ns = RTT,
                                    .rtt_ns = RTT,
                                    .delivered = bytes,
                                    .newly_acked = bytes,
                                    .tx_in_flight = flight.sendq.in_flight_bytes,
                                    .has_data = true};
}

/* No state lasts for so long: a loop until it changes ends. */
#define LONGEST_NS (2000 * NS_PER_S)

static inline void take(const struct tcp_rate_sample *sample)
{
    tcp.now_ns += RTT;
    assert_true(tcp.now_ns < LONGEST_NS);
    rate.delivered += sample->newly_acked;
    rate.delivered_ns = tcp.now_ns;
    conn.cc->each_ack(&conn, sample);
}

/* A round trip in which so much is delivered. */
static inline void round_of(uint32_t bytes)
{
    struct tcp_rate_sample sample = sample_of(bytes);

    take(&sample);
}

static inline void rounds_of(uint32_t bytes, unsigned count)
{
    while (count-- > 0) {
        round_of(bytes);
    }
}

/* So many records of 1,000 bytes are lost, of those that were in flight `before` ago. */
static inline void lose(uint32_t first_seq, unsigned count, uint32_t stride, uint32_t tx_in_flight)
{
    uint32_t lost_before = rate.lost >> TCP_RECORD_BYTES_SHIFT;

    for (unsigned i = 0; i < count; i++) {
        struct tcp_record record = {.seq = first_seq + i * stride, .length = MSS, .stamped = true};

        record.tx_in_flight = (tx_in_flight >> TCP_RECORD_BYTES_SHIFT) & TCP_RECORD_BYTES_MAX;
        record.lost_before = lost_before & TCP_RECORD_BYTES_MAX;
        rate_lost(&conn, &record);
    }
}

static inline void in_flight(uint32_t bytes)
{
    flight.sendq.in_flight_bytes = bytes;
}

/* Startup finds the path, and drains. */
static inline void reach(enum bbr_state state)
{
    if (bbr.state == BBR_STARTUP) {
        in_flight(2 * BW);
        rounds_of(BW, 4);
        assert_int_equal(bbr.state, BBR_DRAIN);
    }
    if (state == BBR_DRAIN) {
        return;
    }
    if (state == BBR_PROBE_BW_DOWN) {
        rounds_of(BW, 4);
    }
    while (state != bbr.state) {
        in_flight(BW - MSS);
        assert_true(tcp.now_ns < 1004 * NS_PER_S);
        round_of(BW);
    }
}

#define CASE(test) cmocka_unit_test_setup(test, open_connection)

#endif
