#include "api/crossing.h"

#include <string.h>

bool crossing_give(struct crossing *ring, struct frame_pool *pool, const struct packet *packet)
{
    unsigned written = atomic_load_explicit(&ring->written, memory_order_relaxed);

    if (written - ring->reaped == CROSSING_SLOTS) {
        return false;
    }
    frame_hold(pool, packet->frame, FRAME_CROSSING);
    ring->slots[written % CROSSING_SLOTS] = *packet;
    /* Sequentially consistent: whoever goes to sleep sees it (see mailbox.h). */
    atomic_store(&ring->written, written + 1);
    return true;
}

void crossing_reap(struct crossing *ring, struct frame_pool *pool)
{
    /* Acquire: the taker has copied what it says it has read. */
    unsigned read = atomic_load_explicit(&ring->read, memory_order_acquire);

    while (ring->reaped != read) {
        frame_drop(pool, ring->slots[ring->reaped % CROSSING_SLOTS].frame, FRAME_CROSSING);
        ring->reaped++;
    }
}

/* The region is one, so another pool's frame is read by its index; everything
 * keeps its offset. */
static uint32_t copy(struct frame_pool *pool, const struct packet *packet)
{
    uint32_t frame = frame_take(pool, FRAME_BUDGET_RECEIVE, FRAME_WORKER);
    uint16_t end = (uint16_t)(packet->l4_offset + packet->l4_length);

    if (frame != FRAME_NONE) {
        memcpy(frame_data(pool, frame) + packet->l2_offset,
               frame_data(pool, packet->frame) + packet->l2_offset,
               (size_t)(end - packet->l2_offset));
        frame_record(pool, frame)->fill_end = end;
    }
    return frame;
}

int crossing_take(struct crossing *ring, struct frame_pool *pool, struct packet *packet)
{
    unsigned read = atomic_load_explicit(&ring->read, memory_order_relaxed);

    /* Sequentially consistent: the last look before sleep (see mailbox.h). */
    if (atomic_load(&ring->written) == read) {
        return 0;
    }
    *packet = ring->slots[read % CROSSING_SLOTS];
    packet->frame = copy(pool, packet);
    packet->flags |= PACKET_CROSSED;
    /* Release: the copy is made before the giver may use the frame again. */
    atomic_store_explicit(&ring->read, read + 1, memory_order_release);
    return packet->frame == FRAME_NONE ? -1 : 1;
}
