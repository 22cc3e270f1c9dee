/*
 * Goal:   CUBIC (RFC 9438): its function of time, the region where Reno would have more,
 *         and what losses, timeouts and pauses do to it.
 * Method: the algorithm alone on a connection with a clock; its integers beside the RFC's
 *         equations in floating point.
 */
#include "tcp/cc.h"
#include "tcp/cc_cubic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MSS 1000u
#define SECONDS_OF_UNIT (1048576e-9)

static const struct tcp_cc_ops *const cc = &tcp_cc_cubic;
static struct tcp tcp;

static struct tcp_conn connection(uint32_t cwnd, uint32_t ssthresh, uint64_t srtt_ns)
{
    struct tcp_conn conn = {.tcp = &tcp, .snd.mss = MSS, .rtt.srtt_ns = srtt_ns};

    tcp.now_ns = NS_PER_S;
    policies_init(&tcp.policies);
    cc->open(&conn);
    conn.cwnd = cwnd;
    conn.ssthresh = ssthresh;
    return conn;
}

/* Equation 2.
 * Shows: RFC 9438 4.1a, 4.2b. */
static void k_is_where_the_deficit_is_made_up(void **state)
{
    static const uint32_t deficits[] = {0, 1, 999, 1000, 30000, 300000, 1u << 24, 1u << 30};
    static const uint32_t sizes[] = {88, 1000, 1460, 8948, 65535};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(deficits) * COUNT_OF(sizes); i++) {
        uint32_t deficit = deficits[i / COUNT_OF(sizes)];
        uint32_t mss = sizes[i % COUNT_OF(sizes)];
        double exact = cbrt((double)deficit / mss / 0.4) / SECONDS_OF_UNIT;

        if (fabs(cubic_k(deficit, mss) - exact) > 1 + exact * 1e-6) {
            fail_msg("%u of %u: %u, not %f", deficit, mss, cubic_k(deficit, mss), exact);
        }
    }
}

/* Equation 1, on both sides of its plateau, to its ends.
 * Shows: RFC 9438 4.2a. */
static void the_window_is_a_cubic_of_time(void **state)
{
    static const uint32_t times[] = {0, 1, 500, 2000, 4000, 4001, 5000, 60000, 1u << 20, 1u << 31};
    static const uint32_t sizes[] = {88, 1000, 1460, 65535};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(times) * COUNT_OF(sizes); i++) {
        struct tcp_cubic cubic = {.w_max = 5000000, .k = 4000};
        uint32_t t = times[i / COUNT_OF(sizes)];
        uint32_t mss = sizes[i % COUNT_OF(sizes)];
        double since = ((double)t - 4000) * SECONDS_OF_UNIT;
        double exact = fmin(fmax(0.4 * since * since * since * mss + 5e6, 0), TCP_CWND_MAX);

        if (fabs(cubic_window(&cubic, t, mss) - exact) > 1 + exact * 1e-6) {
            fail_msg("%u of %u: %u, not %f", t, mss, cubic_window(&cubic, t, mss), exact);
        }
    }
}

/* The RFC's steps in floating point: a round trip of ACKs for single segments. */
struct model {
    double cwnd, w_max, k, w_est, prior; /* segments, seconds */
};

static void model_ack(struct model *model, double t, double rtt)
{
    double cubic = 0.4 * pow(t - model->k, 3) + model->w_max;
    double target = 0.4 * pow(t + rtt - model->k, 3) + model->w_max;
    double alpha = model->w_est < model->prior ? 9.0 / 17 : 1;

    model->w_est += alpha / model->cwnd;
    if (cubic < model->w_est) {
        model->cwnd = fmax(model->cwnd, model->w_est);
        return;
    }
    target = fmin(fmax(target, model->cwnd), 1.5 * model->cwnd);
    model->cwnd += (target - model->cwnd) / model->cwnd;
}

/* Shows: RFC 9438 4.2c, 4.3a, 4.3b. */
static void it_grows_as_the_equations_do(void **state)
{
    static const struct {
        const char *name;
        double rtt;
        uint32_t segments; /* at the loss */
    } cases[] = {
        {"100 ms, 1,000 segments: the cubic", 0.1, 1000},
        {"20 ms, 200 segments", 0.02, 200},
        {"5 ms, 20 segments: Reno has more", 0.005, 20},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t before = cases[i].segments * MSS;
        double rtt = cases[i].rtt;
        struct tcp_conn conn = connection(before, before, (uint64_t)(rtt * 1e9));
        struct model model = {.w_max = cases[i].segments, .prior = cases[i].segments};
        uint64_t start_ns = tcp.now_ns;

        cc->loss(&conn, before);
        assert_int_equal(conn.cwnd, before / 10 * 7);
        model.cwnd = conn.cwnd / (double)MSS;
        model.w_est = model.cwnd;
        model.k = cbrt((model.w_max - model.cwnd) / 0.4);
        for (unsigned round = 0; round * rtt < 20; round++) {
            double t = round * rtt;
            uint32_t acks = conn.cwnd / MSS;

            tcp.now_ns = start_ns + (uint64_t)(t * 1e9);
            for (uint32_t j = 0; j < acks; j++) {
                cc->acked(&conn, MSS, UINT64_MAX);
                model_ack(&model, t, rtt);
            }
            if (fabs(conn.cwnd / (double)MSS - model.cwnd) > 1.5 + model.cwnd * 0.01) {
                fail_msg("%s, after %f s: %u, not %f", cases[i].name, t, conn.cwnd, model.cwnd);
            }
        }
        assert_true(conn.cwnd > before);
    }
}

/* A minute behind the plateau the cubic is at thousands of segments; the round trip takes as long.
 * Shows: RFC 9438 4.2c. */
static void it_grows_by_half_a_window_at_most(void **state)
{
    struct tcp_conn conn = connection(20 * MSS, 20 * MSS, 60 * NS_PER_S);

    (void)state;
    cc->loss(&conn, 20 * MSS);
    cc->acked(&conn, MSS, UINT64_MAX);
    assert_int_equal(conn.cwnd, 14 * MSS);
    tcp.now_ns += 60 * NS_PER_S;
    for (unsigned i = 0; i < 14; i++) {
        cc->acked(&conn, MSS, UINT64_MAX);
    }
    assert_in_range(conn.cwnd, 20 * MSS, 21 * MSS);
}

/* Whole bursts, single segments and bytes that are acknowledged come to the same. */
static void bursts_grow_it_alike(void **state)
{
    static const uint32_t steps[] = {100, MSS, 16 * MSS};
    uint32_t grown[COUNT_OF(steps)];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(steps); i++) {
        struct tcp_conn conn = connection(200 * MSS, 200 * MSS, 20 * NS_PER_MS);

        cc->loss(&conn, 200 * MSS);
        for (unsigned round = 0; round < 400; round++) {
            uint32_t window = conn.cwnd;

            tcp.now_ns += 20 * NS_PER_MS;
            for (uint32_t acked = 0; acked < window; acked += steps[i]) {
                cc->acked(&conn, min_u32(steps[i], window - acked), UINT64_MAX);
            }
        }
        grown[i] = conn.cwnd;
        assert_in_range(grown[i], grown[0] - grown[0] / 20, grown[0] + grown[0] / 20);
    }
}

/* Shows: RFC 9438 4.1a, 4.6a, 4.6b, 4.7a. */
static void losses_take_three_tenths(void **state)
{
    static const struct {
        const char *name;
        uint32_t cwnd, w_max, in_flight;
        uint32_t ssthresh_after, w_max_after;
    } cases[] = {
        {"a full window", 100000, 0, 100000, 70000, 100000},
        {"half full: what was in flight counts", 100000, 0, 50000, 35000, 100000},
        {"below the last plateau: it makes room", 80000, 100000, 80000, 56000, 68000},
        {"above it", 120000, 100000, 120000, 84000, 120000},
        {"two segments at least", 2000, 0, 1000, 2000, 2000},
        {"a gigabyte", 1u << 30, 0, 1u << 30, 751619276, 1u << 30},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = connection(cases[i].cwnd, 10000, NS_PER_MS);

        conn.cc_state.cubic.w_max = cases[i].w_max;
        cc->loss(&conn, cases[i].in_flight);
        if (conn.ssthresh != cases[i].ssthresh_after || conn.cwnd != conn.ssthresh ||
            conn.cc_state.cubic.w_max != cases[i].w_max_after) {
            fail_msg("%s: %u, %u", cases[i].name, conn.ssthresh, conn.cc_state.cubic.w_max);
        }
        conn.cwnd = 1;
        cc->recovered(&conn);
        assert_int_equal(conn.cwnd, conn.ssthresh);
    }
}

/* Section 4.8: slow start to seven tenths, and a plateau there.
 * Shows: RFC 9438 4.8a, 4.8b. */
static void a_timeout_forgets_the_plateau(void **state)
{
    struct tcp_conn conn = connection(100 * MSS, 90 * MSS, 10 * NS_PER_MS);

    (void)state;
    cc->timeout(&conn, 100 * MSS, true);
    assert_int_equal(conn.cwnd, MSS);
    assert_int_equal(conn.ssthresh, 70 * MSS);
    cc->timeout(&conn, MSS, false);
    assert_int_equal(conn.ssthresh, 70 * MSS);
    for (unsigned i = 0; conn.cwnd < conn.ssthresh; i++) {
        assert_true(i < 100);
        cc->acked(&conn, MSS, UINT64_MAX);
    }
    cc->acked(&conn, MSS, UINT64_MAX);
    assert_int_equal(conn.cc_state.cubic.k, 0);
    assert_int_equal(conn.cc_state.cubic.w_max, 70 * MSS);
}

/* A repair so long that avoidance began in it, and then the timer runs out once more: what Reno
 * would have had by then counts no more. */
static void a_second_timeout_begins_an_epoch(void **state)
{
    struct tcp_conn conn = connection(100 * MSS, 90 * MSS, 10 * NS_PER_MS);

    (void)state;
    cc->timeout(&conn, 100 * MSS, true);
    for (unsigned i = 0; i < 2000; i++) {
        cc->acked(&conn, MSS, UINT64_MAX);
    }
    assert_true(conn.cwnd > 80 * MSS);
    cc->timeout(&conn, MSS, false);
    for (unsigned i = 0; conn.cwnd < conn.ssthresh; i++) {
        assert_true(i < 100);
        cc->acked(&conn, MSS, UINT64_MAX);
    }
    assert_int_equal(conn.cwnd, 70 * MSS);
    cc->acked(&conn, MSS, UINT64_MAX);
    assert_in_range(conn.cwnd, 70 * MSS, 71 * MSS);
}

/* Section 5.8: nor does time in which the window was not used, as when the application has little
 * to send. Between ACKs of full windows up to two round trips do.
 * Shows: RFC 9438 5.8a. */
static void time_without_use_stops_the_clock(void **state)
{
    static const struct {
        const char *name;
        uint64_t gap_ns;
        bool counts;
    } cases[] = {
        {"a round trip", 50 * NS_PER_MS, true},
        {"two", 100 * NS_PER_MS, true},
        {"more", 110 * NS_PER_MS, false},
        {"a minute", 60 * NS_PER_S, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = connection(100 * MSS, 100 * MSS, 50 * NS_PER_MS);
        uint32_t epoch;

        print_message("  %s\n", cases[i].name);
        cc->loss(&conn, 100 * MSS);
        cc->acked(&conn, MSS, UINT64_MAX);
        epoch = conn.cc_state.cubic.epoch;
        tcp.now_ns += cases[i].gap_ns; /* of ACKs that found it half empty */
        cc->acked(&conn, MSS, UINT64_MAX);
        assert_int_equal(conn.cc_state.cubic.epoch == epoch, cases[i].counts);
        assert_int_equal(tcp_busy_time(&conn) == conn.cc_state.cubic.epoch, !cases[i].counts);
        for (unsigned acked = 0; acked < 70; acked++) {
            cc->acked(&conn, MSS, UINT64_MAX);
        }
        assert_in_range(conn.cwnd, 70 * MSS, 72 * MSS); /* not towards what a minute would make */
    }
}

/* Section 5.8: time in which nothing was sent does not count.
 * Shows: RFC 9438 5.8a. */
static void pauses_stop_the_clock(void **state)
{
    struct tcp_conn busy = connection(100 * MSS, 100 * MSS, 50 * NS_PER_MS);
    struct tcp_conn paused = busy;

    (void)state;
    cc->loss(&busy, 100 * MSS);
    cc->loss(&paused, 100 * MSS);
    cc->acked(&busy, MSS, UINT64_MAX);
    cc->acked(&paused, MSS, UINT64_MAX);
    tcp.now_ns += NS_PER_S;
    for (unsigned i = 0; i < 70; i++) {
        cc->acked(&busy, MSS, UINT64_MAX);
    }
    tcp.now_ns += 60 * NS_PER_S;
    paused.idle += 60 * NS_PER_S >> TCP_BUSY_SHIFT;
    for (unsigned i = 0; i < 70; i++) {
        cc->acked(&paused, MSS, UINT64_MAX);
    }
    assert_int_equal(paused.cwnd, busy.cwnd);
    assert_true(busy.cwnd > 70 * MSS);
    cc->idle(&paused); /* longer than an RTO: RFC 5681 section 4.1 */
    assert_int_equal(paused.cwnd, tcp_cc_initial_window(&paused));
}

/* A window is sent and acknowledged, each ACK with that round trip. */
static void pass_round(struct tcp_conn *conn, uint64_t rtt_ns)
{
    uint32_t end = conn->snd.nxt;

    conn->snd.nxt = end + 20 * MSS;
    for (uint32_t i = 1; i <= 20; i++) {
        conn->snd.una = end - (20 - i) * MSS;
        cc->acked(conn, MSS, rtt_ns);
    }
}

/* The round trip rises threefold: the first slow start ends before anything is lost. A later
 * one knows where to end, and listens to losses alone.
 * Shows: RFC 9438 4.10a, 4.10b; RFC 9406 4.3b. */
static void the_first_slow_start_ends_by_hystart(void **state)
{
    static const struct {
        const char *name;
        uint32_t ssthresh;
        bool ends;
    } cases[] = {{"the first", UINT32_MAX, true}, {"a later one", 1000 * MSS, false}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_conn conn = connection(10 * MSS, cases[i].ssthresh, 20 * NS_PER_MS);
        struct tcp_flight flight = {0};

        print_message("  %s\n", cases[i].name);
        conn.flight = &flight;
        for (unsigned round = 0; round < 10; round++) {
            pass_round(&conn, (round < 3 ? 20 : 60) * NS_PER_MS);
        }
        assert_int_equal(conn.ssthresh < cases[i].ssthresh, cases[i].ends);
        assert_int_equal(conn.cwnd < 210 * MSS, cases[i].ends);
    }
}

/* Shows: RFC 9406 4.2g. */
static void a_loss_ends_slow_start_at_once(void **state)
{
    struct tcp_conn conn = connection(10 * MSS, UINT32_MAX, 20 * NS_PER_MS);
    struct tcp_flight flight = {0};

    (void)state;
    conn.flight = &flight;
    pass_round(&conn, 20 * NS_PER_MS);
    cc->loss(&conn, 30 * MSS);
    assert_int_equal(conn.ssthresh, 21 * MSS);
    pass_round(&conn, 20 * NS_PER_MS);
    assert_in_range(conn.cwnd, 21 * MSS, 24 * MSS);
}

/* Shows: RFC 9293 MAY-18. */
static void names(void **state)
{
    (void)state;
    for (unsigned i = 0; tcp_cc_names[i]; i++) {
        assert_string_equal(tcp_cc_find(tcp_cc_names[i])->name, tcp_cc_names[i]);
    }
    assert_ptr_equal(tcp_cc_find(NULL), &tcp_cc_cubic);
    assert_ptr_equal(tcp_cc_find("cubic"), &tcp_cc_cubic);
    assert_ptr_equal(tcp_cc_find("newreno"), &tcp_cc_newreno);
    assert_ptr_equal(tcp_cc_find("reno"), &tcp_cc_newreno); /* as in Linux */
    assert_null(tcp_cc_find("Cubic"));
    assert_null(tcp_cc_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k_is_where_the_deficit_is_made_up),
        cmocka_unit_test(the_window_is_a_cubic_of_time),
        cmocka_unit_test(it_grows_as_the_equations_do),
        cmocka_unit_test(it_grows_by_half_a_window_at_most),
        cmocka_unit_test(bursts_grow_it_alike),
        cmocka_unit_test(losses_take_three_tenths),
        cmocka_unit_test(a_timeout_forgets_the_plateau),
        cmocka_unit_test(a_second_timeout_begins_an_epoch),
        cmocka_unit_test(time_without_use_stops_the_clock),
        cmocka_unit_test(pauses_stop_the_clock),
        cmocka_unit_test(the_first_slow_start_ends_by_hystart),
        cmocka_unit_test(a_loss_ends_slow_start_at_once),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
