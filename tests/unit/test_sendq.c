/*
 * Goal:   the send queue knows of each byte whether it was sent, is in flight, lost
 *         or SACKed, in the order that recovery asks for, and lets go of what is
 *         acknowledged.
 * Method: named cases, each at places of the sequence space on both sides of 2^32;
 *         after each step everything is walked and every byte looked at. Any order
 *         of calls is the business of test_sendq_model.c, the ring itself that of
 * test_sendq_ring.c.
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

/* 100 to 500 bytes from here cross 2^32 in the middle of a record, between two,
 * or not at all. */
static const uint32_t starts[] = {1000, UINT32_MAX - 149, UINT32_MAX - 199, UINT32_MAX, 0x7fffff80};

static void a_new_queue_is_empty(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, 5, 4);
    assert_true(sendq_is_empty(&f.sendq));
    assert_false(sendq_has_unsent(&f.sendq));
    assert_null(sendq_open_tail(&f.sendq));
    assert_int_equal(sendq_find(&f.sendq, 5), f.sendq.tail);
    acknowledge(&f, 5);
    sendq_mark_all_lost(&f.sendq, true);
    sendq_close(&f);
}

static void sending_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts); i++) {
        struct sendq_fixture f;

        sendq_open(&f, starts[i], 16);
        assert_true(queue(&f, 100, 0));
        assert_true(queue(&f, 50, 0));
        assert_true(queue(&f, 0, TCP_RECORD_FIN));
        assert_int_equal(f.sendq.bytes, 151);
        assert_int_equal(f.sendq.in_flight_bytes, 0);
        for (unsigned j = 0; j < 3; j++) {
            assert_true(sendq_has_unsent(&f.sendq));
            transmit(&f, f.sendq.next);
            assert_queue(&f);
        }
        assert_false(sendq_has_unsent(&f.sendq));
        assert_int_equal(f.sendq.in_flight_bytes, 151);
        assert_int_equal(sendq_at(&f.sendq, 0)->first_tx_ns, NS_PER_S + 10);
        assert_int_equal(sendq_at(&f.sendq, 2)->last_tx_ns, NS_PER_S + 30);
        acknowledge(&f, f.end);
        assert_true(sendq_is_empty(&f.sendq));
        assert_int_equal(f.pieces.pool.used[FRAME_BUDGET_DATA], 0);
        sendq_close(&f);
    }
}

/* Three records of 100 bytes, the acknowledgement anywhere. */
static void acknowledgements_anywhere(void **state)
{
    static const struct {
        const char *name;
        uint32_t acked;
        unsigned left; /* records */
        unsigned cut;  /* bytes off the first of them */
    } cases[] = {
        {"nothing", 0, 3, 0},          {"a byte", 1, 3, 1},     {"odd", 33, 3, 33},
        {"all but one", 99, 3, 99},    {"a record", 100, 2, 0}, {"into the second", 160, 2, 60},
        {"into the last", 299, 1, 99}, {"all", 300, 0, 0},
    };
    static const unsigned marks[] = {0, TCP_RECORD_SACKED, TCP_RECORD_LOST};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases) * COUNT_OF(marks) * COUNT_OF(starts); i++) {
        unsigned row = i % COUNT_OF(cases);
        unsigned mark = marks[i / COUNT_OF(cases) % COUNT_OF(marks)];
        struct sendq_fixture f;

        sendq_open(&f, starts[i / COUNT_OF(cases) / COUNT_OF(marks)], 16);
        queue_sent(&f, 3, 100);
        for (unsigned j = 0; j < 3 && mark == TCP_RECORD_SACKED; j++) {
            sendq_mark_sacked(&f.sendq, j);
        }
        for (unsigned j = 0; j < 3 && mark == TCP_RECORD_LOST; j++) {
            sendq_mark_lost(&f.sendq, j);
        }
        acknowledge(&f, f.una + cases[row].acked);
        if (sendq_count(&f.sendq) != cases[row].left) {
            fail_msg("%s: %u left", cases[row].name, sendq_count(&f.sendq));
        }
        assert_queue(&f);
        if (cases[row].left > 0) {
            assert_int_equal(sendq_at(&f.sendq, f.sendq.head)->slice.length, 100 - cases[row].cut);
        }
        acknowledge(&f, f.una); /* once more: nothing new */
        assert_int_equal(sendq_count(&f.sendq), cases[row].left);
        sendq_close(&f);
    }
}

/* SYN and FIN have numbers but no bytes. */
static void syn_and_fin_take_numbers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts); i++) {
        struct sendq_fixture f;

        sendq_open(&f, starts[i], 16);
        assert_true(queue(&f, 50, TCP_RECORD_SYN)); /* text on the SYN */
        assert_true(queue(&f, 70, TCP_RECORD_FIN));
        assert_null(sendq_open_tail(&f.sendq));
        transmit(&f, 0);
        transmit(&f, 1);
        assert_queue(&f);
        acknowledge(&f, f.una + 1); /* the SYN alone */
        assert_int_equal(sendq_at(&f.sendq, 0)->flags & TCP_RECORD_SYN, 0);
        assert_int_equal(sendq_at(&f.sendq, 0)->slice.length, 50);
        assert_queue(&f);
        acknowledge(&f, f.una + 50 + 69);
        assert_queue(&f);
        acknowledge(&f, f.una + 1); /* all but the FIN */
        assert_int_equal(sendq_count(&f.sendq), 1);
        assert_int_equal(sendq_at(&f.sendq, 1)->length, 1);
        assert_queue(&f);
        acknowledge(&f, f.una + 1);
        assert_true(sendq_is_empty(&f.sendq));
        sendq_close(&f);
    }
}

static void a_syn_with_text_is_cut_behind_it(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, UINT32_MAX, 8);
    assert_true(queue(&f, 50, TCP_RECORD_SYN));
    transmit(&f, 0);
    acknowledge(&f, f.una + 11); /* the SYN and ten bytes at once */
    assert_int_equal(sendq_at(&f.sendq, 0)->slice.length, 40);
    sendq_close(&f);
}

static void the_open_tail(void **state)
{
    struct sendq_fixture f;
    struct tcp_record *tail;

    (void)state;
    sendq_open(&f, UINT32_MAX - 5, 8);
    assert_true(queue(&f, 10, 0));
    tail = sendq_open_tail(&f.sendq);
    assert_ptr_equal(tail, sendq_at(&f.sendq, 0));
    write_bytes(&f, &tail->slice, 7); /* what the caller does when it appends */
    sendq_grew(&f.sendq, tail, 7);
    f.end += 7;
    assert_queue(&f);
    transmit(&f, 0);
    assert_null(sendq_open_tail(&f.sendq)); /* never behind what was sent */
    assert_true(queue(&f, 10, 0));
    assert_ptr_equal(sendq_open_tail(&f.sendq), sendq_at(&f.sendq, 1));
    assert_true(queue(&f, 0, TCP_RECORD_FIN));
    assert_null(sendq_open_tail(&f.sendq));
    sendq_close(&f);
}

static void finding_by_number(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts); i++) {
        struct sendq_fixture f;

        sendq_open(&f, starts[i], 8);
        queue_sent(&f, 2, 100);
        assert_true(queue(&f, 1, 0));
        assert_true(queue(&f, 99, TCP_RECORD_FIN));
        for (uint32_t offset = 0; offset <= 305; offset++) {
            uint32_t expected = offset < 200 ? offset / 100 : offset == 200 ? 2 : 3;

            expected = offset > 300 ? 4 : expected;
            assert_int_equal(sendq_find(&f.sendq, f.una + offset), expected);
        }
        assert_int_equal(sendq_find(&f.sendq, f.una - 1), 0);
        acknowledge(&f, f.una + 150);
        assert_int_equal(sendq_find(&f.sendq, f.una), 1);
        sendq_close(&f);
    }
}

/* The time list is RACK's: who was sent last stands last. */
static void retransmissions_go_to_the_end_of_the_list(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, UINT32_MAX - 99, 8);
    queue_sent(&f, 4, 60);
    sendq_mark_lost(&f.sendq, 1);
    sendq_mark_lost(&f.sendq, 0);
    assert_queue(&f);
    assert_int_equal(f.sendq.lost.first, 1); /* in the order in which they were marked */
    assert_int_equal(f.sendq.lost_bytes, 120);
    assert_int_equal(f.sendq.in_flight_bytes, 120);
    transmit(&f, 1);
    assert_queue(&f);
    assert_int_equal(f.sendq.lost.first, 0);
    assert_int_equal(f.sendq.in_flight.first, 2);
    assert_int_equal(f.sendq.in_flight.last, 1);
    assert_int_equal(sendq_at(&f.sendq, 1)->transmissions, 2);
    assert_true(sendq_at(&f.sendq, 1)->flags & TCP_RECORD_RETRANSMITTED);
    assert_int_equal(sendq_at(&f.sendq, 1)->first_tx_ns, NS_PER_S + 20);
    transmit(&f, 2); /* a probe: it was in flight */
    assert_queue(&f);
    assert_int_equal(f.sendq.in_flight.first, 3);
    assert_int_equal(f.sendq.in_flight.last, 2);
    acknowledge(&f, f.una + 180);
    assert_queue(&f);
    assert_int_equal(f.sendq.in_flight.first, 3);
    sendq_close(&f);
}

static void transmissions_are_counted_up_to_255(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, 0, 8);
    queue_sent(&f, 1, 10);
    for (unsigned i = 0; i < 300; i++) {
        transmit(&f, 0);
    }
    assert_int_equal(sendq_at(&f.sendq, 0)->transmissions, UINT8_MAX);
    sendq_close(&f);
}

static void sacked_records_are_skipped(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, UINT32_MAX - 99, 40);
    queue_sent(&f, 32, 20);
    for (uint32_t i = 0; i < 16; i++) { /* every second, from behind */
        sendq_mark_sacked(&f.sendq, 31 - 2 * i);
    }
    assert_queue(&f);
    for (uint32_t i = 0; i < 32; i++) {
        assert_int_equal(sendq_skip_sacked(&f.sendq, i), (i + 1) & ~1u);
    }
    for (uint32_t i = 2; i < 32; i += 2) { /* the rest but the first: a row of 31 */
        sendq_mark_sacked(&f.sendq, i);
    }
    for (uint32_t i = 1; i <= 32; i++) {
        assert_int_equal(sendq_skip_sacked(&f.sendq, i), 32);
    }
    assert_int_equal(sendq_skip_sacked(&f.sendq, 0), 0);
    assert_int_equal(f.sendq.sacked_bytes, 620);
    assert_int_equal(f.sendq.sacked_count, 31);
    queue_sent(&f, 1, 20); /* a row that ended at the last one sent ends there still */
    for (uint32_t i = 1; i <= 32; i++) {
        assert_int_equal(sendq_skip_sacked(&f.sendq, i), 32);
    }
    assert_queue(&f);
    sendq_close(&f);
}

static void a_timeout_takes_all_for_lost(void **state)
{
    static const struct {
        const char *name;
        bool forget_sacks;
        uint32_t lost_bytes;
        uint32_t sacked_bytes;
    } cases[] = {{"SACKs stay", false, 180, 120}, {"the peer reneged", true, 300, 0}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sendq_fixture f;

        sendq_open(&f, UINT32_MAX - 99, 16);
        queue_sent(&f, 5, 60);
        assert_true(queue(&f, 60, 0)); /* never sent: it can't be lost */
        sendq_mark_lost(&f.sendq, 3);
        sendq_mark_sacked(&f.sendq, 1);
        sendq_mark_sacked(&f.sendq, 4);
        sendq_mark_all_lost(&f.sendq, cases[i].forget_sacks);
        assert_queue(&f);
        if (f.sendq.lost_bytes != cases[i].lost_bytes ||
            f.sendq.sacked_bytes != cases[i].sacked_bytes) {
            fail_msg("%s: %u", cases[i].name, f.sendq.lost_bytes);
        }
        assert_int_equal(f.sendq.in_flight_bytes, 0);
        for (uint32_t at = f.sendq.lost.first; at != TCP_POSITION_NONE;) { /* by sequence */
            uint32_t next = sendq_at(&f.sendq, at)->next;

            assert_true(next == TCP_POSITION_NONE || next > at);
            at = next;
        }
        sendq_close(&f);
    }
}

static void sack_twice(void *ctx)
{
    struct tcp_sendq *sendq = ctx;

    sendq_mark_sacked(sendq, 0);
    sendq_mark_sacked(sendq, 0);
}

static void lose_twice(void *ctx)
{
    struct tcp_sendq *sendq = ctx;

    sendq_mark_lost(sendq, 0);
    sendq_mark_lost(sendq, 0);
}

static void lose_unsent(void *ctx)
{
    sendq_mark_lost(ctx, 1);
}

static void sack_unsent(void *ctx)
{
    sendq_mark_sacked(ctx, 1);
}

static void send_out_of_order(void *ctx)
{
    sendq_transmitted(ctx, 2, 1);
}

static void send_sacked(void *ctx)
{
    sendq_mark_sacked(ctx, 0);
    sendq_transmitted(ctx, 0, 1);
}

static void look_behind_the_tail(void *ctx)
{
    struct tcp_sendq *sendq = ctx;

    (void)sendq_at(sendq, sendq->tail);
}

static void broken_calls_are_assertions(void **state)
{
    static void (*const calls[])(void *) = {sack_twice,          lose_twice,        lose_unsent,
                                            sack_unsent,         send_out_of_order, send_sacked,
                                            look_behind_the_tail};
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, 0, 8);
    queue_sent(&f, 1, 10);
    assert_true(queue(&f, 10, 0));
    assert_true(queue(&f, 10, 0));
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        assert_true(aborts(calls[i], &f.sendq));
    }
    sendq_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_queue_is_empty),
        cmocka_unit_test(sending_in_order),
        cmocka_unit_test(acknowledgements_anywhere),
        cmocka_unit_test(syn_and_fin_take_numbers),
        cmocka_unit_test(a_syn_with_text_is_cut_behind_it),
        cmocka_unit_test(the_open_tail),
        cmocka_unit_test(finding_by_number),
        cmocka_unit_test(retransmissions_go_to_the_end_of_the_list),
        cmocka_unit_test(transmissions_are_counted_up_to_255),
        cmocka_unit_test(sacked_records_are_skipped),
        cmocka_unit_test(a_timeout_takes_all_for_lost),
        cmocka_unit_test(broken_calls_are_assertions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
