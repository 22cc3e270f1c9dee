/*
 * Goal:   what BBR (draft-ietf-ccwg-bbr-06) learns of the path, and forgets.
 * Method: samples written by hand.
 */
#include "tcp/cc_bbr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/bbr_fixture.h"

/* A small bound does not come from one loss. */
static void no_bound_below_beta(void **state)
{
    (void)state;
    reach(BBR_PROBE_BW_UP);
    in_flight(BW);
    conn.cwnd = 2 * BW;
    lose(1, 1, MSS, 10 * MSS);
    assert_in_range(bbr.inflight_longterm, BW * 7 / 10 - MSS, BW * 7 / 10);
}

/* While not probing a round with a loss takes rate and volume down to what was delivered, by 0.7
 * at the most; the next probe forgets it. "Decreasing Bandwidth 10x". */
static void losses_lower_the_short_term_model(void **state)
{
    uint32_t expected = BW;

    (void)state;
    reach(BBR_PROBE_BW_CRUISE);
    for (unsigned i = 0; i < 3; i++) {
        lose(1 + i * 10 * MSS, 1, MSS, BW);
        round_of(BW / 10);
        round_of(BW / 10); /* the round of the loss ends */
        assert_true(bbr.bw_shortterm < BBR_INFINITE_BW);
    }
    expected = expected * 343 / 1000;
    assert_in_range(bbr.bw, rate_of_round(expected), rate_of_round(expected * 2));
    assert_near(pacing.rate, bbr.bw * 99 / 100);
    assert_true(bbr.inflight_shortterm < 2 * BW);
    while (bbr.state != BBR_PROBE_BW_REFILL) {
        round_of(BW / 10);
    }
    assert_int_equal(bbr.inflight_shortterm, BBR_INFINITE);
    assert_near(bbr.bw, rate_of_round(BW));
}

/* Of the cycle before and this one: so an old best is forgotten after two. */
static void the_best_rate_is_of_two_cycles(void **state)
{
    static const uint32_t want[] = {BW, BW, BW / 4};

    (void)state;
    reach(BBR_PROBE_BW_UP);
    in_flight(BW / 5);
    for (unsigned cycle = 0; cycle < COUNT_OF(want); cycle++) {
        assert_near(bbr_max_bw(&bbr), rate_of_round(want[cycle]));
        while (bbr.state != BBR_PROBE_BW_CRUISE) {
            round_of(BW / 4);
        }
        while (bbr.state != BBR_PROBE_BW_UP) {
            round_of(BW / 4);
        }
    }
}

/* ACKs that come in heaps leave room for the silence between them. */
static void aggregation_widens_the_window(void **state)
{
    struct tcp_rate_sample sample;
    uint32_t before;

    (void)state;
    reach(BBR_PROBE_BW_CRUISE);
    rounds_of(BW, 12);
    before = conn.cwnd;
    assert_true(bbr_extra_acked(&bbr) <= BW + MSS);
    sample = sample_of(2 * BW);
    sample.rate = rate_of_round(BW);
    take(&sample);
    assert_in_range(bbr_extra_acked(&bbr), BW, 2 * BW + MSS);
    rounds_of(BW, 2);
    assert_true(conn.cwnd >= before);
    rounds_of(BW / 2, 20);                          /* fewer than are expected end it */
    assert_true(bbr_extra_acked(&bbr) <= BW + MSS); /* ten rounds later it is forgotten */
}

/* The least of 10 seconds. */
static void an_old_round_trip_is_forgotten(void **state)
{
    uint64_t start_ns;

    (void)state;
    reach(BBR_PROBE_BW_CRUISE);
    start_ns = bbr.min_rtt_stamp_ns;
    while (bbr.min_rtt_ns == RTT) {
        struct tcp_rate_sample sample = sample_of(BW);

        sample.rtt_ns = 3 * RTT;
        in_flight(MSS);
        take(&sample);
    }
    assert_in_range(tcp.now_ns - start_ns, 10 * NS_PER_S, 10 * NS_PER_S + 2 * RTT);
    assert_int_equal(bbr.min_rtt_ns, 3 * RTT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_bound_below_beta),
        CASE(losses_lower_the_short_term_model),
        CASE(the_best_rate_is_of_two_cycles),
        CASE(aggregation_widens_the_window),
        CASE(an_old_round_trip_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
