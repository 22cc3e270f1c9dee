/*
 * Goal:   entries leave in the order of their expiry, each 2MSL after it came or
 *         was last restarted, never earlier.
 * Method: named cases at the limits; then a seeded random order of adds,
 *         restarts, early removals and passing time against a model that knows
 *         each entry's expiry.
 */
#include "tcp/timewait.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"

#define ENTRIES 37u
#define DURATION_NS (60 * NS_PER_S)
#define STEPS 20000u

static void *open_timewait(struct timewait *timewait, uint32_t entries)
{
    size_t bytes = timewait_memory_bytes(entries);
    size_t whole_lines = (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    void *memory = aligned_alloc(CACHE_LINE_BYTES, whole_lines);

    assert_non_null(memory);
    memset(memory, 0, whole_lines);
    timewait_init(timewait, memory, entries, DURATION_NS);
    return memory;
}

static void without_entries_nothing_expires(void **state)
{
    struct timewait timewait;
    void *memory = open_timewait(&timewait, ENTRIES);
    uint32_t index;

    (void)state;
    for (unsigned i = 0; i < 2; i++) { /* at first, and again when emptied */
        assert_int_equal(timewait_oldest(&timewait), TIMEWAIT_NONE);
        assert_int_equal(timewait_next_ns(&timewait), UINT64_MAX);
        assert_int_equal(timewait_count(&timewait), 0);
        index = timewait_add(&timewait, 7);
        timewait_remove(&timewait, index);
    }
    free(memory);
}

static void entries_leave_in_order(void **state)
{
    static const struct {
        const char *name;
        uint64_t added_ns[3];
        int restarted; /* -1: none */
        uint64_t restarted_ns;
        unsigned order[3];
    } cases[] = {
        {"one after the other", {0, 10, 20}, -1, 0, {0, 1, 2}},
        {"all at once", {5, 5, 5}, -1, 0, {0, 1, 2}},
        {"the oldest again", {0, 10, 20}, 0, 30, {1, 2, 0}},
        {"the middle again", {0, 10, 20}, 1, 30, {0, 2, 1}},
        {"the newest again", {0, 10, 20}, 2, 30, {0, 1, 2}},
        {"in the same moment", {5, 5, 5}, 0, 5, {1, 2, 0}},
        {"after its time, not yet expired", {0, 0, 0}, 0, 2 * DURATION_NS, {1, 2, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct timewait timewait;
        void *memory = open_timewait(&timewait, 3);
        uint64_t expiry_ns[3];
        uint32_t index[3];

        for (unsigned j = 0; j < 3; j++) {
            index[j] = timewait_add(&timewait, cases[i].added_ns[j]);
            timewait_at(&timewait, index[j])->snd_nxt = j;
            expiry_ns[j] = cases[i].added_ns[j] + DURATION_NS;
        }
        if (cases[i].restarted >= 0) {
            timewait_restart(&timewait, index[cases[i].restarted], cases[i].restarted_ns);
            expiry_ns[cases[i].restarted] = cases[i].restarted_ns + DURATION_NS;
        }
        for (unsigned j = 0; j < 3; j++) {
            unsigned next = cases[i].order[j];

            assert_int_equal(timewait_next_ns(&timewait), expiry_ns[next]);
            assert_int_equal(timewait_oldest(&timewait), index[next]);
            assert_int_equal(timewait_at(&timewait, index[next])->snd_nxt, next);
            timewait_remove(&timewait, index[next]);
        }
        assert_int_equal(timewait_next_ns(&timewait), UINT64_MAX);
        free(memory);
    }
}

/* The caller makes place by removing the oldest. */
static void a_full_list_says_so(void **state)
{
    struct timewait timewait;
    void *memory = open_timewait(&timewait, ENTRIES);
    uint32_t first = timewait_add(&timewait, 0);

    (void)state;
    for (uint32_t i = 1; i < ENTRIES; i++) {
        assert_int_not_equal(timewait_add(&timewait, i), TIMEWAIT_NONE);
    }
    assert_int_equal(timewait_add(&timewait, ENTRIES), TIMEWAIT_NONE);
    assert_int_equal(timewait_count(&timewait), ENTRIES);
    assert_int_equal(timewait_oldest(&timewait), first);
    timewait_remove(&timewait, first);
    assert_int_equal(timewait_add(&timewait, ENTRIES), first);
    assert_int_equal(timewait_next_ns(&timewait), 1 + DURATION_NS);
    free(memory);
}

struct model {
    bool in[ENTRIES];
    uint64_t expiry_ns[ENTRIES];
    uint32_t token[ENTRIES];
    uint32_t count;
};

static uint64_t next_of(const struct model *model)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (model->in[i]) {
            next_ns = min_u64(next_ns, model->expiry_ns[i]);
        }
    }
    return next_ns;
}

static void add(struct model *model, struct timewait *timewait, uint64_t now_ns, uint32_t token)
{
    uint32_t index = timewait_add(timewait, now_ns);

    assert_int_equal(index == TIMEWAIT_NONE, model->count == ENTRIES);
    if (index == TIMEWAIT_NONE) {
        return;
    }
    assert_false(model->in[index]);
    timewait_at(timewait, index)->rcv_nxt = token;
    model->in[index] = true;
    model->expiry_ns[index] = now_ns + DURATION_NS;
    model->token[index] = token;
    model->count++;
}

static void leave(struct model *model, struct timewait *timewait, uint32_t index)
{
    assert_int_equal(timewait_at(timewait, index)->rcv_nxt, model->token[index]);
    timewait_remove(timewait, index);
    model->in[index] = false;
    model->count--;
}

static void expire(struct model *model, struct timewait *timewait, uint64_t now_ns)
{
    while (timewait_next_ns(timewait) <= now_ns) {
        uint32_t index = timewait_oldest(timewait);

        assert_true(model->in[index]);
        assert_true(model->expiry_ns[index] <= now_ns);
        leave(model, timewait, index);
    }
}

static void any_order_agrees_with_the_model(void **state)
{
    struct model model = {0};
    struct timewait timewait;
    struct random random;
    uint64_t now_ns = 0;
    void *memory = open_timewait(&timewait, ENTRIES);

    (void)state;
    random_init(&random, 21);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t index = (uint32_t)random_below(&random, ENTRIES);

        switch (random_below(&random, 8)) {
        case 0:
        case 1:
        case 2:
            add(&model, &timewait, now_ns, (uint32_t)random_next(&random));
            break;
        case 3:
            if (model.in[index]) {
                timewait_restart(&timewait, index, now_ns);
                model.expiry_ns[index] = now_ns + DURATION_NS;
            }
            break;
        case 4:
            if (model.in[index]) {
                leave(&model, &timewait, index);
            }
            break;
        default:
            now_ns += random_below(&random, DURATION_NS / (step / 2000 % 2 ? 4 : 64));
            expire(&model, &timewait, now_ns);
            break;
        }
        assert_int_equal(timewait_next_ns(&timewait), next_of(&model));
        assert_int_equal(timewait_count(&timewait), model.count);
    }
    expire(&model, &timewait, UINT64_MAX - 1);
    assert_int_equal(model.count, 0);
    free(memory);
}

static void remove_the_first(void *ctx)
{
    timewait_remove(ctx, 0);
}

static void remove_twice(void *ctx)
{
    timewait_remove(ctx, 0);
    timewait_remove(ctx, 0);
}

static void restart_what_is_gone(void *ctx)
{
    timewait_remove(ctx, 0);
    timewait_restart(ctx, 0, 1);
}

static void misuse_aborts(void **state)
{
    struct timewait timewait;
    void *memory = open_timewait(&timewait, ENTRIES);

    (void)state;
    assert_int_equal(timewait_add(&timewait, 0), 0);
    assert_false(aborts(remove_the_first, &timewait));
    assert_true(aborts(remove_twice, &timewait));
    assert_true(aborts(restart_what_is_gone, &timewait));
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_entries_nothing_expires),
        cmocka_unit_test(entries_leave_in_order),
        cmocka_unit_test(a_full_list_says_so),
        cmocka_unit_test(any_order_agrees_with_the_model),
        cmocka_unit_test(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
