#include "tcp/syncookie.h"

#include "datapath/util.h"
#include "tcp/limits.h"
#include "tcp/siphash.h"

#include <assert.h>

#define CODE_BITS 24u
#define CODE_MASK ((1u << CODE_BITS) - 1)

/* IPv6's minimum, then what tunnels, PPPoE, IPv6 and IPv4 leave of 1,500, and IPv6 of
 * 9,000 bytes. */
static const uint16_t sizes[] = {
    TCP_MSS_MIN, TCP_MSS_DEFAULT_V4, TCP_MSS_DEFAULT_V6, 1300, 1400, 1440, 1460, 8940};

static_assert(COUNT_OF(sizes) == 8, "2^24 codes by 8: once in 2^21, in 2 counters of 256");

/* The low bits of a timestamp. */
#define OPTION_BITS 6u
#define OPTION_MASK ((1u << OPTION_BITS) - 1)
#define OPTION_WSCALE 0xfu
#define OPTION_SACK 0x10u
#define OPTION_ECN 0x20u

/* Of 24 bytes, which is the length of no other thing that the secret is used for. */
static uint32_t code(const uint64_t secret[2], const struct syncookie_of *of, uint32_t count)
{
    const uint64_t words[3] = {(uint64_t)of->base.ts_offset << 32 | of->base.number, of->irs,
                               count};

    return (uint32_t)siphash_2_4(secret, words, sizeof words);
}

static uint32_t count_of(const struct syncookie_of *of)
{
    return (uint32_t)(of->now_ns >> SYNCOOKIE_STEP_SHIFT);
}

uint32_t syncookie_make(const uint64_t secret[2], const struct syncookie_of *of, uint16_t mss)
{
    uint32_t count = count_of(of);
    uint32_t index = COUNT_OF(sizes) - 1;

    while (index > 0 && sizes[index] > mss) {
        index--;
    }
    return of->base.number + of->irs + (count << CODE_BITS) +
           ((code(secret, of, count) + index) & CODE_MASK);
}

bool syncookie_check(const uint64_t secret[2], const struct syncookie_of *of, uint32_t number,
                     uint16_t *mss)
{
    uint32_t said = number - of->base.number - of->irs;
    uint32_t age = (count_of(of) - (said >> CODE_BITS)) & 0xff;
    uint32_t index;

    if (age >= SYNCOOKIE_STEPS) {
        return false;
    }
    index = (said - code(secret, of, count_of(of) - age)) & CODE_MASK;
    if (index >= COUNT_OF(sizes)) {
        return false;
    }
    *mss = sizes[index];
    return true;
}

uint32_t syncookie_timestamp(uint32_t now_ms, const struct syncookie_options *options)
{
    uint32_t bits =
        options->wscale | (options->sack ? OPTION_SACK : 0) | (options->ecn ? OPTION_ECN : 0);
    uint32_t timestamp = (now_ms & ~OPTION_MASK) | bits;

    assert(options->wscale <= OPTION_WSCALE);
    /* Never ahead of the clock: the next segment's may not lie before it. */
    return bits > (now_ms & OPTION_MASK) ? timestamp - (1u << OPTION_BITS) : timestamp;
}

bool syncookie_read_timestamp(uint32_t now_ms, uint32_t timestamp,
                              struct syncookie_options *options)
{
    options->wscale = timestamp & OPTION_WSCALE;
    options->sack = (timestamp & OPTION_SACK) != 0;
    options->ecn = (timestamp & OPTION_ECN) != 0;
    return now_ms - timestamp <= SYNCOOKIE_LIFE_NS / NS_PER_MS + OPTION_MASK;
}
