/*
 * Goal:   the three doors of sending put the same bytes into one queue, in order, with
 *         their sums; a refusal changes nothing, keeps no frame, and is made good by
 *         on_writable; a frame that somebody else needs is never sent in place.
 * Method: named cases for each door, limit and holder. Any order of them is the
 *         business of test_send_model.c.
 */
#include "tcp/user.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/conn_fixture.h"
#include "tests/unit/piece_fixture.h"
#include "tests/unit/send_fixture.h"

static void states_and_the_end_of_sending(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * TCP_STATE_COUNT + 2; i++) {
        struct sender s;
        uint32_t room;
        struct slice slice;
        bool may = i < TCP_STATE_COUNT && tcp_state_may_send((enum tcp_state)i);
        uint8_t *place;

        open_sender(&s);
        place = tcp_reserve(s.conn, &room);
        write_at(place, s.end, 10);
        s.conn->state = (uint8_t)(i < TCP_STATE_COUNT ? i : TCP_ESTABLISHED);
        s.conn->flags |= i >= TCP_STATE_COUNT && i % 2 ? TCP_CONN_FIN_QUEUED : 0;
        s.conn->flags |= i >= TCP_STATE_COUNT && i % 2 == 0 ? TCP_CONN_FIN_OWED : 0;
        assert_int_equal(send_bytes(&s, 5), may ? 5 : TCP_ERR_STATE);
        slice = arrived(&s, TCP_PAYLOAD_OFFSET, 5);
        assert_int_equal(pass_on(&s, &slice, FRAME_WORKER), may ? TCP_OK : TCP_ERR_STATE);
        frame_drop(&s.f.net.pool, slice.frame, FRAME_WORKER);
        write_at(place, s.end, 10);
        assert_int_equal(tcp_commit(s.conn, place, 10), may ? TCP_OK : TCP_ERR_STATE);
        s.end += may ? 10 : 0;
        place = tcp_reserve(s.conn, &room);
        assert_int_equal(place != NULL, may);
        if (place) {
            assert_int_equal(tcp_commit(s.conn, place, 0), TCP_OK);
        }
        assert_int_equal(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE), false);
        s.conn->state = TCP_ESTABLISHED;
        close_sender(&s);
    }
}

static void the_send_buffer_is_a_limit(void **state)
{
    struct sender s;
    struct slice slice;
    uint32_t room;

    (void)state;
    open_sender(&s);
    s.conn->send_buffer = 5000;
    assert_int_equal(send_bytes(&s, 0), 0);
    assert_false(list_link_is_on(&s.conn->output_link));
    assert_int_equal(send_bytes(&s, 4999), 4999);
    assert_true(list_link_is_on(&s.conn->output_link));
    assert_false(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE));
    assert_int_equal(send_bytes(&s, 10), 1);
    assert_true(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE)); /* the other nine wait */
    s.conn->flags &= ~(uint32_t)TCP_CONN_WANTS_WRITE;
    assert_int_equal(send_bytes(&s, 1), TCP_ERR_AGAIN);
    assert_true(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE));
    s.conn->flags &= ~(uint32_t)TCP_CONN_WANTS_WRITE;
    assert_null(tcp_reserve(s.conn, &room));
    assert_true(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE));
    s.conn->flags &= ~(uint32_t)TCP_CONN_WANTS_WRITE;
    slice = arrived(&s, TCP_PAYLOAD_OFFSET, 100);
    assert_int_equal(pass_on(&s, &slice, FRAME_WORKER), TCP_ERR_AGAIN);
    assert_true(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE));
    frame_drop(&s.f.net.pool, slice.frame, FRAME_WORKER);
    close_sender(&s);
}

/* Segments are filled to the MSS; small pieces share one, until it is sent. */
static void small_writes_share_a_segment(void **state)
{
    struct sender s;
    struct slice slice;
    uint8_t *place;
    uint32_t room;

    (void)state;
    open_sender(&s);
    assert_int_equal(send_bytes(&s, 3), 3); /* odd: the sums of what follows are turned */
    slice = arrived(&s, TCP_PAYLOAD_OFFSET, 4);
    assert_int_equal(pass_on(&s, &slice, FRAME_WORKER), TCP_OK);
    frame_drop(&s.f.net.pool, slice.frame, FRAME_WORKER);
    place = tcp_reserve(s.conn, &room);
    assert_int_equal(room, MSS);
    write_at(place, s.end, 6);
    assert_int_equal(tcp_commit(s.conn, place, 6), TCP_OK);
    s.end += 6;
    assert_int_equal(send_bytes(&s, 1000), 1000);
    check_queue(&s);
    assert_int_equal(records(&s), 1);
    assert_int_equal(s.f.net.pool.used[FRAME_BUDGET_DATA], 1);
    assert_int_equal(send_bytes(&s, 1000), 1000); /* 435 there, 565 in the next */
    check_queue(&s);
    assert_int_equal(records(&s), 2);
    assert_int_equal(sendq_at(&s.conn->flight->sendq, 0)->slice.length, MSS);
    send_all(&s);
    assert_int_equal(send_bytes(&s, 1), 1); /* never behind what was sent */
    assert_int_equal(records(&s), 3);
    assert_int_equal(send_bytes(&s, 5 * MSS), (int32_t)(5 * MSS));
    assert_int_equal(records(&s), 8);
    close_sender(&s);
}

/* Nobody writes behind a segment whose frame somebody else holds. */
static void a_shared_tail_is_closed(void **state)
{
    struct sender s;
    uint32_t frame;

    (void)state;
    open_sender(&s);
    assert_int_equal(send_bytes(&s, 10), 10);
    frame = sendq_at(&s.conn->flight->sendq, 0)->slice.frame;
    frame_hold(&s.f.net.pool, frame, FRAME_KERNEL_TX);
    assert_int_equal(send_bytes(&s, 10), 10);
    assert_int_equal(records(&s), 2);
    frame_drop(&s.f.net.pool, frame, FRAME_KERNEL_TX);
    close_sender(&s);
}

static void what_may_be_sent_in_place(void **state)
{
    static const struct {
        const char *name;
        enum frame_holder from;
        unsigned app_counts;
        unsigned reassembly_counts;
        bool worker; /* the burst is not over */
        bool queued; /* by another connection */
        uint16_t offset;
        bool in_place;
    } cases[] = {
        {"inside on_data", FRAME_WORKER, 0, 0, true, false, TCP_PAYLOAD_OFFSET, true},
        {"no room for the headers", FRAME_WORKER, 0, 0, true, false, TCP_PAYLOAD_OFFSET - 1, false},
        {"retained as well", FRAME_WORKER, 1, 0, true, false, TCP_PAYLOAD_OFFSET, false},
        {"sent already", FRAME_WORKER, 0, 0, true, true, TCP_PAYLOAD_OFFSET, false},
        {"retained, after the burst", FRAME_APP, 1, 0, false, false, TCP_PAYLOAD_OFFSET, true},
        {"retained, within the burst", FRAME_APP, 1, 0, true, false, TCP_PAYLOAD_OFFSET, true},
        {"retained twice", FRAME_APP, 2, 0, false, false, TCP_PAYLOAD_OFFSET, false},
        {"retained and sent", FRAME_APP, 1, 0, false, true, TCP_PAYLOAD_OFFSET, false},
        {"out of a queue", FRAME_WORKER, 0, 1, false, false, TCP_PAYLOAD_OFFSET, true},
        {"with others of the queue", FRAME_WORKER, 0, 2, false, false, TCP_PAYLOAD_OFFSET, false},
        {"in a queue, within the burst", FRAME_WORKER, 0, 1, true, false, TCP_PAYLOAD_OFFSET,
         false},
        {"in a queue and retained", FRAME_APP, 1, 1, false, false, TCP_PAYLOAD_OFFSET, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sender s;
        struct frame_pool *pool = &s.f.net.pool;
        struct slice slice;
        unsigned app_counts = cases[i].app_counts - (cases[i].from == FRAME_APP);

        open_sender(&s);
        slice = arrived(&s, cases[i].offset, 1001);
        assert_true(frame_keep(pool, slice.frame));
        for (unsigned j = 0; j < cases[i].app_counts; j++) {
            frame_hold(pool, slice.frame, FRAME_APP);
        }
        for (unsigned j = 0; j < cases[i].reassembly_counts; j++) {
            frame_hold(pool, slice.frame, FRAME_REASSEMBLY);
        }
        if (cases[i].queued) {
            frame_hold(pool, slice.frame, FRAME_SENDQ);
        }
        if (!cases[i].worker) {
            frame_drop(pool, slice.frame, FRAME_WORKER);
        }
        assert_int_equal(pass_on(&s, &slice, cases[i].from), TCP_OK);
        if ((sendq_at(&s.conn->flight->sendq, 0)->slice.frame == slice.frame) !=
            cases[i].in_place) {
            fail_msg("%s", cases[i].name);
        }
        check_queue(&s);
        for (unsigned j = 0; j < app_counts; j++) { /* the one given away is gone */
            frame_drop(pool, slice.frame, FRAME_APP);
        }
        for (unsigned j = 0; j < cases[i].reassembly_counts; j++) {
            frame_drop(pool, slice.frame, FRAME_REASSEMBLY);
        }
        if (cases[i].queued) {
            frame_drop(pool, slice.frame, FRAME_SENDQ);
        }
        if (cases[i].worker) {
            frame_drop(pool, slice.frame, FRAME_WORKER);
        }
        close_sender(&s);
    }
}

/* It would be a segment of nothing, that never goes, before all that follows. */
static void no_bytes_are_no_segment(void **state)
{
    static const enum frame_holder holders[] = {FRAME_WORKER, FRAME_APP};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(holders); i++) {
        struct sender s;
        struct slice slice;

        open_sender(&s);
        slice = arrived(&s, TCP_PAYLOAD_OFFSET, 0);
        if (holders[i] == FRAME_APP) {
            frame_hold(&s.f.net.pool, slice.frame, FRAME_APP);
        }
        assert_int_equal(pass_on(&s, &slice, holders[i]), TCP_OK);
        assert_int_equal(records(&s), 0);
        frame_drop(&s.f.net.pool, slice.frame, FRAME_WORKER); /* and the frame is home */
        close_sender(&s);
    }
}

static void a_place_is_kept_or_given_back(void **state)
{
    static const struct {
        const char *name;
        uint32_t mss; /* when it is committed */
        uint32_t length;
        int error;
        unsigned records;
    } cases[] = {
        {"nothing", MSS, 0, TCP_OK, 0},
        {"a byte", MSS, 1, TCP_OK, 1},
        {"a segment", MSS, MSS, TCP_OK, 1},
        {"the MSS has shrunk: it is split when it is sent", 536, MSS, TCP_OK, 1},
        {"more than a frame", MSS, 2048 - TCP_PAYLOAD_OFFSET + 1, TCP_ERR_ARGUMENT, 0},
        {"more than a frame by 2^16", MSS, 65536 + 10, TCP_ERR_ARGUMENT, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sender s;
        uint32_t room;
        uint8_t *place;

        open_sender(&s);
        place = tcp_reserve(s.conn, &room);
        assert_int_equal(room, MSS);
        write_at(place, s.end, min_u32(cases[i].length, room));
        s.conn->snd.mss = (uint16_t)cases[i].mss;
        if (tcp_commit(s.conn, place, cases[i].length) != cases[i].error ||
            records(&s) != cases[i].records) {
            fail_msg("%s", cases[i].name);
        }
        s.end += cases[i].records > 0 ? cases[i].length : 0;
        assert_int_equal(s.f.net.pool.used[FRAME_BUDGET_DATA], cases[i].records);
        close_sender(&s);
    }
}

/* What others hold: frames, or every flight. */
static void a_refusal_keeps_nothing(void **state)
{
    static const struct {
        const char *name;
        enum frame_pressure pressure;
        bool no_flight;
        int32_t sent;
        bool reserved;
        int passed;
    } cases[] = {
        {"normal", FRAME_NORMAL, false, 700, true, TCP_OK},
        {"pressure", FRAME_PRESSURE, false, 700, true, TCP_OK},
        {"critical: what arrived may go on", FRAME_CRITICAL, false, TCP_ERR_NO_MEMORY, false,
         TCP_OK},
        {"no flight", FRAME_NORMAL, true, TCP_ERR_NO_MEMORY, true, TCP_ERR_NO_MEMORY},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sender s;
        uint32_t frames[FIXTURE_FRAMES];
        uint32_t flights[FLIGHTS];
        unsigned count;
        uint32_t used;
        uint32_t room;
        struct slice slice;
        uint8_t *place;

        open_sender(&s);
        for (unsigned j = 0; j < FLIGHTS && cases[i].no_flight; j++) {
            (void)slab_take(&s.f.tcp.flights, &flights[j]);
        }
        count = conn_press(&s.f, cases[i].pressure, frames);
        used = s.f.net.pool.used[FRAME_BUDGET_DATA];
        if (send_bytes(&s, 700) != cases[i].sent) {
            fail_msg("%s", cases[i].name);
        }
        assert_int_equal(tcp_conn_has(s.conn, TCP_CONN_WANTS_WRITE), cases[i].sent < 0);
        assert_int_equal(tcp_conn_has(s.conn, TCP_CONN_STARVED), cases[i].sent < 0);
        place = tcp_reserve(s.conn, &room);
        assert_int_equal(place != NULL, cases[i].reserved);
        if (place) {
            write_at(place, s.end, 1000);
            assert_int_equal(tcp_commit(s.conn, place, 1000), cases[i].passed);
            s.end += cases[i].passed == TCP_OK ? 1000 : 0;
        }
        slice = arrived(&s, TCP_PAYLOAD_OFFSET, 1000);
        assert_int_equal(pass_on(&s, &slice, FRAME_WORKER), cases[i].passed);
        frame_drop(&s.f.net.pool, slice.frame, FRAME_WORKER);
        check_queue(&s);
        assert_int_equal(s.f.net.pool.used[FRAME_BUDGET_DATA], used + records(&s));
        for (unsigned j = 0; j < FLIGHTS && cases[i].no_flight; j++) {
            slab_give(&s.f.tcp.flights, flights[j]);
        }
        conn_relieve(&s.f, frames, count);
        close_sender(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_and_the_end_of_sending),
        cmocka_unit_test(the_send_buffer_is_a_limit),
        cmocka_unit_test(small_writes_share_a_segment),
        cmocka_unit_test(a_shared_tail_is_closed),
        cmocka_unit_test(what_may_be_sent_in_place),
        cmocka_unit_test(no_bytes_are_no_segment),
        cmocka_unit_test(a_place_is_kept_or_given_back),
        cmocka_unit_test(a_refusal_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
