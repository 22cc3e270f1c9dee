#include "tcp/timewait.h"

#include "datapath/util.h"

size_t timewait_memory_bytes(uint32_t entries_max)
{
    return slab_memory_bytes(sizeof(struct timewait_entry), entries_max);
}

void timewait_init(struct timewait *timewait, void *memory, uint32_t entries_max,
                   uint64_t duration_ns)
{
    slab_init(&timewait->entries, memory, sizeof(struct timewait_entry), entries_max);
    list_init(&timewait->fifo);
    list_init(&timewait->owing);
    timewait->duration_ns = duration_ns;
}

uint32_t timewait_add(struct timewait *timewait, uint64_t now_ns)
{
    uint32_t index;
    struct timewait_entry *entry = slab_take(&timewait->entries, &index);

    if (!entry) {
        return TIMEWAIT_NONE;
    }
    entry->expiry_ns = now_ns + timewait->duration_ns;
    list_push_back(&timewait->fifo, &entry->link);
    list_link_init(&entry->owing_link);
    return index;
}

void timewait_restart(struct timewait *timewait, uint32_t index, uint64_t now_ns)
{
    struct timewait_entry *entry = timewait_at(timewait, index);

    assert(slab_generation(&timewait->entries, index) & 1);
    list_link_remove(&entry->link);
    entry->expiry_ns = now_ns + timewait->duration_ns;
    list_push_back(&timewait->fifo, &entry->link);
}

void timewait_remove(struct timewait *timewait, uint32_t index)
{
    struct timewait_entry *entry = timewait_at(timewait, index);

    assert(slab_generation(&timewait->entries, index) & 1);
    list_link_remove(&entry->link);
    list_link_remove(&entry->owing_link);
    slab_give(&timewait->entries, index);
}

static const struct timewait_entry *oldest(const struct timewait *timewait)
{
    if (list_is_empty(&timewait->fifo)) {
        return NULL;
    }
    return container_of(timewait->fifo.head.next, struct timewait_entry, link);
}

uint32_t timewait_oldest(const struct timewait *timewait)
{
    const struct timewait_entry *entry = oldest(timewait);

    return entry ? slab_index(&timewait->entries, entry) : TIMEWAIT_NONE;
}

uint64_t timewait_next_ns(const struct timewait *timewait)
{
    const struct timewait_entry *entry = oldest(timewait);

    return entry ? entry->expiry_ns : UINT64_MAX;
}
