#include "datapath/xdp/ring.h"

void xsk_ring_init(struct xsk_ring *ring, void *map, const struct xdp_ring_offset *offset,
                   uint32_t size)
{
    uint8_t *base = map;

    assert(is_power_of_two(size));
    *ring = (struct xsk_ring){
        .mask = size - 1,
        .size = size,
        .producer = (uint32_t *)(void *)(base + offset->producer),
        .consumer = (uint32_t *)(void *)(base + offset->consumer),
        .flags = (uint32_t *)(void *)(base + offset->flags),
        .descriptors = base + offset->desc,
    };
}
