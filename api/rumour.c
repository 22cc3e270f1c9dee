#include "api/rumour.h"

#include <string.h>

bool rumour_tell(struct rumour_ring *ring, const uint8_t *arp)
{
    unsigned written = atomic_load_explicit(&ring->written, memory_order_relaxed);

    /* Acquire: the hearer has copied a slot before it says that it is free. */
    if (written - atomic_load_explicit(&ring->read, memory_order_acquire) == RUMOUR_SLOTS) {
        return false;
    }
    memcpy(ring->slots[written % RUMOUR_SLOTS], arp, RUMOUR_BYTES);
    /* Sequentially consistent: whoever goes to sleep sees it (see mailbox.h). */
    atomic_store(&ring->written, written + 1);
    return true;
}

bool rumour_hear(struct rumour_ring *ring, uint8_t *arp)
{
    unsigned read = atomic_load_explicit(&ring->read, memory_order_relaxed);

    /* Sequentially consistent: the last look before sleep (see mailbox.h). */
    if (atomic_load(&ring->written) == read) {
        return false;
    }
    memcpy(arp, ring->slots[read % RUMOUR_SLOTS], RUMOUR_BYTES);
    atomic_store_explicit(&ring->read, read + 1, memory_order_release);
    return true;
}
