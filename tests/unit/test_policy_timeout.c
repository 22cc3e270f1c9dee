/*
 * Goal:   when a connection is given up, by counts or by a user timeout (RFC 5482), and the bounds
 *         of its RTO are what an application sets of it (tcp/policy.h).
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

static struct tcp_policy with_timeout(uint32_t ms)
{
    struct tcp_policy policy = tcp_settings_default.policy;

    policy.user_timeout_ms = ms;
    return policy;
}

/* An RTO of 200 ms; no tail loss probes. */
static void establish_with(struct tcp_fixture *f, struct tcp_policy policy)
{
    f->settings.policy = policy;
    f->settings.sack = false;
    establish(f);
    app_sends(f, 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
}

/* Shows: RFC 9293 MUST-21. */
static void what_is_not_acknowledged_in_time(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t rto_ns, begin_ns;

    establish_with(f, with_timeout(1000));
    rto_ns = conn_of(f)->rtt.rto_ns;
    begin_ns = f->now_ns;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, rto_ns, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, 2 * rto_ns, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    /* The third would be due later: it is not waited for. */
    expect_silence_for(f, begin_ns + SECONDS(1) - 1 - f->now_ns);
    assert_int_equal(f->peer->told.close, 0);
    wait_ns(f, MS(1));
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    expect_silence_for(f, SECONDS(100));
}

/* It is about each byte, not about the connection: what gets on is not ended. */
static void progress_begins_anew(void **state)
{
    struct tcp_fixture *f = *state;

    establish_with(f, with_timeout(300));
    for (uint32_t i = 0; i < 10; i++) {
        app_sends(f, 10);
        expect(f, TCP_ACK, .seq = 2 + 10 * i, .ack = 1, .bytes = 10);
        expect_silence_for(f, MS(150));
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 12 + 10 * i);
    }
    expect_state(f, TCP_ESTABLISHED);
}

/* Longer than the count of retransmissions would last: RFC 5482 has it instead of R2. */
static void a_long_one_outlasts_the_count(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = with_timeout(3600 * 1000);
    uint64_t begin_ns;

    policy.r2 = 3;
    establish_with(f, policy);
    begin_ns = f->now_ns;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    while (f->now_ns < begin_ns + SECONDS(3600 - 120)) {
        wait_ns(f, conn_of(f)->rexmit_ns - f->now_ns + MS(1));
        expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    }
    while (f->peer->told.close == 0) {
        assert_true(f->now_ns < begin_ns + SECONDS(3700));
        forget_sent(f);
        wait_ns(f, MS(100));
    }
    forget_sent(f);
    assert_in_range(f->now_ns, begin_ns + SECONDS(3600), begin_ns + SECONDS(3600) + MS(101));
}

/* As in Linux: what can't be sent waits no longer than what is not acknowledged, although the
 * peer answers. Without a timeout it waits for ever (RFC 9293 MUST-37). */
static void a_window_that_stays_closed(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t first_probe_ns;

    establish_with(f, with_timeout(5000));
    f->peer->window = WINDOW_ZERO;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    app_sends(f, 100);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 2, .ack = 1, .bytes = 1);
    first_probe_ns = f->now_ns;
    while (f->peer->told.close == 0) {
        assert_true(f->now_ns < first_probe_ns + SECONDS(60));
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
        forget_sent(f);
        wait_ns(f, MS(50));
    }
    forget_sent(f);
    assert_in_range(f->now_ns, first_probe_ns + SECONDS(5), first_probe_ns + SECONDS(5) + MS(51));
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
}

/* Shows: RFC 9293 MUST-21, MUST-22. */
static void syns_are_given_up_as_told(void **state)
{
    static const struct {
        const char *name;
        uint8_t r2_syn;
        uint32_t timeout_ms;
        unsigned syns;
        uint64_t end_ms;
    } cases[] = {
        {"by their count", 2, 0, 3, 1000 + 2000 + 4000},
        {"by the user timeout", 5, 2500, 2, 2500},
        {"by the count before the timeout", 1, 60000, 2, 1000 + 2000},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t begin_ns;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->settings.policy.r2_syn = cases[i].r2_syn;
        f->settings.policy.user_timeout_ms = cases[i].timeout_ms;
        assert_int_equal(app_connects(f), TCP_OK);
        begin_ns = f->now_ns;
        expect(f, TCP_SYN, .seq = 0);
        for (unsigned n = 1; n < cases[i].syns; n++) {
            expect_after(f, SECONDS(1u << (n - 1)), TCP_SYN, .seq = 0);
        }
        expect_silence_for(f, begin_ns + MS(cases[i].end_ms) - MS(1) - f->now_ns);
        assert_int_equal(f->peer->told.close, 0);
        wait_ns(f, MS(2));
        assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    }
}

static void syn_acks_are_given_up_as_told(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.r2_syn_ack = 1;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_after(f, SECONDS(1), TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_silence_for(f, SECONDS(2) + MS(1));
    expect_state(f, TCP_CLOSED);
}

/* Shows: RFC 9293 MUST-21. */
static void the_count_can_be_set(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = tcp_settings_default.policy;
    uint64_t rto_ns;

    policy.r2 = 2;
    establish_with(f, policy);
    rto_ns = conn_of(f)->rtt.rto_ns;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, rto_ns, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, 2 * rto_ns, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_silence_for(f, 4 * rto_ns - MS(1));
    assert_int_equal(f->peer->told.close, 0);
    wait_ns(f, MS(2));
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
}

/* RFC 6298's RTO within other bounds: at the start, after a sample, and with its doublings. */
static void the_rto_lies_within_its_bounds(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = tcp_settings_default.policy;

    policy.rto = (struct rto_bounds){.initial_ns = MS(300), .min_ns = MS(20), .max_ns = MS(700)};
    f->settings.policy = policy;
    f->settings.sack = false; /* no tail loss probes */
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    expect_after(f, MS(300), TCP_SYN, .seq = 0);
    expect_after(f, MS(600), TCP_SYN, .seq = 0);
    expect_after(f, MS(700), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->rtt.rto_ns, MS(700)); /* not the three seconds of section 5.7 */
    app_sends(f, 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    for (unsigned i = 0; i < 40; i++) { /* the round trip of a turn, until its variance is gone */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 2 + i);
        app_sends(f, 1);
        expect(f, TCP_ACK, .seq = 2 + i, .ack = 1, .bytes = 1);
    }
    assert_in_range(conn_of(f)->rtt.rto_ns, MS(20), MS(21));
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 41, .ack = 1, .bytes = 1);
    expect_after(f, 2 * conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 41, .ack = 1, .bytes = 1);
}

/* A limit that comes later holds at once. */
static void a_lower_bound_of_the_rto_holds_at_once(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = with_timeout(0);

    establish_with(f, policy);
    policy.rto.max_ns = MS(150);
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, MS(150), TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, MS(150), TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
}

/* And for the timer that runs already. */
static void a_lower_bound_of_the_rto_shortens_the_one_that_runs(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = with_timeout(0);

    establish_with(f, policy);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    policy.rto.max_ns = MS(150);
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    expect_after(f, MS(150), TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
}

/* What has waited longer than that when it is set waits for no further timeout. */
static void a_timeout_that_is_over_ends_it_at_once(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = with_timeout(1);
    uint64_t rto_ns;

    establish_with(f, with_timeout(0));
    rto_ns = conn_of(f)->rtt.rto_ns;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    expect_after(f, rto_ns, TCP_ACK, .seq = 2, .ack = 1, .bytes = 10);
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    wait_ns(f, MS(1));
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    expect_silence_for(f, SECONDS(100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(what_is_not_acknowledged_in_time),
        SCRIPT(progress_begins_anew),
        SCRIPT(a_long_one_outlasts_the_count),
        SCRIPT(a_window_that_stays_closed),
        SCRIPT(syns_are_given_up_as_told),
        SCRIPT(syn_acks_are_given_up_as_told),
        SCRIPT(the_count_can_be_set),
        SCRIPT(the_rto_lies_within_its_bounds),
        SCRIPT(a_lower_bound_of_the_rto_holds_at_once),
        SCRIPT(a_lower_bound_of_the_rto_shortens_the_one_that_runs),
        SCRIPT(a_timeout_that_is_over_ends_it_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
