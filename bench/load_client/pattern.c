#include "bench/load_client/pattern.h"

#include <string.h>

static uint64_t word_at(unsigned stream, uint64_t index)
{
    uint64_t mixed = ((uint64_t)stream << 40 | index) * 0x9e3779b97f4a7c15ull;

    return mixed ^ mixed >> 29;
}

/* The bytes of one word from `offset` on, at most `length`. */
static size_t piece(unsigned stream, uint64_t offset, size_t length, uint8_t bytes[8])
{
    uint64_t word = word_at(stream, offset / 8);
    size_t skip = offset % 8;
    size_t count = 8 - skip < length ? 8 - skip : length;
    uint8_t whole[8];

    memcpy(whole, &word, sizeof whole);
    memcpy(bytes, whole + skip, count);
    return count;
}

void pattern_fill(unsigned stream, uint64_t offset, uint8_t *to, size_t length)
{
    uint8_t bytes[8];
    size_t done = 0;

    while (done < length) {
        if (offset % 8 == 0) {
            for (; length - done >= 8; done += 8, offset += 8) {
                uint64_t word = word_at(stream, offset / 8);

                memcpy(to + done, &word, sizeof word);
            }
        }
        if (done < length) {
            size_t count = piece(stream, offset, length - done, bytes);

            memcpy(to + done, bytes, count);
            offset += count;
            done += count;
        }
    }
}

bool pattern_matches(unsigned stream, uint64_t offset, const uint8_t *bytes, size_t length)
{
    uint8_t wanted[8];
    size_t done = 0;

    while (done < length) {
        uint64_t differs = 0;

        if (offset % 8 == 0) {
            for (; length - done >= 8; done += 8, offset += 8) {
                uint64_t word;

                memcpy(&word, bytes + done, sizeof word);
                differs |= word ^ word_at(stream, offset / 8);
            }
        }
        if (done < length) {
            size_t count = piece(stream, offset, length - done, wanted);

            differs |= memcmp(bytes + done, wanted, count) != 0;
            offset += count;
            done += count;
        }
        if (differs != 0) {
            return false;
        }
    }
    return true;
}

/* RFC 864: lines of 72 of the 95 printing characters, each beginning one further, with
 * CR and LF. They repeat after 95 lines. */
#define LINES 95u
#define LINE_BYTES 74u
#define PERIOD ((size_t)LINES * LINE_BYTES)

static uint8_t characters[PERIOD];

static void __attribute__((constructor)) characters_init(void)
{
    for (size_t i = 0; i < PERIOD; i++) {
        size_t column = i % LINE_BYTES;

        characters[i] = (uint8_t)(' ' + (i / LINE_BYTES + column) % 95);
        if (column >= 72) {
            characters[i] = column == 72 ? '\r' : '\n';
        }
    }
}

bool chargen_matches(uint64_t offset, const uint8_t *bytes, size_t length)
{
    size_t at = offset % PERIOD;

    while (length > 0) {
        size_t count = PERIOD - at < length ? PERIOD - at : length;

        if (memcmp(bytes, characters + at, count) != 0) {
            return false;
        }
        bytes += count;
        length -= count;
        at = 0;
    }
    return true;
}
