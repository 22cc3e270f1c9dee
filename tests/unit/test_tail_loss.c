/*
 * Goal:   the last segment goes again, wherever in a connection's life it was lost and nothing
 *         follows that could tell: SYN, SYN-ACK, text, FIN behind text, with it and alone, in
 *         FIN-WAIT-1, LAST-ACK and CLOSING (RFC 8985 section 7, RFC 6298). Pure ACKs do not: the
 *         last of a handshake and one that opens the window are made good when the peer asks.
 * Method: one script for each place: what went last is lost, and comes after a tail loss probe's
 *         time or the timeout's; then the peer answers, and life goes on.
 */
#include "tests/unit/recovery_fixture.h"

#define WINDOW 8192u
#define PTO (2 * RTT) /* with more than one segment out */

static void expect_probe(struct tcp_fixture *f)
{
    assert_int_equal(f->tcp.counters.tlp_sent, 1);
    assert_int_equal(f->tcp.counters.rto_expired, 0);
}

/* And the start is careful: RFC 6298 section 5.7, RFC 5681 section 3.1.
 * Shows: RFC 6298 5.7a; RFC 5681 3.1d; RFC 6928 2b. */
static void a_syn(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->state, TCP_ESTABLISHED);
    assert_int_equal(conn_of(f)->cwnd, MSS);
    assert_int_equal(conn_of(f)->rtt.rto_ns, TCP_RTO_AFTER_SYN_LOSS_NS);
}

static void a_syn_ack(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    expect_after(f, SECONDS(1), TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->state, TCP_ESTABLISHED);
}

/* Ours, the third segment: the peer's SYN-ACK comes again. Or the peer's: its text opens the
 * connection, or else our SYN-ACK goes again, above. */
static void the_last_ack_of_a_handshake(void **state)
{
    struct tcp_fixture *f = *state;

    establish_by_connect(f);
    wait_ns(f, SECONDS(1));
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->state, TCP_ESTABLISHED);

    (void)start_over(state);
    f = *state;
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    assert_int_equal(conn_of(f)->state, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.data, 10);
}

/* The peer takes the window for closed, and asks: with what it has sent already, as Linux does, or
 * with a byte beyond (RFC 9293 section 3.8.6.1). */
static void an_ack_that_opens_the_window(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = WINDOW;
    establish(f);
    app_pauses(f);
    for (uint32_t seq = 1; seq < 1 + WINDOW; seq += WINDOW / 8) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = WINDOW / 8);
        forget_sent(f);
    }
    peer_sends(f, TCP_ACK, .seq = WINDOW, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1 + WINDOW, .window = WINDOW_ZERO);
    app_resumes(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1 + WINDOW, .window = WINDOW);
    expect_silence_for(f, SECONDS(10)); /* it is lost, and nothing goes by itself */
    peer_sends(f, TCP_ACK, .seq = WINDOW, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1 + WINDOW, .window = WINDOW);
    peer_sends(f, TCP_ACK, .seq = 1 + WINDOW, .ack = 1, .bytes = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 2 + WINDOW);
    assert_int_equal(f->peer->told.data, WINDOW + 1);
}

static void text_behind_text(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 3);
    expect_segments(f, 0, 3);
    expect_after(f, PTO, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect_probe(f);
    acks(f, 3);
    expect_silence(f);
}

/* A single one: the peer may hold its ACK, and the timeout comes before that time; the probe
 * goes in its place. */
static void text_alone(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 1);
    expect_segments(f, 0, 1);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect_probe(f);
    acks(f, 1);
    expect_silence(f);
}

static void a_fin_behind_text(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 3);
    expect_segments(f, 0, 3);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 3001, .ack = 1);
    expect_after(f, PTO, TCP_FIN | TCP_ACK, .seq = 3001, .ack = 1);
    expect_probe(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 3002);
    assert_int_equal(conn_of(f)->state, TCP_FIN_WAIT_2);
}

static void a_fin_with_text(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    tcp_set_cork(conn_of(f), true);
    assert_int_equal(app_sends(f, 100), 100);
    expect_silence(f);
    assert_int_equal(app_shuts_down(f), TCP_OK);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect_after(f, RTO, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect_probe(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 102);
    assert_int_equal(conn_of(f)->state, TCP_FIN_WAIT_2);
}

/* Nothing was sent but it: in FIN-WAIT-1, or, the peer having closed before, in LAST-ACK, or,
 * the peer closing at the same time, in CLOSING. */
static void a_fin_alone(void **state)
{
    static const struct {
        const char *name;
        bool before, meanwhile; /* the peer's FIN comes */
        enum tcp_state lost_in;
    } cases[] = {
        {"FIN-WAIT-1", false, false, TCP_FIN_WAIT_1},
        {"LAST-ACK", true, false, TCP_LAST_ACK},
        {"CLOSING", false, true, TCP_CLOSING},
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_fixture *f = far_peer(state, true);
        uint32_t ack = 1u + (cases[i].before || cases[i].meanwhile);

        print_message("  %s\n", cases[i].name);
        if (cases[i].before) {
            peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
            expect(f, TCP_ACK, .seq = 1, .ack = 2);
        }
        assert_int_equal(app_shuts_down(f), TCP_OK);
        expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1u + cases[i].before);
        if (cases[i].meanwhile) {
            peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
            expect(f, TCP_ACK, .seq = 2, .ack = 2);
        }
        assert_int_equal(conn_of(f)->state, cases[i].lost_in);
        expect_after(f, RTO, TCP_FIN | TCP_ACK, .seq = 1, .ack = ack);
        expect_probe(f);
        peer_sends(f, TCP_ACK, .seq = ack, .ack = 2);
        expect_silence(f);
        (void)start_over(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_syn),
        SCRIPT(a_syn_ack),
        SCRIPT(text_behind_text),
        SCRIPT(text_alone),
        SCRIPT(a_fin_behind_text),
        SCRIPT(a_fin_with_text),
        SCRIPT(a_fin_alone),
        SCRIPT(the_last_ack_of_a_handshake),
        SCRIPT(an_ack_that_opens_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
