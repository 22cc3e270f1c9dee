/*
 * Goal:   a connection becomes a TIME-WAIT entry (tcp/timewait_table.c), which knows
 *         enough to answer, also when the port was full, leaves after 2MSL or when a
 *         younger one needs its place, and is known to other workers for as long as it
 *         stands.
 * Method: scripts over one stack; an owners' table that counts.
 */
#include "tests/unit/tcp_fixture.h"

#include "tcp/timewait_table.h"
#include "tests/unit/timewait_find.h"

static void to_time_wait(struct tcp_fixture *f, unsigned i)
{
    f->peer = &f->peers[i];
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
}

/* The connection is gone at once, and the application is told. */
static void the_connection_goes_at_once(void **state)
{
    struct tcp_fixture *f = *state;

    to_time_wait(f, 0);
    assert_null(conn_of(f));
    assert_int_equal(f->tcp.conns.used, 0);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
    assert_int_equal(f->tcp.promised_bytes, 0);
    assert_int_equal(f->tcp.table.count, 1);
}

/* Shows: RFC 9293 MUST-13. */
static void entries_leave_after_2msl(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.time_wait_ns = SECONDS(10);
    for (unsigned i = 0; i < 3; i++) {
        to_time_wait(f, i);
        wait_ns(f, SECONDS(1));
    }
    wait_ns(f, SECONDS(7) - 1);
    assert_int_equal(timewait_count(&f->tcp.timewait), 3);
    wait_ns(f, 1);
    for (unsigned i = 0; i < 3; i++) {
        f->peer = &f->peers[i];
        expect_state(f, i == 0 ? TCP_CLOSED : TCP_TIME_WAIT);
    }
    wait_ns(f, SECONDS(2));
    assert_int_equal(timewait_count(&f->tcp.timewait), 0);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect(f, TCP_RST, .seq = 2);
}

static void the_oldest_makes_place(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.timewaits_max = 2;
    for (unsigned i = 0; i < 3; i++) {
        to_time_wait(f, i);
    }
    assert_int_equal(f->tcp.counters.time_wait_evicted, 1);
    for (unsigned i = 0; i < 3; i++) {
        f->peer = &f->peers[i];
        expect_state(f, i == 0 ? TCP_CLOSED : TCP_TIME_WAIT);
    }
}

/* The window and the timestamp of the last ACK are in the next one as well.
 * Shows: RFC 9293 3.10.7.4i; RFC 7323 3.2b. */
static void an_entry_answers_as_the_connection_did(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t ts_val;
    uint32_t window;
    const struct seg *got;

    f->settings.timestamps = true;
    f->peer->timestamps = true;
    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2, .ts_val = 6000);
    got = expect(f, TCP_ACK, .seq = 2, .ack = 2, .ts_ecr = 6000);
    ts_val = got->ts_val;
    window = got->window;
    wait_ns(f, MS(500));
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2, .ts_val = 6000);
    expect(f, TCP_ACK, .seq = 2, .ack = 2, .ts_ecr = 6000, .ts_val = ts_val + 500,
           .window = window);
}

/* What asks for nothing but an ACK has as many in a second as a connection's challenges; a FIN
 * that comes again always has one, and the other entry what is its own.
 * Shows: RFC 9293 3.10.7.4i; RFC 5961 7a. */
static void acks_of_an_entry_are_limited(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint32_t seq, bytes;
    } cases[] = {
        {"an old ACK", TCP_ACK, 1, 0},
        {"an ACK from ahead", TCP_ACK, 1000, 0},
        {"old text", TCP_ACK, 1, 1},
        {"an old SYN", TCP_SYN, 2, 0},
        {"a FIN that is another", TCP_FIN | TCP_ACK, 500, 0},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        to_time_wait(f, i);
        for (unsigned second = 0; second < 2; second++) {
            uint64_t limited = f->tcp.counters.challenge_acks_limited;

            for (unsigned j = 0; j < 3 * TCP_CHALLENGE_PER_PERIOD; j++) {
                peer_sends(f, cases[i].flags, .seq = cases[i].seq, .ack = 2,
                           .bytes = cases[i].bytes);
                if (j < TCP_CHALLENGE_PER_PERIOD) {
                    expect(f, TCP_ACK, .seq = 2, .ack = 2);
                }
                expect_silence(f);
            }
            assert_int_equal(f->tcp.counters.challenge_acks_limited - limited,
                             2 * TCP_CHALLENGE_PER_PERIOD);
            for (unsigned j = 0; j < 2 * TCP_CHALLENGE_PER_PERIOD; j++) {
                peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
                expect(f, TCP_ACK, .seq = 2, .ack = 2);
            }
            wait_ns(f, MS(TCP_CHALLENGE_PERIOD_MS));
        }
        expect_state(f, TCP_TIME_WAIT);
    }
    assert_int_equal(f->tcp.counters.challenge_acks,
                     2 * COUNT_OF(cases) * TCP_CHALLENGE_PER_PERIOD);
}

/* The port has no room in the turn in which the FIN comes, first or again: the ACK, once,
 * follows when it has.
 * Shows: RFC 9293 3.10.7.4i. */
static void an_ack_without_room_is_owed(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    for (unsigned i = 0; i < 2; i++) {
        f->tx_room = 0;
        turn(f);
        peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
        peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
        expect_state(f, TCP_TIME_WAIT);
        expect_silence(f);
        assert_true(tcp_has_output(&f->tcp));
        f->tx_room = 1;
        turn(f);
        turn(f);
        expect(f, TCP_ACK, .seq = 2, .ack = 2);
        assert_false(tcp_has_output(&f->tcp));
        turn(f);
        expect_silence(f);
    }
}

/* Nor without a frame. */
static void an_ack_without_a_frame_is_owed(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t frames[16];

    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    for (unsigned i = 0; i < COUNT_OF(frames); i++) {
        frames[i] = frame_take(&f->pool, FRAME_BUDGET_CONTROL, FRAME_APP);
    }
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    turn(f);
    expect_silence(f);
    expect_state(f, TCP_TIME_WAIT);
    assert_true(tcp_has_output(&f->tcp));
    for (unsigned i = 0; i < COUNT_OF(frames); i++) {
        frame_drop(&f->pool, frames[i], FRAME_APP);
    }
    turn(f);
    expect(f, TCP_ACK, .seq = 2, .ack = 2);
    assert_false(tcp_has_output(&f->tcp));
}

/* The entry leaves before its ACK went, and takes the debt along. */
static void a_reset_entry_owes_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    to_time_wait(f, 0);
    f->tx_room = 0;
    turn(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    assert_true(tcp_has_output(&f->tcp));
    peer_sends(f, TCP_RST, .seq = 2);
    expect_state(f, TCP_CLOSED);
    assert_false(tcp_has_output(&f->tcp));
    f->tx_room = 1;
    turn(f);
    turn(f);
    expect_silence(f);
}

static void entries_are_found_by_their_tuple(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_tuple tuple;

    to_time_wait(f, 0);
    to_time_wait(f, 1);
    f->peer = &f->peers[0];
    tuple = tuple_of(f);
    assert_int_not_equal(timewait_find(&f->tcp, &tuple), TIMEWAIT_NONE);
    tcp_timewait_forget(&f->tcp, timewait_find(&f->tcp, &tuple));
    assert_int_equal(timewait_find(&f->tcp, &tuple), TIMEWAIT_NONE);
    f->peer = &f->peers[1];
    expect_state(f, TCP_TIME_WAIT);
    tuple.local_port++;
    assert_int_equal(timewait_find(&f->tcp, &tuple), TIMEWAIT_NONE);
}

static int claims;

static void claim(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    assert_int_equal(hash, tuple_hash(tuple, tcp->table_key));
    claims++;
}

static void release(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    assert_int_equal(hash, tuple_hash(tuple, tcp->table_key));
    claims--;
    assert_true(claims >= 0);
}

static bool pass(struct tcp *tcp, const struct tcp_tuple *tuple, const struct packet *packet)
{
    (void)tcp;
    (void)tuple;
    (void)packet;
    return false;
}

/* There is no moment at which nobody owns the flow. */
static void an_entry_is_claimed_while_it_stands(void **state)
{
    static const struct tcp_owners owners = {.claim = claim, .release = release, .pass = pass};
    struct tcp_fixture *f = *state;

    claims = 0;
    f->config.owners = &owners;
    to_time_wait(f, 0);
    assert_int_equal(claims, 1);
    wait_ns(f, TCP_TIME_WAIT_NS);
    assert_int_equal(claims, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(the_connection_goes_at_once),      SCRIPT(entries_leave_after_2msl),
        SCRIPT(the_oldest_makes_place),           SCRIPT(an_entry_answers_as_the_connection_did),
        SCRIPT(entries_are_found_by_their_tuple), SCRIPT(an_entry_is_claimed_while_it_stands),
        SCRIPT(an_ack_without_a_frame_is_owed),   SCRIPT(an_ack_without_room_is_owed),
        SCRIPT(a_reset_entry_owes_nothing),       SCRIPT(acks_of_an_entry_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
