#include "datapath/net/neighbour.h"

/* Looked at for a victim: a flood of invented addresses asks for one with each
 * packet. */
static const uint16_t places_per_call = 16;

/* A product carries upwards only, and neighbours differ in the last bytes of their
 * addresses: these have to be the lowest of the number. The highest bits of what the
 * golden ratio makes of a row of numbers lie evenly apart. */
static uint16_t *bucket_of(const struct neighbours *table, const struct ip_addr *addr)
{
    uint64_t number = __builtin_bswap64(addr->halves[0] ^ addr->halves[1]);
    uint32_t hash = (uint32_t)(number * 0x9e3779b97f4a7c15ull >> 48);

    return &table->entries[(hash * (table->bucket_mask + 1u)) >> 16].bucket;
}

void neighbours_init(struct neighbours *table, struct neighbour *entries, uint16_t count_max)
{
    uint16_t buckets = 1;

    assert(count_max > 0 && count_max < NEIGHBOUR_NONE);
    while (buckets <= count_max / 2) {
        buckets = (uint16_t)(buckets * 2);
    }
    *table = (struct neighbours){
        .entries = entries,
        .count_max = count_max,
        .bucket_mask = (uint16_t)(buckets - 1),
        .deadline_ns = UINT64_MAX,
    };
    for (uint16_t i = 0; i < count_max; i++) {
        entries[i] = (struct neighbour){.bucket = NEIGHBOUR_NONE, .deadline_ns = UINT64_MAX};
        list_init(&entries[i].waiters);
    }
}

uint16_t neighbour_find(const struct neighbours *table, const struct ip_addr *addr)
{
    uint16_t index = *bucket_of(table, addr);

    while (index != NEIGHBOUR_NONE && !ip_addr_equal(&table->entries[index].addr, addr)) {
        index = table->entries[index].next;
    }
    return index;
}

/* The lower, the sooner forgotten. */
static unsigned dearness(const struct neighbour *neighbour)
{
    return neighbour->state < NEIGHBOUR_DELAY ? neighbour->state : NEIGHBOUR_DELAY;
}

static bool is_dearer(const struct neighbour *a, const struct neighbour *b)
{
    if (dearness(a) != dearness(b)) {
        return dearness(a) > dearness(b);
    }
    return a->used_ns > b->used_ns;
}

static uint16_t next_place(struct neighbours *table)
{
    uint16_t place = table->hand;

    table->hand = place + 1u < table->used ? (uint16_t)(place + 1) : 0;
    return place;
}

uint16_t neighbour_victim(struct neighbours *table)
{
    uint16_t victim = NEIGHBOUR_NONE;
    uint16_t waited_for = 0;
    uint16_t places = 0;

    if (table->used < table->count_max) {
        return table->used++;
    }
    for (uint16_t n = 0; n < table->used && places < places_per_call; n++) {
        uint16_t i = next_place(table);
        const struct neighbour *neighbour = &table->entries[i];

        if (neighbour->state == NEIGHBOUR_STATIC) {
            continue; /* how many there are no flood says */
        }
        places++;
        if (!list_is_empty(&neighbour->waiters)) {
            waited_for++;
        } else if (victim == NEIGHBOUR_NONE || is_dearer(&table->entries[victim], neighbour)) {
            victim = i;
        }
    }
    /* A flood of SYNs with invented sources has connections wait for each. */
    if (victim != NEIGHBOUR_NONE && neighbour_is_usable(&table->entries[victim]) &&
        waited_for > places / 2) {
        return NEIGHBOUR_NONE;
    }
    return victim;
}

static void unlink_from_bucket(struct neighbours *table, uint16_t index)
{
    uint16_t *at = bucket_of(table, &table->entries[index].addr);

    while (*at != index) {
        at = &table->entries[*at].next;
    }
    *at = table->entries[index].next;
}

void neighbour_assign(struct neighbours *table, uint16_t index, const struct ip_addr *addr)
{
    struct neighbour *neighbour = neighbour_at(table, index);
    uint16_t *bucket = bucket_of(table, addr);

    assert(neighbour->queued == 0 && list_is_empty(&neighbour->waiters));
    if (neighbour->state != NEIGHBOUR_FREE) {
        unlink_from_bucket(table, index);
    }
    neighbour->addr = *addr;
    neighbour->state = NEIGHBOUR_FAILED;
    neighbour->requests = 0;
    neighbour->generation++;
    neighbour->deadline_ns = UINT64_MAX;
    neighbour->used_ns = table->newest_ns;
    neighbour->next = *bucket;
    *bucket = index;
}
