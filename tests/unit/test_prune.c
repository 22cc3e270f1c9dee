/*
 * Goal:   text out of order of one connection does not keep that of others out for ever
 *         (tcp/prune.h): whoever has more makes room, and what is old goes, but only while
 *         frames or pieces are short.
 * Method: scripts over one stack with several peers, at a level of pressure, or with few pieces.
 */
#include "tcp/prune.h"

#include "tests/unit/tcp_fixture.h"

/* The peer's connection, and so many ranges of a segment each, every second one missing. */
static struct tcp_conn *keep(struct tcp_fixture *f, unsigned peer, unsigned ranges)
{
    fixture_open(f);
    f->peer = &f->peers[peer];
    f->peer->sack = true;
    if (!conn_of(f)) {
        establish(f);
    }
    for (unsigned i = 0; i < ranges; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + (2 * i + 1) * MSS, .ack = 1, .bytes = MSS);
    }
    forget_sent(f);
    return conn_of(f);
}

static void whoever_has_more_makes_room(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_conn *most = keep(f, 0, 12);
    struct tcp_conn *few = keep(f, 1, 0);

    press(f, FRAME_PRESSURE);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    assert_int_equal(most->reassembly.count, 11);
    for (uint32_t seq = 3001; seq < 12001; seq += 2 * MSS) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = MSS);
        forget_sent(f);
    }
    assert_int_equal(few->reassembly.count, 4); /* not twice as many any more */
    assert_int_equal(most->reassembly.count, 8);
    assert_int_equal(f->tcp.counters.pruned, 4);
    press(f, FRAME_NORMAL);
}

/* A segment that is here already asks nobody for room. */
static void what_comes_twice_takes_nothing(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_conn *most = keep(f, 0, 12);

    (void)keep(f, 1, 1);
    press(f, FRAME_PRESSURE);
    for (unsigned i = 0; i < 40; i++) {
        peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
        forget_sent(f);
    }
    assert_int_equal(most->reassembly.count, 12);
    assert_int_equal(f->tcp.counters.pruned, 0);
    press(f, FRAME_NORMAL);
}

/* So it is with pieces, and what comes in order, and waits for its application, has more right to
 * them than anybody's text out of order. */
static void pieces_are_shared(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_conn *most, *few;

    f->config.pieces_max = 6;
    most = keep(f, 0, 6);
    few = keep(f, 1, 1);
    assert_int_equal(few->reassembly.count, 1);
    assert_int_equal(most->reassembly.count, 5);
    (void)keep(f, 2, 0);
    app_pauses(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    forget_sent(f);
    assert_int_equal(conn_of(f)->recvq.bytes, MSS);
    assert_int_equal(most->reassembly.count + few->reassembly.count, 5);
    app_resumes(f);
    forget_sent(f);
}

static void what_is_old_goes_while_frames_are_short(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_conn *still = keep(f, 0, 3);
    struct tcp_conn *moves = keep(f, 1, 3);

    wait_ns(f, SECONDS(60)); /* there is room */
    turn(f);
    assert_int_equal(still->reassembly.count, 3);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    forget_sent(f);
    press(f, FRAME_CRITICAL);
    wait_ns(f, MS(1));
    assert_int_equal(still->reassembly.count, 0);
    assert_int_equal(moves->reassembly.count, 2);
    wait_ns(f, SECONDS(5));
    wait_ns(f, SECONDS(1));
    assert_int_equal(moves->reassembly.count, 0);
    assert_int_equal(f->tcp.counters.pruned, 5);
    press(f, FRAME_NORMAL);
    peer_sends(f, TCP_ACK, .seq = 1 + 2 * MSS, .ack = 1, .bytes = 10); /* it goes on */
    expect(f, TCP_ACK, .seq = 1, .ack = 1 + 2 * MSS + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(whoever_has_more_makes_room),
        SCRIPT(what_comes_twice_takes_nothing),
        SCRIPT(pieces_are_shared),
        SCRIPT(what_is_old_goes_while_frames_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
