#include "datapath/wire/heap.h"

static bool is_before(const struct wire_heap_entry *a, const struct wire_heap_entry *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->order < b->order);
}

void wire_heap_push(struct wire_heap *heap, struct wire_heap_entry entry)
{
    uint32_t at = heap->count;

    assert(heap->count < heap->capacity);
    entry.order = heap->pushed++;
    while (at > 0 && is_before(&entry, &heap->entries[(at - 1) / 2])) {
        heap->entries[at] = heap->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entries[at] = entry;
    heap->count++;
}

struct wire_heap_entry wire_heap_pop(struct wire_heap *heap)
{
    struct wire_heap_entry first;
    struct wire_heap_entry last;
    uint32_t at = 0;

    assert(heap->count > 0);
    first = heap->entries[0];
    last = heap->entries[--heap->count];
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            is_before(&heap->entries[child + 1], &heap->entries[child])) {
            child++;
        }
        if (!is_before(&heap->entries[child], &last)) {
            break;
        }
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    if (heap->count > 0) {
        heap->entries[at] = last;
    }
    return first;
}
