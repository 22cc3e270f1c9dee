/*
 * Goal:   objects are handed out once, up to the last, and an id that outlived
 *         its object is recognised.
 * Method: named sizes from full to empty; then a seeded random order of takes and
 *         gives against a model of what is in use and which generation it has;
 *         misuse must abort.
 */
#include "tcp/slab.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"

#define OBJECTS 61u
#define STEPS 20000u

static void *take_from(struct slab *slab)
{
    uint32_t index;

    return slab_take(slab, &index);
}

static void give_back(struct slab *slab, const void *object)
{
    slab_give(slab, slab_index(slab, object));
}

static void *open_slab(struct slab *slab, uint32_t object_bytes, uint32_t count)
{
    size_t bytes = slab_memory_bytes(object_bytes, count);
    size_t whole_lines = (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    void *memory = aligned_alloc(CACHE_LINE_BYTES, whole_lines);

    assert_non_null(memory);
    memset(memory, 0, whole_lines);
    slab_init(slab, memory, object_bytes, count);
    return memory;
}

static void all_are_handed_out_once(void **state)
{
    static const struct {
        const char *name;
        uint32_t object_bytes;
        uint32_t count;
    } cases[] = {
        {"a piece", 16, OBJECTS},
        {"smallest", 8, OBJECTS},
        {"not a power of two", 88, OBJECTS},
        {"a connection", 512, OBJECTS},
        {"a single one", 64, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t *objects[OBJECTS];
        struct slab slab;
        void *memory = open_slab(&slab, cases[i].object_bytes, cases[i].count);

        for (uint32_t j = 0; j < cases[i].count; j++) {
            objects[j] = take_from(&slab);
            assert_non_null(objects[j]);
            memset(objects[j], (int)j + 1, cases[i].object_bytes);
            assert_int_equal(slab.used, j + 1);
        }
        assert_null(take_from(&slab));
        for (uint32_t j = 0; j < cases[i].count; j++) {
            uint32_t index = slab_index(&slab, objects[j]);

            /* Neither a neighbour nor the slots wrote into it. */
            for (uint32_t k = 0; k < cases[i].object_bytes; k++) {
                assert_int_equal(objects[j][k], j + 1);
            }
            assert_ptr_equal(slab_at(&slab, index), objects[j]);
            if (cases[i].object_bytes % CACHE_LINE_BYTES == 0) {
                assert_int_equal((uintptr_t)objects[j] % CACHE_LINE_BYTES, 0);
            }
            give_back(&slab, objects[j]);
        }
        assert_int_equal(slab.used, 0);
        free(memory);
    }
}

/* A million idle connections cost no memory before they come. */
static void what_was_never_taken_is_not_touched(void **state)
{
    struct slab slab;
    void *memory = open_slab(&slab, 64, OBJECTS);
    void *object = take_from(&slab);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        give_back(&slab, object);
        object = take_from(&slab);
    }
    assert_int_equal(slab.untouched, 1);
    assert_int_equal(slab_index(&slab, object), 0);
    for (uint32_t i = 1; i < OBJECTS; i++) {
        assert_int_equal(slab_generation(&slab, i), 0);
        assert_false(slab_is_live(&slab, i, slab_generation(&slab, i)));
    }
    free(memory);
}

static void stale_ids_are_recognised(void **state)
{
    struct slab slab;
    void *memory = open_slab(&slab, 64, 2);
    void *object = take_from(&slab);
    uint32_t index = slab_index(&slab, object);
    uint32_t generation = slab_generation(&slab, index);

    (void)state;
    assert_true(slab_is_live(&slab, index, generation));
    assert_false(slab_is_live(&slab, index, generation + 1));
    assert_false(slab_is_live(&slab, index, generation + 2));
    assert_false(slab_is_live(&slab, index + 1, generation));
    assert_false(slab_is_live(&slab, 2, generation)); /* no such object */
    assert_false(slab_is_live(&slab, SLAB_NONE, generation));
    give_back(&slab, object);
    assert_false(slab_is_live(&slab, index, generation));
    assert_false(slab_is_live(&slab, index, slab_generation(&slab, index))); /* free */
    assert_ptr_equal(take_from(&slab), object);
    assert_false(slab_is_live(&slab, index, generation));
    assert_true(slab_is_live(&slab, index, slab_generation(&slab, index)));

    /* The generation stays odd in use when it runs over. */
    give_back(&slab, object);
    slab.slots[index].generation = UINT32_MAX - 1;
    (void)take_from(&slab);
    assert_true(slab_is_live(&slab, index, UINT32_MAX));
    give_back(&slab, object);
    assert_false(slab_is_live(&slab, index, UINT32_MAX));
    (void)take_from(&slab);
    assert_true(slab_is_live(&slab, index, 1));
    free(memory);
}

static void any_order_agrees_with_the_model(void **state)
{
    struct {
        uint64_t *object; /* NULL: free */
        uint32_t generation;
        uint64_t token;
    } model[OBJECTS] = {0};
    uint32_t used = 0;
    struct random random;
    struct slab slab;
    void *memory = open_slab(&slab, 24, OBJECTS);

    (void)state;
    random_init(&random, 3);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t index = (uint32_t)random_below(&random, OBJECTS);
        /* Tides: mostly filling, then mostly emptying. */
        bool take = random_chance(&random, step / 500 % 2 ? 300000 : 700000);

        if (take) {
            uint64_t *object = take_from(&slab);

            assert_int_equal(object == NULL, used == OBJECTS);
            if (object == NULL) {
                continue;
            }
            index = slab_index(&slab, object);
            assert_null(model[index].object);
            model[index].object = object;
            model[index].generation = slab_generation(&slab, index);
            model[index].token = *object = random_next(&random);
            used++;
        } else if (model[index].object != NULL) {
            assert_int_equal(*model[index].object, model[index].token);
            assert_true(slab_is_live(&slab, index, model[index].generation));
            give_back(&slab, model[index].object);
            assert_false(slab_is_live(&slab, index, model[index].generation));
            model[index].object = NULL;
            used--;
        }
        assert_int_equal(slab.used, used);
    }
    free(memory);
}

struct misuse {
    struct slab slab;
    uint8_t *object;
};

static void give(void *ctx)
{
    struct misuse *misuse = ctx;

    give_back(&misuse->slab, misuse->object);
}

static void give_twice(void *ctx)
{
    give(ctx);
    give(ctx);
}

static void give_the_middle(void *ctx)
{
    struct misuse *misuse = ctx;

    give_back(&misuse->slab, misuse->object + 8);
}

static void give_what_lies_behind(void *ctx)
{
    struct misuse *misuse = ctx;

    give_back(&misuse->slab, misuse->object + 4 * 64);
}

static void give_what_lies_before(void *ctx)
{
    struct misuse *misuse = ctx;

    give_back(&misuse->slab, misuse->object - 64);
}

static void ask_for_none(void *ctx)
{
    struct misuse *misuse = ctx;

    (void)slab_at(&misuse->slab, 4);
}

static void misuse_aborts(void **state)
{
    struct misuse misuse;
    void *memory = open_slab(&misuse.slab, 64, 4);

    (void)state;
    misuse.object = take_from(&misuse.slab);
    assert_false(aborts(give, &misuse));
    assert_true(aborts(give_twice, &misuse));
    assert_true(aborts(give_the_middle, &misuse));
    assert_true(aborts(give_what_lies_behind, &misuse));
    assert_true(aborts(give_what_lies_before, &misuse));
    assert_true(aborts(ask_for_none, &misuse));
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_handed_out_once),
        cmocka_unit_test(what_was_never_taken_is_not_touched),
        cmocka_unit_test(stale_ids_are_recognised),
        cmocka_unit_test(any_order_agrees_with_the_model),
        cmocka_unit_test(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
