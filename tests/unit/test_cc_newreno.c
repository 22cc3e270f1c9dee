/*
 * Goal:   the windows of RFC 5681, 6582 and 6928, with growth by bytes
 *         acknowledged (RFC 3465), for small and large segments.
 * Method: tables of windows before and after each event, computed by hand from the
 *         RFCs; then slow start and congestion avoidance over whole round trips.
 */
#include "tcp/cc.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct tcp_cc_ops *const cc = &tcp_cc_newreno;
static struct tcp tcp;

/* Shows: RFC 5681 3.1b, 3.1d, 3.1e; RFC 6928 2a, 2b; RFC 2525 2.3. */
static void the_initial_window(void **state)
{
    static const struct {
        const char *name;
        uint16_t mss;
        uint32_t flags;
        uint8_t segments; /* of the policy; 0: as it is by default */
        uint32_t cwnd;
    } cases[] = {
        {"ten segments", 536, 0, 0, 5360},
        {"ten of 1460", 1460, 0, 0, 14600},
        {"bytes limit", 1461, 0, 0, 14600},
        {"two segments", 8948, 0, 0, 17896},
        {"two that are larger by a byte", 7301, 0, 0, 14602},
        {"exactly two", 7300, 0, 0, 14600},
        {"the largest", UINT16_MAX, 0, 0, 2u * UINT16_MAX},
        {"the SYN was lost", 1460, TCP_CONN_SYN_LOST, 0, 1460},
        {"four are set", 1448, 0, 4, 5792},
        {"four, by bytes", 4000, 0, 4, 8000},
        {"one", 1448, 0, 1, 1448},
        {"one, however large", 8948, 0, 1, 8948},
        {"a hundred", 1448, 0, 100, 144800},
        {"a hundred, by bytes", 8948, 0, 100, 146000},
        {"a hundred, the SYN was lost", 1460, TCP_CONN_SYN_LOST, 100, 1460},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = {
            .tcp = &tcp, .flags = cases[i].flags, .snd.mss = cases[i].mss, .cc_state.acked = 5};

        policies_init(&tcp.policies);
        if (cases[i].segments > 0) {
            tcp.policies.at[0].initial_window = cases[i].segments;
        }
        cc->open(&conn);
        if (conn.cwnd != cases[i].cwnd) {
            fail_msg("%s: %u", cases[i].name, conn.cwnd);
        }
        assert_int_equal(conn.ssthresh, UINT32_MAX);
        assert_int_equal(conn.cc_state.acked, 0);
    }
    assert_string_equal(cc->name, "newreno");
}

/* Shows: RFC 5681 3.1f, 3.1g, 3.1i; RFC 3465 2.1a, 2.2a, 2.3a. */
static void acknowledged_bytes_open_it(void **state)
{
    static const struct {
        const char *name;
        uint32_t cwnd;
        uint32_t ssthresh;
        uint32_t cc_acked;
        uint32_t bytes;
        uint32_t cwnd_after;
        uint32_t cc_acked_after;
    } cases[] = {
        {"slow start, a byte", 10000, UINT32_MAX, 0, 1, 10001, 0},
        {"slow start, a segment", 10000, UINT32_MAX, 0, 1000, 11000, 0},
        {"slow start, two", 10000, UINT32_MAX, 0, 2000, 12000, 0},
        {"slow start, a burst", 10000, UINT32_MAX, 0, 16000, 26000, 0},
        {"slow start, never more than sixteen", 40000, UINT32_MAX, 0, 16001, 56000, 0},
        {"the last step of slow start", 9000, 10000, 0, 1000, 10000, 0},
        {"a step beyond is of avoidance", 9999, 10000, 0, 1000, 10000, 999},
        {"so is what is left of a burst", 9000, 10000, 0, 30000, 11000, 5000},
        {"avoidance begins at ssthresh", 10000, 10000, 0, 1000, 10000, 1000},
        {"a byte short of a window", 10000, 10000, 0, 9999, 10000, 9999},
        {"a window", 10000, 10000, 9000, 1000, 11000, 0},
        {"the rest is kept", 10000, 10000, 9000, 1700, 11000, 700},
        {"a large ACK gives one segment", 10000, 10000, 0, 25000, 11000, 15000},
        {"and another with the next", 11000, 10000, 15000, 1, 12000, 4001},
        {"no further than a gigabyte, slow start", (1u << 30) - 5, UINT32_MAX, 0, 2000, 1u << 30,
         0},
        {"no further than a gigabyte, avoidance", 1u << 30, 10000, (1u << 30) - 1, 1, 1u << 30, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = {.snd.mss = 1000,
                                .cwnd = cases[i].cwnd,
                                .ssthresh = cases[i].ssthresh,
                                .cc_state.acked = cases[i].cc_acked};

        cc->acked(&conn, cases[i].bytes, UINT64_MAX);
        if (conn.cwnd != cases[i].cwnd_after || conn.cc_state.acked != cases[i].cc_acked_after) {
            fail_msg("%s: %u, %u", cases[i].name, conn.cwnd, conn.cc_state.acked);
        }
        assert_int_equal(conn.ssthresh, cases[i].ssthresh);
    }
}

/* Shows: RFC 5681 3.1j, 3.1k, 3.1l, 3.2h; RFC 6582 3.2c; RFC 2525 2.2, 2.8. */
static void losses_halve_it(void **state)
{
    static const struct {
        const char *name;
        uint32_t in_flight;
        uint32_t ssthresh;
    } cases[] = {
        {"half of what was in flight, not of the window", 30000, 15000},
        {"odd", 30001, 15000},
        {"at least two segments", 3000, 2000},
        {"exactly two", 4000, 2000},
        {"nothing in flight", 0, 2000},
        {"a gigabyte", 1u << 30, 1u << 29},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = {
            .snd.mss = 1000, .cwnd = 40000, .ssthresh = 50000, .cc_state.acked = 9};
        struct tcp_conn again = conn;

        cc->loss(&conn, cases[i].in_flight);
        if (conn.ssthresh != cases[i].ssthresh || conn.cwnd != cases[i].ssthresh) {
            fail_msg("%s: %u, %u", cases[i].name, conn.ssthresh, conn.cwnd);
        }
        assert_int_equal(conn.cc_state.acked, 0);
        conn.cwnd = 17;
        cc->recovered(&conn);
        assert_int_equal(conn.cwnd, cases[i].ssthresh);

        cc->timeout(&again, cases[i].in_flight, true);
        assert_int_equal(again.ssthresh, cases[i].ssthresh);
        assert_int_equal(again.cwnd, 1000);
        assert_int_equal(again.cc_state.acked, 0);
        again.cwnd = 3000;
        cc->timeout(&again, 3000, false); /* the same segment once more: ssthresh stays */
        assert_int_equal(again.ssthresh, cases[i].ssthresh);
        assert_int_equal(again.cwnd, 1000);
    }
}

/* The segment may have shrunk, and grown, since ssthresh was set. */
static void recovery_leaves_a_segment_at_least(void **state)
{
    struct tcp_conn conn = {.snd.mss = 8948, .cwnd = 100, .ssthresh = 2000};

    (void)state;
    cc->recovered(&conn);
    assert_int_equal(conn.cwnd, 8948);
}

/* Shows: RFC 5681 4.1a. */
static void idleness_never_opens_it(void **state)
{
    static const struct {
        const char *name;
        uint32_t cwnd;
        uint32_t cc_acked;
        uint32_t cwnd_after;
        uint32_t cc_acked_after;
    } cases[] = {
        {"wide", 1000000, 900000, 10000, 0},
        {"as wide as at the start", 10000, 77, 10000, 77},
        {"narrow", 3000, 77, 3000, 77},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = {.tcp = &tcp,
                                .snd.mss = 1000,
                                .cwnd = cases[i].cwnd,
                                .ssthresh = 20000,
                                .cc_state.acked = cases[i].cc_acked};

        policies_init(&tcp.policies);
        cc->idle(&conn);
        if (conn.cwnd != cases[i].cwnd_after || conn.cc_state.acked != cases[i].cc_acked_after) {
            fail_msg("%s: %u, %u", cases[i].name, conn.cwnd, conn.cc_state.acked);
        }
        assert_int_equal(conn.ssthresh, 20000);
    }
}

/* Slow start doubles in a round trip, avoidance adds a segment, whether each
 * segment is acknowledged or every second, all at once, or single bytes are.
 * Shows: RFC 5681 3.1a, 3.1h; RFC 2525 2.1, 2.6. */
static void growth_in_a_round_trip(void **state)
{
    static const uint32_t steps[] = {1, 7, 536, 1000, 2000, 10000};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(steps); i++) {
        struct tcp_conn slow = {.snd.mss = 1000, .cwnd = 10000, .ssthresh = UINT32_MAX};
        struct tcp_conn avoiding = {.snd.mss = 1000, .cwnd = 10000, .ssthresh = 10000};

        for (uint32_t acked = 0; acked < 10000;) {
            uint32_t step = min_u32(steps[i], 10000 - acked);

            cc->acked(&slow, step, UINT64_MAX);
            cc->acked(&avoiding, step, UINT64_MAX);
            acked += step;
        }
        assert_int_equal(slow.cwnd, 20000);
        assert_int_equal(avoiding.cwnd, 11000);
        assert_int_equal(avoiding.cc_state.acked, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_initial_window),
        cmocka_unit_test(acknowledged_bytes_open_it),
        cmocka_unit_test(losses_halve_it),
        cmocka_unit_test(recovery_leaves_a_segment_at_least),
        cmocka_unit_test(idleness_never_opens_it),
        cmocka_unit_test(growth_in_a_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
