/*
 * Goal:   the earliest packet leaves the heap first; of those due together, the
 *         one pushed first.
 * Method: random pushes and pops with few different times, so that ties are
 *         frequent, beside a model that searches a plain array.
 */
#include "datapath/wire/heap.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CAPACITY 37u

struct model {
    struct wire_heap_entry entries[CAPACITY]; /* in the order in which they were pushed */
    uint32_t count;
};

static struct wire_heap_entry model_pop(struct model *model)
{
    uint32_t first = 0;
    struct wire_heap_entry entry;

    for (uint32_t i = 1; i < model->count; i++) {
        if (model->entries[i].due_ns < model->entries[first].due_ns) {
            first = i;
        }
    }
    entry = model->entries[first];
    model->count--;
    for (uint32_t i = first; i < model->count; i++) {
        model->entries[i] = model->entries[i + 1];
    }
    return entry;
}

static void order_is_by_time_then_by_push(void **state)
{
    static const uint64_t spreads[] = {1, 3, 50, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(spreads); i++) {
        struct wire_heap_entry entries[CAPACITY];
        struct wire_heap heap = {.entries = entries, .capacity = CAPACITY};
        struct model model = {.count = 0};
        struct random random;

        random_init(&random, i);
        for (uint32_t step = 0; step < 20000; step++) {
            assert_int_equal(heap.count, model.count);
            if (model.count < CAPACITY && random_below(&random, 2) == 0) {
                struct wire_heap_entry entry = {.due_ns = random_below(&random, spreads[i]),
                                                .packet = {.frame = step}};

                wire_heap_push(&heap, entry);
                model.entries[model.count++] = entry;
            } else if (model.count > 0) {
                struct wire_heap_entry expect = model_pop(&model);

                assert_true(wire_heap_due_ns(&heap) == expect.due_ns);
                assert_true(wire_heap_is_due(&heap, expect.due_ns));
                assert_int_equal(wire_heap_pop(&heap).packet.frame, expect.packet.frame);
            }
        }
    }
}

/* "Never" as a time must not look like something that is due. */
static void empty_is_never_due(void **state)
{
    const struct wire_heap heap = {0};

    (void)state;
    assert_true(wire_heap_due_ns(&heap) == UINT64_MAX);
    assert_false(wire_heap_is_due(&heap, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_by_time_then_by_push),
        cmocka_unit_test(empty_is_never_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
