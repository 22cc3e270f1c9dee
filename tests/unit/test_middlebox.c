/*
 * Goal:   routers on the way of the wire change what they are meant to, nothing else, and leave
 *         sums right that were right.
 * Method: one TCP header after the other as bytes, over both families, with a payload; what
 *         comes out is compared with bytes written down here, and the sums of the packet with
 *         those before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "datapath/net/headers.h"
#include "datapath/util.h"
#include "datapath/wire/middlebox.h"

#include <netinet/in.h>
#include <string.h>

#define OPTIONS_MAX 40u
#define PAYLOAD "Headrace"

struct sample {
    uint8_t bytes[160];
    uint32_t length;
    uint32_t tcp; /* offset of its header */
};

/* Of 16-bit words, by RFC 1071. */
static uint32_t sum_of(const uint8_t *bytes, uint32_t length)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum % 0xffff;
}

/* A segment with 1,000 for its acknowledgement. Its sums are whatever they are: only that they
 * stay is looked at. */
static void make(struct sample *sample, bool v6, uint8_t flags, const uint8_t *options,
                 uint32_t length)
{
    uint8_t *l3 = sample->bytes + ETHERNET_HEADER_BYTES;
    uint8_t *tcp;

    memset(sample, 0, sizeof *sample);
    be16_store(sample->bytes + 12, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    l3[0] = v6 ? 0x60 : 0x45;
    l3[v6 ? 6 : 9] = IPPROTO_TCP;
    l3[1] = v6 ? 0x2f : 0x02; /* ECT(0), and for IPv6 the beginning of a flow label */
    sample->tcp = ETHERNET_HEADER_BYTES + (v6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
    tcp = sample->bytes + sample->tcp;
    be32_store(tcp + 8, 1000);
    tcp[12] = (uint8_t)((20 + length) / 4 << 4);
    tcp[13] = flags;
    be16_store(tcp + 16, 0xbeef);
    memcpy(tcp + 20, options, length);
    memcpy(tcp + 20 + length, PAYLOAD, sizeof PAYLOAD);
    sample->length = sample->tcp + 20 + length + (uint32_t)sizeof PAYLOAD;
}

static uint32_t ip_sum(const struct sample *sample)
{
    return sum_of(sample->bytes + ETHERNET_HEADER_BYTES, sample->tcp - ETHERNET_HEADER_BYTES);
}

static uint32_t tcp_sum(const struct sample *sample)
{
    return sum_of(sample->bytes + sample->tcp, sample->length - sample->tcp);
}

static void options_are_rewritten(void **state)
{
    static const struct {
        const char *name;
        struct wire_middlebox box;
        uint8_t flags;
        uint32_t length;
        uint8_t before[OPTIONS_MAX];
        uint8_t after[OPTIONS_MAX];
    } cases[] = {
        {"a large MSS", {.mss_max = 536}, 0x02, 4, {2, 4, 5, 180}, {2, 4, 2, 24}},
        {"a small one", {.mss_max = 536}, 0x12, 4, {2, 4, 0, 90}, {2, 4, 0, 90}},
        {"at an odd place",
         {.mss_max = 90},
         0x02,
         8,
         {1, 2, 4, 5, 180, 1, 1, 0},
         {1, 2, 4, 0, 90, 1, 1, 0}},
        {"no SYN", {.mss_max = 536}, 0x10, 4, {2, 4, 5, 180}, {2, 4, 5, 180}},
        {"an option without end", {.mss_max = 536}, 0x02, 4, {3, 9, 5, 180}, {3, 9, 5, 180}},
        {"an option without length", {.mss_max = 536}, 0x02, 4, {3, 0, 2, 4}, {3, 0, 2, 4}},
        {"a D-SACK alone, below the ACK",
         {.hides_dsacks = true},
         0x10,
         12,
         {1, 1, 5, 10, 0, 0, 3, 0, 0, 0, 3, 9},
         {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"a block above",
         {.hides_dsacks = true},
         0x10,
         12,
         {1, 1, 5, 10, 0, 0, 4, 0, 0, 0, 4, 9},
         {1, 1, 5, 10, 0, 0, 4, 0, 0, 0, 4, 9}},
        {"a D-SACK before its range",
         {.hides_dsacks = true},
         0x10,
         20,
         {1, 1, 5, 18, 0, 0, 4, 2, 0, 0, 4, 3, 0, 0, 4, 1, 0, 0, 4, 4},
         {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5, 10, 0, 0, 4, 1, 0, 0, 4, 4}},
        {"two ranges",
         {.hides_dsacks = true},
         0x10,
         20,
         {1, 1, 5, 18, 0, 0, 5, 2, 0, 0, 5, 3, 0, 0, 4, 1, 0, 0, 4, 4},
         {1, 1, 5, 18, 0, 0, 5, 2, 0, 0, 5, 3, 0, 0, 4, 1, 0, 0, 4, 4}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            struct sample sample;
            uint32_t before;

            make(&sample, v6, cases[i].flags, cases[i].before, cases[i].length);
            before = tcp_sum(&sample);
            wire_middlebox_pass(&cases[i].box, sample.bytes, sample.length);
            if (memcmp(sample.bytes + sample.tcp + 20, cases[i].after, cases[i].length) != 0 ||
                tcp_sum(&sample) != before) {
                fail_msg("%s, IPv%u", cases[i].name, v6 ? 6 : 4);
            }
            assert_string_equal(sample.bytes + sample.tcp + 20 + cases[i].length, PAYLOAD);
        }
    }
}

static void the_field_of_ecn_changes_alone(void **state)
{
    const struct wire_middlebox bleach = {.bleaches_ecn = true};
    static const uint8_t none[1];

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct sample sample;
        struct sample kept;
        uint8_t *field = sample.bytes + ETHERNET_HEADER_BYTES + 1;

        make(&sample, v6, 0x10, none, 0);
        kept = sample;
        assert_true(wire_mark(sample.bytes, sample.length));
        assert_int_equal(*field, v6 ? 0x3f : 0x03);
        assert_false(wire_mark(sample.bytes, sample.length)); /* it was marked before */
        wire_middlebox_pass(&bleach, sample.bytes, sample.length);
        assert_int_equal(*field, v6 ? 0x0f : 0x00);
        assert_false(wire_mark(sample.bytes, sample.length)); /* may not be */
        assert_int_equal(tcp_sum(&sample), tcp_sum(&kept));
        if (!v6) {
            assert_int_equal(ip_sum(&sample), ip_sum(&kept));
        }
    }
}

/* Each length, and types that are none of ours: nothing beyond the end is read, which ASan
 * would tell, and nothing is changed. */
static void what_is_no_segment_passes(void **state)
{
    const struct wire_middlebox all = {.bleaches_ecn = true, .hides_dsacks = true, .mss_max = 1};
    static const uint8_t mss[] = {2, 4, 5, 180};

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct sample sample;

        make(&sample, v6, 0x02, mss, sizeof mss);
        for (uint32_t length = 0; length < sample.tcp + 20 + sizeof mss; length++) {
            struct sample cut = sample;

            wire_middlebox_pass(&all, cut.bytes, length);
            assert_false(wire_mark(cut.bytes, length));
            assert_memory_equal(cut.bytes, sample.bytes, sizeof cut.bytes);
        }
        sample.bytes[12] = 0x12;
        assert_false(wire_mark(sample.bytes, sample.length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_rewritten),
        cmocka_unit_test(the_field_of_ecn_changes_alone),
        cmocka_unit_test(what_is_no_segment_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
