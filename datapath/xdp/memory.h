/*
 * The frames of a number of workers: one region, and a pool of equal size for
 * each over a slice of it, with its records.
 *
 * The control thread makes and destroys it; each pool belongs to its worker.
 * Close the interfaces first: the NIC writes into the frames until then.
 */
#ifndef HEADRACE_DATAPATH_XDP_MEMORY_H
#define HEADRACE_DATAPATH_XDP_MEMORY_H

#include "datapath/frame.h"
#include "datapath/xdp/region.h"

struct xdp_memory_config {
    uint32_t pool_count;
    uint32_t frames_per_pool;
    uint32_t chunk_bytes;
    uint32_t floor[FRAME_BUDGET_COUNT]; /* of each pool */
    const int *nodes;                   /* the NUMA node of each pool, see numa.h; NULL: any */
};

/* 16,384 frames of 4,096 bytes (64 MiB) per pool; the floor of the receive
 * budget is 2,048 lent frames and four bursts, of the control budget 512. */
extern const struct xdp_memory_config xdp_memory_config_default;

struct xdp_memory {
    struct region region;
    uint32_t pool_count;
    struct frame_pool *pools;
};

int xdp_memory_open(struct xdp_memory *memory, const struct xdp_memory_config *config,
                    struct xdp_error *error);
void xdp_memory_close(struct xdp_memory *memory);

#endif
