/*
 * The sum of the Internet checksum as RFC 1071 defines it, byte by byte: what the slices' are
 * compared with.
 */
#ifndef HEADRACE_TESTS_UNIT_PLAIN_SUM_H
#define HEADRACE_TESTS_UNIT_PLAIN_SUM_H

#include <stdint.h>

/* Modulo 0xffff, since 0 and 0xffff are the same number in ones' complement. */
static inline uint16_t plain_sum(const uint8_t *bytes, uint32_t length)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)(sum % 0xffff);
}

#endif
