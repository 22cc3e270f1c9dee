/*
 * A stream whose every byte is known from a key and its offset, eight bytes from
 * one number: what the simulator's ends send, and check what arrives with.
 */
#ifndef HEADRACE_TESTS_SIM_STREAM_H
#define HEADRACE_TESTS_SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t stream_word(uint64_t key, uint32_t number)
{
    uint64_t mixed = (key + number) * 0x9e3779b97f4a7c15ull;

    return mixed ^ mixed >> 29;
}

static inline uint8_t stream_byte(uint64_t key, uint32_t offset)
{
    return (uint8_t)(stream_word(key, offset / 8) >> (offset % 8 * 8));
}

/* Writes bytes [offset, offset + length) of the stream. */
static inline void stream_fill(uint64_t key, uint32_t offset, uint8_t *to, uint32_t length)
{
    uint32_t end = offset + length;

    while (offset != end) {
        if (offset % 8 == 0 && end - offset >= 8) {
            uint64_t word = stream_word(key, offset / 8);

            memcpy(to, &word, sizeof word);
            to += sizeof word;
            offset += (uint32_t)sizeof word;
        } else {
            *to++ = stream_byte(key, offset++);
        }
    }
}

/* Whether these are bytes [offset, offset + length) of the stream. */
static inline bool stream_matches(uint64_t key, uint32_t offset, const uint8_t *from,
                                  uint32_t length)
{
    uint32_t end = offset + length;

    while (offset != end) {
        if (offset % 8 == 0 && end - offset >= 8) {
            uint64_t word = stream_word(key, offset / 8);

            if (memcmp(from, &word, sizeof word) != 0) {
                return false;
            }
            from += sizeof word;
            offset += (uint32_t)sizeof word;
        } else if (*from++ != stream_byte(key, offset++)) {
            return false;
        }
    }
    return true;
}

#endif
