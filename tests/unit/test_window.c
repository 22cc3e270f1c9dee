/*
 * Goal:   the window keeps what it promised, counts every promise, moves in steps
 *         worth a segment, and closes when nobody reads, whatever its scale.
 * Method: tables for the first window, the scale and the levels of pressure; then a
 *         receiver whose peer notes each edge that it was told, with random arrivals
 *         and reads, across 2^32.
 */
#include "tcp/window.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"
#include "tcp/seq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/conn_fixture.h"

#define MSS 1448u

static uint8_t scale_of(uint32_t buffer, uint32_t most)
{
    struct tcp_settings settings = {.receive_buffer = buffer,
                                    .policy = {.receive_buffer_max = most}};

    return tcp_window_scale(&settings);
}

/* Shows: RFC 9293 REC-1. */
static void the_smallest_scale_that_tells_it(void **state)
{
    static const struct {
        uint32_t buffer, most;
        uint8_t scale;
    } cases[] = {
        {0, 0, 0},
        {4096, 0, 0},
        {65535, 0, 0},
        {65536, 0, 1},
        {131071, 0, 1},
        {131072, 0, 2},
        {262144, 0, 3},
        {262144, 4096, 3},
        {4096, 262144, 3},
        {4096, 1u << 30, 8}, /* a unit is at most a sixteenth */
        {65536, 1u << 30, 12},
        {262144, 1u << 30, 14},
        {0, 1u << 30, 0},
        {262144, 6u << 20, 7},
        {1u << 20, 0, 5},
        {65535u << 13, 0, 13},
        {(65535u << 13) + 8191, 0, 13},
        {1u << 29, 0, 14},
        {65535u << 14, 0, 14},
        {1u << 30, 1u << 30, 14},
        {UINT32_MAX, 0, 14},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        if (scale_of(cases[i].buffer, cases[i].most) != cases[i].scale) {
            fail_msg("%u, %u: %u", cases[i].buffer, cases[i].most,
                     scale_of(cases[i].buffer, cases[i].most));
        }
    }
}

static void the_first_window(void **state)
{
    static const struct {
        const char *name;
        enum frame_pressure pressure;
        int64_t promised; /* beyond the limit */
        uint32_t buffer;
        uint32_t window;
    } cases[] = {
        {"what a SYN can say", FRAME_NORMAL, -1, 1u << 20, UINT16_MAX},
        {"a small buffer", FRAME_NORMAL, -1, 4096, 4096},
        {"promises at their limit", FRAME_NORMAL, 0, 1u << 20, UINT16_MAX},
        {"promises beyond it", FRAME_NORMAL, 1, 1u << 20, 2 * MSS},
        {"promises beyond it, a small buffer", FRAME_NORMAL, 1, 2000, 2000},
        {"pressure", FRAME_PRESSURE, -1, 1u << 20, 2 * MSS},
        {"critical", FRAME_CRITICAL, -1, 1u << 20, 2 * MSS},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct conn_fixture f;
        uint32_t frames[FIXTURE_FRAMES];
        uint64_t before;
        uint32_t window;
        unsigned count;

        conn_open(&f);
        before = f.tcp.promised_bytes;
        f.tcp.promised_bytes = (uint64_t)((int64_t)f.tcp.promise_limit + cases[i].promised);
        count = conn_press(&f, cases[i].pressure, frames);
        window = tcp_window_initial(&f.tcp, cases[i].buffer, MSS);
        if (window != cases[i].window) {
            fail_msg("%s: %u", cases[i].name, window);
        }
        f.tcp.promised_bytes = before;
        conn_relieve(&f, frames, count);
        conn_close(&f);
    }
}

/* A receiver, and what its peer knows. */
struct receiver {
    struct conn_fixture f;
    struct tcp_conn *conn;
    uint32_t told; /* the right edge of the last ACK */
};

/* The peer reads a field as it stands on the wire. What was told will be taken, and
 * what was not is not promised, but for the rounding. */
static uint32_t tell(struct receiver *r)
{
    uint32_t unit = 1u << r->conn->rcv.wscale;
    uint32_t window = (uint32_t)tcp_window_field(r->conn) << r->conn->rcv.wscale;

    r->told = r->conn->rcv.nxt + window;
    assert_true(r->conn->rcv.edge - r->told < unit);
    assert_int_equal(r->f.tcp.promised_bytes, tcp_window(r->conn));
    return window;
}

/* After a handshake: the first window was told with the SYN. */
static void open_receiver(struct receiver *r, uint32_t buffer, bool scaled, uint32_t nxt)
{
    struct tcp_conn *conn;

    conn_open(&r->f);
    conn = conn_make(&r->f, 1000);
    r->conn = conn;
    conn->rcv.buffer = buffer;
    conn->rcv.wscale = scaled ? scale_of(buffer, 0) : 0;
    conn->rcv.nxt = nxt;
    conn->rcv.edge = nxt + tcp_window_initial(&r->f.tcp, buffer, MSS);
    r->f.tcp.promised_bytes = tcp_window(conn);
    assert_int_equal(tcp_window_field_of_syn(conn), min_u32(buffer, UINT16_MAX));
    r->told = conn->rcv.edge;
}

static void close_receiver(struct receiver *r)
{
    conn_unmake(&r->f, r->conn);
    conn_close(&r->f);
}

/* So many bytes arrive, and wait for the application. */
static void arrive(struct receiver *r, uint32_t bytes)
{
    assert_true(seq_le(r->conn->rcv.nxt + bytes, r->told));
    tcp_window_keep(r->conn, bytes);
    r->conn->rcv.held += bytes;
    assert_int_equal(r->f.tcp.promised_bytes, tcp_window(r->conn));
}

/* The application has read so many. True when the peer is to hear of it. */
static bool read_bytes(struct receiver *r, uint32_t bytes)
{
    r->conn->rcv.held -= bytes;
    r->conn->flags &= ~(uint32_t)TCP_CONN_ACK_NOW;
    tcp_window_freed(r->conn);
    return tcp_conn_has(r->conn, TCP_CONN_ACK_NOW);
}

/* The SYN says at most 65535; the scaled window follows.
 * Shows: RFC 7323 2.2d; RFC 9293 REC-1. */
static void the_second_window_is_scaled(void **state)
{
    static const struct {
        const char *name;
        uint32_t buffer;
        bool scaled;
        uint32_t window;
    } cases[] = {
        {"small", 4096, true, 4096},
        {"without scale", 65535, false, 65535},
        {"more than can be said without scale", 1u << 20, false, 65535},
        {"scaled by one", 65536, true, 65536},
        {"rounded up to a unit", 262145, true, 262152},
        {"a gigabyte: what can be said", 1u << 30, true, 65535u << 14},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct receiver r;

        open_receiver(&r, cases[i].buffer, cases[i].scaled, UINT32_MAX - 3000);
        if (tell(&r) != cases[i].window) {
            fail_msg("%s: %u", cases[i].name, r.told - r.conn->rcv.nxt);
        }
        close_receiver(&r);
    }
}

/* RFC 9293 section 3.8.6.2.2: a window that was closed opens by a segment, or half
 * the buffer where that is less, not by what a slow reader takes.
 * Shows: RFC 9293 MUST-39. */
static void no_silly_window(void **state)
{
    static const struct {
        const char *name;
        uint32_t buffer;
        uint32_t step;
    } cases[] = {
        {"a segment", 65535, MSS}, {"half a small buffer", 2000, 1000}, {"scaled", 1u << 20, MSS}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct receiver r;
        uint32_t window;

        open_receiver(&r, cases[i].buffer, true, UINT32_MAX - 3000);
        while ((window = tell(&r)) > 0) {
            arrive(&r, window);
        }
        assert_true(r.conn->rcv.held >= cases[i].buffer);
        assert_false(read_bytes(&r, r.conn->rcv.held - cases[i].buffer)); /* what was rounded up */
        for (uint32_t byte = 1; byte < cases[i].step; byte++) {
            if (read_bytes(&r, 1)) {
                fail_msg("%s: opened after %u", cases[i].name, byte);
            }
            assert_int_equal(tell(&r), 0);
        }
        assert_true(read_bytes(&r, 1));
        assert_true(list_link_is_on(&r.conn->output_link));
        assert_true(tell(&r) >= cases[i].step);
        close_receiver(&r);
    }
}

/* Each read by itself would cost a segment: who has half of the window is told with the next. */
static void a_peer_with_half_the_window_is_told_later(void **state)
{
    struct receiver r;

    (void)state;
    open_receiver(&r, 65535, false, 7);
    (void)tell(&r);
    arrive(&r, 3 * MSS);
    assert_false(read_bytes(&r, 3 * MSS));
    assert_int_equal(tell(&r), 65535);
    arrive(&r, 32768);
    assert_true(read_bytes(&r, 32768));
    close_receiver(&r);
}

/* With text no longer expected, nobody wants to know of the window. */
static void no_update_after_the_fin(void **state)
{
    struct receiver r;

    (void)state;
    open_receiver(&r, 65535, true, 7);
    while (tell(&r) > 0) {
        arrive(&r, tell(&r));
    }
    r.conn->state = TCP_CLOSE_WAIT;
    assert_false(read_bytes(&r, 60000));
    r.conn->state = TCP_FIN_WAIT_2;
    assert_true(read_bytes(&r, 5000));
    close_receiver(&r);
}

/* Nobody reads, and each segment is acknowledged by itself. The edge may not go on
 * in front of segments that are shorter than a unit of the window (RFC 7323 section
 * 2.4): the buffer would have no end.
 * Shows: RFC 9293 MAY-8. */
static void a_window_that_nobody_reads_closes(void **state)
{
    static const struct {
        const char *name;
        uint32_t buffer;
        uint32_t segment;
    } cases[] = {
        {"full segments", 262144, MSS},
        {"crumbs, no scale", 65535, 1},
        {"crumbs", 131072, 1},
        {"odd ones", 262144, 13},
        {"a unit larger than a segment", 64u << 20, MSS},
        {"the largest", 1u << 30, MSS},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t most = cases[i].buffer + cases[i].buffer / 8;
        struct receiver r;
        uint32_t window;

        open_receiver(&r, cases[i].buffer, true, UINT32_MAX - 3000);
        while ((window = tell(&r)) > 0) {
            arrive(&r, min_u32(window, cases[i].segment));
            if (r.conn->rcv.held > most) {
                fail_msg("%s: %u bytes wait", cases[i].name, r.conn->rcv.held);
            }
        }
        /* It opens again, and what was promised all the while is still taken. */
        assert_true(read_bytes(&r, r.conn->rcv.held));
        assert_true(tell(&r) >= min_u32(cases[i].buffer, UINT16_MAX));
        close_receiver(&r);
    }
}

/* Shows: RFC 9293 SHLD-14. */
static void pressure_holds_the_window(void **state)
{
    static const struct {
        const char *name;
        enum frame_pressure pressure;
        uint32_t window; /* before */
        uint32_t held;
        uint32_t flags;
        uint32_t after;
        bool squeezed;
    } cases[] = {
        {"normal, wide", FRAME_NORMAL, 60000, 0, 0, 65535, false},
        {"normal, closed", FRAME_NORMAL, 0, 0, 0, 65535, false},
        {"normal, part of it read", FRAME_NORMAL, 0, 40000, 0, 25535, false},
        {"normal, less than a step", FRAME_NORMAL, 65000, 0, 0, 65000, false},
        {"pressure, wide: no growth", FRAME_PRESSURE, 30000, 0, 0, 30000, false},
        {"pressure, closed: what still moves", FRAME_PRESSURE, 0, 0, 0, MSS, true},
        {"pressure, narrow: not by less than a step", FRAME_PRESSURE, 100, 0, 0, 100, true},
        {"pressure, full", FRAME_PRESSURE, 0, 65535, 0, 0, true},
        {"critical, wide", FRAME_CRITICAL, 30000, 0, 0, 30000, false},
        {"critical, all read: a segment", FRAME_CRITICAL, 0, 0, 0, MSS, true},
        {"critical, unread", FRAME_CRITICAL, 0, 1, 0, 0, true},
        {"critical, paused", FRAME_CRITICAL, 0, 0, TCP_CONN_PAUSED, 0, true},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct receiver r;
        uint32_t frames[FIXTURE_FRAMES];
        unsigned count;

        open_receiver(&r, 65535, true, UINT32_MAX - 3000);
        r.conn->flags |= cases[i].flags;
        r.conn->rcv.edge = r.conn->rcv.nxt + cases[i].window;
        r.conn->rcv.held = cases[i].held;
        r.f.tcp.promised_bytes = cases[i].window;
        count = conn_press(&r.f, cases[i].pressure, frames);
        tcp_window_open(r.conn);
        if (tcp_window(r.conn) != cases[i].after) {
            fail_msg("%s: %u", cases[i].name, tcp_window(r.conn));
        }
        assert_int_equal(r.f.tcp.promised_bytes, cases[i].after);
        assert_int_equal(tcp_conn_has(r.conn, TCP_CONN_SQUEEZED), cases[i].squeezed);
        assert_int_equal(r.conn->ack_ns,
                         cases[i].squeezed ? r.f.net.now_ns + TCP_SQUEEZE_RECHECK_NS : UINT64_MAX);
        assert_int_equal(wheel_is_armed(&r.conn->timer), cases[i].squeezed);
        conn_relieve(&r.f, frames, count);
        tcp_window_open(r.conn); /* frames are back */
        assert_false(tcp_conn_has(r.conn, TCP_CONN_SQUEEZED));
        close_receiver(&r);
    }
}

/* RCV.NXT steps over a FIN that stands on the edge, or beyond it by one. */
static void keeping_a_promise(void **state)
{
    static const struct {
        const char *name;
        uint32_t window;
        uint32_t bytes;
        uint32_t after;
    } cases[] = {{"part", 1000, 400, 600},
                 {"all", 1000, 1000, 0},
                 {"a FIN on the edge", 0, 1, 0},
                 {"nothing", 1000, 0, 1000}};
    static const uint32_t starts[] = {0, UINT32_MAX, UINT32_MAX - 399, UINT32_MAX - 999};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases) * COUNT_OF(starts); i++) {
        unsigned row = i % COUNT_OF(cases);
        uint32_t nxt = starts[i / COUNT_OF(cases)];
        struct tcp tcp = {.promised_bytes = 5000 + cases[row].window};
        struct tcp_conn conn = {.tcp = &tcp, .rcv = {.nxt = nxt, .edge = nxt + cases[row].window}};

        tcp_window_keep(&conn, cases[row].bytes);
        if (tcp_window(&conn) != cases[row].after) {
            fail_msg("%s: %u", cases[row].name, tcp_window(&conn));
        }
        assert_int_equal(conn.rcv.nxt, nxt + cases[row].bytes);
        assert_int_equal(tcp.promised_bytes, 5000 + cases[row].after);
        tcp_window_forget(&conn);
        assert_int_equal(tcp.promised_bytes, 5000);
        assert_int_equal(tcp_window(&conn), 0);
    }
}

/* Any order of arrivals, reads, ACKs and pressure. The edge that was told moves left
 * never while the buffer has room for the rounding, and by less than a unit then. */
static void any_order(uint32_t buffer, uint64_t seed)
{
    struct receiver r;
    struct random random;
    uint32_t frames[FIXTURE_FRAMES];
    unsigned pressed = 0;
    unsigned updates = 0;

    random_init(&random, seed);
    open_receiver(&r, buffer, true, UINT32_MAX - 2 * buffer);
    for (unsigned i = 0; i < 20000; i++) {
        struct tcp_conn *conn = r.conn;
        uint32_t unit = 1u << conn->rcv.wscale;
        uint32_t window = r.told - conn->rcv.nxt;
        uint32_t edge = conn->rcv.edge;
        uint32_t told = r.told;

        switch (random_below(&random, 4)) {
        case 0:
            arrive(&r, (uint32_t)random_below(&random, min_u32(window, 3 * MSS) + 1));
            break;
        case 1:
            updates += read_bytes(&r, (uint32_t)random_below(&random, conn->rcv.held + 1));
            break;
        case 2:
            (void)tell(&r);
            break;
        default:
            if (random_chance(&random, 20000)) {
                conn_relieve(&r.f, frames, pressed);
                pressed = conn_press(
                    &r.f, (enum frame_pressure)random_below(&random, FRAME_PRESSURE_COUNT), frames);
            }
            break;
        }
        assert_true(seq_ge(conn->rcv.edge, edge));
        assert_true(seq_gt(r.told + unit, told));
        if (conn->rcv.held + tcp_window(conn) < buffer) {
            assert_true(seq_ge(r.told, told));
        }
        assert_true(conn->rcv.held + tcp_window(conn) <= buffer + buffer / 8);
    }
    assert_int_not_equal(updates, 0);
    conn_relieve(&r.f, frames, pressed);
    close_receiver(&r);
}

/* Shows: RFC 9293 SHLD-14; RFC 7323 2.4b. */
static void a_peer_that_notes_each_edge(void **state)
{
    static const uint32_t buffers[] = {4096, 65535, 65536, 262144, 300001, 8u << 20, 200u << 20};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(buffers); i++) {
        any_order(buffers[i], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_scale_that_tells_it),
        cmocka_unit_test(the_first_window),
        cmocka_unit_test(the_second_window_is_scaled),
        cmocka_unit_test(no_silly_window),
        cmocka_unit_test(a_peer_with_half_the_window_is_told_later),
        cmocka_unit_test(no_update_after_the_fin),
        cmocka_unit_test(a_window_that_nobody_reads_closes),
        cmocka_unit_test(pressure_holds_the_window),
        cmocka_unit_test(keeping_a_promise),
        cmocka_unit_test(a_peer_that_notes_each_edge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
