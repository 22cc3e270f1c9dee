/*
 * A peer without TCP: side 0 of a pair as a source of segments that no sender of
 * ours would send, IPv4, no options. The test decides about each one.
 */
#ifndef HEADRACE_TESTS_SIM_RAW_H
#define HEADRACE_TESTS_SIM_RAW_H

#include "tcp/segment.h"
#include "tests/sim/pair.h"

#include <stdint.h>

struct raw_segment {
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t seq;
    uint32_t ack;
    uint16_t flags; /* enum tcp_flag */
    uint16_t window;
    uint16_t length; /* of the payload, bytes */
    const uint8_t *payload;
};

/* Queues it; the port of side 0 has room, and is flushed by the caller. */
void raw_send(struct pair *pair, const struct raw_segment *segment);

/* Hands what has arrived at side 0 to `on_segment`. */
void raw_receive(struct pair *pair,
                 void (*on_segment)(void *ctx, uint16_t local_port, const struct tcp_segment *seg),
                 void *ctx);

#endif
