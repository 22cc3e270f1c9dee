/*
 * Goal:   proportional rate reduction (RFC 9937): what goes in fast recovery for what was
 *         delivered, in the proportion of ssthresh while the pipe is fuller, and no more than
 *         what was delivered, or a segment more, when it is emptier.
 * Method: scripts of SACKs over one stack, with a window of twenty segments.
 */
#include "tcp/recovery.h"
#include "tests/unit/recovery_fixture.h"

#define WINDOW 20u

/* Twenty are out, and as many are queued behind them. */
static struct tcp_fixture *full_window(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    conn_of(f)->cwnd = WINDOW * MSS;
    f->tx_room = 64;
    turn(f); /* the room is that from the next turn on */
    send_segments(f, 2 * WINDOW);
    forget_sent(f);
    assert_int_equal(conn_of(f)->snd.nxt - conn_of(f)->snd.una, WINDOW * MSS);
    wait_ns(f, RTT);
    return f;
}

static uint32_t new_segments(struct tcp_fixture *f, uint32_t before)
{
    return (conn_of(f)->snd.nxt - before) / MSS;
}

/* One lost: half goes of what is delivered, spread out, and the pipe ends at ssthresh.
 * Shows: RFC 9937 5a, 6.2a, 6.2d, 6.2e, 6.4a. */
static void it_sends_in_proportion(void **state)
{
    struct tcp_fixture *f = full_window(state);
    struct tcp_conn *conn = conn_of(f);
    uint32_t nxt = 0;

    for (uint32_t i = 2; i <= WINDOW; i++) {
        uint32_t before = conn->snd.nxt;

        sacks(f, 0, 1, i);
        forget_sent(f);
        assert_true(new_segments(f, before) <= 1); /* no burst */
        if (i < 4) {
            assert_int_equal(conn->flight->recovery, TCP_RECOVERY_OPEN);
            continue;
        }
        if (i == 4) {
            assert_int_equal(conn->ssthresh, WINDOW / 2 * MSS);
            nxt = conn->snd.nxt; /* only the repair went */
        }
        /* Half of what was delivered, the repair counted; one less at the end, where the
         * pipe is at ssthresh already for what limited transmit sent. */
        assert_in_range(new_segments(f, nxt) + 2, (i - 3) / 2, (i - 3) / 2 + 2);
    }
    assert_in_range(tcp_pipe(conn), (WINDOW / 2 - 2) * MSS, WINDOW / 2 * MSS);
    acks(f, WINDOW + 2); /* with what limited transmit sent */
    forget_sent(f);
    assert_int_equal(conn->flight->recovery, TCP_RECOVERY_OPEN);
    assert_int_equal(conn->cwnd, WINDOW / 2 * MSS);
}

/* Most were lost: the pipe is emptier than ssthresh from the start. A segment for each that
 * is delivered while losses are found; where the ACKs advance, one more.
 * Shows: RFC 9937 6.2b, 6.2c. */
static void after_heavy_loss_it_conserves_packets(void **state)
{
    struct tcp_fixture *f = full_window(state);
    struct tcp_conn *conn = conn_of(f);

    for (uint32_t i = 18; i <= WINDOW; i++) { /* 0 to 16 are lost */
        sacks(f, 0, 17, i);
    }
    assert_int_equal(conn->flight->recovery, TCP_RECOVERY_FAST);
    assert_in_range(f->tcp.counters.retransmissions, 1, 3);
    forget_sent(f);
    wait_ns(f, RTT);
    for (uint32_t i = 1; i < 5; i++) {
        uint64_t before = f->tcp.counters.retransmissions;

        acks(f, i);
        assert_int_equal(f->tcp.counters.retransmissions - before, 2);
        forget_sent(f);
    }
    assert_true(tcp_pipe(conn) <= conn->ssthresh);
}

/* RACK's timer finds the loss, without an ACK: the repair goes, and nothing else.
 * Shows: RFC 9937 6.2e; RFC 8985 6.2j. */
static void the_timer_sends_one(void **state)
{
    struct tcp_fixture *f = full_window(state);

    sacks(f, 0, 1, 2);
    forget_sent(f);
    expect_after(f, RTT / 4, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect_silence(f);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
}

/* The network makes many of each ACK: a peer without SACK seems to have more than was sent, and
 * what is sent next would be taken for delivered.
 * Shows: RFC 9937 6.2f. */
static void duplicates_of_acks_let_nothing_go(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);
    struct tcp_conn *conn = conn_of(f);
    uint32_t nxt;

    send_segments(f, 10);
    forget_sent(f);
    wait_ns(f, RTT);
    for (uint32_t i = 0; i < 100; i++) {
        acks(f, 0);
    }
    forget_sent(f);
    nxt = conn->snd.nxt;
    f->tx_room = 64;
    turn(f);
    send_segments(f, 40);
    assert_int_equal(conn->ssthresh, 5 * MSS);
    assert_in_range(new_segments(f, nxt), 1, 5);
    forget_sent(f);
}

/* Nor do duplicates behind a partial ACK, when less is out than they would speak of: one, of a
 * byte, and the segment before it that is about to be repaired. */
static void duplicates_of_short_segments_let_nothing_go(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_conn *conn;
    uint32_t nxt;

    f->settings.nodelay = true;
    f->peer->window = 3 * MSS + 1;
    f = far_peer(state, false);
    conn = conn_of(f);
    send_segments(f, 3);
    assert_int_equal(app_sends(f, 1), 1);
    assert_int_equal(app_sends(f, 10 * MSS), 10 * MSS);
    forget_sent(f);
    wait_ns(f, RTT);
    assert_int_equal(conn->snd.nxt - conn->snd.una, 3 * MSS + 1);
    for (unsigned i = 0; i < 4; i++) {
        acks(f, 0);
    }
    assert_int_equal(conn->flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
    f->peer->window = 20 * MSS;
    nxt = conn->snd.nxt;
    for (unsigned i = 0; i < 4; i++) {
        peer_queues(f, TCP_ACK, .seq = 1, .ack = 1 + 2 * MSS);
    }
    turn(f);
    expect(f, TCP_ACK, .seq = 1 + 2 * MSS, .ack = 1, .bytes = MSS);
    assert_in_range(conn->snd.nxt - nxt, 0, MSS);
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(it_sends_in_proportion),
        SCRIPT(after_heavy_loss_it_conserves_packets),
        SCRIPT(the_timer_sends_one),
        SCRIPT(duplicates_of_acks_let_nothing_go),
        SCRIPT(duplicates_of_short_segments_let_nothing_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
