#include "tcp/wheel.h"

#include "datapath/util.h"

#define SLOT_MASK (WHEEL_SLOTS - 1)

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    wheel->tick = now_ns >> WHEEL_TICK_SHIFT;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
}

/* The first tick that begins at or after the deadline: never early. */
static uint64_t tick_of(uint64_t due_ns)
{
    return (due_ns >> WHEEL_TICK_SHIFT) + ((due_ns & ((1u << WHEEL_TICK_SHIFT) - 1)) != 0);
}

/* The level on which the tick and the wheel's differ first, seen from above. */
static unsigned level_of(const struct wheel *wheel, uint64_t tick)
{
    uint64_t differing = tick ^ wheel->tick;
    unsigned level;

    if (differing == 0) {
        return 0;
    }
    level = (63u - (unsigned)__builtin_clzll(differing)) / WHEEL_SLOT_BITS;
    return level < WHEEL_LEVELS ? level : WHEEL_LEVELS - 1;
}

/* `due` is the tick of the entry's deadline. */
static void file(struct wheel *wheel, struct wheel_entry *entry, uint64_t due)
{
    uint64_t farthest = wheel->tick + (1ull << (WHEEL_SLOT_BITS * WHEEL_LEVELS - 1));
    uint64_t tick = min_u64(max_u64(due, wheel->tick), farthest);
    unsigned level = level_of(wheel, tick);
    unsigned slot = (unsigned)(tick >> (WHEEL_SLOT_BITS * level)) & SLOT_MASK;

    entry->filed_tick = tick;
    wheel->occupied[level] |= 1ull << slot;
    list_push_back(&wheel->slots[level][slot], &entry->link);
}

void wheel_arm(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_ns)
{
    uint64_t due = tick_of(due_ns);

    entry->due_ns = due_ns;
    if (wheel_is_armed(entry)) {
        if (due >= entry->filed_tick) {
            return;
        }
        list_link_remove(&entry->link);
    }
    file(wheel, entry, due);
}

/* The bit of a slot that ran empty stays until the slot is seen: clearing it
 * would need to know the slot. */
void wheel_cancel(struct wheel *wheel, struct wheel_entry *entry)
{
    (void)wheel;
    list_link_remove(&entry->link);
}

/* The first occupied slot of a level at or after the wheel's own, as a tick. */
static uint64_t next_on_level(const struct wheel *wheel, unsigned level)
{
    unsigned shift = WHEEL_SLOT_BITS * level;
    unsigned here = (unsigned)(wheel->tick >> shift) & SLOT_MASK;
    uint64_t ahead;

    if (wheel->occupied[level] == 0) {
        return UINT64_MAX;
    }
    /* Turned so that bit 0 is where the wheel stands. */
    ahead = wheel->occupied[level] >> here;
    if (here > 0) {
        ahead |= wheel->occupied[level] << (WHEEL_SLOTS - here);
    }
    return max_u64(((wheel->tick >> shift) + (unsigned)__builtin_ctzll(ahead)) << shift,
                   wheel->tick);
}

static uint64_t next_tick(const struct wheel *wheel)
{
    uint64_t next = UINT64_MAX;

    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        next = min_u64(next, next_on_level(wheel, level));
    }
    return next;
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
    uint64_t tick = next_tick(wheel);

    return tick == UINT64_MAX ? UINT64_MAX : tick << WHEEL_TICK_SHIFT;
}

/* Entries of higher levels whose slot begins with this tick move down. */
static void cascade(struct wheel *wheel)
{
    for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
        unsigned slot = (unsigned)(wheel->tick >> (WHEEL_SLOT_BITS * level)) & SLOT_MASK;
        struct list entries;
        struct list_link *link;

        if (!(wheel->occupied[level] & 1ull << slot)) {
            continue;
        }
        wheel->occupied[level] &= ~(1ull << slot);
        list_init(&entries);
        list_splice_back(&entries, &wheel->slots[level][slot]);
        while ((link = list_pop_front(&entries)) != NULL) {
            struct wheel_entry *entry = container_of(link, struct wheel_entry, link);

            file(wheel, entry, tick_of(entry->due_ns));
        }
    }
}

void wheel_advance(struct wheel *wheel, uint64_t now_ns,
                   void (*expire)(struct wheel_entry *entry, void *ctx), void *ctx, unsigned budget)
{
    uint64_t until = now_ns >> WHEEL_TICK_SHIFT;

    for (;;) {
        uint64_t tick = next_tick(wheel);
        struct list *due;
        struct list_link *link;

        if (tick > until) {
            wheel->tick = max_u64(wheel->tick, until);
            return;
        }
        wheel->tick = tick;
        cascade(wheel);
        due = &wheel->slots[0][tick & SLOT_MASK];
        while (budget > 0 && (link = list_pop_front(due)) != NULL) {
            struct wheel_entry *entry = container_of(link, struct wheel_entry, link);
            uint64_t due_tick = tick_of(entry->due_ns);

            if (due_tick > tick) {
                file(wheel, entry, due_tick); /* it was moved to later */
                continue;
            }
            budget--;
            expire(entry, ctx);
        }
        if (!list_is_empty(due)) {
            return; /* the budget is used up */
        }
        wheel->occupied[0] &= ~(1ull << (tick & SLOT_MASK));
    }
}
