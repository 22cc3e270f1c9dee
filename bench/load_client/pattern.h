/*
 * What the streams carry: each byte depends on its stream and its place, so that a
 * byte that is lost, doubled or out of place shows.
 */
#ifndef HEADRACE_BENCH_LOAD_PATTERN_H
#define HEADRACE_BENCH_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills in, or compares, bytes [offset, offset + length) of a stream. */
void pattern_fill(unsigned stream, uint64_t offset, uint8_t *to, size_t length);
bool pattern_matches(unsigned stream, uint64_t offset, const uint8_t *bytes, size_t length);

/* Compares with RFC 864's characters. Any thread. */
bool chargen_matches(uint64_t offset, const uint8_t *bytes, size_t length);

#endif
