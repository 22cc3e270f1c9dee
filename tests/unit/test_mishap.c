/*
 * Goal:   what mostly does not happen is counted when it does, for the connection to which it
 *         happened and from its own beginning (tcp/mishap.h).
 * Method: scripts with a round trip of 100 ms; what the application is told, and the counts that
 *         it is told from.
 */
#include "tests/unit/ecn_fixture.h"

#include "api/convert.h"

#include <headrace/ecn.h>
#include <headrace/info.h>

static struct hr_conn_info info_of(struct tcp_fixture *f)
{
    struct hr_conn_info info;

    (void)hr_conn_get_info(conn_outer(conn_of(f)), &info, sizeof info);
    return info;
}

/* A row of two, the second one in vain, then another. */
static void timeouts_have_a_number_and_a_length(void **state)
{
    struct tcp_fixture *f = far_peer(state, false);
    uint64_t length_ns;

    f->peer->sack = false;
    send_segments(f, 1);
    expect_segments(f, 0, 1);
    assert_false(conn_of(f)->has_mishaps);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect_after(f, 2 * RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(info_of(f).timeouts, 2);
    assert_int_equal(info_of(f).timeout_recoveries, 1);
    assert_in_range(info_of(f).timeout_ns, 2 * RTO, 2 * RTO + MS(1));
    wait_ns(f, RTT);
    acks(f, 1);
    length_ns = info_of(f).timeout_ns;
    assert_in_range(length_ns, 2 * RTO + RTT, 2 * RTO + RTT + MS(1));
    wait_ns(f, SECONDS(1));
    assert_int_equal(info_of(f).timeout_ns, length_ns);
    send_segments(f, 1);
    expect_segments(f, 1, 2);
    expect_after(f, tcp_rto_ns(conn_of(f)), TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS);
    assert_int_equal(info_of(f).timeouts, 3);
    assert_int_equal(info_of(f).timeout_recoveries, 2);
    acks(f, 2);
}

/* What F-RTO undoes is over then, though what was in flight has not all arrived. */
static void a_needless_timeout_has_a_length(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);
    uint64_t length_ns;

    send_segments(f, 10);
    expect_segments(f, 0, 10);
    wait_ns(f, 2 * RTT); /* the probe */
    forget_sent(f);
    while (info_of(f).timeouts == 0) {
        wait_ns(f, MS(10));
        forget_sent(f);
    }
    wait_ns(f, MS(20));
    acks(f, 2);
    forget_sent(f);
    length_ns = info_of(f).timeout_ns;
    assert_int_equal(f->tcp.counters.timeouts_undone, 1);
    assert_in_range(length_ns, MS(20), MS(31));
    wait_ns(f, MS(5));
    assert_int_equal(info_of(f).timeout_ns, length_ns);
    acks(f, 10);
    forget_sent(f);
}

static void reordering_is_counted_by_segments_and_allowed_for_by_time(void **state)
{
    struct tcp_fixture *f = far_peer(state, true);

    send_segments(f, 5);
    expect_segments(f, 0, 5);
    wait_ns(f, RTT);
    assert_int_equal(info_of(f).reordering_window_ns, RTT / 4);
    sacks(f, 0, 2, 3);
    assert_int_equal(info_of(f).reordered, 0);
    assert_false(info_of(f).reordering);
    assert_int_equal(info_of(f).bytes_delivered, MSS);
    acks(f, 3); /* two had only been overtaken */
    assert_int_equal(info_of(f).reordered, 2);
    assert_true(info_of(f).reordering);
    assert_int_equal(info_of(f).bytes_delivered, 3 * MSS);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + 3 * MSS, .sack = {{1, 1 + MSS}});
    assert_int_equal(info_of(f).dsacks, 1);
    assert_int_equal(info_of(f).reordering_window_ns, RTT / 2);
    acks(f, 5);
    assert_int_equal(info_of(f).reordering_window_ns, RTT / 4); /* forgotten with the flight */
    assert_int_equal(info_of(f).reordered, 2);
    forget_sent(f);
}

static void what_comes_beyond_a_hole_is_counted(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 201, .ack = 1, .bytes = 100);
    forget_sent(f);
    assert_int_equal(info_of(f).out_of_order_segments, 2);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    assert_int_equal(info_of(f).out_of_order_segments, 2);
}

/* Both ways, with the accurate feedback of RFC 9768. */
static void marks_are_counted(void **state)
{
    struct tcp_fixture *f = accurate(state);

    assert_int_equal(info_of(f).ecn, HR_ECN_ACCURATE);
    text(f, 0, ECN_ECT_0);
    forget_sent(f);
    assert_int_equal(info_of(f).ecn_ce_segments, 0);
    assert_false(info_of(f).ecn_echo);
    text(f, 100, ECN_CE);
    text(f, 200, ECN_CE);
    forget_sent(f);
    assert_int_equal(info_of(f).ecn_ce_segments, 2);
    assert_true(info_of(f).ecn_echo);
    assert_false(info_of(f).ecn_distrusted);
    send_segments(f, 3);
    forget_sent(f);
    assert_int_equal(info_of(f).ecn_ce_bytes_delivered, 0);
    assert_int_equal(info_of(f).recovery, HR_RECOVERY_OPEN);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 301, .ack = 1 + 2 * MSS);
    assert_int_equal(info_of(f).ecn_ce_bytes_delivered, MSS);
    assert_int_equal(info_of(f).recovery, HR_RECOVERY_CWR);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 301, .ack = 1 + 3 * MSS);
    assert_int_equal(info_of(f).ecn_ce_bytes_delivered, MSS);
    forget_sent(f);
}

/* The option has been in the way of a SYN-ACK, perhaps: it goes no more. */
static void an_option_that_may_be_blocked(void **state)
{
    struct tcp_fixture *f = accurate(state);

    assert_false(info_of(f).ecn_option_off);
    f->peer = &f->peers[1];
    peer_sends_syn(f, ACCURATE, .seq = 0);
    forget_sent(f);
    assert_false(info_of(f).ecn_option_off);
    expect_after(f, SECONDS(1), TCP_SYN | TCP_ACK | TCP_CWR, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1);
    assert_int_equal(info_of(f).ecn, HR_ECN_ACCURATE);
    assert_true(info_of(f).ecn_option_off);
    text(f, 0, ECN_CE);
    assert_int_equal(expect(f, TCP_ACK | ACE(6), .seq = 1, .ack = 101)->accecn_kind, 0);
}

/* The classic way says that one of those that an ACK acknowledges was marked: all count. And what
 * a router clears from the first ACK on is not trusted any more. */
static void marks_are_counted_as_far_as_they_are_told(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.ecn = TCP_ECN_ACCURATE;
    peer_sends_syn(f, TCP_CWR | TCP_ECE, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK | TCP_ECE, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    send_segments(f, 3);
    forget_sent(f);
    peer_sends(f, TCP_ACK | TCP_ECE, .seq = 1, .ack = 1 + 2 * MSS);
    forget_sent(f);
    assert_int_equal(info_of(f).ecn, HR_ECN_CLASSIC);
    assert_int_equal(info_of(f).ecn_ce_bytes_delivered, 2 * MSS);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100, .tos = ECN_CE);
    forget_sent(f);
    assert_true(info_of(f).ecn_echo);

    f->peer = &f->peers[1];
    (void)accurate(state);
    send_segments(f, 1);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + MSS);
    assert_true(info_of(f).ecn_distrusted);
}

/* The next one in the same place of memory knows nothing of it. */
static void each_connection_begins_with_none(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t index;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    forget_sent(f);
    assert_int_equal(info_of(f).out_of_order_segments, 1);
    index = conn_of(f)->index;
    app_aborts(f);
    forget_sent(f);
    f->peer = &f->peers[1];
    establish(f);
    assert_int_equal(conn_of(f)->index, index);
    assert_int_equal(info_of(f).out_of_order_segments, 0);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    forget_sent(f);
    assert_int_equal(info_of(f).out_of_order_segments, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(timeouts_have_a_number_and_a_length),
        SCRIPT(a_needless_timeout_has_a_length),
        SCRIPT(reordering_is_counted_by_segments_and_allowed_for_by_time),
        SCRIPT(what_comes_beyond_a_hole_is_counted),
        SCRIPT(marks_are_counted),
        SCRIPT(an_option_that_may_be_blocked),
        SCRIPT(marks_are_counted_as_far_as_they_are_told),
        SCRIPT(each_connection_begins_with_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
