/*
 * Where memory lies, on machines with several NUMA nodes: near the core that works
 * on it. A preference, which the kernel gives up when a node is full; on machines
 * with one node, or a kernel without NUMA, nothing happens. Control thread, before
 * the memory is touched.
 */
#ifndef HEADRACE_DATAPATH_XDP_NUMA_H
#define HEADRACE_DATAPATH_XDP_NUMA_H

#include <stddef.h>

#define NUMA_NODE_ANY (-1)

/* The node of a core, or NUMA_NODE_ANY when there is no choice. */
int numa_node_near(unsigned core);

/* Pages of [base, base + bytes) will come from `node`, while it has some. */
void numa_prefer(void *base, size_t bytes, int node);

#endif
