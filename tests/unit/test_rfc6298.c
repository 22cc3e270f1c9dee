/*
 * Goal:   the retransmission timer (RFC 6298 section 5), and what ends and restarts it in
 *         a recovery (RFC 6582).
 * Method: scripts over one stack, with a round trip of 100 ms and no SACK, so that there
 *         is no other timer.
 */
#include "tests/unit/recovery_fixture.h"

/* The second segment finds it running.
 * Shows: RFC 6298 5.1a. */
static void the_timer_is_of_the_oldest_segment(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(200));
    send_segments(f, 1);
    expect_segments(f, 1, 2);
    expect_after(f, RTO - MS(200), TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect_silence(f);
}

/* Shows: RFC 6298 5.3a. */
static void an_ack_of_something_restarts_it(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 2);
    expect_segments(f, 0, 2);
    wait_ns(f, RTT);
    acks(f, 1);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
}

/* Shows: RFC 6298 5.3a. */
static void an_ack_of_nothing_does_not(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 2);
    expect_segments(f, 0, 2);
    wait_ns(f, MS(200));
    acks(f, 0);
    expect_after(f, RTO - MS(200), TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
}

/* It comes nearer to 50 ms with each.
 * Shows: RFC 6298 3a. */
static void each_round_trip_gives_a_sample(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    for (uint32_t i = 0; i < 20; i++) {
        uint64_t before_ns = conn_of(f)->rtt.srtt_ns;

        send_segments(f, 1);
        expect_segments(f, i, i + 1);
        wait_ns(f, RTT / 2);
        acks(f, i + 1);
        assert_in_range(conn_of(f)->rtt.srtt_ns, RTT / 2, before_ns - 1);
    }
}

/* The first of eight is lost, and was sent again for three duplicate ACKs. */
static struct tcp_fixture *in_recovery(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    for (unsigned i = 0; i < 3; i++) {
        acks(f, 0);
    }
    expect_segments(f, 0, 1);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    return f;
}

/* Shows: RFC 6582 3.2d. */
static void a_timeout_ends_a_recovery(void **state)
{
    struct tcp_fixture *f = in_recovery(state);

    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_LOSS);
    assert_int_equal(conn_of(f)->cwnd, MSS);
}

/* Slow but steady: each loss of many has its own round trip.
 * Shows: RFC 6582 3.2b, 3.2e. */
static void each_partial_ack_restarts_it(void **state)
{
    struct tcp_fixture *f = in_recovery(state);

    for (uint32_t i = 1; i < 4; i++) {
        wait_ns(f, MS(150)); /* three of them are more than an RTO */
        acks(f, 2 * i);
        expect_segments(f, 2 * i, 2 * i + 1);
    }
    assert_int_equal(f->tcp.counters.rto_expired, 0);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 6001, .ack = 1, .bytes = MSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(the_timer_is_of_the_oldest_segment), SCRIPT(an_ack_of_something_restarts_it),
        SCRIPT(an_ack_of_nothing_does_not),         SCRIPT(each_round_trip_gives_a_sample),
        SCRIPT(a_timeout_ends_a_recovery),          SCRIPT(each_partial_ack_restarts_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
