/*
 * A small seeded generator: xoshiro256** (Blackman and Vigna, 2018), its state
 * spread from one seed by splitmix64. The same seed gives the same numbers on
 * every machine, so that a run of the simulator can be told by its seed. Not
 * for secrets. The state belongs to the caller.
 */
#ifndef HEADRACE_DATAPATH_WIRE_RANDOM_H
#define HEADRACE_DATAPATH_WIRE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

static inline uint64_t random_splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline void random_init(struct random *random, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        random->state[i] = random_splitmix(&seed);
    }
}

static inline uint64_t random_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = random_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = random_rotate(s[3], 45);
    return result;
}

/* In [0, bound); 0 when the bound is 0. Multiply and shift: the bias is below
 * bound / 2^64, which no test can see. */
static inline uint64_t random_below(struct random *random, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)random_next(random) * bound >> 64);
}

/* True `ppm` times in a million. */
static inline bool random_chance(struct random *random, uint32_t ppm)
{
    return ppm > 0 && random_below(random, 1000000) < ppm;
}

#endif
