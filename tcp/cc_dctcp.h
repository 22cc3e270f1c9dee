/*
 * DCTCP (RFC 8257): how many bytes of a window were marked says by how much it was too wide,
 * so that queues stay short where routers mark early: inside a data centre, and nowhere
 * else, since it takes the room of flows that halve.
 *
 * Owner: the connection. The RFC's names. Alpha, the share of marked bytes, is a fraction of
 * 2^20.
 */
#ifndef HEADRACE_TCP_CC_DCTCP_H
#define HEADRACE_TCP_CC_DCTCP_H

#include <stdint.h>

#define DCTCP_ALPHA_ONE (1u << 20)

struct tcp_dctcp {
    uint32_t acked; /* towards the next increase, as NewReno's */
    uint32_t alpha;
    uint32_t window_end; /* of the observation window */
    uint32_t bytes_acked;
    uint32_t bytes_marked;
};

#endif
