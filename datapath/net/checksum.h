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

/* Each half is added to the other: the upper one then holds both and the carry. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    uint32_t half;

    sum += sum << 32 | sum >> 32;
    half = (uint32_t)(sum >> 32);
    half += half << 16 | half >> 16;
    return (uint16_t)(half >> 16);
}

static inline uint64_t checksum_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

/* Headers and small payloads: up to here the call would cost more. */
#define CHECKSUM_INLINE_BYTES 64u

static inline uint64_t checksum_word(uint64_t sum, const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return checksum_carry(sum, word);
}

/* Not folded: for sums of several parts. At most CHECKSUM_INLINE_BYTES. */
static inline uint64_t checksum_part(uint64_t sum, const void *data, size_t length)
{
    const uint8_t *at = data;

    for (size_t blocks = length / 32; blocks > 0; blocks--, at += 32) {
        sum = checksum_word(sum, at);
        sum = checksum_word(sum, at + 8);
        sum = checksum_word(sum, at + 16);
        sum = checksum_word(sum, at + 24);
    }
    if (length & 16) {
        sum = checksum_word(sum, at);
        sum = checksum_word(sum, at + 8);
        at += 16;
    }
    if (length & 8) {
        sum = checksum_word(sum, at);
        at += 8;
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
    return length & 1 ? checksum_carry(sum, *at) : sum;
}

static inline uint16_t checksum_sum(const void *data, size_t length)
{
    return length > CHECKSUM_INLINE_BYTES ? checksum_sum_long(data, length)
                                          : checksum_fold(checksum_part(0, data, length));
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
static inline uint64_t checksum_pseudo_part(const struct ip_addr *src, const struct ip_addr *dst,
                                            uint8_t protocol)
{
    uint64_t sum = checksum_length(protocol);

    if (ip_addr_is_v4(src)) {
        uint32_t word;

        memcpy(&word, src->bytes + 12, 4);
        sum += word;
        memcpy(&word, dst->bytes + 12, 4);
        return sum + word;
    }
    sum = checksum_carry(sum, src->halves[0]);
    sum = checksum_carry(sum, src->halves[1]);
    sum = checksum_carry(sum, dst->halves[0]);
    return checksum_carry(sum, dst->halves[1]);
}

static inline uint16_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst,
                                       uint8_t protocol)
{
    return checksum_fold(checksum_pseudo_part(src, dst, protocol));
}

#endif
