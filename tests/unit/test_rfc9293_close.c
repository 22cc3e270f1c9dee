/*
 * Goal:   the corners of closing (RFC 9293 sections 3.6 and 3.10.7.4): text that comes
 *         with or behind a FIN, what an ACK of the FIN brings with it, and what TIME-WAIT
 *         makes of text.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

/* The peer still has something to say, and we to read.
 * Shows: RFC 9293 3.6a. */
static void text_comes_in_until_the_peers_fin(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 101, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 10); /* not the FIN yet */
    expect(f, TCP_ACK, .seq = 102, .ack = 11);
    expect_state(f, TCP_FIN_WAIT_1);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 102, .bytes = 10);
    expect(f, TCP_ACK, .seq = 102, .ack = 21);
    expect_state(f, TCP_FIN_WAIT_2);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 21, .ack = 102, .bytes = 10);
    expect(f, TCP_ACK, .seq = 102, .ack = 32);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->peer->told.data, 30);
    assert_int_equal(f->peer->told.sent, 100);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
}

/* In CLOSING the peer's FIN is there, its ACK of ours is not.
 * Shows: RFC 9293 3.6b, 3.10.7.4g. */
static void closing_waits_for_the_ack_of_the_fin(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 101, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 102, .ack = 2);
    expect_state(f, TCP_CLOSING);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 101);
    expect_state(f, TCP_CLOSING);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 102);
    expect_state(f, TCP_TIME_WAIT);
}

/* It can only be a copy: nobody is told of it.
 * Shows: RFC 9293 3.10.7.4i. */
static void time_wait_takes_no_text(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 2, .bytes = 10);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->peer->told.data, 0);
}

/* Two FINs of which the second lies elsewhere: the first was acknowledged and counts.
 * Shows: RFC 9293 3.10.7.4h. */
static void a_second_fin_changes_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 12);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 12, .ack = 1, .bytes = 10);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 20, .ack = 1);
    forget_sent(f);
    expect_state(f, TCP_CLOSE_WAIT);
    assert_int_equal(f->peer->told.data, 10);
    assert_int_equal(f->peer->told.eof, 1);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 12, .bytes = 10);
}

/* A RST ends what the peer would not finish, in each state of closing.
 * Shows: RFC 9293 MUST-12, 3.10.7.4a. */
static void a_rst_ends_each_state(void **state)
{
    static const struct {
        enum tcp_state state;
        bool ours, acked, theirs; /* our FIN, its ACK, the peer's FIN */
    } cases[] = {
        {TCP_FIN_WAIT_1, true, false, false},
        {TCP_FIN_WAIT_2, true, true, false},
        {TCP_CLOSING, true, false, true},
        {TCP_CLOSE_WAIT, false, false, true},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", tcp_state_name(cases[i].state));
        f->peer = &f->peers[i];
        establish(f);
        if (cases[i].ours) {
            assert_int_equal(app_shuts_down(f), TCP_OK);
        }
        if (cases[i].acked) {
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
        }
        if (cases[i].theirs) {
            peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
        }
        forget_sent(f);
        expect_state(f, cases[i].state);
        peer_sends(f, TCP_RST, .seq = cases[i].theirs ? 2 : 1);
        expect_silence(f);
        expect_state(f, TCP_CLOSED);
        assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(text_comes_in_until_the_peers_fin),
        SCRIPT(closing_waits_for_the_ack_of_the_fin),
        SCRIPT(time_wait_takes_no_text),
        SCRIPT(a_second_fin_changes_nothing),
        SCRIPT(a_rst_ends_each_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
