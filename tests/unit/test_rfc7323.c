/*
 * Goal:   what timestamps mean, and when they mean nothing (RFC 7323 sections 3 to 5),
 *         beside PAWS itself, which stands in test_input_checks.c; and that an offered
 *         window is kept.
 * Method: scripts over one stack. The peer's clock begins at 5000.
 */
#include "tests/unit/tcp_fixture.h"

static struct tcp_fixture *with_timestamps(void **state, bool peer)
{
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    f->peer->timestamps = peer;
    return f;
}

/* Shows: RFC 7323 3.2g. */
static void a_syn_echoes_nothing(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, true);
    const struct seg *got;

    assert_int_equal(app_connects(f), TCP_OK);
    got = expect(f, TCP_SYN, .seq = 0, .timestamps = true);
    assert_int_equal(got->ts_ecr, 0);
}

/* As if the SYN had been on its way for half a second: both open at once, and the echo is
 * whatever the peer's memory held.
 * Shows: RFC 7323 3.2f. */
static void an_echo_without_ack_is_no_sample(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, true);
    uint32_t ts_val;

    assert_int_equal(app_connects(f), TCP_OK);
    ts_val = expect(f, TCP_SYN, .seq = 0)->ts_val;
    wait_ns(f, MS(500));
    peer_sends_syn(f, 0, .seq = 0, .ts_ecr = ts_val);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    assert_int_equal(conn_of(f)->rtt.srtt_ns, 0);
}

/* Whoever hits the window without knowing what we sent could put TS.Recent ahead, and nothing of
 * the peer's would be taken any more. */
static void a_timestamp_without_a_good_ack_is_not_kept(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint32_t ack;
    } cases[] = {
        {"no ACK", 0, 0},
        {"an ACK of what was never sent", TCP_ACK, 1u << 30},
        {"an ACK from long ago", TCP_ACK, 3u << 30},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_fixture *f = with_timestamps(state, true);

        print_message("  %s\n", cases[i].name);
        establish(f);
        peer_sends(f, cases[i].flags, .seq = 1, .ack = cases[i].ack, .bytes = 10,
                   .ts_val = 5000 + (1u << 30));
        forget_sent(f); /* a challenge */
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
        expect(f, TCP_ACK, .seq = 1, .ack = 11);
        assert_int_equal(f->tcp.counters.paws_dropped, 0);
        (void)start_over(state);
    }
}

/* Neither an old one, nor a new one.
 * Shows: RFC 7323 3.2h; RFC 2525 2.18. */
static void what_was_not_agreed_is_ignored(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, false);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .timestamps = true, .ts_val = 9000);
    assert_false(expect(f, TCP_ACK, .seq = 1, .ack = 11)->timestamps);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10, .timestamps = true, .ts_val = 8000);
    assert_false(expect(f, TCP_ACK, .seq = 1, .ack = 21)->timestamps);
    app_sends(f, MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 21, .bytes = MSS);
    assert_int_equal(f->tcp.counters.paws_dropped, 0);
}

/* The peer was silent for a while: that is not the path's doing.
 * Shows: RFC 7323 4.1a. */
static void an_ack_of_nothing_is_no_sample(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, true);
    uint64_t srtt_ns;

    establish(f);
    srtt_ns = conn_of(f)->rtt.srtt_ns;
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    wait_ns(f, MS(50));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 101, .ack = 11);
    assert_int_equal(conn_of(f)->rtt.srtt_ns, srtt_ns);
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 101);
    assert_true(conn_of(f)->rtt.srtt_ns > srtt_ns);
}

/* So that the peer's round trip holds our delay.
 * Shows: RFC 7323 4.3b. */
static void a_delayed_ack_echoes_the_oldest(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, true);

    establish(f);
    conn_of(f)->rcv.quick_acks = 0;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS, .ts_val = 6000);
    expect_silence(f);
    peer_sends(f, TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS, .ts_val = 6100);
    expect_after(f, TCP_ACK_HOLD_NS, TCP_ACK, .seq = 1, .ack = 1 + 2 * MSS, .ts_ecr = 6000);
    peer_sends(f, TCP_ACK, .seq = 1 + 2 * MSS, .ack = 1, .bytes = MSS, .ts_val = 6200);
    expect_after(f, TCP_DELAYED_ACK_NS, TCP_ACK, .seq = 1, .ack = 1 + 3 * MSS, .ts_ecr = 6200);
}

/* It may be anybody's, and would make the peer's own look old.
 * Shows: RFC 7323 5.3b. */
static void a_timestamp_from_outside_is_not_kept(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, true);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1 + (1u << 20), .ack = 1, .bytes = 10, .ts_val = 9000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = 5000);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10, .ts_val = 5001);
    expect(f, TCP_ACK, .seq = 1, .ack = 11, .ts_ecr = 5001);
    assert_int_equal(f->peer->told.data, 10);
}

/* Whoever resets may remember nothing of the connection.
 * Shows: RFC 7323 3.2d, 5.3c. */
static void a_rst_needs_no_timestamp(void **state)
{
    struct tcp_fixture *f = with_timestamps(state, true);

    establish(f);
    peer_sends(f, TCP_RST, .seq = 1, .no_timestamps = true);
    expect_silence(f);
    assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
}

/* Frames have become short since.
 * Shows: RFC 7323 2.4a. */
static void what_was_offered_is_taken(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = 8192;
    establish(f);
    press(f, FRAME_CRITICAL);
    for (uint32_t i = 0; i < 8; i++) {
        peer_queues(f, TCP_ACK, .seq = 1 + 1024 * i, .ack = 1, .bytes = 1024);
    }
    turn(f);
    forget_sent(f);
    assert_int_equal(f->peer->told.data, 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_syn_echoes_nothing),
        SCRIPT(an_echo_without_ack_is_no_sample),
        SCRIPT(a_timestamp_without_a_good_ack_is_not_kept),
        SCRIPT(what_was_not_agreed_is_ignored),
        SCRIPT(an_ack_of_nothing_is_no_sample),
        SCRIPT(a_delayed_ack_echoes_the_oldest),
        SCRIPT(a_timestamp_from_outside_is_not_kept),
        SCRIPT(what_was_offered_is_taken),
        SCRIPT(a_rst_needs_no_timestamp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
