/*
 * What every fuzz target has: the entry that libFuzzer calls, a check that ends the
 * process, and a reader of the input. An input that is used up reads as zeros, so that a
 * shorter one is a simpler one.
 *
 * Nothing here remembers anything from one input to the next.
 */
#ifndef HEADRACE_TESTS_FUZZ_FUZZ_H
#define HEADRACE_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant. Broken, it names itself, and the fuzzer keeps the input. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

static inline _Noreturn void fuzz_fail(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

struct input {
    const uint8_t *at;
    size_t left;
};

/* Up to `length` bytes; *out says where they are. */
static inline size_t input_bytes(struct input *in, size_t length, const uint8_t **out)
{
    size_t taken = length < in->left ? length : in->left;

    *out = in->at;
    in->at += taken;
    in->left -= taken;
    return taken;
}

static inline uint8_t input_u8(struct input *in)
{
    const uint8_t *at;

    return input_bytes(in, 1, &at) == 1 ? *at : 0;
}

static inline uint16_t input_u16(struct input *in)
{
    uint8_t high = input_u8(in);

    return (uint16_t)(high << 8 | input_u8(in));
}

static inline uint32_t input_u32(struct input *in)
{
    uint32_t high = input_u16(in);

    return high << 16 | input_u16(in);
}

#endif
