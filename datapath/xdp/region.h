/*
 * The region: all frames that the workers use, one mapping of a memfd, whose parts lie
 * on the NUMA nodes of their workers. Each AF_XDP socket registers the whole of it as its UMEM, so
 * a frame received on one queue or NIC may be sent from another.
 *
 * A memfd, because the memory can then outlive the process in the hands of a
 * successor, and because a forked child gets no copy-on-write copy of it. Every
 * byte is backed by memory before region_open returns: a shortage is an error
 * at the start, not a SIGBUS later.
 *
 * Owned by whoever opened it, on the control thread; the chunks belong to the
 * frame pools of the workers.
 */
#ifndef HEADRACE_DATAPATH_XDP_REGION_H
#define HEADRACE_DATAPATH_XDP_REGION_H

#include "datapath/xdp/error.h"
#include "datapath/xdp/fork_guard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    uint8_t *base;
    size_t bytes;
    uint32_t chunk_bytes;
    uint32_t chunk_count;
    bool huge_pages; /* which kind it became, to be said at the start */
    struct guarded_fd memory;
};

struct region_config {
    uint32_t chunk_count;
    uint32_t chunk_bytes; /* 2048 or 4096 */
    uint32_t part_count;  /* the region in equal parts, each near its worker's core */
    const int *nodes;     /* the NUMA node of each part, or NUMA_NODE_ANY; NULL: any */
};

/* Huge pages when the system has enough free. */
int region_open(struct region *region, const struct region_config *config, struct xdp_error *error);

/* After the last socket that registered it is closed. */
void region_close(struct region *region);

#endif
