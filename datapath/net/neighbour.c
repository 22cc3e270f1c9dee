#include "datapath/net/neighbour.h"

#include <string.h>

void neighbours_init(struct neighbours *table, struct neighbour *entries, uint16_t count_max)
{
    table->entries = entries;
    table->count_max = count_max;
    table->used = 0;
    table->deadline_ns = UINT64_MAX;
}

uint16_t neighbour_find(const struct neighbours *table, const struct ip_addr *addr)
{
    for (uint16_t i = 0; i < table->used; i++) {
        const struct neighbour *neighbour = &table->entries[i];

        if (neighbour->state != NEIGHBOUR_FREE && ip_addr_equal(&neighbour->addr, addr)) {
            return i;
        }
    }
    return NEIGHBOUR_NONE;
}

/* Nobody waits on it and nothing is queued: it can be forgotten. */
static bool is_idle(const struct neighbour *neighbour)
{
    return neighbour->state != NEIGHBOUR_STATIC && neighbour->queued == 0 &&
           list_is_empty(&neighbour->waiters);
}

static uint16_t choose_victim(const struct neighbours *table)
{
    uint16_t victim = NEIGHBOUR_NONE;

    for (uint16_t i = 0; i < table->used; i++) {
        const struct neighbour *neighbour = &table->entries[i];

        if (neighbour->state == NEIGHBOUR_FREE) {
            return i;
        }
        if (is_idle(neighbour) &&
            (victim == NEIGHBOUR_NONE || neighbour->used_ns < table->entries[victim].used_ns)) {
            victim = i;
        }
    }
    return victim;
}

uint16_t neighbour_get(struct neighbours *table, const struct ip_addr *addr, uint64_t now_ns)
{
    uint16_t index = neighbour_find(table, addr);
    struct neighbour *neighbour;
    uint16_t generation;

    if (index != NEIGHBOUR_NONE) {
        return index;
    }
    index = table->used < table->count_max ? table->used++ : choose_victim(table);
    if (index == NEIGHBOUR_NONE) {
        return NEIGHBOUR_NONE;
    }
    neighbour = &table->entries[index];
    generation = (uint16_t)(neighbour->generation + 1);
    memset(neighbour, 0, sizeof *neighbour);
    neighbour->addr = *addr;
    neighbour->generation = generation;
    neighbour->state = NEIGHBOUR_FAILED; /* nobody was asked yet */
    neighbour->deadline_ns = UINT64_MAX;
    neighbour->used_ns = now_ns;
    list_init(&neighbour->waiters);
    return index;
}

void neighbour_set_deadline(struct neighbours *table, struct neighbour *neighbour,
                            uint64_t deadline_ns)
{
    neighbour->deadline_ns = deadline_ns;
    if (deadline_ns < table->deadline_ns) {
        table->deadline_ns = deadline_ns;
    }
}
