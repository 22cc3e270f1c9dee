/*
 * Goal:   the ring of the send queue grows and shrinks with what stands in it, and keeps records,
 *         lists and skips; its memory is bounded by its records, its positions never run out.
 * Method: queues filled, marked in every way and acknowledged, in a table; what the blocks have
 *         left is counted.
 */
#include "tcp/sendq.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"
#include "tests/unit/sendq_fixture.h"

/* Growth keeps records, lists and skips; at the limit, or without blocks, an append
 * is refused and nothing changes. */
static void the_ring_grows_to_its_limit(void **state)
{
    struct sendq_fixture f;

    (void)state;
    sendq_open(&f, UINT32_MAX - 3000, 4);
    for (unsigned i = 0; i < TCP_SENDQ_RECORDS_MAX; i++) {
        assert_true(queue(&f, 0, TCP_RECORD_FIN));
        if (i % 2 == 0) {
            transmit(&f, f.sendq.next);
        }
        if (i % 8 == 0) {
            sendq_mark_sacked(&f.sendq, f.sendq.next - 1);
        } else if (i % 8 == 2) {
            sendq_mark_lost(&f.sendq, f.sendq.next - 1);
        }
        if ((i & (i - 1)) == 0) {
            assert_queue(&f);
        }
    }
    assert_queue(&f);
    assert_int_equal(f.sendq.mask, TCP_SENDQ_RECORDS_MAX - 1);
    assert_false(queue(&f, 0, TCP_RECORD_FIN));
    assert_queue(&f);
    acknowledge(&f, f.una + 1);
    assert_true(queue(&f, 0, TCP_RECORD_FIN));
    assert_queue(&f);
    sendq_close(&f);
}

static void without_blocks_the_ring_stays(void **state)
{
    struct sendq_fixture f;
    void *all;

    (void)state;
    sendq_open(&f, 0, 8);
    all = blocks_take(&f.pieces.blocks, BLOCKS_ORDER_MAX);
    queue_sent(&f, TCP_SENDQ_INLINE, 10);
    assert_false(queue(&f, 10, 0));
    assert_queue(&f);
    assert_int_equal(f.pieces.pool.used[FRAME_BUDGET_DATA], TCP_SENDQ_INLINE);
    blocks_give(&f.pieces.blocks, all, BLOCKS_ORDER_MAX);
    assert_true(queue(&f, 10, 0));
    sendq_close(&f);
}

/* Text leaves two places of the largest ring, and of one that can't grow, a FIN one. */
static void places_are_left_for_cuts_and_the_fin(void **state)
{
    static const uint32_t places[] = {TCP_SENDQ_INLINE, TCP_SENDQ_RECORDS_MAX};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(places); i++) {
        struct sendq_fixture f;
        void *all = NULL;

        sendq_open(&f, 7, 4);
        if (places[i] == TCP_SENDQ_INLINE) {
            all = blocks_take(&f.pieces.blocks, BLOCKS_ORDER_MAX);
        }
        while (sendq_count(&f.sendq) < places[i] - 2) {
            assert_non_null(sendq_append(&f.sendq, &f.room, TCP_SENDQ_TEXT));
            assert_true(queue(&f, 0, TCP_RECORD_FIN));
        }
        assert_null(sendq_append(&f.sendq, &f.room, TCP_SENDQ_TEXT));
        assert_non_null(sendq_append(&f.sendq, &f.room, TCP_SENDQ_FIN));
        assert_true(queue(&f, 0, TCP_RECORD_FIN));
        assert_null(sendq_append(&f.sendq, &f.room, TCP_SENDQ_FIN));
        assert_non_null(sendq_append(&f.sendq, &f.room, TCP_SENDQ_CUT));
        assert_true(queue(&f, 0, TCP_RECORD_FIN));
        assert_null(sendq_append(&f.sendq, &f.room, TCP_SENDQ_CUT));
        if (all) {
            blocks_give(&f.pieces.blocks, all, BLOCKS_ORDER_MAX);
        }
        sendq_close(&f);
    }
}

/* What stands on lists and in skips when a ring is left for a smaller one. */
static void mark_every_which_way(struct sendq_fixture *f)
{
    for (uint32_t position = f->sendq.head; position != f->sendq.next; position++) {
        if (position % 4 == 0) {
            sendq_mark_sacked(&f->sendq, position);
        } else if (position % 4 == 1) {
            sendq_mark_lost(&f->sendq, position);
        }
    }
}

/* A peer that acknowledges all but the last of many records, and no more, keeps no more
 * memory than those need: else a few connections would have all blocks of a worker. */
static void the_ring_shrinks_while_records_are_left(void **state)
{
    static const struct {
        const char *name;
        unsigned queued;
        unsigned left;
        unsigned places; /* that it has then */
    } cases[] = {
        {"one of many", TCP_SENDQ_RECORDS_MAX / 2 + 1, 1, TCP_SENDQ_INLINE},
        {"two of many", TCP_SENDQ_RECORDS_MAX, 2, TCP_SENDQ_INLINE},
        {"three of many", TCP_SENDQ_RECORDS_MAX, 3, 8},
        {"an eighth", 512, 64, 128},
        {"more than an eighth", 512, 65, 512},
        {"one of the smallest ring", 5, 1, TCP_SENDQ_INLINE},
        {"two of the smallest ring", 5, 2, 8},
        {"one of the first places", TCP_SENDQ_INLINE, 1, TCP_SENDQ_INLINE},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct sendq_fixture f;
        uint64_t taken;

        print_message("  %s\n", cases[i].name);
        sendq_open(&f, UINT32_MAX - 3000, 4);
        f.sendq.head = f.sendq.next = f.sendq.tail = 5; /* no place is where the mask has it at 0 */
        for (unsigned j = 0; j < cases[i].queued; j++) {
            assert_true(queue(&f, 0, TCP_RECORD_FIN));
            transmit(&f, f.sendq.next);
        }
        mark_every_which_way(&f);
        acknowledge(&f, f.end - cases[i].left);
        assert_int_equal(f.sendq.mask, cases[i].places - 1);
        taken =
            cases[i].places > TCP_SENDQ_INLINE ? cases[i].places * sizeof(struct tcp_record) : 0;
        assert_int_equal(f.pieces.blocks.free_bytes, ARENA_BYTES - taken);
        assert_queue(&f);
        while (f.una != f.end) { /* and it is as good as any */
            assert_true(queue(&f, 0, TCP_RECORD_FIN));
            transmit(&f, f.sendq.next);
            assert_queue(&f);
            acknowledge(&f, f.una + 2);
            assert_queue(&f);
        }
        sendq_close(&f);
    }
}

/* Nothing to move to: it stays until there is. */
static void without_blocks_the_ring_does_not_shrink(void **state)
{
    struct sendq_fixture f;
    struct list taken;
    void *block;

    (void)state;
    sendq_open(&f, 0, 4);
    list_init(&taken);
    for (unsigned i = 0; i < 1024; i++) {
        assert_true(queue(&f, 0, TCP_RECORD_FIN));
        transmit(&f, f.sendq.next);
    }
    while ((block = blocks_take(&f.pieces.blocks, 0)) != NULL) {
        list_push_back(&taken, block);
    }
    acknowledge(&f, f.end - 3);
    assert_int_equal(f.sendq.mask, 1023);
    assert_queue(&f);
    while ((block = list_pop_front(&taken)) != NULL) {
        blocks_give(&f.pieces.blocks, block, 0);
    }
    acknowledge(&f, f.una);
    assert_int_equal(f.sendq.mask, 7);
    sendq_close(&f);
}

/* Positions only grow while the queue never runs empty, and 2^32 records are sent in
 * an hour and a half at 10 Gbit/s. None of them may come to mean "none". */
static void positions_do_not_run_out(void **state)
{
    static const uint32_t lives[] = {0, 1u << 31, UINT32_MAX - TCP_SENDQ_RECORDS_MAX};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lives); i++) {
        struct sendq_fixture f;

        sendq_open(&f, 0, 40);
        f.sendq.head = lives[i];
        f.sendq.next = lives[i];
        f.sendq.tail = lives[i];
        queue_sent(&f, 5, 10);
        for (unsigned j = 0; j < 2 * TCP_SENDQ_RECORDS_MAX; j++) {
            queue_sent(&f, 1, 10);
            assert_true(queue(&f, 1, 0));
            transmit(&f, f.sendq.next);
            sendq_mark_lost(&f.sendq, f.sendq.next - 3);
            sendq_mark_sacked(&f.sendq, f.sendq.next - 2);
            acknowledge(&f, sendq_at(&f.sendq, f.sendq.head + 2)->seq);
            assert_queue(&f);
            assert_true(f.sendq.tail < TCP_POSITION_NONE - TCP_SENDQ_RECORDS_MAX);
        }
        sendq_close(&f);
    }
}

enum early {
    EARLY_UNSENT,
    EARLY_IN_FLIGHT,
    EARLY_LOST,
    EARLY_SACKED,
    EARLY_STATES,
};

/* The few records before the cut move, not the thousands behind it: a window that opens byte by
 * byte would cost as much as the whole queue with each ACK. */
static void a_cut_moves_the_few(void **state)
{
    (void)state;
    for (unsigned place = 0; place < EARLY_STATES; place++) {
        struct sendq_fixture f;
        uint32_t tail, head;

        sendq_open(&f, UINT32_MAX - 60, 2100);
        queue_sent(&f, 2, 10);
        acknowledge(&f, sendq_at(&f.sendq, 1)->seq); /* the first has a place before it */
        queue_sent(&f, place == EARLY_UNSENT ? 0 : 5, 10);
        for (unsigned i = 0; i < 2000; i++) {
            assert_true(queue(&f, 10, 0));
        }
        head = f.sendq.head;
        tail = f.sendq.tail;
        if (place == EARLY_LOST) {
            sendq_mark_lost(&f.sendq, head + 1);
            sendq_mark_lost(&f.sendq, head + 2);
            sendq_mark_lost(&f.sendq, head + 4);
        } else if (place == EARLY_SACKED) {
            sendq_mark_sacked(&f.sendq, head + 1);
            sendq_mark_sacked(&f.sendq, head + 2);
            sendq_mark_sacked(&f.sendq, head + 3);
        }
        assert_true(sendq_split(&f.sendq, &f.room, head + (place == EARLY_UNSENT ? 1 : 2), 4));
        assert_int_equal(f.sendq.tail, tail);
        assert_int_equal(f.sendq.head, head - 1);
        assert_int_equal(sendq_at(&f.sendq, head + (place != EARLY_UNSENT))->slice.length, 4);
        assert_queue(&f);
        while (f.sendq.next != f.sendq.head + 20) {
            transmit(&f, f.sendq.next);
        }
        assert_queue(&f);
        acknowledge(&f, f.una + 35);
        assert_queue(&f);
        sendq_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ring_grows_to_its_limit),
        cmocka_unit_test(without_blocks_the_ring_stays),
        cmocka_unit_test(places_are_left_for_cuts_and_the_fin),
        cmocka_unit_test(the_ring_shrinks_while_records_are_left),
        cmocka_unit_test(without_blocks_the_ring_does_not_shrink),
        cmocka_unit_test(positions_do_not_run_out),
        cmocka_unit_test(a_cut_moves_the_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
