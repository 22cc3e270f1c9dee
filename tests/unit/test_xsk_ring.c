/*
 * Goal:   rings hand every descriptor over once, in order, and never more than
 *         there are or fit, also where the indices wrap at 2^32.
 * Method: both sides of a ring in ordinary memory: one through ring.h, the other
 *         played by hand as the kernel would; random batches from several
 *         starting indices, against a counter.
 */
#include "datapath/util.h"
#include "datapath/xdp/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 8u

static const uint32_t starts[] = {0, 1, SIZE - 1, UINT32_MAX - 3, UINT32_MAX};

/* The layout that the kernel describes with its offsets; any will do. */
struct fake {
    uint32_t flags;
    uint32_t consumer;
    uint8_t apart[56];
    uint32_t producer;
    uint32_t spare;
    uint64_t addresses[SIZE];
    struct xsk_ring ring;
    uint32_t random;
};

static void fake_open(struct fake *fake, uint32_t start)
{
    const struct xdp_ring_offset offset = {
        .producer = offsetof(struct fake, producer),
        .consumer = offsetof(struct fake, consumer),
        .desc = offsetof(struct fake, addresses),
        .flags = offsetof(struct fake, flags),
    };

    memset(fake, 0, sizeof *fake);
    xsk_ring_init(&fake->ring, fake, &offset, SIZE);
    fake->producer = fake->consumer = start;
    fake->ring.cached_own = fake->ring.cached_other = start;
    fake->random = 12345;
}

/* 0 to SIZE. */
static uint32_t draw(struct fake *fake)
{
    fake->random = fake->random * 1103515245u + 12345u;
    return (fake->random >> 16) % (SIZE + 1);
}

static void parts_are_where_the_kernel_says(void **state)
{
    struct fake fake;

    (void)state;
    fake_open(&fake, 0);
    assert_ptr_equal(fake.ring.producer, &fake.producer);
    assert_ptr_equal(fake.ring.consumer, &fake.consumer);
    assert_ptr_equal(fake.ring.flags, &fake.flags);
    assert_ptr_equal(fake.ring.addresses, fake.addresses);
    assert_false(xsk_ring_needs_wakeup(&fake.ring));
    fake.flags = XDP_RING_NEED_WAKEUP;
    assert_true(xsk_ring_needs_wakeup(&fake.ring));
}

static void producing_never_overruns(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        struct fake fake;
        uint64_t written = 0;
        uint64_t read = 0;

        fake_open(&fake, starts[i]);
        for (unsigned round = 0; round < 1000; round++) {
            uint32_t want = draw(&fake);
            uint32_t room = xsk_ring_room(&fake.ring, want);
            uint32_t count = min_u32(want, room);
            uint32_t index = xsk_ring_reserve(&fake.ring, count);

            assert_true(room <= SIZE - (written - read));
            assert_true(count == want || room == SIZE - (written - read));
            for (uint32_t j = 0; j < count; j++) {
                fake.addresses[(index + j) & fake.ring.mask] = written++;
            }
            assert_int_equal(fake.producer - starts[i], (uint32_t)(written - count));
            xsk_ring_submit(&fake.ring);
            assert_int_equal(fake.producer - starts[i], (uint32_t)written);
            assert_int_equal(xsk_ring_untaken(&fake.ring), written - read);
            for (uint32_t take = draw(&fake); take > 0 && read < written; take--) {
                assert_int_equal(fake.addresses[fake.consumer++ & fake.ring.mask], read);
                read++;
            }
        }
        assert_true(written > 2 * SIZE);
    }
}

static void consuming_sees_each_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        struct fake fake;
        uint64_t written = 0;
        uint64_t read = 0;

        fake_open(&fake, starts[i]);
        for (unsigned round = 0; round < 1000; round++) {
            uint32_t want;
            uint32_t count;
            uint32_t index;
            uint32_t used;

            for (uint32_t put = draw(&fake); put > 0 && written - read < SIZE; put--) {
                fake.addresses[fake.producer++ & fake.ring.mask] = written++;
            }
            want = draw(&fake);
            count = xsk_ring_peek(&fake.ring, want, &index);
            assert_int_equal(count, min_u32(want, (uint32_t)(written - read)));
            used = min_u32(draw(&fake), count); /* not all that was seen is taken */
            for (uint32_t j = 0; j < used; j++) {
                assert_int_equal(fake.addresses[(index + j) & fake.ring.mask], read);
                read++;
            }
            assert_int_equal(fake.consumer - starts[i], (uint32_t)(read - used));
            xsk_ring_release(&fake.ring, used);
            assert_int_equal(fake.consumer - starts[i], (uint32_t)read);
        }
        assert_true(read > 2 * SIZE);
    }
}

/* Of three packets two are taken in one peek: more is there until the last was. */
static void a_look_sees_what_was_not_peeked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts); i++) {
        struct fake fake;
        uint32_t index;

        fake_open(&fake, starts[i]);
        assert_false(xsk_ring_has_more(&fake.ring));
        fake.producer += 3;
        assert_true(xsk_ring_has_more(&fake.ring));
        assert_int_equal(xsk_ring_peek(&fake.ring, 2, &index), 2);
        xsk_ring_release(&fake.ring, 2);
        assert_true(xsk_ring_has_more(&fake.ring));
        assert_int_equal(xsk_ring_peek(&fake.ring, 2, &index), 1);
        xsk_ring_release(&fake.ring, 1);
        assert_false(xsk_ring_has_more(&fake.ring));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_where_the_kernel_says),
        cmocka_unit_test(producing_never_overruns),
        cmocka_unit_test(consuming_sees_each_once),
        cmocka_unit_test(a_look_sees_what_was_not_peeked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
