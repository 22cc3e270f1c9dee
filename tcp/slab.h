/*
 * Objects of one size by index. Memory is given at init and stays the caller's;
 * one thread. A generation per object, odd while it is in use, makes an id that
 * outlived its object recognisable.
 */
#ifndef HEADRACE_TCP_SLAB_H
#define HEADRACE_TCP_SLAB_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_NONE UINT32_MAX

/* Beside each object, never inside. */
struct slab_slot {
    uint32_t generation; /* odd: in use */
    uint32_t next_free;
};

struct slab {
    uint8_t *objects;
    struct slab_slot *slots;
    uint32_t object_bytes;
    uint32_t count;
    uint32_t used;
    uint32_t free_head;
    uint32_t untouched; /* objects from here on were never taken: their memory is not touched */
};

/* Bytes for `count` objects and their slots. */
size_t slab_memory_bytes(uint32_t object_bytes, uint32_t count);

/* `memory` is zeroed and aligned to a cache line; object_bytes is a multiple of
 * 8. */
void slab_init(struct slab *slab, void *memory, uint32_t object_bytes, uint32_t count);

/* An object and its index, by which it is given back; NULL when all are in use. The
 * contents are what the last user left. */
void *slab_take(struct slab *slab, uint32_t *index);
void slab_give(struct slab *slab, uint32_t index);

static inline void *slab_at(const struct slab *slab, uint32_t index)
{
    assert(index < slab->count);
    return slab->objects + (size_t)index * slab->object_bytes;
}

/* The index of an object: a division, for opening and closing only; what needs
 * it often keeps it. */
uint32_t slab_index(const struct slab *slab, const void *object);

static inline uint32_t slab_generation(const struct slab *slab, uint32_t index)
{
    assert(index < slab->count);
    return slab->slots[index].generation;
}

/* Whether index and generation name an object that is in use. */
static inline bool slab_is_live(const struct slab *slab, uint32_t index, uint32_t generation)
{
    return index < slab->count && (generation & 1) != 0 &&
           slab->slots[index].generation == generation;
}

#endif
