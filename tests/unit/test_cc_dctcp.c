/*
 * Goal:   but for marks DCTCP (RFC 8257) is NewReno: it grows alike, and a loss halves.
 * Method: both algorithms side by side, given the same; what marks do stands in
 *         test_ecn_feedback.c.
 */
#include "tcp/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MSS 1000u

static struct tcp tcp;

static struct tcp_conn connection(const struct tcp_cc_ops *cc)
{
    struct tcp_conn conn = {.tcp = &tcp, .snd.mss = MSS, .snd.nxt = 77};

    policies_init(&tcp.policies);
    cc->open(&conn);
    return conn;
}

/* Slow start, then congestion avoidance.
 * Shows: RFC 8257 3.4a. */
static void it_grows_as_newreno_does(void **state)
{
    struct tcp_conn dctcp = connection(&tcp_cc_dctcp);
    struct tcp_conn newreno = connection(&tcp_cc_newreno);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        if (i == 20) {
            dctcp.ssthresh = dctcp.cwnd;
            newreno.ssthresh = newreno.cwnd;
        }
        tcp_cc_dctcp.acked(&dctcp, MSS, UINT64_MAX);
        tcp_cc_newreno.acked(&newreno, MSS, UINT64_MAX);
        assert_int_equal(dctcp.cwnd, newreno.cwnd);
    }
    assert_true(dctcp.cwnd > 40 * MSS);
}

/* Whatever was marked before: alpha says nothing of losses.
 * Shows: RFC 8257 3.5a. */
static void a_loss_halves(void **state)
{
    struct tcp_conn lost = connection(&tcp_cc_dctcp);
    struct tcp_conn timed_out = connection(&tcp_cc_dctcp);

    (void)state;
    lost.cc_state.dctcp.alpha = 0;
    tcp_cc_dctcp.loss(&lost, 10 * MSS);
    assert_int_equal(lost.cwnd, 5 * MSS);
    assert_int_equal(lost.ssthresh, 5 * MSS);
    timed_out.cc_state.dctcp.alpha = 0;
    tcp_cc_dctcp.timeout(&timed_out, 10 * MSS, true);
    assert_int_equal(timed_out.cwnd, MSS);
    assert_int_equal(timed_out.ssthresh, 5 * MSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_as_newreno_does),
        cmocka_unit_test(a_loss_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
