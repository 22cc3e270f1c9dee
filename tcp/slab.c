#include "tcp/slab.h"

#include <string.h>

size_t slab_memory_bytes(uint32_t object_bytes, uint32_t count)
{
    return (size_t)count * (object_bytes + sizeof(struct slab_slot));
}

void slab_init(struct slab *slab, void *memory, uint32_t object_bytes, uint32_t count)
{
    assert(object_bytes > 0 && object_bytes % 8 == 0 && count < SLAB_NONE);
    slab->objects = memory;
    slab->slots = (struct slab_slot *)(void *)(slab->objects + (size_t)count * object_bytes);
    slab->object_bytes = object_bytes;
    slab->count = count;
    slab->used = 0;
    slab->free_head = SLAB_NONE;
    slab->untouched = 0;
    /* The first pages are there before the first turn that needs them. */
    if (count > 0) {
        memset(slab->objects, 0, object_bytes);
        memset(slab->slots, 0, sizeof *slab->slots);
    }
}

void *slab_take(struct slab *slab, uint32_t *index)
{
    *index = slab->free_head;
    if (*index != SLAB_NONE) {
        slab->free_head = slab->slots[*index].next_free;
    } else if (slab->untouched < slab->count) {
        *index = slab->untouched++;
    } else {
        return NULL;
    }
    slab->slots[*index].generation++;
    assert(slab->slots[*index].generation & 1);
    slab->used++;
    return slab_at(slab, *index);
}

void slab_give(struct slab *slab, uint32_t index)
{
    assert(index < slab->count);
    assert(slab->slots[index].generation & 1);
    slab->slots[index].generation++;
    slab->slots[index].next_free = slab->free_head;
    slab->free_head = index;
    slab->used--;
}

uint32_t slab_index(const struct slab *slab, const void *object)
{
    size_t offset = (size_t)((const uint8_t *)object - slab->objects);

    assert(offset % slab->object_bytes == 0 && offset / slab->object_bytes < slab->count);
    return (uint32_t)(offset / slab->object_bytes);
}
