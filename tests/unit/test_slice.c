/*
 * Goal:   small payloads stay without holding a frame each, behind their
 *         neighbour and nowhere else, and every slice's sum is right, wherever
 *         it is stashed or split.
 * Method: payloads of random bytes at odd and even offsets, stashed one behind
 *         the other, split at each length; bytes and sums are compared with a
 *         plain sum (RFC 1071), modulo 0xffff since 0 and 0xffff are the same
 *         number there. Each reason not to append has its row.
 */
#include "datapath/slice.h"

#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/plain_sum.h"

#define FIRST 8u
#define FRAMES 16u

struct fixture {
    struct frame_pool pool;
    struct random random;
    struct slice in; /* a received frame's payload */
};

static bool sum_is_right(const struct frame_pool *pool, const struct slice *slice)
{
    return slice->sum % 0xffff == plain_sum(slice_data(pool, slice), slice->length);
}

static void open_pool(struct fixture *f, uint32_t chunk_bytes)
{
    const struct frame_pool_config config = {
        .first = FIRST, .count = FRAMES, .chunk_bytes = chunk_bytes, .floor = {4, 1, 1}};

    *f = (struct fixture){0};
    random_init(&f->random, 42);
    assert_int_equal(wire_pool_create(&f->pool, &config), 0);
    f->in.frame = frame_take(&f->pool, FRAME_BUDGET_RECEIVE, FRAME_WORKER);
}

static void close_pool(struct fixture *f)
{
    assert_true(frame_pool_check(&f->pool));
    wire_pool_destroy(&f->pool);
}

/* A new payload in the received frame. */
static void receive(struct fixture *f, uint16_t offset, uint16_t length)
{
    f->in.offset = offset;
    f->in.length = length;
    for (uint32_t i = 0; i < length; i++) {
        slice_data(&f->pool, &f->in)[i] = (uint8_t)random_next(&f->random);
    }
    f->in.sum = plain_sum(slice_data(&f->pool, &f->in), length);
}

static void assert_copied(const struct fixture *f, const struct slice *out)
{
    assert_int_equal(out->length, f->in.length);
    assert_memory_equal(slice_data(&f->pool, out), slice_data(&f->pool, &f->in), f->in.length);
    assert_true(sum_is_right(&f->pool, out));
}

static void stash_goes_behind_its_neighbour(void **state)
{
    static const struct {
        const char *name;
        uint16_t lengths[4]; /* of neighbours, so that offsets are even and odd */
        uint16_t in_offset;
    } cases[] = {
        {"even behind even", {2, 4, 100, 8}, 310},
        {"odd behind even", {2, 1, 4, 7}, 310},
        {"single bytes", {1, 1, 1, 1}, 311},
        {"largest", {511, 511, 511, 300}, 256},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice out[4];
        struct fixture f;

        open_pool(&f, 2048);
        for (size_t j = 0; j < COUNT_OF(out); j++) {
            receive(&f, cases[i].in_offset, cases[i].lengths[j]);
            assert_true(slice_is_small(&f.pool, f.in.length));
            assert_true(
                slice_stash(&f.pool, j > 0 ? &out[j - 1] : NULL, &f.in, FRAME_REASSEMBLY, &out[j]));
            assert_copied(&f, &out[j]);
            assert_int_equal(out[j].frame, out[0].frame);
            assert_int_equal(out[j].offset,
                             j > 0 ? out[j - 1].offset + out[j - 1].length : out[0].offset);
            assert_int_equal(frame_record(&f.pool, out[0].frame)->reassembly_count, j + 1);
            assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], 1);
        }
        assert_true(out[0].offset >= FRAME_HEADROOM + FRAME_TX_METADATA);
        for (size_t j = 0; j < COUNT_OF(out); j++) {
            assert_true(sum_is_right(&f.pool, &out[j])); /* nobody wrote over another */
            frame_drop(&f.pool, out[j].frame, FRAME_REASSEMBLY);
        }
        assert_int_equal(f.pool.used[FRAME_BUDGET_DATA], 0);
        close_pool(&f);
    }
}

/* What keeps a payload from being appended: `spoil` makes the reason. */
static void spoil_nothing(struct fixture *f, struct slice *tail)
{
    (void)f;
    (void)tail;
}

static void spoil_written_behind(struct fixture *f, struct slice *tail)
{
    frame_record(&f->pool, tail->frame)->fill_end++;
}

static void spoil_not_the_last(struct fixture *f, struct slice *tail)
{
    (void)f;
    tail->length--;
}

static void spoil_none(struct fixture *f, struct slice *tail)
{
    (void)f;
    *tail = (struct slice){.frame = FRAME_NONE};
}

static void spoil_foreign(struct fixture *f, struct slice *tail)
{
    (void)f;
    tail->frame = FIRST - 1; /* of another worker's pool in the same region */
}

static void spoil_budget(struct fixture *f, struct slice *tail)
{
    *tail = f->in; /* in the receive frame, which has not been kept */
    frame_record(&f->pool, tail->frame)->fill_end = (uint16_t)(tail->offset + tail->length);
}

static void spoil_count(struct fixture *f, struct slice *tail)
{
    while (frame_may_hold(&f->pool, tail->frame, FRAME_APP)) {
        frame_hold(&f->pool, tail->frame, FRAME_APP);
    }
}

static void spoil_no_room(struct fixture *f, struct slice *tail)
{
    uint16_t end = (uint16_t)(frame_chunk_bytes(&f->pool) - 99);

    tail->offset = (uint16_t)(end - tail->length);
    frame_record(&f->pool, tail->frame)->fill_end = end;
}

static void spoil_last_room(struct fixture *f, struct slice *tail)
{
    uint16_t end = (uint16_t)(frame_chunk_bytes(&f->pool) - 100);

    tail->offset = (uint16_t)(end - tail->length);
    frame_record(&f->pool, tail->frame)->fill_end = end;
}

static void stash_takes_a_fresh_frame(void **state)
{
    static const struct {
        const char *name;
        void (*spoil)(struct fixture *f, struct slice *tail);
        bool fresh;
    } cases[] = {
        {"nothing wrong", spoil_nothing, false},
        {"somebody wrote behind", spoil_written_behind, true},
        {"not the last of its frame", spoil_not_the_last, true},
        {"no tail", spoil_none, true},
        {"another pool's frame", spoil_foreign, true},
        {"not charged to the data budget", spoil_budget, true},
        {"the count is at its limit", spoil_count, true},
        {"a byte short", spoil_no_room, true},
        {"just fits", spoil_last_room, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice tail;
        struct slice out;
        struct fixture f;

        open_pool(&f, 4096);
        receive(&f, 300, 57);
        assert_true(slice_stash(&f.pool, NULL, &f.in, FRAME_APP, &tail));
        receive(&f, 300, 100);
        cases[i].spoil(&f, &tail);
        assert_true(slice_stash(&f.pool, &tail, &f.in, FRAME_APP, &out));
        assert_copied(&f, &out);
        if ((out.frame != tail.frame) != cases[i].fresh) {
            fail_msg("%s", cases[i].name);
        }
        assert_true(frame_pool_check(&f.pool));
        close_pool(&f);
    }
}

/* A payload that was large enough to stay in place takes the small ones after
 * it into its own chunk. */
static void stash_goes_behind_a_kept_packet(void **state)
{
    struct fixture f;
    struct slice tail;
    struct slice out;

    (void)state;
    open_pool(&f, 2048);
    tail.frame = frame_take(&f.pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
    frame_arrive(&f.pool, tail.frame, 1001);
    tail.offset = 310;
    tail.length = 691;
    assert_true(frame_keep(&f.pool, tail.frame));
    frame_hold(&f.pool, tail.frame, FRAME_REASSEMBLY);
    receive(&f, 310, 33);
    assert_true(slice_stash(&f.pool, &tail, &f.in, FRAME_REASSEMBLY, &out));
    assert_int_equal(out.frame, tail.frame);
    assert_int_equal(out.offset, 1001);
    assert_copied(&f, &out);
    close_pool(&f);
}

static void stash_fails_when_the_data_budget_is_spent(void **state)
{
    struct fixture f;
    struct slice tail;
    struct slice out;

    (void)state;
    open_pool(&f, 2048);
    receive(&f, 310, 20);
    assert_true(slice_stash(&f.pool, NULL, &f.in, FRAME_APP, &tail));
    while (frame_take(&f.pool, FRAME_BUDGET_DATA, FRAME_SENDQ) != FRAME_NONE) {
    }
    assert_false(slice_stash(&f.pool, NULL, &f.in, FRAME_APP, &out));
    assert_true(slice_stash(&f.pool, &tail, &f.in, FRAME_APP, &out)); /* needs no frame */
    close_pool(&f);
}

static void split_sums_are_right(void **state)
{
    static const struct {
        uint16_t offset;
        uint16_t length;
    } cases[] = {{300, 1}, {300, 2}, {301, 3}, {300, 64}, {303, 65}, {256, 200}, {257, 201}};
    struct fixture f;

    (void)state;
    open_pool(&f, 2048);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (uint16_t length = 0; length <= cases[i].length; length++) {
            struct slice rest;
            struct slice front;

            receive(&f, cases[i].offset, cases[i].length);
            rest = f.in;
            front = slice_take_front(&f.pool, &rest, length);
            assert_int_equal(front.frame, f.in.frame);
            assert_int_equal(front.offset, cases[i].offset);
            assert_int_equal(front.length, length);
            assert_int_equal(rest.frame, f.in.frame);
            assert_int_equal(rest.offset, cases[i].offset + length);
            assert_int_equal(rest.length, cases[i].length - length);
            assert_true(sum_is_right(&f.pool, &front));
            assert_true(sum_is_right(&f.pool, &rest));
        }
    }
    close_pool(&f);
}

/* Sums whose value is zero or all ones, where subtracting is easily wrong. */
static void split_of_uniform_bytes(void **state)
{
    static const uint8_t fills[] = {0x00, 0xff};
    struct fixture f;

    (void)state;
    open_pool(&f, 2048);
    for (size_t i = 0; i < COUNT_OF(fills); i++) {
        for (uint16_t length = 0; length <= 65; length++) {
            struct slice rest = {.frame = f.in.frame, .offset = 300, .length = 65};
            struct slice front;

            memset(slice_data(&f.pool, &rest), fills[i], rest.length);
            rest.sum = plain_sum(slice_data(&f.pool, &rest), rest.length);
            front = slice_take_front(&f.pool, &rest, length);
            assert_true(sum_is_right(&f.pool, &front));
            assert_true(sum_is_right(&f.pool, &rest));
        }
    }
    close_pool(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stash_goes_behind_its_neighbour),
        cmocka_unit_test(stash_takes_a_fresh_frame),
        cmocka_unit_test(stash_goes_behind_a_kept_packet),
        cmocka_unit_test(stash_fails_when_the_data_budget_is_spent),
        cmocka_unit_test(split_sums_are_right),
        cmocka_unit_test(split_of_uniform_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
