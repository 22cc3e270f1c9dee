/*
 * Goal:   delivery rate samples (draft-ietf-ccwg-bbr-06, "Delivery Rate Samples") are what
 *         pencil and paper make of the times of segments and ACKs, and tell when it was the
 *         application that limited them (tcp/rate.h).
 * Method: scripts over one stack with a peer at a round trip of 100 ms, whose congestion
 *         control is NewReno with an ear for samples.
 */
#include "tcp/rate.h"

#include "tests/unit/recovery_fixture.h"

#include <string.h>

static struct tcp_cc_ops listening;
static struct tcp_rate_sample heard; /* the last with data */
static unsigned samples, losses, restarts;

static void each_ack(struct tcp_conn *conn, const struct tcp_rate_sample *sample)
{
    (void)conn;
    samples += sample->has_data;
    heard = *sample;
}

static void each_loss(struct tcp_conn *conn, const struct tcp_record *record)
{
    (void)conn;
    (void)record;
    losses++;
}

static void restart(struct tcp_conn *conn)
{
    (void)conn;
    restarts++;
}

static struct tcp_fixture *sampled_peer(void **state, bool sack)
{
    struct tcp_fixture *f = far_peer(state, sack);
    struct tcp_conn *conn = conn_of(f);

    listening = tcp_cc_newreno;
    listening.each_ack = each_ack;
    listening.each_loss = each_loss;
    listening.restart = restart;
    conn->cc = &listening;
    rate_follow(conn);
    samples = 0;
    losses = 0;
    restarts = 0;
    return f;
}

/* So many segments in so many milliseconds; to a thousandth. */
static void expect_rate(uint32_t segments, uint64_t ms)
{
    uint64_t want = ((uint64_t)segments * MSS << TCP_RATE_SHIFT) / MS(ms);

    assert_true(heard.has_data);
    assert_int_equal(heard.delivered, segments * MSS);
    assert_in_range(heard.rate, want - want / 1000, want + want / 1000);
}

static void a_flight_in_a_round_trip(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    wait_ns(f, RTT);
    acks(f, 4);
    assert_int_equal(samples, 1);
    expect_rate(4, 100);
    assert_int_equal(heard.newly_acked, 4 * MSS);
    assert_int_equal(heard.rtt_ns, RTT);
    assert_in_range(heard.tx_in_flight, 4 * MSS - 63, 4 * MSS);
    assert_int_equal(heard.lost, 0);
}

/* Turned off and on while segments are out: what they noted is of other counts. */
static void what_went_before_it_began_is_no_sample(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);
    struct tcp_conn *conn = conn_of(f);

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    wait_ns(f, RTT);
    acks(f, 4);
    send_segments(f, 2);
    expect_segments(f, 4, 6);
    conn->cc = &tcp_cc_newreno;
    rate_follow(conn);
    conn->cc = &listening;
    rate_follow(conn);
    wait_ns(f, RTT);
    acks(f, 6);
    assert_int_equal(samples, 1); /* that of the first flight */
    assert_int_equal(rate_of(conn)->latest, 0);
}

/* What was delivered counts from the last ACK before the segment went, not from when it went. */
static void from_knee_to_knee(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    send_segments(f, 2);
    expect_segments(f, 0, 2);
    wait_ns(f, MS(50));
    send_segments(f, 2);
    expect_segments(f, 2, 4);
    wait_ns(f, MS(50));
    acks(f, 2);
    expect_rate(2, 100);
    wait_ns(f, MS(50));
    acks(f, 4);
    expect_rate(4, 150);
    assert_int_equal(heard.rtt_ns, RTT);
}

/* ACKs that come closer together than the segments went. */
static void never_faster_than_it_was_sent(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(90));
    send_segments(f, 1);
    expect_segments(f, 1, 2);
    wait_ns(f, MS(10));
    acks(f, 1);
    send_segments(f, 1);
    expect_segments(f, 2, 3);
    wait_ns(f, MS(20));
    acks(f, 3);
    expect_rate(2, 100); /* by the ACKs it would be 20 ms */
}

/* The first segment behind a pause begins anew: silence is no slow delivery. */
static void a_pause_does_not_count(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    send_segments(f, 2);
    expect_segments(f, 0, 2);
    wait_ns(f, RTT);
    acks(f, 2);
    wait_ns(f, SECONDS(5));
    send_segments(f, 2);
    expect_segments(f, 2, 4);
    wait_ns(f, RTT);
    acks(f, 4);
    expect_rate(2, 100);
    assert_true(heard.is_app_limited);
    assert_int_equal(restarts, 1);
}

/* A bubble in the pipe is told of until it has gone through. */
static void the_application_limits(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    send_segments(f, 4); /* of ten that might go */
    expect_segments(f, 0, 4);
    wait_ns(f, MS(50));
    send_segments(f, 26); /* more than the window */
    expect_segments(f, 4, 10);
    wait_ns(f, MS(50));
    acks(f, 4); /* they went before there was a bubble */
    assert_false(heard.is_app_limited);
    forget_sent(f);
    wait_ns(f, MS(50));
    acks(f, 10); /* behind it */
    assert_true(heard.is_app_limited);
    forget_sent(f);
    wait_ns(f, MS(50));
    acks(f, 18); /* and what went before it had come through */
    assert_true(heard.is_app_limited);
    wait_ns(f, MS(50));
    assert_true(conn_of(f)->snd.nxt - conn_of(f)->snd.iss - 1 >= 20 * MSS);
    acks(f, 20); /* by then the window was what limited */
    assert_false(heard.is_app_limited);
    forget_sent(f);
}

/* Lost in the round trip of the sample; what is sent again gives no time. */
static void losses_are_counted(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    send_segments(f, 10);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    sacks(f, 0, 2, 10);
    assert_int_equal(losses, 2);
    assert_int_equal(heard.newly_acked, 8 * MSS);
    assert_int_equal(heard.newly_lost, 2 * MSS);
    assert_in_range(heard.lost, 2 * MSS - 63, 2 * MSS + 63);
    expect_rate(8, 100);
    forget_sent(f);
    wait_ns(f, RTT);
    acks(f, 10);
    assert_int_equal(heard.rtt_ns, UINT64_MAX);
    assert_int_equal(heard.newly_acked, 2 * MSS);
    expect_rate(2, 100); /* since the ACK that had them sent again */
    assert_int_equal(heard.lost, 0);
    forget_sent(f);
}

/* The ACK of the first transmission, right behind the second: no path is as fast. */
static void too_short_to_be_true(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);

    f->peer->timestamps = false;
    send_segments(f, 1);
    expect_segments(f, 0, 1);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    wait_ns(f, MS(1));
    acks(f, 1);
    assert_true(heard.has_data);
    assert_int_equal(heard.rate, 0);
}

/* An RTO takes all for lost, and each of it is counted once. */
static void a_timeout_loses_all(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, false);

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(rate_of(conn_of(f))->lost, 4 * MSS);
    wait_ns(f, RTT);
    acks(f, 4);
    assert_int_equal(heard.newly_lost, 4 * MSS);
    assert_int_equal(heard.newly_acked, 4 * MSS);
}

/* Without anybody who wants it nothing is noted; a policy is somebody. */
static void only_for_who_wants_it(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    struct tcp_policy policy = f->settings.policy;

    send_segments(f, 2);
    expect_segments(f, 0, 2);
    assert_false(sendq_at(&conn_of(f)->flight->sendq, 0)->stamped);
    policy.rates = true;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    wait_ns(f, RTT);
    acks(f, 2); /* of what was sent before */
    assert_int_equal(rate_of(conn_of(f))->latest, 0);
    send_segments(f, 2);
    expect_segments(f, 2, 4);
    wait_ns(f, RTT);
    acks(f, 4);
    assert_in_range(rate_of(conn_of(f))->latest, (2000ull << TCP_RATE_SHIFT) / RTT - 100,
                    (2000ull << TCP_RATE_SHIFT) / RTT + 100);
    policy.rates = false;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    send_segments(f, 1);
    expect_segments(f, 4, 5);
    assert_false(sendq_at(&conn_of(f)->flight->sendq, 0)->stamped);
}

/* A record notes spans of seconds; a sample over longer ones is none. */
static void too_long_to_be_noted(void **state)
{
    struct tcp_fixture *f = sampled_peer(state, true);
    struct tcp_conn *conn = conn_of(f);
    const struct tcp_record *record;

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    rate_of(conn)->first_sent_ns -= SECONDS(5); /* as if the flight had begun then */
    send_segments(f, 1);
    expect_segments(f, 1, 2);
    record = sendq_at(&conn->flight->sendq, 1);
    assert_int_equal(record->since_first, TCP_RECORD_SINCE_FIRST_MAX);
    wait_ns(f, RTT);
    acks(f, 2);
    assert_true(heard.has_data);
    assert_int_equal(heard.rate, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_flight_in_a_round_trip), SCRIPT(what_went_before_it_began_is_no_sample),
        SCRIPT(from_knee_to_knee),        SCRIPT(never_faster_than_it_was_sent),
        SCRIPT(a_pause_does_not_count),   SCRIPT(the_application_limits),
        SCRIPT(losses_are_counted),       SCRIPT(too_short_to_be_true),
        SCRIPT(a_timeout_loses_all),      SCRIPT(only_for_who_wants_it),
        SCRIPT(too_long_to_be_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
