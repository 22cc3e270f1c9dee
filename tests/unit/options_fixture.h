/*
 * TCP options, read from memory of just their size, so that AddressSanitizer sees a byte too many.
 * Included once by each test of them, after <cmocka.h>.
 */
#ifndef HEADRACE_TESTS_UNIT_OPTIONS_FIXTURE_H
#define HEADRACE_TESTS_UNIT_OPTIONS_FIXTURE_H

#include "datapath/util.h"
#include "tcp/options.h"

#include <stdlib.h>
#include <string.h>

/* From memory of just that size, at an address that ends where it ends. */
static inline struct tcp_segment parse(const uint8_t *bytes, unsigned length, uint16_t flags)
{
    struct tcp_segment seg;
    uint8_t *copy = malloc(max_u32(length, 1));

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    memset(&seg, 0xee, sizeof seg);
    seg.flags = flags;
    tcp_options_parse(copy, length, &seg);
    free(copy);
    return seg;
}

#endif
