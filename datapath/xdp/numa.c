#include "datapath/xdp/numa.h"

#include <numa.h>

int numa_node_near(unsigned core)
{
    return numa_available() >= 0 && numa_num_configured_nodes() > 1 ? numa_node_of_cpu((int)core)
                                                                    : NUMA_NODE_ANY;
}

void numa_prefer(void *base, size_t bytes, int node)
{
    if (node != NUMA_NODE_ANY && numa_available() >= 0) {
        numa_set_bind_policy(0); /* prefer, not insist */
        numa_tonode_memory(base, bytes, node);
    }
}
