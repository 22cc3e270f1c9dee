/*
 * Goal:   BBR (draft-ietf-ccwg-bbr-06) begins with what there is, and what recoveries, idleness
 *         and marks do to its window and rate.
 * Method: samples written by hand; some are the test cases of the draft's appendix, whose names
 *         stand in quotes.
 */
#include "tcp/cc_bbr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/bbr_fixture.h"

/* InitPacingRate(), before and after the first round trip was measured. */
static void it_opens_with_the_initial_window(void **state)
{
    (void)state;
    assert_int_equal(bbr.state, BBR_STARTUP);
    assert_int_equal(conn.cwnd, 10 * MSS);
    assert_near(pacing.rate, ((10ull * MSS << TCP_RATE_SHIFT) / NS_PER_MS) * 277 / 100);
    round_of(1);
    assert_near(pacing.rate, rate_of_round(10 * MSS) * 277 / 100);
}

/* "Skipping PROBE_RTT Due to Application-Limited Sending"; and the rate is that of the path. */
static void after_idleness_it_goes_on(void **state)
{
    uint32_t before;

    (void)state;
    reach(BBR_PROBE_BW_UP);
    before = conn.cwnd;
    tcp.now_ns += 6 * NS_PER_S;
    in_flight(0);
    rate.app_limited = rate.delivered + 1;
    conn.cc->idle(&conn);
    conn.cc->restart(&conn);
    assert_int_equal(conn.cwnd, before);
    assert_near(pacing.rate, rate_of_round(BW) * 99 / 100);
    in_flight(BW / 2);
    round_of(BW / 2);
    assert_int_not_equal(bbr.state, BBR_PROBE_RTT);
    round_of(BW);
    assert_int_not_equal(bbr.state, BBR_PROBE_RTT);
}

/* "Correctly Managing Sub-Packet BDPs". */
static void four_segments_at_least(void **state)
{
    (void)state;
    in_flight(MSS);
    rounds_of(MSS / 10, 30);
    assert_true(bbr.full_bw_reached);
    assert_in_range(conn.cwnd, 4 * MSS, 8 * MSS);
    assert_in_range(pacing.rate, rate_of_round(MSS / 10) * 89 / 100,
                    rate_of_round(MSS / 10) * 125 / 100);
}

/* One segment after an RTO; what it was, as far as the model has it, when that is repaired. */
static void a_timeout_and_its_end(void **state)
{
    uint32_t before;

    (void)state;
    reach(BBR_PROBE_BW_CRUISE);
    rounds_of(BW, 3);
    before = conn.cwnd;
    conn.cc->timeout(&conn, BW, true);
    flight.recovery = TCP_RECOVERY_LOSS;
    assert_int_equal(conn.cwnd, MSS);
    round_of(MSS);
    assert_int_equal(conn.cwnd, 4 * MSS);
    flight.recovery = TCP_RECOVERY_OPEN;
    round_of(MSS);
    assert_in_range(conn.cwnd, before * 7 / 10, before + 2 * MSS);
}

/* Fast recovery leaves the window to the model, and ends with what it was. */
static void a_recovery_keeps_the_window(void **state)
{
    uint32_t before;

    (void)state;
    reach(BBR_PROBE_BW_UP);
    before = conn.cwnd;
    lose(1, 1, MSS, BW);
    conn.cc->loss(&conn, BW);
    flight.recovery = TCP_RECOVERY_FAST;
    assert_int_equal(conn.cwnd, before);
    round_of(BW);
    flight.recovery = TCP_RECOVERY_OPEN;
    round_of(BW);
    assert_true(conn.cwnd >= before);
}

/* "Handling Spurious Fast Recovery", "... RTO Recovery". */
static void a_needless_recovery_is_undone(void **state)
{
    struct tcp_undo before = {.cwnd = 0};
    uint32_t cwnd;

    (void)state;
    reach(BBR_PROBE_BW_UP);
    in_flight(2 * BW);
    cwnd = conn.cwnd;
    lose(1, 10, MSS, 2 * BW);
    conn.cc->timeout(&conn, BW, true);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    conn.cc->undo(&conn, &before);
    assert_int_equal(bbr.state, BBR_PROBE_BW_REFILL);
    assert_int_equal(bbr.inflight_longterm, BBR_INFINITE);
    assert_int_equal(conn.cwnd, cwnd);
    (void)open_connection(state);
    round_of(BW);
    in_flight(BW);
    flight.recovery = TCP_RECOVERY_FAST;
    conn.flags &= ~(uint32_t)TCP_CONN_SACK_OK;
    lose(1, 1, MSS, BW);
    round_of(2 * BW);
    assert_int_equal(bbr.state, BBR_DRAIN);
    conn.cc->undo(&conn, &before);
    assert_int_equal(bbr.state, BBR_STARTUP);
    assert_false(bbr.full_bw_reached);
}

/* The draft's section on ECN: any mark is congestion. */
static void marks_are_congestion(void **state)
{
    (void)state;
    round_of(BW);
    conn.cc->congested(&conn, BW);
    in_flight(2 * BW);
    round_of(BW);
    assert_int_equal(bbr.state, BBR_DRAIN);
    reach(BBR_PROBE_BW_UP);
    conn.cc->congested(&conn, BW);
    assert_int_equal(bbr.state, BBR_PROBE_BW_DOWN);
    assert_true(bbr.inflight_longterm <= BW);
    in_flight(MSS);
    rounds_of(BW, 2);
    assert_int_equal(bbr.state, BBR_PROBE_BW_CRUISE);
    conn.cc->congested(&conn, BW);
    round_of(BW);
    assert_true(conn.cwnd < 2 * BW * 8 / 10);
}

static void names(void **state)
{
    (void)state;
    assert_ptr_equal(tcp_cc_find("bbr"), &tcp_cc_bbr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_opens_with_the_initial_window),
        CASE(after_idleness_it_goes_on),
        CASE(four_segments_at_least),
        CASE(a_timeout_and_its_end),
        CASE(a_recovery_keeps_the_window),
        CASE(a_needless_recovery_is_undone),
        CASE(marks_are_congestion),
        CASE(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
