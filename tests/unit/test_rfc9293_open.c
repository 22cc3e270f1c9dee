/*
 * Goal:   the corners of opening (RFC 9293 section 3.5): both at once without options, a
 *         SYN with a FIN, a window that is closed from the start, a SYN-ACK that comes
 *         twice, an opening that nobody finishes.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

/* What our SYN offered and the peer's did not.
 * Shows: RFC 9293 MUST-10; RFC 7323 2.2a, 3.2a; RFC 2018 4b. */
static void both_open_and_the_peer_has_no_options(void **state)
{
    struct tcp_fixture *f = *state;
    const struct seg *got;

    f->settings.timestamps = true;
    f->peer->sack = false;
    f->peer->timestamps = false;
    f->peer->wscale = 0;
    assert_int_equal(app_connects(f), TCP_OK);
    got = expect(f, TCP_SYN, .seq = 0, .wscale = WSCALE(3), .sack_permitted = true,
                 .timestamps = true);
    assert_int_equal(got->window, 65535);
    peer_sends_syn(f, 0, .seq = 0);
    got = expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(got->wscale, 0);
    assert_false(got->sack_permitted);
    assert_false(got->timestamps);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .window = 65535); /* without blocks, not scaled */
}

/* Neither its text nor its end is taken before the handshake is over: both come again.
 * Shows: RFC 9293 3.5b, 3.10.7.2a. */
static void a_syn_with_a_fin_opens(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, TCP_FIN, .seq = 0, .bytes = 10);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_state(f, TCP_SYN_RECEIVED);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.eof, 0);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 12);
    assert_int_equal(f->peer->told.data, 10);
    assert_int_equal(f->peer->told.eof, 1);
}

/* Shows: RFC 9293 MUST-36, SHLD-29. */
static void a_window_may_be_closed_from_the_start(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->window = WINDOW_ZERO;
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(app_sends(f, 100), 100);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
    f->peer->window = 1000;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 99);
}

/* Our ACK of it was lost. What is out goes on.
 * Shows: RFC 9293 3.5a; RFC 5961 4.2a. */
static void a_syn_ack_that_comes_again_is_answered(void **state)
{
    struct tcp_fixture *f = *state;

    establish_by_connect(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 101, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->peer->told.sent, 100);
}

/* Both SYNs crossed, then silence: the application hears of it, as it opened.
 * Shows: RFC 9293 MUST-20, MUST-22. */
static void a_crossed_open_that_nobody_finishes_ends(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    for (unsigned i = 0; i < 10 && f->peer->told.close == 0; i++) {
        wait_ns(f, TCP_RTO_MAX_NS);
        forget_sent(f);
    }
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(both_open_and_the_peer_has_no_options),
        SCRIPT(a_syn_with_a_fin_opens),
        SCRIPT(a_window_may_be_closed_from_the_start),
        SCRIPT(a_syn_ack_that_comes_again_is_answered),
        SCRIPT(a_crossed_open_that_nobody_finishes_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
