/*
 * Goal:   packets cross in order, with their bytes, and every frame comes home to
 *         the pool that it is of; a full ring and an empty pool lose one packet and
 *         nothing else.
 * Method: two pools over one region; first one step at a time, then a giver and a
 *         taker in threads of their own.
 */
#include "api/crossing.h"
#include "datapath/util.h"
#include "datapath/wire/pool.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 512u
#define L2 256u
#define BYTES 60u

/* Pools of [0, FRAMES) and [FRAMES, 2 * FRAMES) of one region. */
struct place {
    uint8_t *memory;
    struct frame records[2][FRAMES];
    struct frame_pool pool[2];
    struct crossing *ring;
};

static struct place *make_place(void)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    place->memory = aligned_alloc(2048, 2ull * FRAMES * 2048);
    place->ring = aligned_alloc(64, sizeof *place->ring);
    assert_non_null(place->memory);
    assert_non_null(place->ring);
    memset(place->ring, 0, sizeof *place->ring);
    for (unsigned i = 0; i < 2; i++) {
        struct frame_pool_config config = {
            .base = place->memory,
            .first = i * FRAMES,
            .count = FRAMES,
            .chunk_bytes = 2048,
            .records = place->records[i],
        };

        assert_int_equal(frame_pool_init(&place->pool[i], &config), 0);
    }
    return place;
}

static void free_place(struct place *place)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_true(frame_pool_check(&place->pool[i]));
        assert_int_equal(place->pool[i].free_count, FRAMES);
    }
    free(place->memory);
    free(place->ring);
    free(place);
}

/* As if received by pool 0: bytes that tell which packet it is. */
static struct packet make_packet(struct place *place, uint32_t number)
{
    struct packet packet = {
        .frame = frame_take(&place->pool[0], FRAME_BUDGET_RECEIVE, FRAME_WORKER),
        .l2_offset = L2,
        .l3_offset = L2 + 14,
        .l4_offset = L2 + 34,
        .l4_length = BYTES - 34,
        .protocol = 6,
    };

    assert_int_not_equal(packet.frame, FRAME_NONE);
    memset(frame_data(&place->pool[0], packet.frame) + L2, (int)(number % 251), BYTES);
    return packet;
}

static bool give(struct place *place, uint32_t number)
{
    struct packet packet = make_packet(place, number);
    bool given = crossing_give(place->ring, &place->pool[0], &packet);

    frame_drop(&place->pool[0], packet.frame, FRAME_WORKER); /* the burst ends */
    return given;
}

static void check_taken(struct place *place, const struct packet *packet, uint32_t number)
{
    const uint8_t *bytes = frame_data(&place->pool[1], packet->frame) + L2;

    assert_true(frame_is_ours(&place->pool[1], packet->frame));
    assert_true(packet->flags & PACKET_CROSSED);
    assert_int_equal(frame_record(&place->pool[1], packet->frame)->fill_end, L2 + BYTES);
    for (unsigned i = 0; i < BYTES; i++) {
        assert_int_equal(bytes[i], number % 251);
    }
    frame_drop(&place->pool[1], packet->frame, FRAME_WORKER);
}

static void crosses_and_comes_home(void **state)
{
    struct place *place = make_place();
    struct packet packet;

    (void)state;
    assert_int_equal(crossing_take(place->ring, &place->pool[1], &packet), 0);
    assert_true(give(place, 7));
    crossing_reap(place->ring, &place->pool[0]);
    assert_int_equal(place->pool[0].free_count, FRAMES - 1); /* not copied yet */
    assert_int_equal(crossing_take(place->ring, &place->pool[1], &packet), 1);
    check_taken(place, &packet, 7);
    crossing_reap(place->ring, &place->pool[0]);
    assert_int_equal(place->pool[0].free_count, FRAMES);
    free_place(place);
}

static void a_full_ring_refuses(void **state)
{
    struct place *place = make_place();
    struct packet packet;

    (void)state;
    for (uint32_t i = 0; i < CROSSING_SLOTS; i++) {
        assert_true(give(place, i));
    }
    assert_false(give(place, 999));
    for (uint32_t i = 0; i < CROSSING_SLOTS; i++) {
        assert_int_equal(crossing_take(place->ring, &place->pool[1], &packet), 1);
        check_taken(place, &packet, i);
    }
    assert_false(give(place, 999)); /* not reaped: the frames are still lent */
    crossing_reap(place->ring, &place->pool[0]);
    assert_true(give(place, 999));
    assert_int_equal(crossing_take(place->ring, &place->pool[1], &packet), 1);
    check_taken(place, &packet, 999);
    crossing_reap(place->ring, &place->pool[0]);
    free_place(place);
}

static void without_a_frame_one_packet_is_lost(void **state)
{
    struct place *place = make_place();
    uint32_t taken[FRAMES];
    struct packet packet;

    (void)state;
    for (unsigned i = 0; i < FRAMES; i++) {
        taken[i] = frame_take(&place->pool[1], FRAME_BUDGET_DATA, FRAME_SENDQ);
    }
    assert_true(give(place, 1));
    assert_true(give(place, 2));
    assert_int_equal(crossing_take(place->ring, &place->pool[1], &packet), -1);
    for (unsigned i = 0; i < FRAMES; i++) {
        frame_drop(&place->pool[1], taken[i], FRAME_SENDQ);
    }
    assert_int_equal(crossing_take(place->ring, &place->pool[1], &packet), 1);
    check_taken(place, &packet, 2);
    crossing_reap(place->ring, &place->pool[0]);
    free_place(place);
}

#define MANY 20000u

static void *give_many(void *argument)
{
    struct place *place = argument;

    for (uint32_t i = 0; i < MANY; i++) {
        while (!give(place, i)) {
            sched_yield();
            crossing_reap(place->ring, &place->pool[0]);
        }
        crossing_reap(place->ring, &place->pool[0]);
    }
    return NULL;
}

static void a_giver_and_a_taker(void **state)
{
    struct place *place = make_place();
    pthread_t giver;

    (void)state;
    assert_int_equal(pthread_create(&giver, NULL, give_many, place), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        struct packet packet;

        while (crossing_take(place->ring, &place->pool[1], &packet) != 1) {
            sched_yield();
        }
        check_taken(place, &packet, i);
    }
    assert_int_equal(pthread_join(giver, NULL), 0);
    crossing_reap(place->ring, &place->pool[0]);
    free_place(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crosses_and_comes_home),
        cmocka_unit_test(a_full_ring_refuses),
        cmocka_unit_test(without_a_frame_one_packet_is_lost),
        cmocka_unit_test(a_giver_and_a_taker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
