/*
 * Goal:   a receive queue gives back the bytes that went in, in order, knows how
 *         many they are, and refuses whole payloads or none.
 * Method: a named shortage; then a seeded random order of pushes, adoptions and
 *         pops, each byte told by its number, across 2^32.
 */
#include "tcp/recvq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"

static bool push(struct piece_fixture *f, struct recvq *recvq, struct span span)
{
    struct slice slice = receive(f, &span, 0);
    bool done = recvq_push(recvq, &f->pieces, &f->pool, &slice);

    end_burst(f, &slice);
    return done;
}

static void a_new_queue_is_empty(void **state)
{
    struct piece_fixture f;
    struct recvq recvq;
    struct slice slice;

    (void)state;
    open_pieces(&f, 8, 8);
    recvq_init(&recvq);
    assert_int_equal(recvq.bytes, 0);
    assert_false(recvq_pop(&recvq, &f.pieces, &slice));
    recvq_clear(&recvq, &f.pieces, &f.pool);
    close_pieces(&f);
}

static void a_refused_payload_is_not_counted(void **state)
{
    struct piece_fixture f;
    struct recvq recvq;

    (void)state;
    open_pieces(&f, 8, 1);
    recvq_init(&recvq);
    assert_true(push(&f, &recvq, (struct span){0, 1000, 0}));
    assert_false(push(&f, &recvq, (struct span){1000, 1000, 0}));
    assert_int_equal(recvq.bytes, 1000);
    recvq_clear(&recvq, &f.pieces, &f.pool);
    assert_int_equal(recvq.bytes, 0);
    assert_true(push(&f, &recvq, (struct span){1000, 10, 0})); /* cleared is as good as new */
    assert_int_equal(recvq.bytes, 10);
    recvq_clear(&recvq, &f.pieces, &f.pool);
    close_pieces(&f);
}

/* What reassembly popped: its hold FRAME_REASSEMBLY comes along. */
static void adopt(struct piece_fixture *f, struct recvq *recvq, struct span span)
{
    struct slice slice = receive(f, &span, 0);

    assert_true(frame_keep(&f->pool, slice.frame));
    frame_hold(&f->pool, slice.frame, FRAME_REASSEMBLY);
    recvq_adopt(recvq, &f->pieces, &slice);
    end_burst(f, &slice);
}

static void any_order_keeps_the_bytes(void **state)
{
    struct piece_fixture f;
    struct recvq recvq;
    struct random random;
    uint32_t start = UINT32_MAX - 50000;
    uint32_t end = start;

    (void)state;
    random_init(&random, 41);
    open_pieces(&f, 24, 20);
    recvq_init(&recvq);
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t most = random_chance(&random, 500000) ? 30 : 1500;
        struct span span = {end, (uint16_t)(1 + random_below(&random, most)), 0};
        struct slice slice;

        switch (random_below(&random, step / 1000 % 2 ? 6 : 4)) {
        case 0:
        case 1:
            end += push(&f, &recvq, span) ? span.length : 0;
            break;
        case 2:
            if (f.pieces.slab.used < f.pieces.slab.count && frame_pool_data_free(&f.pool) > 1) {
                adopt(&f, &recvq, span);
                end += span.length;
            }
            break;
        default:
            assert_int_equal(recvq_pop(&recvq, &f.pieces, &slice), start != end);
            if (start != end) {
                assert_bytes(&f, &slice, start, 0);
                start += slice.length;
                frame_drop(&f.pool, slice.frame, FRAME_REASSEMBLY);
            }
            break;
        }
        assert_int_equal(recvq.bytes, end - start);
    }
    recvq_clear(&recvq, &f.pieces, &f.pool);
    close_pieces(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_queue_is_empty),
        cmocka_unit_test(a_refused_payload_is_not_counted),
        cmocka_unit_test(any_order_keeps_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
