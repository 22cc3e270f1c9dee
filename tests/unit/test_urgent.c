/*
 * Goal:   urgent data is a mark in the stream, both ways (tcp/urgent.h; RFC 9293 section 3.8.5,
 *         RFC 6093): who is told when, how much is left, and what the pointer says.
 * Method: scripts over one stack; marks and turns as tables.
 */
#include "tests/unit/tcp_fixture.h"

#include "tcp/urgent.h"
#include "tests/unit/tcp_fixture_port.h"

static void peer_points(struct tcp_fixture *f, uint32_t seq, uint32_t bytes, uint16_t urgent)
{
    peer_sends(f, TCP_ACK | TCP_URG, .seq = seq, .ack = 1, .bytes = bytes, .urgent = urgent);
    forget_sent(f);
}

/* Told when there is a mark, and when it moves on; not for the same one again.
 * Shows: RFC 9293 MUST-30, MUST-32, MUST-33, MUST-62; RFC 6093 2.1a, 2.1b, 2.3a, 4a. */
static void a_mark_is_told(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq;
        uint32_t bytes;
        uint16_t urgent;
        unsigned told;
        uint32_t left; /* afterwards: what came was read at once */
    } cases[] = {
        {"behind bytes to come", 1, 10, 30, 1, 20},
        {"the same mark", 11, 10, 20, 1, 10},
        {"an older one", 21, 2, 3, 1, 8},
        {"moved on", 23, 1, 100, 2, 99},
        {"by an ACK alone", 24, 0, 200, 3, 200},
        {"reached", 24, 200, 200, 3, 0},
        {"behind the byte that it comes with", 224, 1, 1, 4, 0},
        {"of nothing", 225, 10, 0, 4, 0},
    };
    struct tcp_fixture *f = *state;

    establish(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        peer_points(f, cases[i].seq, cases[i].bytes, cases[i].urgent);
        assert_int_equal(f->peer->told.urgent, cases[i].told);
        assert_int_equal(tcp_urgent_left(conn_of(f)), cases[i].left);
    }
    assert_int_equal(f->peer->told.data, 234); /* every byte stayed in the stream */
}

static uint32_t left_inside;

static void look_inside(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    (void)slice;
    left_inside = tcp_urgent_left(conn);
}

static void look_when_told(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    left_inside = tcp_urgent_left(conn);
}

/* The news comes before the bytes that it came with; inside on_data they count as read.
 * Shows: RFC 6093 2.1b. */
static void what_is_left_counts_from_the_reader(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    f->app.urgent = look_when_told;
    peer_points(f, 1, 10, 15);
    assert_int_equal(left_inside, 15);
    f->app.urgent = NULL;
    f->app.data = look_inside;
    peer_sends(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 2);
    forget_sent(f);
    assert_int_equal(left_inside, 3);
}

/* Told at once, though nothing is delivered; what waits counts.
 * Shows: RFC 9293 MUST-32. */
static void a_reader_that_pauses_is_told(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_pauses(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    peer_points(f, 101, 50, 20);
    assert_int_equal(f->peer->told.urgent, 1);
    assert_int_equal(f->peer->told.data, 0);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 120);
    app_resumes(f);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 0);
}

/* Out of order the pointer is as good, and so is that of a segment that came in part before.
 * Shows: RFC 6093 4a. */
static void the_pointer_goes_with_the_segment(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_points(f, 101, 100, 100);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 200);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    forget_sent(f);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 0);
    peer_points(f, 101, 150, 250); /* 100 of them are old */
    assert_int_equal(f->peer->told.urgent, 2);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 100);
    peer_points(f, 201, 60, 40); /* and here what it points at, too */
    assert_int_equal(f->peer->told.urgent, 2);
    peer_points(f, 261, 90, 90);
    app_pauses(f);
    peer_points(f, 351, 100, 30);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 30);
    peer_points(f, 401, 100, 10); /* at what is here, and waits to be read */
    assert_int_equal(tcp_urgent_left(conn_of(f)), 60);
    peer_points(f, 391, 120, 5); /* at less */
    assert_int_equal(tcp_urgent_left(conn_of(f)), 60);
}

/* Shows: RFC 9293 MUST-66. */
static void a_full_receiver_is_told(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = 4096;
    establish(f);
    app_pauses(f);
    for (uint32_t seq = 1; seq < 1 + 4096; seq += 512) {
        peer_sends(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 512);
        forget_sent(f);
    }
    peer_points(f, 1 + 4096, 0, 7);
    assert_int_equal(f->peer->told.urgent, 1);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 4096 + 7);
}

/* The mark lies behind the end of the stream: nothing is left that could be read. */
static void a_mark_behind_the_end(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_pauses(f);
    peer_sends(f, TCP_ACK | TCP_URG | TCP_FIN, .seq = 1, .ack = 1, .bytes = 10, .urgent = 500);
    forget_sent(f);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 10);
    app_resumes(f);
    assert_int_equal(tcp_urgent_left(conn_of(f)), 0);
    assert_int_equal(f->peer->told.eof, 1);
}

static void abort_inside(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
}

static void an_abort_inside(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    f->app.urgent = abort_inside;
    peer_sends(f, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .bytes = 10, .urgent = 500);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.data, 0);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);
}

static int32_t app_sends_urgent(struct tcp_fixture *f, uint32_t bytes)
{
    struct told *told = &f->peer->told;
    uint8_t data[3000];
    int32_t taken;

    for (uint32_t i = 0; i < bytes; i++) {
        data[i] = fixture_byte(true, 1 + told->queued + i);
    }
    taken = tcp_send_urgent(conn_of(f), data, bytes);
    told->queued += taken > 0 ? (uint32_t)taken : 0;
    turn(f);
    return taken;
}

/* Of one byte, the octet behind it; what was queued before it is pointed from, too.
 * Shows: RFC 9293 MUST-30, MUST-62; RFC 6093 2.2a, 4a, 5b. */
static void the_pointer_is_behind_the_last_byte(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(app_sends_urgent(f, 1), 1);
    expect(f, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .bytes = 1, .urgent = 1);
    assert_int_equal(app_sends_urgent(f, 2500), 2500);
    expect(f, TCP_ACK | TCP_URG, .seq = 2, .ack = 1, .bytes = MSS, .urgent = 2500);
    expect(f, TCP_ACK | TCP_URG, .seq = 1002, .ack = 1, .bytes = MSS, .urgent = 1500);
    expect(f, TCP_ACK | TCP_URG, .seq = 2002, .ack = 1, .bytes = 500, .urgent = 500);
    app_sends(f, 10); /* behind the mark, and held by Nagle no more than it was */
    expect(f, TCP_ACK, .seq = 2502, .ack = 1, .bytes = 10);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2512);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 2512, .ack = 1, .bytes = 10);
}

/* What is sent again points as it did. */
static void a_retransmission_points(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.sack = false;
    establish(f);
    app_sends_urgent(f, 100);
    expect(f, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .bytes = 100, .urgent = 100);
    expect_after(f, conn_of(f)->rtt.rto_ns, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .bytes = 100,
                 .urgent = 100);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 5); /* and an ACK does no more */
    expect(f, TCP_ACK, .seq = 101, .ack = 6);
}

/* Farther than the field reaches: as far as it does, and on with each segment.
 * Shows: RFC 9293 MUST-31; RFC 6093 2.3a. */
static void a_run_longer_than_the_field(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = 1;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    while (f->peer->told.queued < 70000) {
        assert_true(app_sends_urgent(f, 2000) == 2000);
        forget_sent(f); /* ACKs that tell a closed window of it */
    }
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    for (; seq < 1 + 10 * MSS; seq += MSS) {
        uint32_t ahead = 70001 - seq;

        expect(f, TCP_ACK | TCP_URG, .seq = seq, .ack = 1, .bytes = MSS,
               .urgent = (uint16_t)min_u32(ahead, UINT16_MAX));
    }
    app_aborts(f);
    forget_sent(f);
}

/* The news does not wait for the window. */
static void a_closed_window_hears_of_it(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .window = WINDOW_ZERO);
    app_sends_urgent(f, 100);
    expect(f, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .urgent = 100);
}

/* It is not held back for want of a full segment. */
static void nagle_does_not_hold_it(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    app_sends(f, 10);
    expect_silence(f);
    app_sends_urgent(f, 10);
    expect(f, TCP_ACK | TCP_URG, .seq = 11, .ack = 1, .bytes = 20, .urgent = 20);
}

/* Queued before the handshake: the SYN says nothing of it. */
static void before_the_handshake(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    assert_int_equal(app_sends_urgent(f, 5), 5);
    expect_after(f, SECONDS(1), TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .bytes = 5, .urgent = 5);
}

static void what_is_refused_marks_nothing(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    (void)app_shuts_down(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(app_sends_urgent(f, 1), TCP_ERR_STATE);
    expect_silence(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_mark_is_told),
        SCRIPT(what_is_left_counts_from_the_reader),
        SCRIPT(a_reader_that_pauses_is_told),
        SCRIPT(the_pointer_goes_with_the_segment),
        SCRIPT(a_full_receiver_is_told),
        SCRIPT(a_mark_behind_the_end),
        SCRIPT(an_abort_inside),
        SCRIPT(the_pointer_is_behind_the_last_byte),
        SCRIPT(a_retransmission_points),
        SCRIPT(a_run_longer_than_the_field),
        SCRIPT(a_closed_window_hears_of_it),
        SCRIPT(nagle_does_not_hold_it),
        SCRIPT(before_the_handshake),
        SCRIPT(what_is_refused_marks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
