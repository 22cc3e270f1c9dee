/*
 * A frame pool over memory of its own, from the heap: for the wire in memory,
 * its tests and benchmarks, where no NIC has to reach the frames.
 *
 * Who creates a pool destroys it, on any thread, when nobody uses it any more.
 */
#ifndef HEADRACE_DATAPATH_WIRE_POOL_H
#define HEADRACE_DATAPATH_WIRE_POOL_H

#include "datapath/frame.h"

/* As frame_pool_init, but `base` and `records` of the configuration are not
 * looked at: the region of `first + count` chunks and the records are reserved
 * here. 0, or -1 when the configuration is not consistent or memory is short. */
int wire_pool_create(struct frame_pool *pool, const struct frame_pool_config *config);

void wire_pool_destroy(struct frame_pool *pool);

#endif
