#include "tcp/blocks.h"

#include <assert.h>
#include <stdbool.h>

/* State of the smallest block at which a block begins: its order, and this bit
 * while it is free. Inside a larger block it means nothing, but never says that
 * something is given out, so that what is given back twice is noticed. */
#define STATE_FREE 0x80u

size_t blocks_memory_bytes(uint64_t arena_bytes)
{
    return arena_bytes + (arena_bytes >> BLOCKS_ORDER_MIN);
}

static uint8_t *state_of(struct tcp_blocks *blocks, uint64_t offset)
{
    return &blocks->state[offset >> BLOCKS_ORDER_MIN];
}

/* At the front: who takes and gives back in turn stays on memory that is in the
 * cache, instead of going round the arena. */
static void put_free(struct tcp_blocks *blocks, uint64_t offset, unsigned order)
{
    struct list_link *link = (struct list_link *)(void *)(blocks->arena + offset);

    *state_of(blocks, offset) = (uint8_t)(STATE_FREE | order);
    list_push_front(&blocks->free[order], link);
}

void blocks_init(struct tcp_blocks *blocks, void *memory, uint64_t arena_bytes)
{
    assert(arena_bytes % (1u << BLOCKS_ORDER_MAX) == 0);
    blocks->arena = memory;
    blocks->state = blocks->arena + arena_bytes;
    blocks->arena_bytes = arena_bytes;
    blocks->free_bytes = arena_bytes;
    for (unsigned order = 0; order <= BLOCKS_ORDER_MAX; order++) {
        list_init(&blocks->free[order]);
    }
    for (uint64_t offset = 0; offset < arena_bytes; offset += 1u << BLOCKS_ORDER_MAX) {
        put_free(blocks, offset, BLOCKS_ORDER_MAX);
    }
}

static unsigned clamp(unsigned order)
{
    return order < BLOCKS_ORDER_MIN ? BLOCKS_ORDER_MIN : order;
}

void *blocks_take(struct tcp_blocks *blocks, unsigned order)
{
    struct list_link *link;
    unsigned found;
    uint64_t offset;

    order = clamp(order);
    for (found = order; found <= BLOCKS_ORDER_MAX && list_is_empty(&blocks->free[found]); found++) {
    }
    if (found > BLOCKS_ORDER_MAX) {
        return NULL;
    }
    link = list_pop_front(&blocks->free[found]);
    offset = (uint64_t)((uint8_t *)link - blocks->arena);
    while (found > order) {
        found--;
        put_free(blocks, offset + (1ull << found), found);
    }
    *state_of(blocks, offset) = (uint8_t)order;
    blocks->free_bytes -= 1ull << order;
    return link;
}

void blocks_give(struct tcp_blocks *blocks, void *block, unsigned order)
{
    uint64_t offset = (uint64_t)((uint8_t *)block - blocks->arena);

    order = clamp(order);
    assert(order <= BLOCKS_ORDER_MAX && offset < blocks->arena_bytes);
    assert(offset % (1ull << order) == 0);
    assert(*state_of(blocks, offset) == order);
    *state_of(blocks, offset) = (uint8_t)(STATE_FREE | order);
    blocks->free_bytes += 1ull << order;
    while (order < BLOCKS_ORDER_MAX) {
        uint64_t buddy = offset ^ (1ull << order);

        if (*state_of(blocks, buddy) != (STATE_FREE | order)) {
            break;
        }
        list_link_remove((struct list_link *)(void *)(blocks->arena + buddy));
        offset &= ~(1ull << order);
        order++;
    }
    put_free(blocks, offset, order);
}

void blocks_halve(struct tcp_blocks *blocks, void *block, unsigned order)
{
    uint64_t offset = (uint64_t)((uint8_t *)block - blocks->arena);
    uint64_t upper = offset + (1ull << (order - 1));

    assert(order > BLOCKS_ORDER_MIN && offset < blocks->arena_bytes);
    assert(*state_of(blocks, offset) == order);
    *state_of(blocks, offset) = (uint8_t)(order - 1);
    *state_of(blocks, upper) = (uint8_t)(order - 1);
    blocks_give(blocks, blocks->arena + upper, order - 1);
}
