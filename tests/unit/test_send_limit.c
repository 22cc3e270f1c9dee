/*
 * Goal:   the send buffer follows the congestion window up to what the policy allows, while
 *         frames are not short, so that a writer keeps a window full; else it is what was set.
 * Method: windows as a table, and one script in which a writer fills a window that grows.
 */
#include "tcp/recovery.h"
#include "tests/unit/recovery_fixture.h"

#define CHUNK 2048u /* bytes of a frame of the fixture's */

static void the_limit_follows_the_window(void **state)
{
    static const struct {
        const char *name;
        uint32_t buffer, most, cwnd, limit;
        enum frame_pressure pressure;
    } cases[] = {
        {"a window that fits twice", 20000, 100000, 10000, 20000, FRAME_NORMAL},
        {"a wider one", 20000, 100000, 10001, 20002, FRAME_NORMAL},
        {"the most", 20000, 100000, 50001, 100000, FRAME_NORMAL},
        {"the widest of all", 20000, 1u << 30, TCP_CWND_MAX, 1u << 30, FRAME_NORMAL},
        {"not allowed to", 20000, 0, 50000, 20000, FRAME_NORMAL},
        {"allowed less than it has", 20000, 10000, 50000, 20000, FRAME_NORMAL},
        {"frames are short", 20000, 100000, 50000, 20000, FRAME_PRESSURE},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->settings.send_buffer = cases[i].buffer;
        f->settings.policy.send_buffer_max = cases[i].most;
        establish(f);
        conn_of(f)->cwnd = cases[i].cwnd;
        press(f, cases[i].pressure);
        assert_int_equal(tcp_send_limit(conn_of(f)), cases[i].limit);
        press(f, FRAME_NORMAL);
        f = start_over(state);
    }
}

/* Slow start doubles the window; what may be queued is always as much as follows it. */
static void a_writer_keeps_a_growing_window_full(void **state)
{
    struct tcp_fixture *f = *state;
    const struct tcp_conn *conn;
    uint32_t acked = 0;

    f->frames = 1024;
    f->settings.send_buffer = 4096;
    f->settings.policy.send_buffer_max = 1u << 20;
    f->peer->window = UINT16_MAX;
    (void)far_peer(state, true);
    conn = conn_of(f);
    while (conn->cwnd < 40 * MSS) {
        (void)app_sends(f, 1u << 20);
        forget_sent(f);
        assert_int_equal(tcp_conn_queued(conn), 2 * conn->cwnd);
        assert_true(tcp_pipe(conn) + MSS > conn->cwnd);
        acked += MSS;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + acked);
        forget_sent(f);
    }
    assert_int_equal(acked, 30 * MSS);
}

/* Text in small segments has a frame for each: a few such connections, of a peer that asked for
 * small ones and keeps its window closed, leave frames to others. */
static void frames_are_shared(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t data_max;

    f->frames = 2048;
    fixture_open(f);
    data_max = frame_pool_data_free(&f->pool);
    for (unsigned i = 0; i + 1 < PEERS; i++) {
        f->peer = &f->peers[i];
        f->peer->mss = TCP_MSS_MIN;
        f->peer->window = WINDOW_ZERO;
        establish(f);
        assert_true(app_sends(f, 1u << 19) > 0);
        assert_true(sendq_count(&conn_of(f)->flight->sendq) <= data_max / 4);
        assert_int_equal(app_sends(f, 1), TCP_ERR_AGAIN);
        assert_int_not_equal(frame_pool_pressure(&f->pool), FRAME_CRITICAL);
    }
    f->peer = &f->peers[PEERS - 1];
    establish(f);
    assert_int_equal(app_sends(f, 10 * MSS), 10 * MSS);
    forget_sent(f);
}

/* What a connection may have, by the level and by what it may queue. */
static void the_limit_of_frames(void **state)
{
    static const struct {
        const char *name;
        uint32_t buffer, records;
        enum frame_pressure pressure;
    } cases[] = {
        {"by the buffer: four times its bytes", 32 * 4096, 4 * 32 * 4096 / CHUNK, FRAME_NORMAL},
        {"the least", 2000, TCP_SENDQ_SHARE_MIN, FRAME_NORMAL},
        {"by what is left", 1u << 24, 0, FRAME_NORMAL},
        {"under pressure: a share", 1u << 24, 2048 / 64, FRAME_PRESSURE},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t records = cases[i].records;
        uint32_t free;

        print_message("  %s\n", cases[i].name);
        f->frames = 2048;
        f->settings.nodelay = true;
        f->settings.send_buffer = cases[i].buffer;
        f->peer->mss = TCP_MSS_MIN;
        f->peer->window = WINDOW_ZERO;
        establish(f);
        press(f, cases[i].pressure);
        (void)app_sends(f, 1u << 18);
        free = frame_pool_data_free(&f->pool);
        if (records == 0) { /* a quarter of what was left, until it is */
            records = free / 4;
        }
        assert_int_equal(sendq_count(&conn_of(f)->flight->sendq), records);
        press(f, FRAME_NORMAL);
        f = start_over(state);
    }
}

/* Slow readers together: each has an eighth of what is left until it is critical, so that it
 * takes many of them to come there. */
static void slow_readers_come_near_critical(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t left = 800;

    f->frames = 8192;
    f->settings.nodelay = true;
    f->peer->mss = TCP_MSS_MIN;
    f->peer->window = WINDOW_ZERO;
    establish(f);
    press(f, FRAME_PRESSURE);
    while (frame_pool_data_uncritical(&f->pool) > left) {
        assert_int_not_equal(frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER), FRAME_NONE);
    }
    (void)app_sends(f, 1u << 18);
    left -= sendq_count(&conn_of(f)->flight->sendq);
    assert_int_equal(frame_pool_data_uncritical(&f->pool), left);
    assert_in_range(sendq_count(&conn_of(f)->flight->sendq), left / 8, left / 8 + 1);
    press(f, FRAME_NORMAL);
}

static void passes_on(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    (void)tcp_send_slice(conn, slice, FRAME_WORKER);
}

/* What is sent on in place leaves the last eighth alone too, but for what an empty queue takes:
 * a worker without a data frame receives no more for anybody. */
static void slow_readers_that_are_echoed_leave_frames(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t before;

    f->echoes = true;
    f->app.data = passes_on;
    establish(f);
    press(f, FRAME_CRITICAL);
    before = frame_pool_data_free(&f->pool);
    for (uint32_t i = 0; i < 8; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS, .window = WINDOW_ZERO);
        forget_sent(f);
    }
    assert_int_equal(tcp_conn_queued(conn_of(f)), MSS);
    assert_int_equal(frame_pool_data_free(&f->pool), before - 1);
    assert_true(tcp_conn_has(conn_of(f), TCP_CONN_WANTS_WRITE));
    press(f, FRAME_NORMAL);
}

static bool retained_is_taken;

static void retains(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    struct slice kept;

    (void)f;
    assert_true(tcp_data_retain(conn, slice, &kept));
    if (tcp_send_slice(conn, &kept, FRAME_APP) == TCP_OK) {
        tcp_data_passed(conn, kept.length);
        retained_is_taken = true;
    }
}

/* A frame that the application holds is none more: taking it is what gives it back. */
static void what_is_retained_goes_even_then(void **state)
{
    struct tcp_fixture *f = *state;

    f->echoes = true;
    f->app.data = passes_on;
    establish(f);
    press(f, FRAME_CRITICAL);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS, .window = WINDOW_ZERO);
    f->app.data = retains;
    retained_is_taken = false;
    peer_sends(f, TCP_ACK, .seq = 1 + MSS, .ack = 1, .bytes = MSS, .window = WINDOW_ZERO);
    assert_true(retained_is_taken);
    forget_sent(f);
    press(f, FRAME_NORMAL);
}

/* Refused for its frames it is told when a third of them are free: its own ACKs bring that. */
static void a_writer_beyond_its_share_is_told(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t mss;

    f->frames = 2048;
    f->settings.send_buffer = 16 * CHUNK;
    f->peer->mss = TCP_MSS_MIN;
    establish(f);
    conn_of(f)->cwnd = 1u << 14;
    mss = conn_of(f)->snd.mss;
    (void)app_sends(f, 1u << 16);
    forget_sent(f);
    assert_int_equal(app_sends(f, 1), TCP_ERR_AGAIN);
    for (uint32_t acked = 1; f->peer->told.writable == 0; acked++) {
        assert_true(acked < 60);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + acked * mss);
        forget_sent(f);
    }
    assert_true(app_sends(f, 1) == 1);
    forget_sent(f);
}

/* Small segments, one for each turn: ten before the first ACK, then what gathered meanwhile.
 * Shows: RFC 5681 3.1a. */
static void the_first_window_counts_segments(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.nodelay = true;
    establish(f);
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(app_sends(f, 10), 10);
        if (i < 10) {
            expect(f, TCP_ACK, .seq = 1 + 10 * i, .ack = 1, .bytes = 10);
        }
        expect_silence(f);
    }
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    expect(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 400);
    for (uint32_t i = 0; i < 20; i++) {
        app_sends(f, 10);
        expect(f, TCP_ACK, .seq = 501 + 10 * i, .ack = 1, .bytes = 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(the_limit_follows_the_window),
        SCRIPT(a_writer_keeps_a_growing_window_full),
        SCRIPT(frames_are_shared),
        SCRIPT(the_limit_of_frames),
        SCRIPT(slow_readers_come_near_critical),
        SCRIPT(slow_readers_that_are_echoed_leave_frames),
        SCRIPT(what_is_retained_goes_even_then),
        SCRIPT(a_writer_beyond_its_share_is_told),
        SCRIPT(the_first_window_counts_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
