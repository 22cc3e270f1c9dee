/*
 * Goal:   with RACK off a loss is found by what is SACKed behind it, and by nothing else (RFC
 *         6675): what counts, what goes when nothing is known to be lost, what is left to the
 *         timeout; and the switch may be thrown at any time.
 * Method: scripts over one stack, with a round trip of 100 ms; and random SACKs, after each of
 *         which what was found is what the definition gives.
 */
#include "datapath/wire/random.h"
#include "tcp/islost.h"
#include "tcp/recovery.h"
#include "tests/unit/recovery_fixture.h"

#define SMALL 100u
#define RECORDS 80u

static struct tcp_fixture *counting_peer(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.rack = false;
    f->settings.policy.tail_probes = false;
    f->settings.nodelay = true;
    return far_peer(state, true);
}

/* Twelve, of so many bytes each. */
static void send_twelve(struct tcp_fixture *f, uint32_t bytes)
{
    conn_of(f)->cwnd = 12 * MSS;
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(app_sends(f, bytes), bytes);
        expect(f, TCP_ACK, .seq = 1 + i * bytes, .ack = 1, .bytes = bytes);
    }
    wait_ns(f, RTT);
}

static bool is_found(const struct tcp_record *record)
{
    return (record->flags & (TCP_RECORD_LOST | TCP_RECORD_RETRANSMITTED)) != 0;
}

/* How many have gone again, or wait for it. */
static unsigned found(struct tcp_fixture *f)
{
    const struct tcp_sendq *sendq = &conn_of(f)->flight->sendq;
    unsigned count = 0;

    for (uint32_t position = sendq->head; position != sendq->next; position++) {
        count += is_found(sendq_at(sendq, position));
    }
    return count;
}

/* The first two of twelve are lost. Three SACKed segments are three duplicate ACKs, whatever
 * their size, so the first is; the second is when IsLost() says so.
 * Shows: RFC 6675 4d, 4e, 5a. */
static void runs_are_counted_and_bytes(void **state)
{
    static const struct {
        const char *name;
        uint32_t bytes;
        uint32_t blocks[3][2]; /* in segments */
        unsigned found;
    } cases[] = {
        {"two segments", MSS, {{2, 4}}, 0},
        {"the bytes of more than two", MSS, {{2, 5}}, 2},
        {"of them in two runs", MSS, {{2, 3}, {4, 6}}, 2},
        {"two small runs", SMALL, {{2, 3}, {4, 5}}, 0},
        {"three small runs", SMALL, {{2, 3}, {4, 5}, {6, 7}}, 2},
        {"three small segments, one run", SMALL, {{2, 5}}, 1},
        {"ten small segments, one run", SMALL, {{2, 12}}, 1},
    };

    for (unsigned row = 0; row < COUNT_OF(cases); row++) {
        struct tcp_fixture *f = start_over(state);
        uint32_t bytes = cases[row].bytes;
        struct tcp_sack_block blocks[3] = {0};

        for (unsigned i = 0; i < 3 && cases[row].blocks[i][1] > 0; i++) {
            blocks[i].start = 1 + cases[row].blocks[i][0] * bytes;
            blocks[i].end = 1 + cases[row].blocks[i][1] * bytes;
        }
        (void)counting_peer(state);
        send_twelve(f, bytes);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {blocks[0], blocks[1], blocks[2]});
        if (found(f) != cases[row].found) {
            fail_msg("%s: %u found", cases[row].name, found(f));
        }
        assert_int_equal(f->tcp.counters.fast_recoveries, cases[row].found > 0);
        forget_sent(f);
    }
}

/* Two SACKed segments are no sign of loss however long ago they came: RACK would have sent the
 * first again after a quarter of the round trip.
 * Shows: RFC 6675 5a. */
static void time_is_no_sign_of_loss(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_segments(f, 3);
    expect_segments(f, 0, 3);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 3);
    assert_int_equal(conn_of(f)->flight->rack_deadline_ns, 0);
    expect_silence_for(f, RTO - RTT - 1);
    expect_after(f, 1, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.rto_expired, 1);
    acks(f, 3);
}

/* In recovery a second loss takes as much as the first; new text goes meanwhile. RACK would have
 * sent the fifth again as soon as the sixth was SACKed.
 * Shows: RFC 6675 4b, 4e. */
static void a_second_loss_takes_as_much(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_segments(f, 20);
    expect_segments(f, 0, 10);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 4);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1,
               .sack = {{1 + 5 * MSS, 1 + 7 * MSS}, {1 + 1 * MSS, 1 + 4 * MSS}});
    assert_int_equal(found(f), 1);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1,
               .sack = {{1 + 5 * MSS, 1 + 8 * MSS}, {1 + 1 * MSS, 1 + 4 * MSS}});
    assert_int_equal(found(f), 2);
    assert_int_equal(f->tcp.counters.fast_recoveries, 1);
    forget_sent(f);
}

/* The first and the fifth of six are lost, and one behind the fifth is SACKed: that is not three,
 * but with nothing new to send it goes. Else it would wait for the timeout.
 * Shows: RFC 6675 4f. */
static void what_may_be_lost_goes_when_there_is_nothing_else(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_segments(f, 6);
    expect_segments(f, 0, 6);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1,
               .sack = {{1 + 5 * MSS, 1 + 6 * MSS}, {1 + 1 * MSS, 1 + 4 * MSS}});
    expect_segments(f, 4, 5);
    /* It counts in the pipe twice, so its place is no other's. */
    assert_in_range(conn_of(f)->cwnd, 0, tcp_pipe(conn_of(f)) + MSS - 1);
    wait_ns(f, RTT);
    acks(f, 6);
    expect_silence_for(f, SECONDS(5));
    assert_int_equal(f->tcp.counters.rto_expired, 0);
    assert_int_equal(f->tcp.counters.retransmissions, 2);
}

/* The first and the last of eight are lost: nothing behind the last can tell. The partial ACK
 * sends it again, once; when that is lost too, the timeout does.
 * Shows: RFC 6675 4c. */
static void the_last_segment_is_rescued_once(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 4);
    expect_segments(f, 0, 1);
    sacks(f, 0, 1, 7);
    expect_silence(f); /* the last may be on its way */
    wait_ns(f, RTT);
    acks(f, 6);
    expect_segments(f, 7, 8);
    wait_ns(f, MS(1));
    acks(f, 7);
    expect_silence_for(f, conn_of(f)->rtt.rto_ns - 1);
    expect_after(f, 1, TCP_ACK, .seq = 1 + 7 * MSS, .ack = 1, .bytes = MSS);
    assert_int_equal(f->tcp.counters.rto_expired, 1);
    acks(f, 8);
}

/* RACK finds it by what was sent after it.
 * Shows: RFC 6675 4g, 5c. */
static void a_lost_repair_is_the_timers(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 8);
    expect_segments(f, 0, 1);
    wait_ns(f, MS(1));
    send_segments(f, 4);
    forget_sent(f);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 12);
    forget_sent(f);
    assert_int_equal(found(f), 1);
    expect_after(f, conn_of(f)->flight->rto_base_ns + conn_of(f)->rtt.rto_ns - f->now_ns, TCP_ACK,
                 .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 12);
    forget_sent(f);
}

/* Nor is it found behind a timeout, by what went again after it.
 * Shows: RFC 6675 4g. */
static void behind_a_timeout_neither(void **state)
{
    struct tcp_fixture *f = *state;
    const struct tcp_record *head;

    f->settings.policy.frto = false;
    (void)counting_peer(state);
    send_segments(f, 10);
    expect_segments(f, 0, 10);
    expect_after(f, RTO, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    for (uint32_t acked = 1; acked <= 4; acked++) {
        acks(f, acked);
        forget_sent(f);
    }
    sacks(f, 4, 5, 8);
    forget_sent(f);
    head = sendq_at(&conn_of(f)->flight->sendq, conn_of(f)->flight->sendq.head);
    assert_int_equal(head->seq, conn_of(f)->snd.una);
    assert_int_equal(head->flags & TCP_RECORD_LOST, 0);
    assert_int_equal(head->transmissions, 2);
    acks(f, 10);
    forget_sent(f);
}

/* What a recovery had found, and had not sent again when it turned out needless, is looked at once
 * more: it may be lost all the same. */
static void what_an_undo_takes_back_is_found_again(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_twelve(f, MSS);
    sacks(f, 0, 1, 4);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    conn_of(f)->ssthresh = MSS; /* nothing more goes now */
    conn_of(f)->flight->prr.out = 100 * MSS;
    sacks(f, 0, 5, 8);
    expect_silence(f);
    assert_int_equal(found(f), 2);
    sacks(f, 4, 0, 1); /* the first was late, and has come twice */
    assert_int_equal(f->tcp.counters.recoveries_undone, 1);
    expect(f, TCP_ACK, .seq = 1 + 4 * MSS, .ack = 1, .bytes = MSS);
    acks(f, 12);
    forget_sent(f);
}

static void switch_rack(struct tcp_fixture *f, bool on)
{
    struct tcp_policy policy = *tcp_conn_policy(conn_of(f));

    policy.rack = on;
    assert_int_equal(tcp_set_policy(conn_of(f), &policy), TCP_OK);
}

/* What RACK waited for is not waited for any more, and what it saw SACKed counts. */
static void it_may_be_switched_off_while_something_waits(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.policy.reordering_by_count = false;
    (void)far_peer(state, true);
    send_segments(f, 8);
    expect_segments(f, 0, 8);
    wait_ns(f, RTT);
    sacks(f, 0, 2, 4);
    assert_int_not_equal(conn_of(f)->flight->rack_deadline_ns, 0);
    switch_rack(f, false);
    expect_silence_for(f, RTT / 2); /* a quarter would be enough for RACK */
    assert_int_equal(conn_of(f)->flight->rack_deadline_ns, 0);
    sacks(f, 0, 2, 5);
    assert_int_equal(found(f), 2);
    acks(f, 8);
    forget_sent(f);
}

/* And on again: the next ACK sets RACK's timer. */
static void it_may_be_switched_on_while_something_is_missing(void **state)
{
    struct tcp_fixture *f = counting_peer(state);

    send_segments(f, 4);
    expect_segments(f, 0, 4);
    wait_ns(f, RTT);
    sacks(f, 0, 1, 2);
    expect_silence_for(f, RTT / 2);
    switch_rack(f, true);
    sacks(f, 0, 1, 3);
    expect_after(f, RTT / 4, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    acks(f, 4);
    forget_sent(f);
}

/* As RFC 6675 section 4 says it, by a walk over all that is behind. */
static bool is_lost(const struct tcp_conn *conn, uint32_t position)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    uint32_t threshold = tcp_dup_threshold(conn);
    uint32_t bytes = 0;
    uint32_t runs = 0;

    for (uint32_t i = position + 1; i != sendq->next; i++) {
        if (sendq_is_sacked(sendq, i)) {
            bytes += sendq_at(sendq, i)->length;
            runs += !sendq_is_sacked(sendq, i - 1);
        }
    }
    return runs >= threshold || bytes > (threshold - 1) * conn->snd.mss;
}

/* All but the oldest, which three duplicates are enough for. Runs may grow together, and what was
 * lost by them is so still. */
static void assert_found_by_the_definition(struct tcp_fixture *f, bool *was_lost)
{
    const struct tcp_conn *conn = conn_of(f);
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    assert_true(tcp_check(&f->tcp));
    for (uint32_t position = sendq->head + 1; position != sendq->next; position++) {
        bool *lost = &was_lost[position - sendq->head];

        assert_true(position - sendq->head < RECORDS);
        *lost |= is_lost(conn, position);
        if (!sendq_is_sacked(sendq, position)) {
            assert_int_equal(is_found(sendq_at(sendq, position)), *lost);
        }
    }
}

/* Text of all sizes, of which random parts are SACKed until nothing but the first is missing. New
 * text waits all the while, so that nothing goes for want of it.
 * Shows: RFC 6675 4d, 4e. */
static void random_sacks_find_what_the_definition_does(void **state)
{
    struct random random;

    random_init(&random, 6675);
    for (unsigned round = 0; round < 20; round++) {
        struct tcp_fixture *f = start_over(state);
        bool was_lost[RECORDS] = {false};
        uint32_t starts[41] = {1};

        (void)counting_peer(state);
        conn_of(f)->cwnd = 40 * MSS;
        for (unsigned i = 0; i < 40; i++) {
            uint32_t bytes = 1 + (uint32_t)random_below(&random, round & 1 ? MSS : SMALL);

            assert_int_equal(app_sends(f, bytes), bytes);
            starts[i + 1] = starts[i] + bytes;
        }
        conn_of(f)->cwnd = starts[40] - 1;
        send_segments(f, 40);
        forget_sent(f);
        wait_ns(f, RTT);
        for (unsigned i = 0; i < 60; i++) {
            uint32_t first = 1 + (uint32_t)random_below(&random, 38);
            uint32_t end = first + 1 + (uint32_t)random_below(&random, 2);

            peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{starts[first], starts[end]}});
            assert_found_by_the_definition(f, was_lost);
            forget_sent(f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_V4(runs_are_counted_and_bytes),
        SCRIPT(time_is_no_sign_of_loss),
        SCRIPT(a_second_loss_takes_as_much),
        SCRIPT(what_an_undo_takes_back_is_found_again),
        SCRIPT(what_may_be_lost_goes_when_there_is_nothing_else),
        SCRIPT(the_last_segment_is_rescued_once),
        SCRIPT(a_lost_repair_is_the_timers),
        SCRIPT(behind_a_timeout_neither),
        SCRIPT(it_may_be_switched_off_while_something_waits),
        SCRIPT(it_may_be_switched_on_while_something_is_missing),
        SCRIPT_V4(random_sacks_find_what_the_definition_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
