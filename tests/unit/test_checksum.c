/*
 * Goal:   every variant of sum and copy-and-sum that this processor can run
 *         gives the number that RFC 1071 defines, wherever the bytes lie; and
 *         sums of parts make the sum of the whole.
 * Method: a sum kept byte by byte is the yardstick. All lengths to 2100 at all
 *         alignments to 31; bytes beyond the end differ, so that reading them
 *         shows; the copy's surroundings are compared. 0 and 0xffff are the same
 *         number in ones' complement, so sums are compared modulo 0xffff.
 */
#include "datapath/net/checksum.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LENGTH_MAX 2100u
#define ALIGNMENTS 32u
#define GUARD 0xa5

static uint8_t bytes[LENGTH_MAX + 2 * ALIGNMENTS];
static uint8_t copy[LENGTH_MAX + 2 * ALIGNMENTS];

static uint32_t add_byte(uint32_t sum, size_t position, uint8_t byte)
{
    return (sum + (position % 2 == 0 ? byte : (uint32_t)byte << 8)) % 0xffff;
}

static uint32_t yardstick(const uint8_t *at, size_t length)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum = add_byte(sum, i, at[i]);
    }
    return sum;
}

static void fill(uint64_t seed)
{
    struct random random;

    random_init(&random, seed);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_next(&random);
    }
}

static void check_sums(uint16_t (*sum)(const void *data, size_t length), unsigned alignment)
{
    const uint8_t *at = bytes + alignment;
    uint32_t expected = 0;

    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        if (sum(at, length) % 0xffff != expected) {
            fail_msg("%zu bytes at alignment %u", length, alignment);
        }
        expected = add_byte(expected, length, at[length]);
    }
}

static void check_copies(uint16_t (*sum)(void *to, const void *from, size_t length),
                         unsigned alignment)
{
    const uint8_t *from = bytes + alignment;
    uint8_t *to = copy + (alignment * 7 + 3) % ALIGNMENTS;
    uint32_t expected = 0;

    memset(copy, GUARD, sizeof copy);
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        uint16_t got = sum(to, from, length);
        bool is_intact = memcmp(to, from, length) == 0 && to[length] == GUARD;

        is_intact = is_intact && (to == copy || to[-1] == GUARD);
        if (got % 0xffff != expected || !is_intact) {
            fail_msg("%zu bytes at alignment %u", length, alignment);
        }
        expected = add_byte(expected, length, from[length]);
        memset(to, GUARD, length);
    }
}

static uint16_t sum_chosen(const void *data, size_t length)
{
    return checksum_sum(data, length);
}

static uint16_t copy_chosen(void *to, const void *from, size_t length)
{
    return checksum_copy(to, from, length);
}

static void every_variant_sums_right(void **state)
{
    (void)state;
    fill(1);
    for (unsigned v = 0; v < checksum_variant_count; v++) {
        const struct checksum_variant *variant = &checksum_variants[v];

        if (!variant->is_supported()) {
            print_message("variant %s: NOT TESTED, this processor lacks it\n", variant->name);
            continue;
        }
        for (unsigned alignment = 0; alignment < ALIGNMENTS; alignment++) {
            check_sums(variant->sum, alignment);
            check_copies(variant->copy, alignment);
        }
    }
}

/* Before and after checksum_init: the short path and the one that was chosen. */
static void chosen_variant_sums_right(void **state)
{
    (void)state;
    fill(2);
    for (unsigned initialised = 0; initialised < 2; initialised++) {
        for (unsigned alignment = 0; alignment < ALIGNMENTS; alignment += 5) {
            check_sums(sum_chosen, alignment);
            check_copies(copy_chosen, alignment);
        }
        checksum_init();
    }
}

/* Carries run through every lane: the largest words there are. */
static void all_ones_do_not_overflow(void **state)
{
    static uint8_t ones[UINT16_MAX];
    static uint8_t to[UINT16_MAX];

    (void)state;
    memset(ones, 0xff, sizeof ones);
    for (unsigned v = 0; v < checksum_variant_count; v++) {
        const struct checksum_variant *variant = &checksum_variants[v];

        if (variant->is_supported()) {
            /* An even number of 0xff bytes is 0; the odd one out is 0x00ff. */
            assert_int_equal(variant->sum(ones, sizeof ones - 1) % 0xffff, 0);
            assert_int_equal(variant->sum(ones, sizeof ones) % 0xffff, 0xff);
            assert_int_equal(variant->copy(to, ones, sizeof ones) % 0xffff, 0xff);
        }
    }
}

/* What a header's sum is stored as, and found again.
 * Shows: RFC 9293 MUST-2. */
static void examples_of_the_rfc(void **state)
{
    static const struct {
        const char *name;
        uint8_t data[8];
        size_t length;
        uint16_t sum; /* network order, as RFC 1071 section 3 prints it */
    } cases[] = {
        {"RFC 1071 section 3", {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 8, 0xddf2},
        {"nothing", {0}, 0, 0},
        {"one byte", {0x12}, 1, 0x1200},
        {"three bytes", {0x12, 0x34, 0x56}, 3, 0x6834},
        {"end-around carry", {0xff, 0xff, 0x00, 0x01}, 4, 0x0001},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint16_t sum = checksum_sum(cases[i].data, cases[i].length);

        if (checksum_swap(sum) % 0xffff != cases[i].sum % 0xffff) {
            fail_msg("%s: %04x", cases[i].name, checksum_swap(sum));
        }
    }
}

static void parts_combine_at_any_offset(void **state)
{
    const size_t length = 301;

    (void)state;
    fill(3);
    for (size_t cut = 0; cut <= length; cut++) {
        uint16_t head = checksum_sum(bytes, cut);
        uint16_t tail = checksum_sum(bytes + cut, length - cut);
        uint16_t placed = cut % 2 == 0 ? tail : checksum_swap(tail);
        uint16_t whole = checksum_add(head, placed);

        assert_int_equal(whole % 0xffff, yardstick(bytes, length));
        assert_int_equal(checksum_sub(whole, placed) % 0xffff, head % 0xffff);
        assert_int_equal(checksum_sub(whole, head) % 0xffff, placed % 0xffff);
    }
}

/* A sum over bytes that contain the complement of their sum is 0xffff: that is
 * how headers are verified. */
static void stored_complement_verifies(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint16_t stored;

        fill(seed);
        memset(bytes + 10, 0, 2);
        stored = (uint16_t)~checksum_sum(bytes, 20);
        memcpy(bytes + 10, &stored, sizeof stored);
        assert_int_equal(checksum_sum(bytes, 20), 0xffff);
        bytes[seed % 20] ^= (uint8_t)(1u << seed % 8);
        assert_int_not_equal(checksum_sum(bytes, 20), 0xffff);
    }
}

/* Shows: RFC 9293 MUST-2; RFC 8200 8.1a. */
static void pseudo_header_of_both_families(void **state)
{
    static const struct {
        const char *name;
        struct ip_addr src, dst;
        uint8_t wire[40]; /* the pseudo header, length 0x1234, protocol 6 */
        size_t wire_length;
    } cases[] = {
        {"IPv4",
         {.bytes = {[10] = 0xff, 0xff, 192, 0, 2, 1}},
         {.bytes = {[10] = 0xff, 0xff, 198, 51, 100, 77}},
         {192, 0, 2, 1, 198, 51, 100, 77, 0, 6, 0x12, 0x34},
         12},
        {"IPv6",
         {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
         {.bytes = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xfe, [15] = 2}},
         {0x20, 0x01,     0x0d, 0xb8, [15] = 1, 0x20, 0x01, 0x0d, 0xb8, 0xff,
          0xfe, [31] = 2, 0,    0,    0x12,     0x34, 0,    0,    0,    6},
         40},
        {"IPv6, carries",
         {.bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xff}},
         {.bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xfe}},
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xfe, 0,    0,    0x12, 0x34, 0,    0,    0,    6},
         40},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint16_t sum =
            checksum_add(checksum_pseudo(&cases[i].src, &cases[i].dst, 6), checksum_length(0x1234));

        if (sum % 0xffff != yardstick(cases[i].wire, cases[i].wire_length)) {
            fail_msg("%s", cases[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_variant_sums_right),
        cmocka_unit_test(every_variant_sums_right),
        cmocka_unit_test(all_ones_do_not_overflow),
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(parts_combine_at_any_offset),
        cmocka_unit_test(stored_complement_verifies),
        cmocka_unit_test(pseudo_header_of_both_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
