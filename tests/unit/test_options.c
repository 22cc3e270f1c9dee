/*
 * Goal:   options are read without trust: a broken one ends the list, an unknown
 *         one or one of a wrong length is skipped, and nothing is read behind the
 *         end; they are written as Linux orders them.
 * Method: tables of bytes against what was seen; every kind with every length, every
 *         prefix of full lists and random bytes in memory of just that size, so that
 *         AddressSanitizer sees a byte too many; what was written is read again.
 */
#include "tcp/options.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"
#include "tests/unit/options_fixture.h"

#define NOP 0x01
#define MSS_1460 0x02, 0x04, 0x05, 0xb4
#define WSCALE_7 0x03, 0x03, 0x07
#define SACK_PERMITTED 0x04, 0x02
#define TIMESTAMPS 0x08, 0x0a, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
#define BLOCK_1 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02
#define BLOCK_2 0xff, 0xff, 0xff, 0xfe, 0x00, 0x00, 0x00, 0x03

static const struct {
    const char *name;
    uint16_t flags;
    unsigned seen;
    uint8_t length;
    uint8_t bytes[TCP_OPTIONS_BYTES_MAX];
} lists[] = {
    {"none", TCP_ACK, 0, 0, {0}},
    {"end at once", TCP_ACK, 0, 4, {0, SACK_PERMITTED, 0}},
    {"behind the end", TCP_ACK, 0, 12, {0, TIMESTAMPS}},
    {"NOPs to the end", TCP_ACK, 0, 4, {NOP, NOP, NOP, NOP}},
    {"NOPs and the end", TCP_ACK, 0, 4, {NOP, NOP, 0, 0xff}},
    {"MSS", TCP_SYN, TCP_OPT_MSS, 4, {MSS_1460}},
    {"MSS without SYN", TCP_ACK, 0, 4, {MSS_1460}},
    {"window scale", TCP_SYN, TCP_OPT_WSCALE, 4, {NOP, WSCALE_7}},
    {"window scale without SYN", TCP_ACK, 0, 4, {NOP, WSCALE_7}},
    {"SACK permitted", TCP_SYN | TCP_ACK, TCP_OPT_SACK_PERMITTED, 2, {SACK_PERMITTED}},
    {"SACK permitted without SYN", TCP_ACK, 0, 2, {SACK_PERMITTED}},
    {"timestamps, bare", TCP_ACK, TCP_OPT_TIMESTAMPS, 10, {TIMESTAMPS}},
    {"timestamps, RFC 7323", TCP_ACK, TCP_OPT_TIMESTAMPS, 12, {NOP, NOP, TIMESTAMPS}},
    {"timestamps, then NOPs", TCP_ACK, TCP_OPT_TIMESTAMPS, 12, {TIMESTAMPS, NOP, NOP}},
    {"timestamps and an end", TCP_ACK, TCP_OPT_TIMESTAMPS, 12, {NOP, TIMESTAMPS, 0}},
    {"timestamps on a SYN", TCP_SYN, TCP_OPT_TIMESTAMPS, 12, {NOP, NOP, TIMESTAMPS}},
    {"as Linux connects",
     TCP_SYN,
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE,
     20,
     {MSS_1460, SACK_PERMITTED, TIMESTAMPS, NOP, WSCALE_7}},
    {"in any order, unaligned",
     TCP_SYN,
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE,
     20,
     {NOP, TIMESTAMPS, WSCALE_7, SACK_PERMITTED, MSS_1460}},
    {"SACK, one block", TCP_ACK, TCP_OPT_SACK, 10, {5, 10, BLOCK_1}},
    {"SACK, two blocks", TCP_ACK, TCP_OPT_SACK, 20, {NOP, NOP, 5, 18, BLOCK_2, BLOCK_1}},
    {"SACK on a SYN", TCP_SYN, 0, 10, {5, 10, BLOCK_1}},
    {"SACK without a block", TCP_ACK, 0, 2, {5, 2}},
    {"SACK of half a block", TCP_ACK, 0, 14, {5, 14, BLOCK_1, 1, 2, 3, 4}},
    {"half a block, then timestamps",
     TCP_ACK,
     TCP_OPT_TIMESTAMPS,
     16,
     {5, 6, 1, 2, 3, 4, TIMESTAMPS}},
    {"unknown ones between",
     TCP_SYN,
     TCP_OPT_MSS | TCP_OPT_WSCALE,
     17,
     {254, 4, 0xf9, 0x89, MSS_1460, 253, 2, 34, 4, 1, 1, WSCALE_7}},
    {"Fast Open",
     TCP_SYN,
     TCP_OPT_MSS | TCP_OPT_FAST_OPEN,
     14,
     {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, MSS_1460}},
    {"a request of it", TCP_SYN, TCP_OPT_FAST_OPEN, 4, {34, 2, NOP, NOP}},
    {"Fast Open without SYN", TCP_ACK, 0, 4, {34, 2, NOP, NOP}},
    {"an odd cookie", TCP_SYN, TCP_OPT_MSS, 11, {34, 7, 1, 2, 3, 4, 5, MSS_1460}},
    {"length 0", TCP_SYN, TCP_OPT_MSS, 8, {MSS_1460, 3, 0, SACK_PERMITTED}},
    {"length 1", TCP_SYN, TCP_OPT_MSS, 8, {MSS_1460, 3, 1, SACK_PERMITTED}},
    {"no room for the length", TCP_SYN, TCP_OPT_MSS, 5, {MSS_1460, 3}},
    {"longer than what is left", TCP_SYN, TCP_OPT_MSS, 6, {MSS_1460, 3, 3}},
    {"MSS of three bytes", TCP_SYN, TCP_OPT_WSCALE, 6, {2, 3, 5, WSCALE_7}},
    {"MSS of five bytes", TCP_SYN, TCP_OPT_WSCALE, 8, {2, 5, 5, 0xb4, 0, WSCALE_7}},
    {"scale of two bytes", TCP_SYN, TCP_OPT_MSS, 8, {3, 4, 7, 7, MSS_1460}},
    {"SACK permitted of three", TCP_SYN, TCP_OPT_MSS, 7, {4, 3, 0, MSS_1460}},
    {"the fast way wants its length",
     TCP_ACK,
     TCP_OPT_TIMESTAMPS | TCP_OPT_SACK,
     22,
     {NOP, NOP, TIMESTAMPS, 5, 10, BLOCK_1}},
};

/* Shows: RFC 9293 MUST-4, MUST-6, MUST-7, MUST-64; RFC 7323 2.2b. */
static void lists_of_options(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lists); i++) {
        struct tcp_segment seg = parse(lists[i].bytes, lists[i].length, lists[i].flags);

        if (seg.options_seen != lists[i].seen) {
            fail_msg("%s: %02x", lists[i].name, seg.options_seen);
        }
        assert_int_equal(seg.sack_count > 0, (seg.options_seen & TCP_OPT_SACK) != 0);
        if (seg.options_seen & TCP_OPT_MSS) {
            assert_int_equal(seg.mss, 1460);
        }
        if (seg.options_seen & TCP_OPT_WSCALE) {
            assert_int_equal(seg.wscale, 7);
        }
        if (seg.options_seen & TCP_OPT_TIMESTAMPS) {
            assert_int_equal(seg.ts_val, 0x11223344);
            assert_int_equal(seg.ts_ecr, 0x55667788);
        }
    }
}

static void blocks_keep_their_order(void **state)
{
    static const uint8_t bytes[] = {NOP, NOP, 5, 34, BLOCK_2, BLOCK_1, BLOCK_1, BLOCK_2};
    struct tcp_segment seg = parse(bytes, sizeof bytes, TCP_ACK);

    (void)state;
    assert_int_equal(seg.sack_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        bool second = i == 0 || i == 3;

        assert_int_equal(seg.sack[i].start, second ? 0xfffffffe : 1);
        assert_int_equal(seg.sack[i].end, second ? 3 : 2);
    }
}

/* Whether a known kind may have a value of so many bytes. */
static bool is_value(unsigned kind, unsigned bytes)
{
    switch (kind) {
    case 2:
        return bytes == 2;
    case 3:
        return bytes == 1;
    case 4:
        return bytes == 0;
    case 8:
        return bytes == 8;
    case 34: /* RFC 7413 section 4.1.1 */
        return bytes == 0 || (bytes >= 4 && bytes <= 16 && bytes % 2 == 0);
    default:
        return false;
    }
}

static unsigned seen_bit(unsigned kind, bool syn)
{
    switch (kind) {
    case 2:
        return syn ? TCP_OPT_MSS : 0;
    case 3:
        return syn ? TCP_OPT_WSCALE : 0;
    case 4:
        return syn ? TCP_OPT_SACK_PERMITTED : 0;
    case 34:
        return syn ? TCP_OPT_FAST_OPEN : 0;
    default:
        return TCP_OPT_TIMESTAMPS;
    }
}

/* One option alone, in an area of 24 bytes that ends with a scale that only a
 * list which goes on comes to.
 * Shows: RFC 9293 MUST-6, MUST-7; RFC 7413 4.1.1b. */
static void every_kind_with_every_length(void **state)
{
    (void)state;
    for (unsigned kind = 2; kind < 256; kind++) {
        for (unsigned length = 0; length < 256; length++) {
            uint8_t bytes[24];
            bool whole = length >= 2 && length <= 21;
            unsigned expected = whole ? TCP_OPT_WSCALE : 0;
            struct tcp_segment syn;
            struct tcp_segment ack;

            memset(bytes, NOP, sizeof bytes);
            bytes[0] = (uint8_t)kind;
            bytes[1] = (uint8_t)length;
            bytes[21] = 3;
            bytes[22] = 3;
            bytes[23] = 9;
            syn = parse(bytes, sizeof bytes, TCP_SYN);
            ack = parse(bytes, sizeof bytes, TCP_ACK);
            if (length >= 2 && is_value(kind, length - 2)) {
                expected |= seen_bit(kind, true);
            }
            assert_int_equal(syn.options_seen, expected);
            expected = kind == 8 && length == 10 ? TCP_OPT_TIMESTAMPS : 0;
            expected |= kind == 5 && (length == 10 || length == 18) ? TCP_OPT_SACK : 0;
            expected |= length >= 2 && length <= sizeof bytes && (kind == 172 || kind == 174)
                            ? TCP_OPT_ACCECN
                            : 0;
            assert_int_equal(ack.options_seen, expected);
        }
    }
}

/* A list cut anywhere gives what stood whole before the cut. */
static void every_prefix(void **state)
{
    static const uint8_t bytes[] = {MSS_1460, SACK_PERMITTED, TIMESTAMPS, NOP, WSCALE_7};
    static const struct {
        unsigned whole_at;
        unsigned bit;
    } steps[] = {{4, TCP_OPT_MSS},
                 {6, TCP_OPT_SACK_PERMITTED},
                 {16, TCP_OPT_TIMESTAMPS},
                 {20, TCP_OPT_WSCALE}};

    (void)state;
    for (unsigned length = 0; length <= sizeof bytes; length++) {
        unsigned expected = 0;

        for (unsigned i = 0; i < COUNT_OF(steps); i++) {
            expected |= length >= steps[i].whole_at ? steps[i].bit : 0;
        }
        assert_int_equal(parse(bytes, length, TCP_SYN).options_seen, expected);
    }
}

/* The usual lists are recognised as a whole. Behind a NOP none is, and each bit of
 * it means the same there. */
static void recognised_lists_mean_the_same(void **state)
{
    static const uint8_t usual[][20] = {
        {MSS_1460, SACK_PERMITTED, TIMESTAMPS, NOP, WSCALE_7},
        {NOP, NOP, TIMESTAMPS},
    };

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT_OF(usual) * 8 * sizeof usual[0]; i++) {
        uint16_t flags = i & 1 ? TCP_SYN : TCP_ACK;
        unsigned list = i / 2 % COUNT_OF(usual);
        unsigned bit = i / 2 / COUNT_OF(usual);
        unsigned length = list == 0 ? 20 : 12;
        uint8_t bytes[21] = {NOP};
        struct tcp_segment alone;
        struct tcp_segment behind;

        memcpy(bytes + 1, usual[list], sizeof usual[list]);
        bytes[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        alone = parse(bytes + 1, length, flags);
        behind = parse(bytes, length + 1, flags);
        if (alone.options_seen != behind.options_seen || alone.sack_count != behind.sack_count ||
            alone.mss != behind.mss || alone.wscale != behind.wscale ||
            alone.ts_val != behind.ts_val || alone.ts_ecr != behind.ts_ecr) {
            fail_msg("list %u, bit %u, flags %u", list, bit, flags);
        }
    }
}

static void any_bytes(void **state)
{
    struct random random;

    (void)state;
    random_init(&random, 2018);
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX];
        unsigned length = (unsigned)random_below(&random, sizeof bytes + 1);
        bool syn = random_chance(&random, 500000);
        struct tcp_segment seg;

        for (unsigned j = 0; j < length; j++) { /* small numbers are kinds and lengths */
            bytes[j] = (uint8_t)random_below(&random, random_chance(&random, 800000) ? 12 : 256);
        }
        seg = parse(bytes, length, syn ? TCP_SYN : TCP_ACK);
        assert_true(seg.sack_count <= TCP_SACK_BLOCKS_MAX);
        assert_int_equal(seg.sack_count > 0, (seg.options_seen & TCP_OPT_SACK) != 0);
        if (syn) {
            assert_false(seg.options_seen & TCP_OPT_SACK);
        } else {
            assert_false(seg.options_seen & ~(TCP_OPT_SACK | TCP_OPT_TIMESTAMPS | TCP_OPT_ACCECN));
        }
    }
}

/* Shows: RFC 9293 MUST-68, MUST-69. */
static void written_as_linux_does(void **state)
{
    static const struct {
        const char *name;
        unsigned seen;
        uint8_t sack_count;
        uint8_t length;
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX];
    } cases[] = {
        {"none", 0, 0, 0, {0}},
        {"MSS", TCP_OPT_MSS, 0, 4, {MSS_1460}},
        {"SYN of Linux",
         TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE,
         0,
         20,
         {MSS_1460, SACK_PERMITTED, TIMESTAMPS, NOP, WSCALE_7}},
        {"without SACK",
         TCP_OPT_MSS | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE,
         0,
         20,
         {MSS_1460, NOP, NOP, TIMESTAMPS, NOP, WSCALE_7}},
        {"without timestamps",
         TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_WSCALE,
         0,
         12,
         {MSS_1460, NOP, NOP, SACK_PERMITTED, NOP, WSCALE_7}},
        {"without scale",
         TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS,
         0,
         16,
         {MSS_1460, SACK_PERMITTED, TIMESTAMPS}},
        {"ACK", TCP_OPT_TIMESTAMPS, 0, 12, {NOP, NOP, TIMESTAMPS}},
        {"ACK with a hole",
         TCP_OPT_TIMESTAMPS | TCP_OPT_SACK,
         1,
         24,
         {NOP, NOP, TIMESTAMPS, NOP, NOP, 5, 10, BLOCK_1}},
        {"three blocks",
         TCP_OPT_TIMESTAMPS | TCP_OPT_SACK,
         3,
         40,
         {NOP, NOP, TIMESTAMPS, NOP, NOP, 5, 26, BLOCK_1, BLOCK_2, BLOCK_1}},
        {"four blocks", TCP_OPT_SACK, 4, 36, {NOP, NOP, 5, 34, BLOCK_1, BLOCK_2, BLOCK_1, BLOCK_2}},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_options_out options = {
            .seen = (uint8_t)cases[i].seen,
            .mss = 1460,
            .wscale = 7,
            .ts_val = 0x11223344,
            .ts_ecr = 0x55667788,
            .sack_count = cases[i].sack_count,
            .sack = {{1, 2}, {0xfffffffe, 3}, {1, 2}, {0xfffffffe, 3}}};
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX + 1];

        memset(bytes, 0xee, sizeof bytes);
        assert_int_equal(tcp_options_bytes(&options), cases[i].length);
        assert_int_equal(tcp_options_write(bytes, &options), cases[i].length);
        assert_int_equal(bytes[cases[i].length], 0xee);
        if (memcmp(bytes, cases[i].bytes, cases[i].length) != 0) {
            fail_msg("%s", cases[i].name);
        }
    }
}

/* Padded with NOPs; the longest cookie leaves room for all else of a SYN.
 * Shows: RFC 7413 4.1.1a. */
static void cookies_are_written_and_read(void **state)
{
    static const uint8_t cookie[] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 10, 11, 12, 13, 14, 15, 16};

    (void)state;
    for (unsigned length = 0; length <= sizeof cookie; length += 2) {
        struct tcp_options_out out = {.seen = TCP_OPT_FAST_OPEN | TCP_OPT_MSS | TCP_OPT_WSCALE |
                                              TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS,
                                      .fast_open = cookie,
                                      .fast_open_length = (uint8_t)length};
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX];
        struct tcp_segment seg = {.flags = TCP_SYN};
        unsigned count = tcp_options_write(bytes, &out);

        assert_int_equal(count, tcp_options_bytes(&out));
        assert_int_equal(count % 4, 0);
        tcp_options_parse(bytes, count, &seg);
        assert_int_equal(seg.options_seen, length == 2 ? out.seen & ~TCP_OPT_FAST_OPEN : out.seen);
        if (length != 2) {
            assert_int_equal(seg.fast_open_length, length);
            assert_memory_equal(seg.fast_open, cookie, length);
        }
    }
}

static void what_was_written_is_read(void **state)
{
    struct random random;

    (void)state;
    random_init(&random, 7323);
    for (unsigned i = 0; i < 20000; i++) {
        bool syn = random_chance(&random, 500000);
        unsigned blocks = (unsigned)random_below(&random, 5);
        struct tcp_options_out out = {.wscale = (uint8_t)random_below(&random, 256),
                                      .mss = (uint16_t)random_next(&random),
                                      .ts_val = (uint32_t)random_next(&random),
                                      .ts_ecr = (uint32_t)random_next(&random)};
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX];
        struct tcp_segment seg;

        out.seen = (uint8_t)random_below(&random, 16);
        if (!syn) {
            out.seen &= TCP_OPT_TIMESTAMPS;
            blocks = out.seen && blocks > 3 ? 3 : blocks;
            out.sack_count = (uint8_t)blocks;
            out.seen |= blocks > 0 ? TCP_OPT_SACK : 0;
        }
        for (unsigned j = 0; j < out.sack_count; j++) {
            out.sack[j].start = (uint32_t)random_next(&random);
            out.sack[j].end = (uint32_t)random_next(&random);
        }
        seg = parse(bytes, tcp_options_write(bytes, &out), syn ? TCP_SYN : TCP_ACK);
        assert_int_equal(seg.options_seen, out.seen);
        assert_int_equal(seg.sack_count, out.sack_count);
        assert_true(!(out.seen & TCP_OPT_MSS) || seg.mss == out.mss);
        assert_true(!(out.seen & TCP_OPT_WSCALE) || seg.wscale == out.wscale);
        assert_true(!(out.seen & TCP_OPT_TIMESTAMPS) ||
                    (seg.ts_val == out.ts_val && seg.ts_ecr == out.ts_ecr));
        assert_memory_equal(seg.sack, out.sack, out.sack_count * sizeof out.sack[0]);
    }
}

static void write_options(void *ctx)
{
    uint8_t bytes[2 * TCP_OPTIONS_BYTES_MAX];

    (void)tcp_options_write(bytes, ctx);
}

static void more_than_a_header_holds(void **state)
{
    struct tcp_options_out options = {.seen = TCP_OPT_TIMESTAMPS | TCP_OPT_SACK, .sack_count = 4};

    (void)state;
    assert_true(aborts(write_options, &options));
    options.sack_count = 3;
    assert_false(aborts(write_options, &options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_options),
        cmocka_unit_test(blocks_keep_their_order),
        cmocka_unit_test(every_kind_with_every_length),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(recognised_lists_mean_the_same),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(written_as_linux_does),
        cmocka_unit_test(cookies_are_written_and_read),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(more_than_a_header_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
