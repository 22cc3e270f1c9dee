/*
 * Goal:   keepalives (tcp/keepalive.h; RFC 9293 section 3.8.4): off unless asked for, after
 *         silence only, never a reason to end a connection by one that was lost; and what
 *         a user timeout makes of them.
 * Method: scripts over one stack in virtual time.
 */
#include "tests/unit/tcp_fixture.h"

#define IDLE_S 100u
#define GAP_S 10u
#define COUNT 3u

static void ask_for_keepalives(struct tcp_fixture *f)
{
    f->settings.policy.keepalive = true;
    f->settings.policy.keepalive_idle_s = IDLE_S;
    f->settings.policy.keepalive_gap_s = GAP_S;
    f->settings.policy.keepalive_count = COUNT;
}

/* A keepalive, so long after the last sign of the peer or the keepalive before it (`from_ns`),
 * and not before; signs are known to a millisecond. When it went. */
static uint64_t asks(struct tcp_fixture *f, uint64_t from_ns, uint64_t seconds, uint32_t seq,
                     uint32_t ack)
{
    expect_silence_for(f, from_ns + SECONDS(seconds) - 1 - f->now_ns);
    wait_ns(f, MS(2));
    return expect(f, TCP_ACK, .seq = seq, .ack = ack, .bytes = 0)->at_ns;
}

/* The first and the rest of those that nobody answers; then the connection ends, or not. */
static void asks_in_vain(struct tcp_fixture *f, unsigned count, bool ends)
{
    const struct tcp_policy *policy = tcp_conn_policy(conn_of(f));
    uint64_t gap_s = policy->keepalive_gap_s;
    uint64_t at_ns = asks(f, f->now_ns, policy->keepalive_idle_s, 0, 1);

    for (unsigned i = 1; i < count; i++) {
        at_ns = asks(f, at_ns, gap_s, 0, 1);
    }
    if (ends) {
        expect_after(f, at_ns + SECONDS(gap_s) - f->now_ns, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
        expect_state(f, TCP_CLOSED);
        assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    }
}

/* Shows: RFC 9293 MUST-25. */
static void they_are_off_by_default(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    expect_silence_for(f, SECONDS(3ull * 24 * 3600));
    expect_state(f, TCP_ESTABLISHED);
}

/* Shows: RFC 9293 MUST-28; RFC 2525 2.9, 2.11. */
static void the_default_is_two_hours(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.keepalive = true;
    establish(f);
    (void)asks(f, f->now_ns, 7200, 0, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(tcp_conn_policy(conn_of(f))->keepalive_gap_s, 75);
    asks_in_vain(f, 9, true);
}

/* Asked for after weeks in which nobody said anything: as many go as after two hours. */
static void a_silence_of_weeks_is_no_answer(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy;

    establish(f);
    for (unsigned day = 0; day < 26; day++) {
        wait_ns(f, SECONDS(24ull * 3600));
    }
    policy = *tcp_conn_policy(conn_of(f));
    policy.keepalive = true;
    policy.keepalive_idle_s = IDLE_S;
    policy.keepalive_gap_s = GAP_S;
    policy.keepalive_count = COUNT;
    tcp_set_policy(conn_of(f), &policy);
    for (unsigned i = 0; i < 60; i++) {
        wait_ns(f, SECONDS(GAP_S));
        forget_sent(f);
    }
    assert_int_equal(f->tcp.counters.keepalives, COUNT);
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
}

/* The numbers are the application's; a probe has no text and stands before SND.NXT, so that
 * the peer must answer.
 * Shows: RFC 9293 MUST-27, SHLD-12, MAY-5. */
static void silence_is_asked(void **state)
{
    struct tcp_fixture *f = *state;

    ask_for_keepalives(f);
    establish_by_connect(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    for (unsigned i = 0; i < 3 * COUNT; i++) { /* answered, they go on for ever */
        (void)asks(f, f->now_ns, IDLE_S, 100, 1);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    }
    assert_int_equal(f->tcp.counters.keepalives, 3 * COUNT);
    expect_state(f, TCP_ESTABLISHED);
}

/* Shows: RFC 9293 MUST-26. */
static void whatever_comes_puts_it_off(void **state)
{
    static const struct {
        const char *name;
        uint32_t bytes;
    } cases[] = {{"text", 10}, {"an ACK", 0}};
    struct tcp_fixture *f = *state;
    uint32_t seq = 1;

    ask_for_keepalives(f);
    establish(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        expect_silence_for(f, SECONDS(IDLE_S - 1));
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = cases[i].bytes);
        seq += cases[i].bytes;
        if (cases[i].bytes > 0) {
            expect(f, TCP_ACK, .seq = 1, .ack = seq);
        }
    }
    (void)asks(f, f->now_ns, IDLE_S, 0, seq);
}

/* Shows: RFC 9293 MUST-29. */
static void lost_answers_end_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    ask_for_keepalives(f);
    establish(f);
    asks_in_vain(f, COUNT, false);
    assert_int_equal(f->peer->told.trouble, 1); /* R1 is as many */
    wait_ns(f, SECONDS(GAP_S - 1));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1); /* and are counted anew */
    asks_in_vain(f, COUNT, true);
}

/* An answer counts also when the gap is longer than the silence before the first. */
static void a_long_gap(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t at_ns;

    ask_for_keepalives(f);
    f->settings.policy.keepalive_gap_s = 3 * IDLE_S;
    f->settings.policy.keepalive_count = 1;
    establish(f);
    at_ns = asks(f, f->now_ns, IDLE_S, 0, 1);
    for (unsigned i = 0; i < 5; i++) {
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        at_ns = asks(f, at_ns, 3 * IDLE_S, 0, 1);
    }
    expect_after(f, at_ns + SECONDS(3 * IDLE_S) - f->now_ns, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
}

/* A peer that came back knows nothing of the connection. */
static void the_answer_may_be_a_reset(void **state)
{
    struct tcp_fixture *f = *state;

    ask_for_keepalives(f);
    establish(f);
    (void)asks(f, f->now_ns, IDLE_S, 0, 1);
    peer_sends(f, TCP_RST, .seq = 1);
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
}

/* What is unacknowledged, and a closed window, have their own timers. */
static void they_wait_while_something_is_queued(void **state)
{
    struct tcp_fixture *f = *state;
    unsigned segments = 0;

    ask_for_keepalives(f);
    f->settings.policy.keepalive_idle_s = 1;
    f->settings.sack = false;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    app_sends(f, 100);
    for (unsigned i = 0; i < 6; i++) { /* the first probe of the window, and it again */
        const struct seg *seg = NULL;

        while (!seg || seg->bytes == 0) {
            seg = expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                               .bytes = 1);
        }
        segments++;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    }
    assert_int_equal(segments, 6);
    assert_int_equal(f->tcp.counters.keepalives, 0);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 99);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .window = WINDOW_ZERO);
    /* With nothing queued, a window that is closed is no matter. */
    expect_silence_for(f, MS(999));
    wait_ns(f, MS(3));
    expect(f, TCP_ACK, .seq = 100, .ack = 1);
}

/* As in Linux: the user timeout decides, later or earlier than the count would. */
static void a_user_timeout_decides(void **state)
{
    static const struct {
        const char *name;
        uint32_t timeout_s;
        unsigned asked;
    } cases[] = {
        {"shorter than the silence: when one was not answered", IDLE_S / 2, 1},
        {"before the count would", IDLE_S + GAP_S + 5, 2},
        {"behind the count", IDLE_S + 2 * COUNT * GAP_S, 2 * COUNT},
    };
    struct tcp_fixture *f = *state;

    ask_for_keepalives(f);
    fixture_open(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_policy policy = f->settings.policy;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        policy.user_timeout_ms = cases[i].timeout_s * 1000;
        assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
        asks_in_vain(f, cases[i].asked, true);
    }
}

/* Shows: RFC 9293 MUST-24. */
static void each_connection_has_its_own(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_policy policy;

    ask_for_keepalives(f);
    establish(f);
    f->peer = &f->peers[1];
    establish(f);
    policy = f->settings.policy;
    policy.keepalive = false;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    f->peer = &f->peers[0];
    (void)asks(f, f->now_ns, IDLE_S, 0, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    f->peer = &f->peers[1];
    expect_silence_for(f, SECONDS(IDLE_S - 1));
    f->peer = &f->peers[0];
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    f->peer = &f->peers[1];
    policy.keepalive = true; /* on again: silence counts from here */
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
    (void)asks(f, f->now_ns, IDLE_S, 0, 1);
}

/* Half closed, an application still waits; closed, nobody does. */
static void the_states_that_ask(void **state)
{
    struct tcp_fixture *f = *state;

    ask_for_keepalives(f);
    establish(f);
    (void)app_shuts_down(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_FIN_WAIT_2);
    (void)asks(f, f->now_ns, IDLE_S, 1, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    app_closes(f);
    expect_silence_for(f, SECONDS(TCP_FIN_WAIT_2_S + 1));
    expect_state(f, TCP_CLOSED);

    f->peer = &f->peers[1];
    establish(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_CLOSE_WAIT);
    (void)asks(f, f->now_ns, IDLE_S, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_silence_of_weeks_is_no_answer),
        SCRIPT(they_are_off_by_default),
        SCRIPT(the_default_is_two_hours),
        SCRIPT(silence_is_asked),
        SCRIPT(whatever_comes_puts_it_off),
        SCRIPT(lost_answers_end_nothing),
        SCRIPT(a_long_gap),
        SCRIPT(the_answer_may_be_a_reset),
        SCRIPT(they_wait_while_something_is_queued),
        SCRIPT(a_user_timeout_decides),
        SCRIPT(each_connection_has_its_own),
        SCRIPT(the_states_that_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
