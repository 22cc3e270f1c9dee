/*
 * Goal:   what leads BBR (draft-ietf-ccwg-bbr-06) from state to state, and at which rate it sends
 *         in each.
 * Method: samples written by hand; many are the test cases of the draft's appendix, whose names
 *         stand in quotes.
 */
#include "tcp/cc_bbr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/bbr_fixture.h"

/* "Exiting STARTUP on Bandwidth Plateau"; the window doubles until then. */
static void startup_ends_on_a_plateau(void **state)
{
    uint32_t bytes = 10 * MSS;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        round_of(bytes);
        assert_int_equal(bbr.state, BBR_STARTUP);
        assert_true(i == 0 || pacing.rate <= rate_of_round(bytes) * 277 / 100 * 99 / 100);
        assert_in_range(pacing.rate, rate_of_round(bytes) * 274 / 100,
                        rate_of_round(bytes) * 277 / 100);
        assert_in_range(conn.cwnd, 2 * bytes, 2 * bytes + MSS);
        bytes *= 2;
    }
    in_flight(4 * bytes);
    bytes /= 2;
    rounds_of(bytes + bytes / 5, 2); /* grows by less than a quarter */
    assert_int_equal(bbr.state, BBR_STARTUP);
    round_of(bytes + bytes / 5);
    assert_true(bbr.full_bw_reached);
    assert_int_equal(bbr.state, BBR_DRAIN);
    assert_near(bbr.bw, rate_of_round(bytes + bytes / 5));
    assert_near(pacing.rate, rate_of_round(bytes + bytes / 5) / 2 * 99 / 100);
}

/* "Never Exiting PROBE_UP (or STARTUP) When Application-Limited With No Loss". */
static void the_application_ends_no_startup(void **state)
{
    struct tcp_rate_sample sample;
    uint64_t before;

    (void)state;
    round_of(BW);
    before = pacing.rate;
    for (unsigned i = 0; i < 50; i++) {
        sample = sample_of(BW / 10);
        sample.is_app_limited = true;
        take(&sample);
        assert_int_equal(bbr.state, BBR_STARTUP);
    }
    assert_near(bbr.bw, rate_of_round(BW)); /* nor does it lower the estimate */
    assert_int_equal(pacing.rate, before);
    sample = sample_of(2 * BW); /* but where it shows more, it counts */
    sample.is_app_limited = true;
    take(&sample);
    assert_near(bbr.bw, rate_of_round(2 * BW));
}

/* "Exiting STARTUP on Loss": more than 2%, in six ranges, in a round of fast recovery. */
static void startup_ends_on_loss(void **state)
{
    static const struct {
        const char *name;
        unsigned ranges, each;
        uint8_t recovery;
        bool sack, ends;
    } cases[] = {
        {"six ranges", 6, 1, TCP_RECOVERY_FAST, true, true},
        {"five", 5, 1, TCP_RECOVERY_FAST, true, false},
        {"one long one", 1, 20, TCP_RECOVERY_FAST, true, false},
        {"not in fast recovery", 6, 1, TCP_RECOVERY_LOSS, true, false},
        {"without SACK any", 1, 1, TCP_RECOVERY_FAST, false, true},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_rate_sample sample;

        print_message("  %s\n", cases[i].name);
        (void)open_connection(state);
        conn.flags = cases[i].sack ? TCP_CONN_SACK_OK : 0;
        round_of(BW / 4);
        round_of(BW / 2);
        in_flight(BW);
        flight.recovery = cases[i].recovery;
        for (unsigned j = 0; j < cases[i].ranges; j++) {
            lose(j * 100 * MSS, cases[i].each, MSS, BW);
        }
        sample = sample_of(BW);
        sample.is_app_limited = true; /* as in the draft's case: the plateau tells nothing */
        sample.lost = cases[i].ranges * cases[i].each * MSS;
        take(&sample);
        assert_int_equal(bbr.state, cases[i].ends ? BBR_DRAIN : BBR_STARTUP);
        assert_int_equal(bbr.inflight_longterm != BBR_INFINITE, cases[i].ends);
        if (cases[i].ends) {
            assert_in_range(bbr.inflight_longterm, BW - MSS, BW + MSS);
        }
    }
}

/* "Exiting DRAIN Based on Inflight", "... Based on Time". */
static void drain_ends(void **state)
{
    (void)state;
    reach(BBR_DRAIN);
    in_flight(BW + MSS);
    rounds_of(BW, 2);
    assert_int_equal(bbr.state, BBR_DRAIN);
    in_flight(BW - MSS);
    round_of(BW); /* as little as this ends the next state as well */
    assert_int_equal(bbr.state, BBR_PROBE_BW_CRUISE);
    (void)open_connection(state);
    reach(BBR_DRAIN);
    in_flight(2 * BW);
    rounds_of(BW, 3);
    assert_int_equal(bbr.state, BBR_DRAIN);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    assert_near(pacing.rate, rate_of_round(BW) * 90 / 100 * 99 / 100);
}

/* "Exiting PROBE_DOWN on Inflight": the BDP, and room below inflight_longterm. */
static void down_ends_with_little_in_flight(void **state)
{
    (void)state;
    reach(BBR_PROBE_BW_DOWN);
    in_flight(BW + MSS);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    in_flight(BW - MSS);
    bbr.inflight_longterm = BW; /* of which 15% stay free */
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    in_flight(BW * 85 / 100);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_CRUISE);
    assert_near(pacing.rate, rate_of_round(BW) * 99 / 100);
    assert_int_equal(conn.cwnd, BW * 85 / 100);
}

/* After 2 to 3 seconds, or as many round trips as Reno would take, 63 at the most. */
static void it_probes_from_time_to_time(void **state)
{
    uint64_t start_ns;
    unsigned rounds = 0;

    (void)state;
    reach(BBR_PROBE_BW_CRUISE);
    assert_in_range(bbr.bw_probe_wait_ns, 2 * NS_PER_S, 3 * NS_PER_S);
    while (bbr.state == BBR_PROBE_BW_CRUISE) {
        round_of(BW);
        rounds++;
    }
    assert_int_equal(bbr.state, BBR_PROBE_BW_REFILL);
    assert_in_range(rounds, 55, 63);
    (void)open_connection(state);
    reach(BBR_PROBE_BW_CRUISE);
    start_ns = bbr.cycle_stamp_ns;
    tcp.now_ns = start_ns + bbr.bw_probe_wait_ns - RTT;
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_CRUISE);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_REFILL);
    assert_near(pacing.rate, rate_of_round(BW) * 99 / 100);
}

/* A round trip of refilling; then 1.25, until "Exiting PROBE_UP on Bandwidth Plateau". */
static void up_ends_on_a_plateau(void **state)
{
    (void)state;
    reach(BBR_PROBE_BW_REFILL);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_UP);
    assert_near(pacing.rate, rate_of_round(BW) * 125 / 100 * 99 / 100);
    rounds_of(BW, 2);
    assert_int_equal(bbr.state, BBR_PROBE_BW_UP);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    assert_int_equal(bbr.inflight_longterm, BBR_INFINITE);
}

/* "Increasing Bandwidth 10x": each round that shows more is followed by another. */
static void up_follows_the_path(void **state)
{
    uint32_t bytes = BW;

    (void)state;
    reach(BBR_PROBE_BW_UP);
    while (bytes < 10 * BW) {
        bytes += bytes / 4 + MSS;
        round_of(bytes);
        assert_int_equal(bbr.state, BBR_PROBE_BW_UP);
    }
    assert_near(bbr.bw, rate_of_round(bytes));
}

/* inflight_longterm grows by 1, 2, 4, ... segments in a round while it is what limits. */
static void the_long_term_bound_is_raised_faster_and_faster(void **state)
{
    uint32_t before, grown = 0;

    (void)state;
    reach(BBR_PROBE_BW_UP);
    bbr.inflight_longterm = BW;
    conn.cwnd = BW;
    in_flight(BW);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t prior = rate.delivered;

        before = bbr.inflight_longterm;
        for (unsigned j = 0; j < 20; j++) { /* ACKs of a round trip */
            struct tcp_rate_sample sample = sample_of(conn.cwnd / 20);

            sample.prior_delivered = prior;
            sample.rate = rate_of_round(conn.cwnd);
            rate.cwnd_limited = true;
            take(&sample);
        }
        assert_int_equal(bbr.state, BBR_PROBE_BW_UP);
        assert_true(bbr.inflight_longterm - before >= grown);
        grown = bbr.inflight_longterm - before;
    }
    assert_in_range(grown, 48 * MSS, 96 * MSS);
}

/* "Handling Loss During PROBE_UP": it stops, and 0.7 of the BDP is the least that stays. The
 * next probe is cautious: it ends at that bound, and when that was right begins once more. */
static void up_ends_on_loss(void **state)
{
    (void)state;
    reach(BBR_PROBE_BW_UP);
    in_flight(2 * BW);
    lose(1, 4, MSS, 2 * BW); /* 2% exactly */
    assert_int_equal(bbr.state, BBR_PROBE_BW_UP);
    lose(1 + 4 * MSS, 5, MSS, 2 * BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    assert_true(bbr.prev_probe_too_high);
    assert_in_range(bbr.inflight_longterm, 2 * BW - 6 * MSS, 2 * BW);
    flight.recovery = TCP_RECOVERY_OPEN;
    bbr.inflight_longterm = BW;
    bbr.is_loss_in_round = false;
    in_flight(BW / 2);
    while (bbr.state != BBR_PROBE_BW_UP) {
        round_of(BW);
    }
    in_flight(BW);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    assert_true(bbr.prev_probe_precautionary);
    in_flight(BW / 2);
    round_of(BW); /* its samples have come, and were good */
    assert_int_equal(bbr.state, BBR_PROBE_BW_REFILL);
}

/* "Entering and Exiting PROBE_RTT": after 5 seconds, 200 ms and a round trip. */
static void the_round_trip_is_probed(void **state)
{
    uint64_t entered_ns;
    uint32_t before = 0;

    (void)state;
    reach(BBR_PROBE_BW_CRUISE);
    while (bbr.state != BBR_PROBE_RTT) {
        struct tcp_rate_sample sample = sample_of(BW);

        before = conn.cwnd;
        sample.rtt_ns = 2 * RTT;
        take(&sample);
    }
    assert_in_range(tcp.now_ns - 1000 * NS_PER_S, 5 * NS_PER_S, 5 * NS_PER_S + 3 * RTT);
    assert_int_equal(conn.cwnd, bbr_bdp_multiple(&conn, bbr.bw, 50));
    assert_near(pacing.rate, rate_of_round(BW) * 99 / 100);
    rounds_of(BW / 2, 5); /* too much is in flight yet */
    assert_int_equal(bbr.probe_rtt_done_ns, 0);
    in_flight(conn.cwnd);
    round_of(BW / 2);
    entered_ns = tcp.now_ns;
    while (bbr.state == BBR_PROBE_RTT) {
        assert_true(rate.app_limited > 0);
        round_of(BW / 2);
    }
    assert_in_range(tcp.now_ns - entered_ns, 200 * NS_PER_MS, 220 * NS_PER_MS);
    assert_int_equal(bbr.state, BBR_PROBE_BW_CRUISE);
    assert_in_range(conn.cwnd, 2 * BW - MSS, before);
}

/* "Entering and Exiting PROBE_RTT During STARTUP". */
static void it_is_probed_in_startup_too(void **state)
{
    (void)state;
    while (bbr.state != BBR_PROBE_RTT) {
        struct tcp_rate_sample sample = sample_of(BW);

        sample.is_app_limited = true;
        sample.rtt_ns = 2 * RTT + (tcp.now_ns - 1000 * NS_PER_S) / 1000;
        take(&sample);
    }
    while (bbr.state == BBR_PROBE_RTT) {
        struct tcp_rate_sample sample = sample_of(BW / 2);

        sample.is_app_limited = rate.app_limited > 0;
        take(&sample);
    }
    assert_int_equal(bbr.state, BBR_STARTUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(startup_ends_on_a_plateau),
        CASE(the_application_ends_no_startup),
        CASE(startup_ends_on_loss),
        CASE(drain_ends),
        CASE(down_ends_with_little_in_flight),
        CASE(it_probes_from_time_to_time),
        CASE(up_ends_on_a_plateau),
        CASE(up_follows_the_path),
        CASE(the_long_term_bound_is_raised_faster_and_faster),
        CASE(up_ends_on_loss),
        CASE(the_round_trip_is_probed),
        CASE(it_is_probed_in_startup_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
