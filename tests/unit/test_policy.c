/*
 * Goal:   what an application sets of a connection holds for it and for no other
 *         (tcp/policy.h): when it is given up, by counts or by a user timeout (RFC 5482), and
 *         when it acknowledges; and each policy of a worker stands in its table once.
 * Method: the table by itself; then scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

static void a_policy_has_one_place(void **state)
{
    static struct tcp_policies policies;
    struct tcp_policy policy = tcp_settings_default.policy;
    uint8_t place, other, again;

    (void)state;
    policies_init(&policies);
    assert_true(policy_take(&policies, &policy, &place));
    assert_int_equal(place, 0);
    policy.r2 = 7;
    assert_true(policy_take(&policies, &policy, &place));
    assert_int_not_equal(place, 0);
    policy.r2 = 8;
    assert_true(policy_take(&policies, &policy, &other));
    assert_int_not_equal(other, place);
    policy.r2 = 7;
    assert_true(policy_take(&policies, &policy, &again));
    assert_int_equal(again, place);
    policy_give(&policies, place);
    assert_true(policy_take(&policies, &policy, &again)); /* one user was left */
    assert_int_equal(again, place);
    assert_int_equal(policies.users[place], 2);
    assert_int_equal(policies.at[place].r2, 7);
}

static void the_table_is_bounded(void **state)
{
    static struct tcp_policies policies;
    struct tcp_policy policy = tcp_settings_default.policy;
    uint8_t place;

    (void)state;
    policies_init(&policies);
    for (uint32_t i = 1; i < TCP_POLICIES_MAX; i++) {
        policy.user_timeout_ms = i;
        assert_true(policy_take(&policies, &policy, &place));
    }
    policy.user_timeout_ms = TCP_POLICIES_MAX;
    assert_false(policy_take(&policies, &policy, &place));
    policy.user_timeout_ms = 5; /* is there */
    assert_true(policy_take(&policies, &policy, &place));
    policy_give(&policies, place);
    policy_give(&policies, place);
    policy.user_timeout_ms = TCP_POLICIES_MAX;
    assert_true(policy_take(&policies, &policy, &place));
}

/* It has ended in this turn, and would be freed while it stands on the list of output. */
static void an_ended_connection_is_not_tuned(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = tcp_settings_default.policy;
    struct tcp_conn *conn;

    f->settings.policy.pacing = true;
    establish(f);
    conn = conn_of(f);
    tcp_abort(conn);
    assert_int_equal(tcp_set_policy(conn, &policy), TCP_ERR_STATE);
    turn(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
}

/* A connection that can't have what it asks for has what it had; one that can't begin so does
 * not begin. */
static void no_place_is_left(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = tcp_settings_default.policy;
    uint8_t place;

    f->settings.policy = policy;
    establish(f);
    for (uint32_t i = 1; i < TCP_POLICIES_MAX; i++) {
        policy.user_timeout_ms = i;
        assert_true(policy_take(&f->tcp.policies, &policy, &place));
    }
    policy.user_timeout_ms = TCP_POLICIES_MAX;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_ERR_NO_MEMORY);
    assert_int_equal(tcp_conn_policy(conn_of(f))->user_timeout_ms, 0);
    f->settings.policy = policy;
    f->peer = &f->peers[1];
    assert_int_equal(app_connects(f), TCP_ERR_NO_MEMORY);
    for (unsigned i = 1; i < TCP_POLICIES_MAX; i++) {
        policy_give(&f->tcp.policies, (uint8_t)i);
    }
}

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

/* After the start at which each segment is acknowledged at once. Where it ends. */
static uint32_t use_up_quick_acks(struct tcp_fixture *f)
{
    for (uint32_t i = 0; i < TCP_QUICK_ACKS; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + (i + 1) * MSS);
    }
    return 1 + TCP_QUICK_ACKS * MSS;
}

/* Each at once, longer, and back to what it was. */
static void the_delay_of_an_ack_can_be_set(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = f->settings.policy;
    uint32_t seq;

    policy.ack_delay_ms = 123;
    f->settings.policy = policy;
    establish(f);
    seq = use_up_quick_acks(f) + MSS;
    peer_sends(f, TCP_ACK, .seq = seq - MSS, .ack = 1, .bytes = MSS);
    expect_after(f, MS(123), TCP_ACK, .seq = 1, .ack = seq);

    policy.ack_delay_ms = 0;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    for (unsigned i = 0; i < 2 * TCP_QUICK_ACKS; i++) {
        seq += MSS;
        peer_sends(f, TCP_ACK, .seq = seq - MSS, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = seq);
    }
}

/* An ACK that is delayed already goes when it is asked for. */
static void acks_can_be_hurried(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq;

    establish(f);
    seq = use_up_quick_acks(f) + 10;
    peer_sends(f, TCP_ACK, .seq = seq - 10, .ack = 1, .bytes = 10);
    expect_silence(f);
    tcp_hurry_acks(conn_of(f));
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = seq);
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 10); /* as at the start */
    expect(f, TCP_ACK, .seq = 1, .ack = seq + 10);
    tcp_hurry_acks(conn_of(f)); /* nothing is owed */
    turn(f);
    expect_silence(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_has_one_place),
        cmocka_unit_test(the_table_is_bounded),
        SCRIPT(an_ended_connection_is_not_tuned),
        SCRIPT(no_place_is_left),
        SCRIPT(what_is_not_acknowledged_in_time),
        SCRIPT(progress_begins_anew),
        SCRIPT(a_long_one_outlasts_the_count),
        SCRIPT(a_window_that_stays_closed),
        SCRIPT(syns_are_given_up_as_told),
        SCRIPT(syn_acks_are_given_up_as_told),
        SCRIPT(the_count_can_be_set),
        SCRIPT(the_delay_of_an_ack_can_be_set),
        SCRIPT(acks_can_be_hurried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
