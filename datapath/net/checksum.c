#include "datapath/net/checksum.h"

#include <immintrin.h>

static uint16_t plain_sum(const void *data, size_t length)
{
    const uint8_t *at = data;
    uint64_t sum = 0;

    for (; length >= 2; length -= 2, at += 2) {
        uint16_t word;

        memcpy(&word, at, sizeof word);
        sum += word;
    }
    return checksum_fold(length ? sum + *at : sum);
}

static uint16_t plain_copy(void *to, const void *from, size_t length)
{
    memcpy(to, from, length);
    return plain_sum(from, length);
}

static uint64_t load_word(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* Fewer than 8 bytes with nothing before them. */
static uint64_t load_few(const uint8_t *at, size_t length)
{
    uint64_t word = 0;

    for (size_t i = 0; i < length; i++) {
        word |= (uint64_t)at[i] << 8 * i;
    }
    return word;
}

/* What is left behind whole vectors of the bytes that begin at `start`. The last
 * bytes are read as the end of a whole word where there is one: a copy of a
 * variable length would be a call. */
static uint64_t tail_sum(const uint8_t *start, const uint8_t *at, size_t length, uint64_t sum)
{
    for (; length >= 8; length -= 8, at += 8) {
        sum = checksum_carry(sum, load_word(at));
    }
    if (length == 0) {
        return sum;
    }
    if (at - start < 8) {
        return checksum_carry(sum, load_few(at, length));
    }
    return checksum_carry(sum, load_word(at + length - 8) >> (64 - 8 * length));
}

/* The same, and copies: the last word overlaps what was written before. */
static uint64_t tail_copy(const uint8_t *start, const uint8_t *at, size_t length, uint8_t *out)
{
    uint64_t sum = 0;
    uint64_t word;

    for (; length >= 8; length -= 8, at += 8, out += 8) {
        word = load_word(at);
        memcpy(out, &word, sizeof word);
        sum = checksum_carry(sum, word);
    }
    if (length == 0) {
        return sum;
    }
    if (at - start < 8) {
        for (size_t i = 0; i < length; i++) {
            out[i] = at[i];
        }
        return checksum_carry(sum, load_few(at, length));
    }
    word = load_word(at + length - 8);
    memcpy(out + length - 8, &word, sizeof word);
    return checksum_carry(sum, word >> (64 - 8 * length));
}

static uint16_t word_sum(const void *data, size_t length)
{
    return checksum_fold(tail_sum(data, data, length, 0));
}

static uint16_t word_copy(void *to, const void *from, size_t length)
{
    return checksum_fold(tail_copy(from, from, length, to));
}

/* The vector variants add 32-bit words into 64-bit lanes, which cannot
 * overflow for any length that a frame or a send may have. */
static uint64_t sse2_lanes(__m128i lanes)
{
    uint64_t parts[2];

    _mm_storeu_si128((__m128i *)(void *)parts, lanes);
    return checksum_carry(parts[0], parts[1]);
}

__attribute__((target("sse2"))) static __m128i sse2_add(__m128i lanes, __m128i bytes)
{
    const __m128i low = _mm_set1_epi64x(0xffffffff);

    lanes = _mm_add_epi64(lanes, _mm_and_si128(bytes, low));
    return _mm_add_epi64(lanes, _mm_srli_epi64(bytes, 32));
}

__attribute__((target("sse2"))) static uint16_t sse2_sum(const void *data, size_t length)
{
    const uint8_t *at = data;
    __m128i lanes = _mm_setzero_si128();

    for (; length >= 16; length -= 16, at += 16) {
        lanes = sse2_add(lanes, _mm_loadu_si128((const __m128i *)(const void *)at));
    }
    return checksum_fold(tail_sum(data, at, length, sse2_lanes(lanes)));
}

__attribute__((target("sse2"))) static uint16_t sse2_copy(void *to, const void *from, size_t length)
{
    const uint8_t *at = from;
    uint8_t *out = to;
    __m128i lanes = _mm_setzero_si128();

    for (; length >= 16; length -= 16, at += 16, out += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);

        _mm_storeu_si128((__m128i *)(void *)out, bytes);
        lanes = sse2_add(lanes, bytes);
    }
    return checksum_fold(checksum_carry(tail_copy(from, at, length, out), sse2_lanes(lanes)));
}

__attribute__((target("avx2"))) static __m256i avx2_add(__m256i lanes, __m256i bytes)
{
    const __m256i low = _mm256_set1_epi64x(0xffffffff);

    lanes = _mm256_add_epi64(lanes, _mm256_and_si256(bytes, low));
    return _mm256_add_epi64(lanes, _mm256_srli_epi64(bytes, 32));
}

__attribute__((target("avx2"))) static uint64_t avx2_lanes(__m256i lanes)
{
    __m128i halves =
        _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));

    return sse2_lanes(halves);
}

/* Two sums at a time: the additions of one do not wait for the other's. */
__attribute__((target("avx2"))) static uint16_t avx2_sum(const void *data, size_t length)
{
    const uint8_t *at = data;
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();

    for (; length >= 64; length -= 64, at += 64) {
        even = avx2_add(even, _mm256_loadu_si256((const __m256i *)(const void *)at));
        odd = avx2_add(odd, _mm256_loadu_si256((const __m256i *)(const void *)(at + 32)));
    }
    if (length >= 32) {
        even = avx2_add(even, _mm256_loadu_si256((const __m256i *)(const void *)at));
        at += 32;
        length -= 32;
    }
    return checksum_fold(tail_sum(data, at, length, avx2_lanes(_mm256_add_epi64(even, odd))));
}

__attribute__((target("avx2"))) static uint16_t avx2_copy(void *to, const void *from, size_t length)
{
    const uint8_t *at = from;
    uint8_t *out = to;
    __m256i lanes = _mm256_setzero_si256();

    for (; length >= 32; length -= 32, at += 32, out += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);

        _mm256_storeu_si256((__m256i *)(void *)out, bytes);
        lanes = avx2_add(lanes, bytes);
    }
    return checksum_fold(checksum_carry(tail_copy(from, at, length, out), avx2_lanes(lanes)));
}

static bool always(void)
{
    return true;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

/* Every x86-64 has SSE2. */
const struct checksum_variant checksum_variants[] = {
    {"plain", always, plain_sum, plain_copy},
    {"64-bit", always, word_sum, word_copy},
    {"SSE2", always, sse2_sum, sse2_copy},
    {"AVX2", has_avx2, avx2_sum, avx2_copy},
};

const unsigned checksum_variant_count = sizeof checksum_variants / sizeof checksum_variants[0];

uint16_t (*checksum_sum_long)(const void *data, size_t length) = plain_sum;
uint16_t (*checksum_copy)(void *to, const void *from, size_t length) = plain_copy;

void checksum_init(void)
{
    for (unsigned i = 0; i < checksum_variant_count; i++) {
        if (checksum_variants[i].is_supported()) {
            checksum_sum_long = checksum_variants[i].sum;
            checksum_copy = checksum_variants[i].copy;
        }
    }
}
