/*
 * Goal:   received data that an application keeps (tcp/user.h) stays as it is, costs window,
 *         and few frames.
 * Method: scripts over one stack whose application retains what comes.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/tcp_fixture_port.h"

static struct slice kept[4];
static unsigned kept_count;

static void keep(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    assert_true(tcp_data_retain(conn, slice, &kept[kept_count++]));
}

/* Small ones share a frame, long ones stay where they are; the window is smaller by
 * what is kept.
 * Shows: RFC 9293 MUST-39. */
static void retained_data_costs_window(void **state)
{
    struct tcp_fixture *f = *state;

    kept_count = 0;
    f->settings.receive_buffer = 4096;
    f->app.data = keep;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 101, .window = 3996);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 201, .window = 3896);
    assert_int_equal(kept[0].frame, kept[1].frame);
    peer_sends(f, TCP_ACK, .seq = 201, .ack = 1, .bytes = 1000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1201, .window = 2896);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 2);
    peer_sends(f, TCP_ACK, .seq = 1201, .ack = 1, .bytes = 1000);
    expect(f, TCP_ACK, .seq = 1, .ack = 2201, .window = 1896);
    tcp_data_release(conn_of(f), &kept[0]);
    turn(f);
    expect_silence(f); /* less than a segment is not worth an ACK */
    tcp_data_release(conn_of(f), &kept[3]);
    turn(f);
    expect_silence(f);                 /* nor is less than half of the window */
    tcp_data_passed(conn_of(f), 1000); /* as if sent on */
    frame_drop(&f->pool, kept[2].frame, FRAME_APP);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 2201, .window = 3996);
    app_closes(f); /* one is kept still */
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 2201);
    assert_int_equal(f->peer->told.reason, TCP_REASON_UNREAD);
    tcp_data_release_orphan(&f->tcp, &kept[1]);
}

static struct slice bytes_kept[200];
static unsigned byte_count;

static void keep_each_byte(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    assert_true(tcp_data_retain(conn, slice, &bytes_kept[byte_count++]));
}

/* A window of single bytes must not be as many frames. What was kept is right however
 * frames come and go meanwhile. */
static void retained_bytes_share_frames(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = 1;

    byte_count = 0;
    f->app.data = keep_each_byte;
    establish(f);
    while (byte_count < COUNT_OF(bytes_kept)) {
        peer_sends(f, TCP_ACK, .seq = seq++, .ack = 1, .bytes = 1);
        if (byte_count % 50 == 0) {
            press(f, FRAME_CRITICAL);
            press(f, FRAME_NORMAL);
        }
    }
    forget_sent(f);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 1);
    for (unsigned i = 0; i < byte_count; i++) {
        assert_int_equal(*slice_data(&f->pool, &bytes_kept[i]), fixture_byte(false, 1 + i));
        tcp_data_release(conn_of(f), &bytes_kept[i]);
    }
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
    /* That frame has gone home: the next byte has one anew. */
    byte_count = 0;
    peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 1);
    forget_sent(f);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 1);
    tcp_data_release(conn_of(f), &bytes_kept[0]);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
}

static void keep_without_frames(struct tcp_fixture *f, struct tcp_conn *conn,
                                const struct slice *slice)
{
    struct slice out;

    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    assert_false(tcp_data_retain(conn, slice, &out));
}

static void retaining_without_a_frame_is_refused(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.data = keep_without_frames;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 101);
    press(f, FRAME_NORMAL);
    peer_sends(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 1000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1101);
    assert_int_equal(conn_of(f)->rcv.held, 0);
}

/* A hold of each, as many as a frame's record can count. */
static void keep_without_end(struct tcp_fixture *f, struct tcp_conn *conn,
                             const struct slice *slice)
{
    struct slice out;
    uint32_t held = 0;

    (void)f;
    while (held <= UINT16_MAX && tcp_data_retain(conn, slice, &out)) {
        held++;
    }
    assert_int_equal(held, UINT16_MAX);
    while (held-- > 0) {
        tcp_data_release(conn, slice);
    }
}

static void retaining_more_than_a_frame_counts_is_refused(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.data = keep_without_end;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001);
    assert_int_equal(conn_of(f)->rcv.held, 0);
}

static void keep_too_much(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    struct slice out;
    uint32_t held = conn->rcv.held;

    (void)f;
    conn->rcv.held = INT32_MAX; /* of the same bytes, kept often */
    assert_true(tcp_data_retain(conn, slice, &out));
    assert_false(tcp_data_retain(conn, slice, &out));
    tcp_data_release(conn, slice);
    conn->rcv.held = held;
}

/* What is held counts each time: without an end the sum would begin anew, and the window open. */
static void retaining_more_than_can_be_counted_is_refused(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.data = keep_too_much;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1000);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(retained_data_costs_window),
        SCRIPT(retained_bytes_share_frames),
        SCRIPT(retaining_without_a_frame_is_refused),
        SCRIPT(retaining_more_than_a_frame_counts_is_refused),
        SCRIPT(retaining_more_than_can_be_counted_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
