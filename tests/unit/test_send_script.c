/*
 * Goal:   the three doors of sending, to the wire: a copy, a place to write,
 *         received slices; how segments are filled, when each door refuses, that
 *         on_writable follows, and that no frame stays behind.
 * Method: scripts over one stack; an application that sends what it received. The
 *         fixture compares every byte and sum.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/tcp_fixture_port.h"

static void take_all_frames(struct tcp_fixture *f)
{
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
}

/* Odd lengths, so that sums are put together at odd places.
 * Shows: RFC 9293 SHLD-7, SHLD-28, MAY-16. */
static void small_sends_fill_one_segment(void **state)
{
    static const uint32_t pieces[] = {1, 3, 7, 2, 501, 1, 485, 100};
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 11);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 11);
    for (unsigned i = 0; i < COUNT_OF(pieces); i++) {
        assert_int_equal(app_sends(f, pieces[i]), pieces[i]);
        if (i < 6) {
            expect_silence(f);
            assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
        }
    }
    expect(f, TCP_ACK, .seq = 12, .ack = 1, .bytes = MSS);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1012);
    expect(f, TCP_ACK, .seq = 1012, .ack = 1, .bytes = 100);
}

static void nothing_to_send_is_sent(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(app_sends(f, 0), 0);
    expect_silence(f);
    assert_null(conn_of(f)->flight);
}

/* Before the handshake the MSS is a guess; what is too long is split.
 * Shows: RFC 9293 3.10.2b. */
static void data_may_be_queued_while_opening(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(app_sends(f, 1500), 1500);
    expect_silence(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = 440);
    expect_silence(f); /* 60 bytes are held by Nagle */
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1441);
    expect(f, TCP_ACK, .seq = 1441, .ack = 1, .bytes = 60);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1501);
    assert_int_equal(f->peer->told.sent, 1500);
}

static void a_full_buffer_refuses_every_door(void **state)
{
    struct tcp_fixture *f = *state;
    struct slice slice = {.frame = FRAME_NONE, .length = 1};
    uint32_t room;

    f->settings.send_buffer = 4096;
    establish(f);
    conn_of(f)->cwnd = 1;
    assert_int_equal(app_sends(f, 10000), 4096);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    assert_int_equal(app_sends(f, 1), TCP_ERR_AGAIN);
    assert_null(tcp_reserve(conn_of(f), &room));
    assert_int_equal(tcp_send_slice(conn_of(f), &slice, FRAME_APP), TCP_ERR_AGAIN);
    expect_silence(f);
    conn_of(f)->cwnd = 10 * MSS;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1001);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 4001);
    forget_sent(f);
    assert_int_equal(f->peer->told.writable, 1);
}

/* Shows: RFC 9293 3.10.2a. */
static void after_shutdown_every_door_is_closed(void **state)
{
    struct tcp_fixture *f = *state;
    struct slice slice = {.frame = FRAME_NONE, .length = 1};
    uint32_t room;
    uint8_t *place;

    establish(f);
    place = tcp_reserve(conn_of(f), &room);
    assert_non_null(place);
    app_shuts_down(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(app_sends(f, 1), TCP_ERR_STATE);
    assert_null(tcp_reserve(conn_of(f), &room));
    assert_int_equal(tcp_commit(conn_of(f), place, 1), TCP_ERR_STATE);
    assert_int_equal(tcp_send_slice(conn_of(f), &slice, FRAME_APP), TCP_ERR_STATE);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
}

/* hr_send refuses when frames are critical. */
static void critical_refuses_and_tells_when_it_is_over(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t room;

    establish(f);
    press(f, FRAME_PRESSURE);
    assert_int_equal(app_sends(f, 10), 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11);
    press(f, FRAME_CRITICAL);
    assert_int_equal(app_sends(f, 10), TCP_ERR_NO_MEMORY);
    assert_null(tcp_reserve(conn_of(f), &room));
    wait_ns(f, SECONDS(1));
    assert_int_equal(f->peer->told.writable, 0);
    press(f, FRAME_NORMAL);
    wait_ns(f, SECONDS(1));
    assert_int_equal(f->peer->told.writable, 1);
    assert_int_equal(app_sends(f, 10), 10);
    expect(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10);
}

static void without_a_flight_a_send_is_refused(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t room;
    uint8_t *place;

    f->config.flights_max = 1;
    establish(f);
    f->peer = &f->peers[1];
    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    f->peer = &f->peers[0];
    assert_int_equal(app_sends(f, 10), TCP_ERR_NO_MEMORY);
    place = tcp_reserve(conn_of(f), &room);
    assert_non_null(place);
    assert_int_equal(tcp_commit(conn_of(f), place, 10), TCP_ERR_NO_MEMORY);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 1);
    f->peer = &f->peers[1];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11);
    wait_ns(f, SECONDS(1));
    assert_int_equal(f->peers[0].told.writable, 1);
}

/* The application writes `length` bytes in place. */
static int commits(struct tcp_fixture *f, uint32_t length)
{
    struct told *told = &f->peer->told;
    uint32_t room;
    uint8_t *place = tcp_reserve(conn_of(f), &room);
    int error;

    assert_non_null(place);
    for (uint32_t i = 0; i < min_u32(length, room); i++) {
        place[i] = fixture_byte(true, 1 + told->queued + i);
    }
    error = tcp_commit(conn_of(f), place, length);
    told->queued += error == TCP_OK ? length : 0;
    turn(f);
    return error;
}

static void what_is_written_in_place_is_sent(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(commits(f, 0), TCP_OK);
    expect_silence(f);
    assert_int_equal(commits(f, MSS - 1), TCP_OK);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS - 1);
    assert_int_equal(commits(f, 99), TCP_OK);
    assert_int_equal(commits(f, 100), TCP_OK); /* behind it: one frame */
    expect_silence(f);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
    assert_int_equal(commits(f, 5000), TCP_ERR_ARGUMENT);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = MSS);
    expect(f, TCP_ACK, .seq = MSS, .ack = 1, .bytes = 199);
}

/* The room was told before the path became smaller: it holds. */
static void a_commit_may_be_longer_than_the_mss_by_now(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t room;
    uint8_t *place;

    establish(f);
    place = tcp_reserve(conn_of(f), &room);
    assert_int_equal(room, MSS);
    for (uint32_t i = 0; i < room; i++) {
        place[i] = fixture_byte(true, 1 + i);
    }
    conn_of(f)->snd.mss = 600; /* as ICMP does */
    f->peer->told.queued = room;
    assert_int_equal(tcp_commit(conn_of(f), place, room), TCP_OK);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 600);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 601);
    expect(f, TCP_ACK, .seq = 601, .ack = 1, .bytes = 400);
}

static int echo_result;

static void echo(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    f->peer->told.queued += slice->length;
    echo_result = tcp_send_slice(conn, slice, FRAME_WORKER);
}

static struct tcp_fixture *echoing(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.data = echo;
    f->echoes = true;
    f->settings.nodelay = true;
    return f;
}

/* From wire to wire in the frame that it came in. */
static void a_received_slice_is_sent_in_place(void **state)
{
    struct tcp_fixture *f = echoing(state);
    uint32_t frames;

    establish(f);
    frames = f->pool.free_count;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 900);
    expect(f, TCP_ACK, .seq = 1, .ack = 901, .bytes = 900);
    assert_int_equal(f->pool.free_count, frames - 1);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK, .seq = 1, .ack = 901, .bytes = 900);
    peer_sends(f, TCP_ACK, .seq = 901, .ack = 901);
    assert_int_equal(f->pool.free_count, frames);
}

/* What waited behind a hole leaves its queue in place too. */
static void a_reassembled_slice_is_sent(void **state)
{
    struct tcp_fixture *f = echoing(state);

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    peer_sends(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = 100);
    peer_sends(f, TCP_ACK, .seq = 2101, .ack = 1, .bytes = 101);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 2202, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1001, .ack = 2202, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 2001, .ack = 2202, .bytes = 201);
    peer_sends(f, TCP_ACK, .seq = 2202, .ack = 2202);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
}

/* Longer than the segments of the way out: cut, and only the overhang copied. */
static void a_long_slice_is_split(void **state)
{
    struct tcp_fixture *f = echoing(state);

    f->peer->mss = 600;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1400);
    expect(f, TCP_ACK, .seq = 1, .ack = 1401, .bytes = 600);
    expect(f, TCP_ACK, .seq = 601, .ack = 1401, .bytes = 600);
    expect(f, TCP_ACK, .seq = 1201, .ack = 1401, .bytes = 200);
    assert_int_equal(f->tcp.counters.splits, 2);
}

static void twice(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    struct slice front = *slice;
    struct slice rest = *slice;

    front = slice_take_front(&f->pool, &rest, (uint16_t)(slice->length / 2));
    f->peer->told.queued += slice->length;
    assert_int_equal(tcp_send_slice(conn, &front, FRAME_WORKER), TCP_OK);
    assert_int_equal(tcp_send_slice(conn, &rest, FRAME_WORKER), TCP_OK);
}

/* A header before the second half would be written over the first: it is copied. */
static void halves_of_a_slice_do_not_share_a_frame(void **state)
{
    struct tcp_fixture *f = echoing(state);

    f->app.data = twice;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    forget_sent(f); /* in whatever segments */
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1001);
    assert_int_equal(f->peer->told.sent, 1000);
}

static struct slice kept;

static void keep(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    assert_true(tcp_data_retain(conn, slice, &kept));
}

/* Retained data goes later: its hold goes with it, and the window comes back. */
static void retained_data_is_sent(void **state)
{
    static const uint32_t bytes[] = {MSS, 100}; /* in place; in the frame it was stashed in */
    struct tcp_fixture *f = echoing(state);
    uint32_t seq = 1;

    f->app.data = keep;
    establish(f);
    for (unsigned i = 0; i < COUNT_OF(bytes); i++) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = seq, .bytes = bytes[i]);
        expect(f, TCP_ACK, .seq = seq, .ack = seq + bytes[i]);
        f->peer->told.queued += bytes[i];
        assert_int_equal(tcp_send_slice(conn_of(f), &kept, FRAME_APP), TCP_OK);
        tcp_data_passed(conn_of(f), bytes[i]);
        turn(f);
        expect(f, TCP_ACK, .seq = seq, .ack = seq + bytes[i], .bytes = bytes[i]);
        assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 1);
        seq += bytes[i];
        peer_sends(f, TCP_ACK, .seq = seq, .ack = seq);
        assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
    }
}

/* Held twice by the application, it can't have a header written before it. */
static void data_retained_twice_is_copied(void **state)
{
    struct tcp_fixture *f = echoing(state);

    f->app.data = keep;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001);
    frame_hold(&f->pool, kept.frame, FRAME_APP);
    f->peer->told.queued += MSS;
    assert_int_equal(tcp_send_slice(conn_of(f), &kept, FRAME_APP), TCP_OK);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .bytes = MSS);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
    tcp_data_release(conn_of(f), &kept);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1001);
    forget_sent(f);
}

/* All or nothing: the slice stays the caller's. */
static void a_slice_without_memory_stays_the_callers(void **state)
{
    struct tcp_fixture *f = echoing(state);

    f->config.flights_max = 1;
    f->peer = &f->peers[1];
    establish(f);
    f->peer = &f->peers[0];
    establish(f);
    f->app.data = keep;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001);
    f->peer = &f->peers[1];
    f->echoes = false;
    app_sends(f, 10); /* has the only flight */
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    f->peer = &f->peers[0];
    assert_int_equal(tcp_send_slice(conn_of(f), &kept, FRAME_APP), TCP_ERR_NO_MEMORY);
    take_all_frames(f);
    frame_hold(&f->pool, kept.frame, FRAME_APP); /* so that it must be copied */
    assert_int_equal(tcp_send_slice(conn_of(f), &kept, FRAME_APP), TCP_ERR_NO_MEMORY);
    frame_drop(&f->pool, kept.frame, FRAME_APP);
    assert_true(frame_is_held_by(&f->pool, kept.frame, FRAME_APP));
    tcp_data_release(conn_of(f), &kept);
    turn(f);
    forget_sent(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(small_sends_fill_one_segment),
        SCRIPT(nothing_to_send_is_sent),
        SCRIPT(data_may_be_queued_while_opening),
        SCRIPT(a_full_buffer_refuses_every_door),
        SCRIPT(after_shutdown_every_door_is_closed),
        SCRIPT(critical_refuses_and_tells_when_it_is_over),
        SCRIPT(without_a_flight_a_send_is_refused),
        SCRIPT(what_is_written_in_place_is_sent),
        SCRIPT(a_commit_may_be_longer_than_the_mss_by_now),
        SCRIPT(a_received_slice_is_sent_in_place),
        SCRIPT(a_reassembled_slice_is_sent),
        SCRIPT(a_long_slice_is_split),
        SCRIPT(halves_of_a_slice_do_not_share_a_frame),
        SCRIPT(retained_data_is_sent),
        SCRIPT(data_retained_twice_is_copied),
        SCRIPT(a_slice_without_memory_stays_the_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
