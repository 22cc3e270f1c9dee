/*
 * Goal:   the send buffer follows the congestion window up to what the policy allows, while
 *         frames are not short, so that a writer keeps a window full; else it is what was set.
 * Method: windows as a table, and one script in which a writer fills a window that grows.
 */
#include "tcp/recovery.h"
#include "tests/unit/recovery_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(the_limit_follows_the_window),
        SCRIPT(a_writer_keeps_a_growing_window_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
