/*
 * Goal:   the last data frames of a worker are for connections whose application has kept little:
 *         those that have kept much are given no more, and do not keep others out.
 * Method: scripts over one stack with several peers that do not read, and an application that
 *         retains what it can't send back.
 */
#include "tests/unit/tcp_fixture.h"

#define HOGS (PEERS - 1)
#define DATA_FRAMES 400u

static struct kept {
    struct tcp_conn *conn;
    struct slice slice;
} kept[DATA_FRAMES];
static unsigned kept_count;

static void echo_or_retain(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    if (tcp_send_slice(conn, slice, FRAME_WORKER) == TCP_ERR_AGAIN) {
        assert_in_range(kept_count, 0, COUNT_OF(kept) - 1);
        assert_true(tcp_data_retain(conn, slice, &kept[kept_count].slice));
        kept[kept_count++].conn = conn;
    }
}

static void give_back_all(struct tcp_fixture *f)
{
    while (kept_count > 0) {
        kept_count--;
        tcp_data_release(kept[kept_count].conn, &kept[kept_count].slice);
    }
    turn(f);
    forget_sent(f);
}

/* The next segment of the peer's; whether it was taken. */
static bool sends_more(struct tcp_fixture *f, uint16_t bytes)
{
    uint32_t before = f->peer->told.data;

    peer_sends(f, TCP_ACK, .seq = 1 + before, .ack = 1, .bytes = bytes, .window = WINDOW_ZERO);
    forget_sent(f);
    return f->peer->told.data > before;
}

/* Peers that send and never read, one segment each in turn. */
static void fill_up(struct tcp_fixture *f)
{
    kept_count = 0;
    f->frames = DATA_FRAMES + 64 + 16; /* these are the floors of others */
    f->echoes = true;
    f->app.data = echo_or_retain;
    for (unsigned i = 0; i < HOGS; i++) {
        f->peer = &f->peers[i];
        establish(f);
    }
    for (unsigned round = 0; round < DATA_FRAMES; round++) {
        for (unsigned i = 0; i < HOGS; i++) {
            f->peer = &f->peers[i];
            (void)sends_more(f, MSS);
        }
    }
}

static void who_keeps_much_leaves_the_last_frames(void **state)
{
    struct tcp_fixture *f = *state;

    fill_up(f);
    assert_int_equal(frame_pool_pressure(&f->pool), FRAME_CRITICAL);
    assert_true(frame_pool_data_free(&f->pool) > DATA_FRAMES / 16);
    f->peer = &f->peers[HOGS];
    establish(f);
    assert_true(sends_more(f, MSS)); /* as much as a window is at such a time */
    assert_true(sends_more(f, MSS));
    f->peer = &f->peers[0];
    assert_false(sends_more(f, MSS));
    give_back_all(f);
    assert_true(sends_more(f, MSS)); /* it comes again, and nothing was lost */
    give_back_all(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(who_keeps_much_leaves_the_last_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
