/* What the streams carry: each byte depends on its stream and its place, so that
 * a byte that is lost, doubled or out of place shows. */
#include "bench/load_client/conn.h"

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

    while (length > 0) {
        size_t count = piece(stream, offset, length, bytes);

        memcpy(to, bytes, count);
        to += count;
        offset += count;
        length -= count;
    }
}

bool pattern_matches(unsigned stream, uint64_t offset, const uint8_t *bytes, size_t length)
{
    uint8_t wanted[8];

    while (length > 0) {
        size_t count = piece(stream, offset, length, wanted);

        if (memcmp(bytes, wanted, count) != 0) {
            return false;
        }
        bytes += count;
        offset += count;
        length -= count;
    }
    return true;
}

/* RFC 864: lines of 72 of the 95 printing characters, each beginning one
 * further, with CR and LF. */
bool chargen_matches(uint64_t offset, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint64_t line = (offset + i) / 74;
        unsigned column = (unsigned)((offset + i) % 74);
        unsigned wanted = ' ' + (unsigned)((line + column) % 95);

        if (column >= 72) {
            wanted = column == 72 ? '\r' : '\n';
        }
        if (bytes[i] != wanted) {
            return false;
        }
    }
    return true;
}
