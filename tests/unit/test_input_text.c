/*
 * Goal:   the seventh and eighth step of segment arrival (RFC 9293 section
 *         3.10.7.4): text in order and out of order, what is not taken for want of
 *         frames, and FIN in each state.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

/* Shows: RFC 9293 SHLD-31, MAY-13; RFC 2018 3a, 4a, 4c; RFC 2883 4a, 4c; RFC 2525 2.5. */
static void out_of_order_text_is_reported_by_sack(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    peer_sends(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{3001, 4001}, {1001, 2001}});
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS); /* RFC 2883 */
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}, {1001, 2001}, {3001, 4001}});
    assert_int_equal(f->tcp.counters.duplicates, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 2001, .sack = {{3001, 4001}});
    assert_int_equal(f->peer->told.data, 2000);
    peer_sends(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 4001);
    assert_int_equal(f->peer->told.data, 4000);
}

/* RFC 2883 section 4: also those that come in one burst.
 * Shows: RFC 2883 4a, 4b. */
static void each_duplicate_has_its_report(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001);
    peer_sends(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .sack = {{3001, 4001}});
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    peer_queues(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    peer_queues(f, TCP_ACK, .seq = 501, .ack = 1, .bytes = 10);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .sack = {{1, 1001}, {3001, 4001}});
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .sack = {{3001, 4001}, {3001, 4001}});
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .sack = {{501, 511}, {3001, 4001}});
}

/* Blocks have no place in data segments, so an ACK goes before them. */
static void a_report_goes_before_data(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_queues(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    assert_int_equal(tcp_send(conn_of(f), "\x9e", 1), 1); /* fixture_byte(true, 1) */
    f->peer->told.queued = 1;
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 1);
}

/* RFC 5681 section 4.2: such a peer counts ACKs, so a burst gets one for each.
 * Shows: RFC 5681 3.2a, 4.2d. */
static void without_sack_each_segment_out_of_order_is_answered(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->sack = false;
    establish(f);
    for (uint32_t i = 1; i < 4; i++) {
        peer_queues(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
    }
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 4001);
}

/* Not supported yet: the bytes stay in line, the pointer says nothing. */
static void urgent_data_stays_in_line(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK | TCP_URG, .seq = 1, .ack = 1, .bytes = 10, .urgent = 5);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    peer_sends(f, TCP_ACK | TCP_URG, .seq = 11, .ack = 1, .urgent = 65535);
    expect_silence(f);
    assert_int_equal(f->peer->told.data, 10);
}

/* Shows: RFC 9293 MAY-8. */
static void paused_text_waits_and_closes_the_window(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.receive_buffer = 4096;
    establish(f);
    app_pauses(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .window = 3096);
    peer_sends(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .sack = {{2001, 3001}}, .window = 3096);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1001, .ack = 1, .bytes = 500);
    expect(f, TCP_ACK, .seq = 1, .ack = 1502); /* nothing lies beyond it */
    assert_int_equal(f->peer->told.data, 0);
    assert_int_equal(f->peer->told.eof, 0);
    app_resumes(f);
    assert_int_equal(f->peer->told.data, 1500);
    assert_int_equal(f->peer->told.eof, 1);
    expect_silence(f);
}

static void pause_inside(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    (void)slice;
    tcp_pause(conn);
}

/* What waited behind a hole goes to the queue when the application pauses. */
static void a_pause_inside_data_holds_what_was_reassembled(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    f->app.data = pause_inside;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 2002);
    assert_int_equal(f->peer->told.data, MSS);
    expect_state(f, TCP_CLOSE_WAIT);
    f->app.data = NULL;
    app_resumes(f);
    assert_int_equal(f->peer->told.data, 2 * MSS);
    assert_int_equal(f->peer->told.eof, 1);
}

static void resume_inside(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    (void)slice;
    tcp_pause(conn);
    tcp_resume(conn);
}

/* The order is the stream's, whatever the application calls inside. */
static void a_resume_inside_data_delivers_nothing_twice(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_pauses(f);
    for (uint32_t i = 0; i < 3; i++) {
        peer_sends(f, TCP_ACK, .seq = 1 + i * MSS, .ack = 1, .bytes = MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + (i + 1) * MSS);
    }
    f->app.data = resume_inside;
    app_resumes(f);
    assert_int_equal(f->peer->told.data, 3 * MSS);
    forget_sent(f);
}

static void abort_inside(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    (void)f;
    (void)slice;
    tcp_abort(conn);
}

static void close_inside(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_close(conn);
}

static void an_abort_inside_data_takes_nothing_more(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    f->app.data = abort_inside;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1001);
    assert_int_equal(f->peer->told.data, MSS);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);
}

/* RFC 2525 section 2.17, RFC 9293 SHLD-3.
 * Shows: RFC 9293 SHLD-3; RFC 2525 2.16. */
static void text_after_close_is_reset(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_closes(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 2, .bytes = 10);
    expect(f, TCP_RST | TCP_ACK, .seq = 2, .ack = 1);
    expect_state(f, TCP_CLOSED);
    assert_int_equal(f->peer->told.reason, TCP_REASON_UNREAD);
}

/* Shows: RFC 9293 3.10.7.4h. */
static void a_fin_waits_for_the_text_before_it(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 501, .ack = 1, .bytes = 500);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{501, 1001}});
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1001, .ack = 1); /* alone */
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{501, 1001}});
    expect_state(f, TCP_ESTABLISHED);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 500);
    expect(f, TCP_ACK, .seq = 1, .ack = 1002);
    expect_state(f, TCP_CLOSE_WAIT);
    assert_int_equal(f->peer->told.data, 1000);
    assert_int_equal(f->peer->told.eof, 1);
    peer_sends(f, TCP_ACK, .seq = 1002, .ack = 1, .bytes = 10); /* behind the end */
    assert_int_equal(f->peer->told.data, 1000);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1001, .ack = 1); /* once more */
    expect(f, TCP_ACK, .seq = 1, .ack = 1002, .sack = {{1001, 1002}});
    expect_state(f, TCP_CLOSE_WAIT);
}

/* Figure 5, and that a repeated FIN is answered in each state.
 * Shows: RFC 9293 3.10.7.4h. */
static void fin_in_each_state(void **state)
{
    static const struct {
        const char *name;
        bool shut_down;
        bool acked;   /* our FIN is, before theirs */
        uint32_t ack; /* of their FIN */
        enum tcp_state then;
    } cases[] = {
        {"ESTABLISHED", false, false, 1, TCP_CLOSE_WAIT},
        {"FIN-WAIT-1", true, false, 1, TCP_CLOSING},
        {"FIN-WAIT-1, with the ACK of ours", true, false, 2, TCP_TIME_WAIT},
        {"FIN-WAIT-2", true, true, 2, TCP_TIME_WAIT},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t seq = cases[i].shut_down ? 2 : 1;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        if (cases[i].shut_down) {
            app_shuts_down(f);
            expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
        }
        if (cases[i].acked) {
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 2);
            expect_state(f, TCP_FIN_WAIT_2);
        }
        peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = cases[i].ack);
        expect(f, TCP_ACK, .seq = seq, .ack = 2);
        expect_state(f, cases[i].then);
        assert_int_equal(f->peer->told.eof, 1);
        peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = cases[i].ack);
        if (cases[i].then == TCP_TIME_WAIT) {
            expect(f, TCP_ACK, .seq = seq, .ack = 2);
        } else {
            expect(f, TCP_ACK, .seq = seq, .ack = 2, .sack = {{1, 2}});
        }
        expect_state(f, cases[i].then);
    }
}

static void close_inside_eof(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.eof = close_inside;
    establish(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2);
    expect_state(f, TCP_LAST_ACK);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 2);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
}

/* Both sides are done, the application has not read all: it still gets it, and no
 * RST takes it away. */
static struct tcp_fixture *drain(void **state, bool text)
{
    struct tcp_fixture *f = *state;
    uint32_t bytes = text ? 100 : 0;

    establish(f);
    app_pauses(f);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = bytes);
    expect(f, TCP_ACK, .seq = 1, .ack = 2 + bytes);
    app_shuts_down(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 2 + bytes);
    peer_sends(f, TCP_ACK, .seq = 2 + bytes, .ack = 2);
    peer_sends(f, TCP_RST, .seq = 2 + bytes);
    expect_silence(f);
    assert_int_equal(f->peer->told.close, 0);
    return f;
}

/* Shows: RFC 9293 3.6b. */
static void what_arrived_outlives_both_sides(void **state)
{
    struct tcp_fixture *f = drain(state, true);

    app_resumes(f);
    assert_int_equal(f->peer->told.data, 100);
    assert_int_equal(f->peer->told.eof, 1);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
}

static void an_end_that_was_not_told_outlives_both_sides(void **state)
{
    struct tcp_fixture *f = drain(state, false);

    app_closes(f);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_DONE);
}

static void simultaneous_close_waits_for_the_reader(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_pauses(f);
    app_shuts_down(f);
    expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 2, .ack = 102);
    peer_sends(f, TCP_ACK, .seq = 102, .ack = 2);
    expect_state(f, TCP_TIME_WAIT);
    assert_int_equal(f->peer->told.close, 0);
    app_resumes(f);
    assert_int_equal(f->peer->told.data, 100);
    assert_int_equal(f->peer->told.close, 1);
    expect_state(f, TCP_TIME_WAIT);
    peer_sends(f, TCP_FIN | TCP_ACK, .seq = 101, .ack = 2);
    expect(f, TCP_ACK, .seq = 2, .ack = 102);
}

/* Pressure prunes from the top, critical takes in order only.
 * Shows: RFC 2018 8b. */
static void pressure_takes_only_what_lies_below(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_ACK, .seq = 4001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{4001, 5001}});
    press(f, FRAME_PRESSURE);
    peer_sends(f, TCP_ACK, .seq = 6001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{4001, 5001}});
    assert_int_equal(f->tcp.counters.dropped_no_frame, 1);
    peer_sends(f, TCP_ACK, .seq = 2001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}});
    assert_int_equal(f->tcp.counters.pruned, 1);
    press(f, FRAME_CRITICAL);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}});
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1001, .sack = {{2001, 3001}});
    assert_int_equal(f->tcp.counters.dropped_no_frame, 2);
    assert_int_equal(f->peer->told.data, 1000);
}

static void take_all_frames(struct tcp_fixture *f)
{
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
}

/* The header is processed, the payload neither taken nor acknowledged. */
static void without_a_frame_nothing_is_acknowledged(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    take_all_frames(f);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1, .ack = 1, .bytes = 10, .window = 777);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(conn_of(f)->snd.wnd, 777);
    app_pauses(f);
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->tcp.counters.dropped_no_frame, 2);
    expect_state(f, TCP_ESTABLISHED);
    press(f, FRAME_NORMAL);
    app_resumes(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .window = 32768); /* as wide as before again */
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 12);
    assert_int_equal(f->peer->told.data, 10);
    assert_int_equal(f->peer->told.eof, 1);
}

static void without_a_piece_nothing_is_taken(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.pieces_max = 1;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 1001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    peer_sends(f, TCP_ACK, .seq = 3001, .ack = 1, .bytes = MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
    assert_int_equal(f->tcp.counters.dropped_no_piece, 1);
}

static void keep_queued(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice)
{
    struct slice out;

    (void)f;
    assert_true(tcp_data_retain(conn, slice, &out));
    assert_int_equal(out.length, slice->length);
    tcp_data_release(conn, &out);
}

/* A small piece is copied when it is retained; but what waited, for a reader or behind a
 * hole, stands in a frame of the data budget already, and stays there when there is no other. */
static void retaining_what_waited_needs_no_frame(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.data = keep_queued;
    establish(f);
    app_pauses(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 13);
    expect(f, TCP_ACK, .seq = 1, .ack = 14);
    while (frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER) != FRAME_NONE) {
    }
    app_resumes(f);
    assert_int_equal(f->peer->told.data, 13);
    assert_int_equal(conn_of(f)->rcv.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(out_of_order_text_is_reported_by_sack),
        SCRIPT(each_duplicate_has_its_report),
        SCRIPT(a_report_goes_before_data),
        SCRIPT(without_sack_each_segment_out_of_order_is_answered),
        SCRIPT(urgent_data_stays_in_line),
        SCRIPT(paused_text_waits_and_closes_the_window),
        SCRIPT(a_pause_inside_data_holds_what_was_reassembled),
        SCRIPT(a_resume_inside_data_delivers_nothing_twice),
        SCRIPT(an_abort_inside_data_takes_nothing_more),
        SCRIPT(text_after_close_is_reset),
        SCRIPT(a_fin_waits_for_the_text_before_it),
        SCRIPT(fin_in_each_state),
        SCRIPT(close_inside_eof),
        SCRIPT(what_arrived_outlives_both_sides),
        SCRIPT(an_end_that_was_not_told_outlives_both_sides),
        SCRIPT(simultaneous_close_waits_for_the_reader),
        SCRIPT(pressure_takes_only_what_lies_below),
        SCRIPT(without_a_frame_nothing_is_acknowledged),
        SCRIPT(without_a_piece_nothing_is_taken),
        SCRIPT(retaining_what_waited_needs_no_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
