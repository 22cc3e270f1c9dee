/*
 * Goal:   what a recovery has sent again beyond its end, and the next one acknowledges, undoes
 *         nothing by what it echoes (tcp/undo.c, RFC 3522 section 3.2).
 * Method: scripts over one stack with timestamps and a round trip of 100 ms.
 */
#include "tests/unit/recovery_fixture.h"

#define STAMPED (MSS - TCP_TIMESTAMP_BYTES)

/* Whatever rate reduction says. */
static void send_all(struct tcp_fixture *f)
{
    conn_of(f)->cwnd = 40 * MSS;
    tcp_conn_want_output(conn_of(f));
    turn(f);
}

/* Thirty segments go, the first is lost, and what SACK tells of it begins a recovery: a round trip
 * later. The timestamp that they carried. */
static uint32_t lose_the_first(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t sent_ts;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    (void)far_peer(state, true);
    app_sends(f, 30 * STAMPED);
    sent_ts = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED)->ts_val;
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = sent_ts,
               .sack = {{1 + STAMPED, 1 + 10 * STAMPED}}); /* the first is lost */
    send_all(f);                                           /* twenty more beside its repair */
    forget_sent(f);
    wait_ns(f, RTT);
    return sent_ts;
}

/* What a recovery has sent again beyond its end may be acknowledged in the next one, and what that
 * echoes is of before its repairs: nothing says that they were needless. */
static void repairs_of_before_undo_nothing(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t sent_ts, again_ts;

    sent_ts = lose_the_first(state);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = sent_ts,
               .sack = {{1 + 11 * STAMPED, 1 + 14 * STAMPED}}); /* and one behind its end */
    send_all(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED);
    again_ts = expect(f, TCP_ACK, .seq = 1 + 10 * STAMPED, .ack = 1, .bytes = STAMPED)->ts_val;
    forget_sent(f);
    wait_ns(f, MS(5));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * STAMPED, .ts_ecr = sent_ts + 100,
               .sack = {{1 + 11 * STAMPED, 1 + 14 * STAMPED}});
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * STAMPED, .ts_ecr = sent_ts + 100,
               .sack = {{1 + 15 * STAMPED, 1 + 18 * STAMPED}});
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 14 * STAMPED, .ts_ecr = again_ts);
    assert_int_equal(f->tcp.counters.recoveries_undone, 0);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
}

/* Likewise of one whose first repair was lost as well: it went three times before. */
static void repairs_of_repairs_undo_nothing(void **state)
{
    struct tcp_fixture *f = *state;
    const struct tcp_sack_block behind = {1 + 11 * STAMPED, 1 + 30 * STAMPED};
    const struct tcp_sack_block further = {1 + 30 * STAMPED, 1 + 31 * STAMPED};
    const struct tcp_sack_block last = {1 + 32 * STAMPED, 1 + 36 * STAMPED};
    uint32_t sent_ts, again_ts;

    sent_ts = lose_the_first(state);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = sent_ts, .sack = {behind}); /* the 11th */
    app_sends(f, STAMPED);
    send_all(f);
    forget_sent(f);
    wait_ns(f, RTT / 2);
    app_sends(f, 8 * STAMPED);
    send_all(f);
    forget_sent(f);
    wait_ns(f, RTT / 2);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .ts_ecr = sent_ts, .sack = {further, behind});
    send_all(f); /* both repairs were lost */
    (void)expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = STAMPED);
    again_ts = expect(f, TCP_ACK, .seq = 1 + 10 * STAMPED, .ack = 1, .bytes = STAMPED)->ts_val;
    forget_sent(f);
    wait_ns(f, MS(5));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * STAMPED, .ts_ecr = again_ts, .sack = {behind});
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    forget_sent(f);
    wait_ns(f, RTT / 2);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 10 * STAMPED, .ts_ecr = again_ts,
               .sack = {last, behind}); /* one that went before the last repair is lost */
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
    wait_ns(f, RTT / 2);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 31 * STAMPED, .ts_ecr = again_ts, .sack = {last});
    assert_int_equal(f->tcp.counters.recoveries_undone, 0);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_FAST);
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(repairs_of_before_undo_nothing),
        SCRIPT(repairs_of_repairs_undo_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
