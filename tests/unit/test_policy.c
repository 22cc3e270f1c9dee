/*
 * Goal:   what an application sets of a connection holds for it and for no other
 *         (tcp/policy.h): the window of its start, when it acknowledges, how long it waits for a
 *         FIN; and each policy of a worker stands in its table once. When it is given up, and the
 *         RTO, have test_policy_timeout.c.
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

/* All places that are left, by as many users with a timeout of their own; gives them back. */
static void take_places(struct tcp_fixture *f)
{
    struct tcp_policy policy = tcp_settings_default.policy;
    uint8_t place;

    do {
        policy.user_timeout_ms++;
    } while (policy_take(&f->tcp.policies, &policy, &place));
}

static void give_places(struct tcp_fixture *f)
{
    for (unsigned i = 1; i < TCP_POLICIES_MAX; i++) {
        if (f->tcp.policies.users[i] > 0 && f->tcp.policies.at[i].user_timeout_ms != 0) {
            policy_give(&f->tcp.policies, (uint8_t)i);
        }
    }
}

/* A connection that can't have what it asks for has what it had; one that can't begin so does
 * not begin. */
static void no_place_is_left(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = tcp_settings_default.policy;

    f->settings.policy = policy;
    establish(f);
    take_places(f);
    policy.user_timeout_ms = UINT32_MAX;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_ERR_NO_MEMORY);
    assert_int_equal(tcp_conn_policy(conn_of(f))->user_timeout_ms, 0);
    f->settings.policy = policy;
    f->peer = &f->peers[1];
    assert_int_equal(app_connects(f), TCP_ERR_NO_MEMORY);
    give_places(f);
}

/* Connections that have one each leave that of a listener alone, which has it while it is open;
 * and who has one alone may have another in its place. */
static void a_listener_keeps_its_place(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy = tcp_settings_default.policy;

    f->settings.policy.r2 = 7;
    fixture_open(f);
    take_places(f);
    establish(f);
    assert_int_equal(tcp_conn_policy(conn_of(f))->r2, 7);
    policy.r1 = 2;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_ERR_NO_MEMORY);
    tcp_unlisten(&f->tcp, f->listener);
    tcp_unlisten(&f->tcp, f->listener); /* again: nothing is given twice */
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    assert_int_equal(tcp_conn_policy(conn_of(f))->r1, 2);
    policy.r1 = 1;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    assert_int_equal(tcp_conn_policy(conn_of(f))->r1, 1);
    give_places(f);
}

/* Nor is there a listener without a place for what it gives. */
static void no_place_for_a_listener(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_listener wanted;
    uint32_t index;

    fixture_open(f);
    take_places(f);
    wanted = f->tcp.listeners[f->listener];
    wanted.port++;
    assert_int_equal(tcp_listen(&f->tcp, &wanted, &index), TCP_OK); /* it has the other's */
    tcp_unlisten(&f->tcp, index);
    wanted.settings.policy.r2 = 7;
    assert_int_equal(tcp_listen(&f->tcp, &wanted, &index), TCP_ERR_NO_MEMORY);
    give_places(f);
    assert_int_equal(tcp_listen(&f->tcp, &wanted, &index), TCP_OK);
    tcp_unlisten(&f->tcp, index);
}

/* What came twice is acknowledged, and not told of; ranges beyond a gap are told as ever. */
static void dsacks_can_be_off(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.dsack = false;
    f->peer->sack = true;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    peer_sends(f, TCP_ACK, .seq = 21, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .sack = {{21, 31}});
    peer_sends(f, TCP_ACK, .seq = 21, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .sack = {{21, 31}});
}

/* The peer's FIN is waited for as long as the policy says. */
static void fin_wait_2_can_be_set(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.fin_wait_2_s = 5;
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    wait_ns(f, SECONDS(5) - MS(1));
    expect_state(f, TCP_FIN_WAIT_2);
    wait_ns(f, MS(2));
    expect_state(f, TCP_CLOSED);
}

/* The window of the start, as it goes out. */
static void the_initial_window_can_be_set(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.initial_window = 3;
    establish(f);
    app_sends(f, 10 * MSS);
    for (uint32_t i = 0; i < 3; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect_silence(f);
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
        SCRIPT_V4(a_listener_keeps_its_place),
        SCRIPT_V4(no_place_for_a_listener),
        SCRIPT(dsacks_can_be_off),
        SCRIPT(fin_wait_2_can_be_set),
        SCRIPT(the_initial_window_can_be_set),
        SCRIPT(the_delay_of_an_ack_can_be_set),
        SCRIPT(acks_can_be_hurried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
