/*
 * Definitions of the AF_XDP interface that are newer than the kernel headers of
 * Debian 12 (Linux 6.1). A kernel that does not know them refuses them, and we
 * go on without: see README.md.
 */
#ifndef HEADRACE_DATAPATH_XDP_ABI_H
#define HEADRACE_DATAPATH_XDP_ABI_H

#include <linux/if_xdp.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* setsockopt, uint32_t: packets that one kick may move in copy mode (Linux
 * 6.17); 32 without it. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

#endif
