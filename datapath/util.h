/*
 * The few macros and inline helpers that every layer uses. No state.
 */
#ifndef HEADRACE_DATAPATH_UTIL_H
#define HEADRACE_DATAPATH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The structure that holds `member` at `ptr`; the type of `ptr` is checked. */
#define container_of(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))

#define CACHE_LINE_BYTES 64

/* Of a function that is called rarely: kept apart and small, or what calls it would save
 * registers for it each time. */
#define RARE __attribute__((cold, noinline))

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* Says that this core waits: a hyperthread beside it gets what it does not use. */
static inline void cpu_relax(void)
{
    __builtin_ia32_pause();
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

#endif
