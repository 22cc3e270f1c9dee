/*
 * A segment as it is seen on the wire: read out of a packet, without a stack.
 */
#ifndef HEADRACE_TESTS_SIM_SEEN_H
#define HEADRACE_TESTS_SIM_SEEN_H

#include "tcp/segment.h"

#include <stdbool.h>
#include <stdint.h>

struct wire_sight;

struct seen {
    struct tcp_segment seg;
    const uint8_t *text;
    uint16_t ports[2];
    unsigned option_bytes;
    unsigned ecn; /* enum ecn_field */
};

/* A segment out of the bytes of a packet that one of our hosts wrote: it may have no options of
 * IP, and is whole. False when it is no TCP. */
bool seen_read(const struct wire_sight *sight, struct seen *seen);

/* Whether a packet of TCP arrives as its receiver takes it: to its address, its sums right. For
 * links that corrupt what sums notice. */
bool seen_is_intact(const struct wire_sight *sight);

#endif
