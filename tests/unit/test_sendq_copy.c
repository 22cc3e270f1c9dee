/*
 * Goal:   a split, a join and a copied frame change where bytes lie, and nothing else: every
 *         byte, every sum, every list and every count is as before; when memory is
 *         short nothing changes at all.
 * Method: each state of a record split at its edges and in its middle, with
 *         neighbours on the same lists, across 2^32; the shortages one by one.
 */
#include "tcp/sendq.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"
#include "tests/unit/piece_fixture.h"
#include "tests/unit/sendq_fixture.h"

#define LENGTH 101u /* odd, so that the halves of words change sides */

enum place {
    UNSENT,
    IN_FLIGHT,
    SENT_AGAIN,
    LOST,
    SACKED,
    PLACES,
};

static void put(struct sendq_fixture *f, uint32_t position, enum place place)
{
    switch (place) {
    case SENT_AGAIN:
        sendq_mark_lost(&f->sendq, position);
        transmit(f, position);
        break;
    case LOST:
        sendq_mark_lost(&f->sendq, position);
        break;
    case SACKED:
        sendq_mark_sacked(&f->sendq, position);
        break;
    default:
        break;
    }
}

/* Five records, the middle one in `place`, its neighbours in `beside`. */
static void arrange(struct sendq_fixture *f, enum place place, enum place beside)
{
    unsigned sent = beside != UNSENT ? 5 : place != UNSENT ? 3 : 2;

    for (unsigned i = 0; i < 5; i++) {
        assert_true(queue(f, LENGTH, 0));
    }
    for (unsigned i = 0; i < sent; i++) {
        transmit(f, i);
    }
    if (place != UNSENT && beside != UNSENT) {
        put(f, 1, beside);
        put(f, 2, place);
        put(f, 3, beside);
    } else if (place != UNSENT) {
        put(f, 2, place);
    }
}

static void split_in(struct sendq_fixture *f, uint16_t length)
{
    struct tcp_record before = *sendq_at(&f->sendq, 2);
    const struct tcp_record *front;
    const struct tcp_record *back;

    assert_true(sendq_split(&f->sendq, &f->room, 2, length));
    front = sendq_at(&f->sendq, 2);
    back = sendq_at(&f->sendq, 3);
    assert_int_equal(sendq_count(&f->sendq), 6);
    assert_int_equal(front->slice.length, length);
    assert_int_equal(back->slice.length, LENGTH - length);
    assert_int_equal(front->slice.frame, before.slice.frame);
    assert_int_equal(front->slice.offset, before.slice.offset);
    assert_int_not_equal(back->slice.frame, before.slice.frame);
    assert_int_equal(back->slice.offset, TCP_PAYLOAD_OFFSET);
    assert_int_equal(front->flags, before.flags);
    assert_int_equal(back->flags, before.flags);
    assert_int_equal(back->first_tx_ns, before.first_tx_ns);
    assert_int_equal(back->last_tx_ns, before.last_tx_ns);
    assert_int_equal(back->transmissions, before.transmissions);
    assert_queue(f);
}

static void a_split_in_every_state(void **state)
{
    static const uint16_t lengths[] = {1, 2, 50, 51, LENGTH - 1};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lengths) * PLACES * PLACES; i++) {
        enum place place = i / COUNT_OF(lengths) % PLACES;
        enum place beside = i / COUNT_OF(lengths) / PLACES;
        struct sendq_fixture f;

        sendq_open(&f, UINT32_MAX - 2 * LENGTH - 50, 16); /* the middle one crosses 2^32 */
        arrange(&f, place, beside);
        split_in(&f, lengths[i % COUNT_OF(lengths)]);
        while (sendq_has_unsent(&f.sendq)) {
            transmit(&f, f.sendq.next);
        }
        assert_queue(&f);
        for (uint32_t at = f.sendq.head; at != f.sendq.next; at++) { /* skips are whole */
            uint32_t expected = at;

            while (expected != f.sendq.next &&
                   sendq_at(&f.sendq, expected)->flags & TCP_RECORD_SACKED) {
                expected++;
            }
            assert_int_equal(sendq_skip_sacked(&f.sendq, at), expected);
        }
        acknowledge(&f, f.una + 2 * LENGTH + 1); /* cuts the front, or takes it */
        assert_queue(&f);
        acknowledge(&f, f.end);
        sendq_close(&f);
    }
}

static void the_fin_goes_with_the_tail(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, UINT32_MAX - 20, 8);
    assert_true(queue(&f, 40, TCP_RECORD_FIN));
    assert_true(sendq_split(&f.sendq, &f.room, 0, 20));
    assert_int_equal(sendq_at(&f.sendq, 0)->flags, 0);
    assert_int_equal(sendq_at(&f.sendq, 1)->flags, TCP_RECORD_FIN);
    assert_int_equal(sendq_at(&f.sendq, 1)->length, 21);
    sendq_close(&f);
}

/* The tail of a tail: pieces of a byte each, until all is in pieces. */
static void a_record_in_crumbs(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, UINT32_MAX - 30, 80);
    queue_sent(&f, 1, 64);
    for (uint32_t i = 0; i < 63; i++) {
        assert_true(sendq_split(&f.sendq, &f.room, i, 1));
        assert_queue(&f);
    }
    assert_int_equal(sendq_count(&f.sendq), 64);
    assert_int_equal(f.sendq.in_flight.first, 0);
    assert_int_equal(f.sendq.in_flight.last, 63);
    sendq_close(&f);
}

/* Send queues have all data frames: only the oldest text may use what ACKs leave over. */
static void the_oldest_text_is_cut_without_a_data_frame(void **state)
{
    static const struct {
        const char *name;
        uint32_t position;
        uint16_t length;
        unsigned control; /* frames of four that are used already */
        bool syn;         /* stands before it */
        bool retained;    /* its frame */
        bool cut;
    } cases[] = {
        {"the oldest", 0, 33, 0, false, false, true},
        {"at an even place", 0, 34, 1, false, false, true},
        {"behind a SYN", 1, 33, 0, true, false, true},
        {"the second", 1, 33, 0, false, false, false},
        {"retained by the application", 0, 33, 0, false, true, false},
        {"ACKs have no more to spare", 0, 33, 2, false, false, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sendq_fixture f;
        struct frame_pool *pool = &f.pieces.pool;
        uint32_t taken[32];
        unsigned count = 0;
        uint32_t frame;

        sendq_open(&f, UINT32_MAX - 50, 16);
        pool->floor[FRAME_BUDGET_CONTROL] = 4;
        pool->reserved += 4;
        if (cases[i].syn) {
            assert_true(queue(&f, 0, TCP_RECORD_SYN));
        }
        assert_true(queue(&f, LENGTH, 0));
        assert_true(queue(&f, LENGTH, 0));
        frame = sendq_at(&f.sendq, cases[i].position)->slice.frame;
        while (frame_pool_data_free(pool) > 0) {
            taken[count++] = frame_take(pool, FRAME_BUDGET_DATA, FRAME_APP);
        }
        for (unsigned k = 0; k < cases[i].control; k++) {
            taken[count++] = frame_take(pool, FRAME_BUDGET_CONTROL, FRAME_APP);
        }
        if (cases[i].retained) {
            frame_hold(pool, frame, FRAME_APP);
            taken[count++] = frame;
        }
        if (sendq_split(&f.sendq, &f.room, cases[i].position, cases[i].length) != cases[i].cut) {
            fail_msg("%s", cases[i].name);
        }
        assert_int_equal(pool->used[FRAME_BUDGET_CONTROL], cases[i].control + cases[i].cut);
        if (cases[i].cut) {
            const struct tcp_record *back = sendq_at(&f.sendq, cases[i].position + 1);

            assert_int_equal(back->slice.frame, frame); /* where its header has room */
            assert_int_equal(back->slice.offset, TCP_PAYLOAD_OFFSET + cases[i].length);
        }
        assert_queue(&f);
        while (count > 0) {
            frame_drop(pool, taken[--count], FRAME_APP);
        }
        sendq_close(&f);
    }
}

static void a_split_without_memory_changes_nothing(void **state)
{
    static const struct {
        const char *name;
        bool take_frames;
        bool take_blocks;
    } cases[] = {{"no frame", true, false}, {"no block", false, true}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sendq_fixture f;
        void *all = NULL;
        uint32_t used;
        uint32_t taken[16];
        unsigned count = 0;

        sendq_open(&f, UINT32_MAX - 50, 12);
        queue_sent(&f, TCP_SENDQ_INLINE, 60);
        if (cases[i].take_blocks) {
            all = blocks_take(&f.pieces.blocks, BLOCKS_ORDER_MAX);
        }
        while (cases[i].take_frames && frame_pool_data_free(&f.pieces.pool) > 0) {
            taken[count++] = frame_take(&f.pieces.pool, FRAME_BUDGET_DATA, FRAME_APP);
        }
        used = f.pieces.pool.used[FRAME_BUDGET_DATA];
        if (sendq_split(&f.sendq, &f.room, 1, 30)) {
            fail_msg("%s", cases[i].name);
        }
        if (cases[i].take_frames) {
            assert_false(sendq_copy_frame(&f.sendq, &f.room, 1));
        }
        assert_int_equal(sendq_count(&f.sendq), TCP_SENDQ_INLINE);
        assert_int_equal(f.pieces.pool.used[FRAME_BUDGET_DATA], used);
        assert_queue(&f);
        while (count > 0) {
            frame_drop(&f.pieces.pool, taken[--count], FRAME_APP);
        }
        if (all) {
            blocks_give(&f.pieces.blocks, all, BLOCKS_ORDER_MAX);
        }
        assert_true(sendq_split(&f.sendq, &f.room, 1, 30));
        sendq_close(&f);
    }
}

/* Two records were sent, five of LENGTH are to follow, the last with a FIN. */
static void arrange_unsent(struct sendq_fixture *f)
{
    sendq_open(f, UINT32_MAX - 3 * LENGTH, 16);
    queue_sent(f, 2, LENGTH);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(queue(f, LENGTH, i == 4 ? TCP_RECORD_FIN : 0));
    }
}

/* The third record takes from those behind it: whole ones go, one is cut. */
static void a_record_takes_from_those_behind(void **state)
{
    static const struct {
        uint16_t length;
        uint32_t count; /* of records then */
    } cases[] = {
        {LENGTH + 1, 7},     {2 * LENGTH - 1, 7}, {2 * LENGTH, 6},
        {2 * LENGTH + 1, 6}, {4 * LENGTH, 4},     {5 * LENGTH - 1, 4},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sendq_fixture f;
        const struct tcp_record *record;

        arrange_unsent(&f);
        assert_true(sendq_join(&f.sendq, &f.room, 2, cases[i].length));
        record = sendq_at(&f.sendq, 2);
        assert_int_equal(record->slice.length, cases[i].length);
        assert_int_equal(record->slice.offset, TCP_PAYLOAD_OFFSET);
        assert_int_equal(record->flags, 0);
        assert_int_equal(sendq_count(&f.sendq), cases[i].count);
        assert_int_equal(f.pieces.pool.used[FRAME_BUDGET_DATA], cases[i].count);
        assert_int_equal(sendq_at(&f.sendq, f.sendq.tail - 1)->flags, TCP_RECORD_FIN);
        assert_queue(&f);
        while (sendq_has_unsent(&f.sendq)) {
            transmit(&f, f.sendq.next);
        }
        acknowledge(&f, f.una + 2 * LENGTH + 5);
        sendq_close(&f);
    }
}

static void a_join_without_a_frame_changes_nothing(void **state)
{
    struct sendq_fixture f;

    (void)state;
    arrange_unsent(&f);
    while (frame_pool_data_free(&f.pieces.pool) > 0) {
        assert_true(queue(&f, 1, 0));
    }
    assert_false(sendq_join(&f.sendq, &f.room, 2, LENGTH + 1));
    sendq_close(&f);
}

/* The kernel's hold stays on the old frame, which goes home with it. */
static void a_frame_that_the_kernel_holds_is_left_to_it(void **state)
{
    struct sendq_fixture f;
    struct tcp_record before;
    const struct tcp_record *record;

    (void)state;
    sendq_open(&f, UINT32_MAX - 50, 8);
    queue_sent(&f, 2, LENGTH);
    before = *sendq_at(&f.sendq, 1);
    frame_hold(&f.pieces.pool, before.slice.frame, FRAME_KERNEL_TX);
    assert_true(sendq_copy_frame(&f.sendq, &f.room, 1));
    record = sendq_at(&f.sendq, 1);
    assert_int_not_equal(record->slice.frame, before.slice.frame);
    assert_int_equal(record->slice.offset, TCP_PAYLOAD_OFFSET);
    assert_int_equal(record->slice.length, LENGTH);
    assert_int_equal(record->flags, before.flags);
    assert_int_equal(record->last_tx_ns, before.last_tx_ns);
    assert_queue(&f);
    assert_int_equal(frame_record(&f.pieces.pool, before.slice.frame)->holders, FRAME_KERNEL_TX);
    frame_drop(&f.pieces.pool, before.slice.frame, FRAME_KERNEL_TX);
    sendq_close(&f);
}

/* Received slices may fill a frame behind the header room: a copy just fits. */
static void the_longest_payload_fits_a_copy(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, 9, 8);
    queue_sent(&f, 1, CHUNK_BYTES - TCP_PAYLOAD_OFFSET);
    assert_true(sendq_copy_frame(&f.sendq, &f.room, 0));
    assert_queue(&f);
    assert_true(sendq_split(&f.sendq, &f.room, 0, 1));
    assert_queue(&f);
    sendq_close(&f);
}

/* Each of the checks has its breach, or it could never fail. */
static void the_check_finds_breaches(void **state)
{
    struct sendq_fixture f;
    struct tcp_sendq whole;
    struct tcp_record *record;

    (void)state;
    sendq_open(&f, 9, 8);
    queue_sent(&f, 3, 10);
    assert_true(queue(&f, 10, 0));
    sendq_mark_sacked(&f.sendq, 1);
    sendq_mark_lost(&f.sendq, 2);
    whole = f.sendq;
    whole.records = whole.inline_records;
    record = &f.sendq.records[1];
    for (unsigned i = 0; i < 9; i++) {
        uint32_t *const counts[] = {&f.sendq.bytes, &f.sendq.sacked_bytes, &f.sendq.lost_bytes,
                                    &f.sendq.in_flight_bytes};

        assert_true(sendq_check(&f.sendq, &f.pieces.pool));
        switch (i) {
        case 4:
            record->seq++;
            break;
        case 5:
            record->flags = 0;
            break;
        case 6:
            frame_record(&f.pieces.pool, record->slice.frame)->holders = FRAME_APP;
            break;
        case 7:
            f.sendq.lost.first = TCP_POSITION_NONE;
            break;
        case 8:
            f.sendq.in_flight.first = TCP_POSITION_NONE;
            break;
        default:
            (*counts[i])++;
            break;
        }
        assert_false(sendq_check(&f.sendq, &f.pieces.pool));
        frame_record(&f.pieces.pool, record->slice.frame)->holders = FRAME_SENDQ;
        f.sendq = whole;
        f.sendq.records = f.sendq.inline_records;
    }
    sendq_close(&f);
}

static void split_at_the_end(void *ctx)
{
    struct sendq_fixture *f = ctx;

    (void)sendq_split(&f->sendq, &f->room, 0, 40);
}

static void split_at_the_start(void *ctx)
{
    struct sendq_fixture *f = ctx;

    (void)sendq_split(&f->sendq, &f->room, 0, 0);
}

static void split_a_syn(void *ctx)
{
    struct sendq_fixture *f = ctx;

    sendq_at(&f->sendq, 0)->flags |= TCP_RECORD_SYN;
    (void)sendq_split(&f->sendq, &f->room, 0, 20);
}

static void broken_calls_are_assertions(void **state)
{
    static void (*const calls[])(void *) = {split_at_the_end, split_at_the_start, split_a_syn};
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, 0, 8);
    assert_true(queue(&f, 40, 0));
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        assert_true(aborts(calls[i], &f));
    }
    sendq_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_split_in_every_state),
        cmocka_unit_test(the_fin_goes_with_the_tail),
        cmocka_unit_test(a_record_in_crumbs),
        cmocka_unit_test(the_oldest_text_is_cut_without_a_data_frame),
        cmocka_unit_test(a_split_without_memory_changes_nothing),
        cmocka_unit_test(a_record_takes_from_those_behind),
        cmocka_unit_test(a_join_without_a_frame_changes_nothing),
        cmocka_unit_test(a_frame_that_the_kernel_holds_is_left_to_it),
        cmocka_unit_test(the_longest_payload_fits_a_copy),
        cmocka_unit_test(the_check_finds_breaches),
        cmocka_unit_test(broken_calls_are_assertions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
