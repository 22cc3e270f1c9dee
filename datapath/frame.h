/*
 * Frames: the chunks of the region that packets live in, and who holds them.
 *
 * A frame is a chunk of the region and a record beside it, never inside it.
 * The record says who still needs the chunk: its holders. The last holder to
 * leave sends the frame home, to the free list of its pool.
 *
 * Each worker has one pool and is the only thread that touches it; the chunk
 * memory belongs to the region, the records to the pool.
 *
 * Invariants, checked by frame_pool_check():
 *   - a frame is on the free list exactly when it has no holder;
 *   - used[b] is the number of held frames charged to budget b;
 *   - free frames never fall below the sum of the budgets' unspent floors, so
 *     that a full send queue cannot keep an ACK from being sent, nor the
 *     receive ring from being filled.
 */
#ifndef HEADRACE_DATAPATH_FRAME_H
#define HEADRACE_DATAPATH_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_NONE UINT32_MAX

/* Room before the payload of a frame that we fill, for the headers of any
 * segment: Ethernet 14, two VLAN tags 8, IPv6 40, TCP 60 = 122. */
#define FRAME_HEADROOM 128

/* TX metadata (struct xsk_tx_metadata of Linux 6.8) stands before the packet. */
#define FRAME_TX_METADATA 24

enum frame_holder {
    FRAME_KERNEL_RX = 1 << 0,  /* in the FILL ring, the NIC or the RX ring */
    FRAME_KERNEL_TX = 1 << 1,  /* in the TX ring, the NIC or the COMPLETION ring */
    FRAME_SENDQ = 1 << 2,      /* one segment record of a send queue, or a neighbour's queue */
    FRAME_REASSEMBLY = 1 << 3, /* received and not yet delivered; counted */
    FRAME_APP = 1 << 4,        /* retained by the application; counted */
    FRAME_WORKER = 1 << 5,     /* being processed in this turn of the worker */
    FRAME_CROSSING = 1 << 6,   /* another worker is to copy the packet; see api/crossing.h */
};

enum frame_budget {
    FRAME_BUDGET_RECEIVE, /* what the rings hold and the burst in hand */
    FRAME_BUDGET_CONTROL, /* ACK, RST, SYN-ACK, FIN, ARP, NDP, ICMP */
    FRAME_BUDGET_DATA,    /* send queues, reassembly, what applications retain */
    FRAME_BUDGET_COUNT,
};

enum frame_pressure {
    FRAME_NORMAL,   /* everything goes */
    FRAME_PRESSURE, /* windows stop growing, out-of-order ranges are pruned from the top */
    FRAME_CRITICAL, /* in-order data only, sending is refused */
    FRAME_PRESSURE_COUNT,
};

/* The record. 16 bytes: four share a cache line. */
struct frame {
    uint8_t holders; /* enum frame_holder */
    uint8_t budget;  /* enum frame_budget, meaningful while held */
    uint16_t reassembly_count;
    uint16_t app_count;
    uint16_t fill_end;  /* first byte of the chunk that no slice uses yet; see slice_stash */
    uint32_t free_next; /* free list, an index into the region */
    uint32_t spare;
};

static_assert(sizeof(struct frame) == 16, "four records a cache line");

struct frame_pool {
    uint8_t *base;  /* of the whole region: frame 0 */
    uint32_t first; /* the pool's frames are [first, first + count) of the region */
    uint32_t count;
    uint32_t chunk_shift; /* log2 of the chunk's bytes: 11 or 12 */
    uint32_t free_head;
    uint32_t free_count;
    uint32_t reserved; /* sum of the unspent floors */
    uint32_t floor[FRAME_BUDGET_COUNT];
    uint32_t used[FRAME_BUDGET_COUNT];
    uint32_t pressure_at;                 /* used[DATA] from which the level is PRESSURE */
    uint32_t critical_at;                 /* used[DATA] from which the level is CRITICAL */
    uint64_t refused[FRAME_BUDGET_COUNT]; /* takes and keeps that a floor refused */
    struct frame *records;
};

struct frame_pool_config {
    uint8_t *base;                      /* region, chunk aligned */
    uint32_t first;                     /* index of the pool's first frame in the region */
    uint32_t count;                     /* frames in the pool */
    uint32_t chunk_bytes;               /* 2048 or 4096 */
    uint32_t floor[FRAME_BUDGET_COUNT]; /* their sum is at most count */
    struct frame *records; /* `count` of them, zeroed, owned by the caller, outliving the pool */
};

/* 0, or -1 when the configuration is not consistent. */
int frame_pool_init(struct frame_pool *pool, const struct frame_pool_config *config);

/* A free frame charged to `budget` and held by `holder`, or FRAME_NONE when
 * taking it would spend another budget's floor. */
uint32_t frame_take(struct frame_pool *pool, enum frame_budget budget, enum frame_holder holder);

/* Another holder joins. APP and REASSEMBLY may join more than once, up to
 * 65,535 times; beyond that, or for another holder that is there already, it is
 * a broken invariant. Where the application decides how often it holds, ask
 * frame_may_hold first and refuse its call. */
void frame_hold(struct frame_pool *pool, uint32_t index, enum frame_holder holder);

/* A holder leaves (one of its counts, for APP and REASSEMBLY); the last one
 * sends the frame home. */
void frame_drop(struct frame_pool *pool, uint32_t index, enum frame_holder holder);

/* A received frame is to stay beyond its burst: charges it to the data budget.
 * False, and nothing changed, when no free frame could replace it; then its
 * payload must not be taken. True at once when it is charged there already. */
bool frame_keep(struct frame_pool *pool, uint32_t index);

/* For ports: a frame that was lent comes back with a packet, and FRAME_WORKER
 * takes over from FRAME_KERNEL_RX. The chunk is free from `fill_end` on, the
 * end of the packet, so that slice_stash may write behind it. */
void frame_arrive(struct frame_pool *pool, uint32_t index, uint16_t fill_end);

enum frame_pressure frame_pool_pressure(const struct frame_pool *pool);

/* Frames that the data budget can take until the level is critical. */
uint32_t frame_pool_data_uncritical(const struct frame_pool *pool);

/* Frames that a take from the data budget could still get. */
uint32_t frame_pool_data_free(const struct frame_pool *pool);

/* Those of them that no floor needs, its own included. */
static inline uint32_t frame_pool_spare(const struct frame_pool *pool)
{
    return pool->free_count - pool->reserved;
}

/* Walks everything and returns false, for tests, when an invariant is broken. */
bool frame_pool_check(const struct frame_pool *pool);

static inline bool frame_is_ours(const struct frame_pool *pool, uint32_t index)
{
    return index - pool->first < pool->count;
}

static inline struct frame *frame_record(const struct frame_pool *pool, uint32_t index)
{
    assert(frame_is_ours(pool, index));
    return &pool->records[index - pool->first];
}

static inline bool frame_is_held_by(const struct frame_pool *pool, uint32_t index,
                                    enum frame_holder holder)
{
    return (frame_record(pool, index)->holders & holder) != 0;
}

/* Whether frame_hold is allowed. */
static inline bool frame_may_hold(const struct frame_pool *pool, uint32_t index,
                                  enum frame_holder holder)
{
    const struct frame *record = frame_record(pool, index);

    if (holder == FRAME_APP) {
        return record->app_count < UINT16_MAX;
    }
    if (holder == FRAME_REASSEMBLY) {
        return record->reassembly_count < UINT16_MAX;
    }
    return (record->holders & holder) == 0;
}

static inline uint8_t *frame_data(const struct frame_pool *pool, uint32_t index)
{
    return pool->base + ((size_t)index << pool->chunk_shift);
}

static inline uint32_t frame_chunk_bytes(const struct frame_pool *pool)
{
    return 1u << pool->chunk_shift;
}

#endif
