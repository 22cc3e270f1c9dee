#include "bench/histogram_log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

/* Of HdrHistogram's V2 encoding, with the bit for counts of variable length. */
#define COOKIE_PLAIN 0x1c849313u
#define COOKIE_DEFLATED 0x1c849314u
#define HEADER_BYTES 40u
#define DEFLATED_HEADER_BYTES 8u
/* A count takes nine bytes at most. */
#define PLAIN_BYTES_MAX (HEADER_BYTES + 9 * HISTOGRAM_BUCKETS)

static uint8_t *put_big_endian(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
    return to + bytes;
}

/* Seven bits a byte, the lowest first; a ninth byte has all its eight. */
static uint8_t *put_count(uint8_t *to, int64_t count)
{
    uint64_t zigzag = (uint64_t)count << 1 ^ (uint64_t)(count >> 63);
    unsigned bytes = 0;

    for (; bytes < 8 && zigzag >= 0x80; bytes++) {
        *to++ = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *to++ = (uint8_t)zigzag;
    return to;
}

static uint8_t *put_counts(uint8_t *to, const struct histogram *histogram)
{
    unsigned end = HISTOGRAM_BUCKETS;
    unsigned i = 0;

    while (end > 0 && histogram->buckets[end - 1] == 0) {
        end--;
    }
    while (i < end) {
        unsigned first = i;

        while (histogram->buckets[i] == 0) {
            i++; /* ends: the last bucket is not empty */
        }
        if (i - first > 1) {
            to = put_count(to, (int64_t)first - (int64_t)i);
        } else if (i > first) {
            to = put_count(to, 0);
        }
        to = put_count(to, (int64_t)histogram->buckets[i++]);
    }
    return to;
}

static size_t put_plain(uint8_t *plain, const struct histogram *histogram)
{
    uint8_t *end = put_counts(plain + HEADER_BYTES, histogram);
    const double ratio = 1.0;
    uint64_t ratio_bits;
    uint8_t *to = plain;

    memcpy(&ratio_bits, &ratio, sizeof ratio_bits);
    to = put_big_endian(to, COOKIE_PLAIN, 4);
    to = put_big_endian(to, (uint64_t)(end - plain) - HEADER_BYTES, 4);
    to = put_big_endian(to, 0, 4); /* offset of the buckets */
    to = put_big_endian(to, HISTOGRAM_DIGITS, 4);
    to = put_big_endian(to, 1, 8);
    to = put_big_endian(to, HISTOGRAM_HIGHEST, 8);
    (void)put_big_endian(to, ratio_bits, 8);
    return (size_t)(end - plain);
}

static void write_base64(FILE *file, const uint8_t *bytes, size_t length)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i < 3 ? length - i : 3;
        uint32_t group = 0;
        char text[4] = "====";

        for (size_t j = 0; j < 3; j++) {
            group = group << 8 | (j < left ? bytes[i + j] : 0);
        }
        for (size_t j = 0; j <= left; j++) {
            text[j] = letters[group >> (18 - 6 * j) & 63];
        }
        (void)fwrite(text, 1, sizeof text, file);
    }
}

static int write_payload(FILE *file, const struct histogram *histogram)
{
    uLongf deflated_bytes = compressBound(PLAIN_BYTES_MAX);
    uint8_t *plain = malloc(PLAIN_BYTES_MAX);
    uint8_t *deflated = malloc(DEFLATED_HEADER_BYTES + deflated_bytes);
    int result = -1;

    if (plain && deflated &&
        compress(deflated + DEFLATED_HEADER_BYTES, &deflated_bytes, plain,
                 put_plain(plain, histogram)) == Z_OK) {
        (void)put_big_endian(put_big_endian(deflated, COOKIE_DEFLATED, 4), deflated_bytes, 4);
        write_base64(file, deflated, DEFLATED_HEADER_BYTES + deflated_bytes);
        result = 0;
    }
    free(plain);
    free(deflated);
    return result;
}

int histogram_log_write(FILE *file, const struct histogram *histogram, double start_s,
                        double seconds)
{
    time_t start = (time_t)start_s;
    struct tm date;
    char text[64];
    int result;

    (void)strftime(text, sizeof text, "%a %b %d %H:%M:%S UTC %Y", gmtime_r(&start, &date));
    (void)fprintf(file,
                  "#[Latencies in nanoseconds, written by headrace load]\n"
                  "#[Histogram log format version 1.3]\n"
                  "#[StartTime: %.3f (seconds since epoch), %s]\n"
                  "#[BaseTime: %.3f (seconds since epoch)]\n"
                  "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                  "\"Interval_Compressed_Histogram\"\n"
                  "0.000,%.3f,%.3f,",
                  start_s, text, start_s, seconds, (double)histogram->largest / 1e6);
    result = write_payload(file, histogram);
    (void)fputc('\n', file);
    return result;
}
