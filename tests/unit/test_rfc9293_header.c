/*
 * Goal:   what RFC 9293 wants of the header and its options that no single file of tcp/
 *         decides: which options stand where, how wide the window field is, which
 *         segments push.
 * Method: scripts over one stack. The fixture itself sums every segment that is sent,
 *         compares its addresses, and refuses options without a length or of a kind that
 *         it does not know.
 */
#include "tests/unit/tcp_fixture.h"

/* Signed, 65535 would be no window at all.
 * Shows: RFC 9293 MUST-1. */
static void a_window_of_65535_is_filled(void **state)
{
    struct tcp_fixture *f = *state;

    f->tx_room = 128;
    f->frames = 1024;
    f->peer->wscale = 0;
    establish(f);
    conn_of(f)->cwnd = 100 * MSS;
    assert_int_equal(app_sends(f, 100 * MSS), 100 * MSS);
    for (uint32_t i = 0; i < 65; i++) {
        expect(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    expect_silence(f);
}

/* Those of a SYN have no meaning there, and do no harm.
 * Shows: RFC 9293 MUST-5; RFC 7323 2.2b. */
static void options_may_stand_in_any_segment(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100, .mss = 200, .wscale = WSCALE(7),
               .sack_permitted = true, .timestamps = true);
    expect(f, TCP_ACK, .seq = 1, .ack = 101);
    assert_int_equal(f->peer->told.data, 100);
    assert_int_equal(conn_of(f)->snd.wnd, 65535); /* not scaled */
    assert_int_equal(app_sends(f, MSS), MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = MSS);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 101, .ack = 1 + MSS, .mss = 200);
    expect(f, TCP_ACK, .seq = 1 + MSS, .ack = 102);
}

static void expect_plain(struct tcp_fixture *f, const struct seg *want)
{
    const struct seg *got = expect_now(f, want, HERE);

    assert_int_equal(got->mss, 0);
    assert_int_equal(got->wscale, 0);
    assert_false(got->sack_permitted);
    assert_false(got->timestamps);
}

/* A whole life: text, a duplicate ACK, a retransmission, FIN, RST.
 * Shows: RFC 9293 MUST-2, MUST-45, MUST-65, MUST-68, MUST-69; RFC 2018 2a. */
static void the_options_of_a_syn_stand_in_syns_alone(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 100);
    expect_plain(f, &SEG(TCP_ACK, .seq = 1, .ack = 1, .bytes = 100));
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10);
    expect_plain(f, &SEG(TCP_ACK, .seq = 101, .ack = 1, .sack = {{11, 21}}));
    wait_ns(f, MS(1));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect_plain(f, &SEG(TCP_ACK, .seq = 101, .ack = 21));
    expect_after(f, conn_of(f)->rtt.rto_ns - MS(1), TCP_ACK, .seq = 1, .ack = 21, .bytes = 100);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    peer_sends(f, TCP_ACK, .seq = 21, .ack = 101);
    expect_plain(f, &SEG(TCP_ACK | TCP_FIN, .seq = 101, .ack = 21));
    app_aborts(f);
    expect_plain(f, &SEG(TCP_ACK | TCP_RST, .seq = 102, .ack = 21));
}

static bool pushes(struct tcp_fixture *f, uint32_t seq, uint32_t bytes)
{
    return (expect(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = bytes)->flags & TCP_PSH) != 0;
}

/* A receiver that gathers segments would be stopped at each.
 * Shows: RFC 9293 MUST-61, SHLD-27. */
static void only_the_last_segment_of_a_write_pushes(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(app_sends(f, 3 * MSS), 3 * MSS);
    assert_false(pushes(f, 1, MSS));
    assert_false(pushes(f, 1 + MSS, MSS));
    assert_true(pushes(f, 1 + 2 * MSS, MSS));
}

/* What Nagle has held is one segment with one PSH.
 * Shows: RFC 9293 SHLD-27, SHLD-28, MAY-16. */
static void writes_that_wait_become_one_segment(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    assert_true(pushes(f, 1, 10));
    for (unsigned i = 0; i < 5; i++) {
        app_sends(f, 300);
    }
    assert_false(pushes(f, 11, MSS));
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11 + MSS);
    assert_true(pushes(f, 11 + MSS, 500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_window_of_65535_is_filled),
        SCRIPT(options_may_stand_in_any_segment),
        SCRIPT(the_options_of_a_syn_stand_in_syns_alone),
        SCRIPT(only_the_last_segment_of_a_write_pushes),
        SCRIPT(writes_that_wait_become_one_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
