/*
 * The Internet checksum (RFC 1071). A sum is the 16-bit ones'-complement sum of
 * bytes in memory order, as if 16-bit words were loaded from memory, and not
 * inverted: storing its complement needs no swap. Sums of parts add up; a part
 * that starts at an odd offset is swapped first.
 *
 * checksum_init() chooses the widest variant that the processor has, once, at
 * start; before, the plain one runs. Pure otherwise; any thread.
 */
#ifndef HEADRACE_DATAPATH_NET_CHECKSUM_H
#define HEADRACE_DATAPATH_NET_CHECKSUM_H

#include "datapath/net/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct checksum_variant {
    const char *name;
    bool (*is_supported)(void);
    uint16_t (*sum)(const void *data, size_t length);
    uint16_t (*copy)(void *to, const void *from, size_t length);
};

/* From the plainest to the widest. */
extern const struct checksum_variant checksum_variants[];
extern const unsigned checksum_variant_count;

void checksum_init(void);

/* For lengths that the inline part below does not cover. */
extern uint16_t (*checksum_sum_long)(const void *data, size_t length);

/* Copies and sums in one pass. */
extern uint16_t (*checksum_copy)(void *to, const void *from, size_t length);

static inline uint16_t checksum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint64_t checksum_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

/* Headers and small payloads: up to here the call would cost more. */
#define CHECKSUM_INLINE_BYTES 64u

static inline uint16_t checksum_sum(const void *data, size_t length)
{
    const uint8_t *at = data;
    uint64_t sum = 0;
    uint64_t word = 0;

    if (length > CHECKSUM_INLINE_BYTES) {
        return checksum_sum_long(data, length);
    }
    for (; length >= 8; length -= 8, at += 8) {
        memcpy(&word, at, 8);
        sum = checksum_carry(sum, word);
    }
    if (length & 4) {
        uint32_t half;

        memcpy(&half, at, 4);
        sum = checksum_carry(sum, half);
        at += 4;
    }
    if (length & 2) {
        uint16_t quarter;

        memcpy(&quarter, at, 2);
        sum = checksum_carry(sum, quarter);
        at += 2;
    }
    if (length & 1) {
        sum = checksum_carry(sum, *at);
    }
    return checksum_fold(sum);
}

static inline uint16_t checksum_add(uint16_t a, uint16_t b)
{
    uint32_t sum = (uint32_t)a + b;

    return (uint16_t)(sum + (sum >> 16));
}

/* The sum without one of its parts. */
static inline uint16_t checksum_sub(uint16_t total, uint16_t part)
{
    return checksum_add(total, (uint16_t)~part);
}

/* For a part that starts at an odd offset of the whole. */
static inline uint16_t checksum_swap(uint16_t sum)
{
    return (uint16_t)(sum << 8 | sum >> 8);
}

/* A number of a pseudo header as it stands on the wire. */
static inline uint16_t checksum_length(uint16_t length)
{
    return checksum_swap(length);
}

/* The pseudo header of both families (RFC 9293 section 3.1, RFC 8200 section
 * 8.1) without the length. */
static inline uint16_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst,
                                       uint8_t protocol)
{
    uint64_t sum = checksum_length(protocol);

    if (ip_addr_is_v4(src)) {
        uint32_t word;

        memcpy(&word, src->bytes + 12, 4);
        sum += word;
        memcpy(&word, dst->bytes + 12, 4);
        return checksum_fold(sum + word);
    }
    sum = checksum_carry(sum, src->halves[0]);
    sum = checksum_carry(sum, src->halves[1]);
    sum = checksum_carry(sum, dst->halves[0]);
    return checksum_fold(checksum_carry(sum, dst->halves[1]));
}

#endif
