/*
 * Goal:   a SYN cookie is taken back by whom it was made for, for two steps of its clock and
 *         no longer, with the largest known MSS below the peer's; and nothing else is. The
 *         timestamp says the options and never runs ahead of the clock.
 * Method: tables; each thing that a cookie is bound to is changed in turn; of many random
 *         numbers about as many pass as the code's length says.
 */
#include "tcp/syncookie.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STEP_NS (1ull << SYNCOOKIE_STEP_SHIFT)

static const uint64_t secret[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static struct syncookie_of somebody(void)
{
    return (struct syncookie_of){.base = {0x12345678, 0x9abcdef0},
                                 .irs = 0xfffffff0,
                                 .now_ns = 1000 * STEP_NS + STEP_NS / 2};
}

static void the_mss_is_kept_from_below(void **state)
{
    static const struct {
        uint16_t said;
        uint16_t kept;
    } cases[] = {
        {0, 88},      {88, 88},     {535, 88},    {536, 536},    {1219, 536},  {1220, 1220},
        {1299, 1220}, {1300, 1300}, {1400, 1400}, {1439, 1400},  {1440, 1440}, {1459, 1440},
        {1460, 1460}, {8939, 1460}, {8940, 8940}, {65535, 8940},
    };
    struct syncookie_of of = somebody();

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint16_t mss = 0;

        assert_true(syncookie_check(secret, &of, syncookie_make(secret, &of, cases[i].said), &mss));
        if (mss != cases[i].kept) {
            fail_msg("%u became %u", cases[i].said, mss);
        }
    }
}

static void a_cookie_is_good_for_two_steps(void **state)
{
    static const struct {
        const char *name;
        uint64_t made_ns; /* from the beginning of a step */
        uint64_t later_ns;
        bool good;
    } cases[] = {
        {"at once", 0, 0, true},
        {"the end of its step", 0, STEP_NS - 1, true},
        {"the next step", 0, STEP_NS, true},
        {"the end of the next step", 0, 2 * STEP_NS - 1, true},
        {"the step after", 0, 2 * STEP_NS, false},
        {"made late, the step after", STEP_NS - 1, STEP_NS + 1, false},
        {"when 8 bits of the counter are round", 0, 256 * STEP_NS, false},
        {"and one more", 0, 257 * STEP_NS, false},
    };

    (void)state;
    /* The second begins where the 8 bits of the counter wrap. */
    for (unsigned i = 0; i < 2 * COUNT_OF(cases); i++) {
        uint64_t begin_ns = (i & 1 ? 1000 : 1023) * STEP_NS;
        struct syncookie_of of = somebody();
        uint32_t number;
        uint16_t mss;

        of.now_ns = begin_ns + cases[i / 2].made_ns;
        number = syncookie_make(secret, &of, 1460);
        of.now_ns += cases[i / 2].later_ns;
        if (syncookie_check(secret, &of, number, &mss) != cases[i / 2].good) {
            fail_msg("%s", cases[i / 2].name);
        }
    }
}

/* With another tuple, ISN, secret or number there is no cookie, whatever the MSS. */
static void it_is_bound_to_everything(void **state)
{
    static const uint64_t other_secret[2] = {0x0706050403020101u, 0x0f0e0d0c0b0a0908u};
    struct syncookie_of made = somebody();
    uint32_t number = syncookie_make(secret, &made, 1460);
    struct syncookie_of others[] = {made, made, made, made};
    uint16_t mss;

    (void)state;
    others[0].base.number++;
    others[1].base.ts_offset++;
    others[2].irs++;
    others[3].irs--;
    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        if (syncookie_check(secret, &others[i], number, &mss)) {
            fail_msg("row %u", i);
        }
    }
    assert_false(syncookie_check(other_secret, &made, number, &mss));
    for (unsigned bit = 3; bit < 32; bit++) {
        if (syncookie_check(secret, &made, number ^ 1u << bit, &mss)) {
            fail_msg("bit %u", bit);
        }
    }
}

/* 2^28 guesses for one that is right: of 2^22 none or a few. */
static void guesses_are_wrong(void **state)
{
    struct syncookie_of of = somebody();
    uint32_t guess = 1;
    unsigned right = 0;

    (void)state;
    for (unsigned i = 0; i < 1u << 22; i++) {
        uint16_t mss;

        guess = guess * 1664525u + 1013904223u;
        right += syncookie_check(secret, &of, guess, &mss);
    }
    assert_in_range(right, 0, 3);
}

/* RFC 6528: the number goes on with the peer's. */
static void it_goes_on_with_the_peer(void **state)
{
    struct syncookie_of of = somebody();
    uint32_t before = syncookie_make(secret, &of, 1460);
    uint32_t distance;

    (void)state;
    of.irs += 1u << 26;
    distance = syncookie_make(secret, &of, 1460) - before;
    assert_in_range(distance, (1u << 26) - (1u << 24), (1u << 26) + (1u << 24));
}

static void the_timestamp_says_the_options(void **state)
{
    static const uint32_t clocks[] = {0, 1, 63, 64, 65, 1000, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(clocks) * 64; i++) {
        struct syncookie_options said = {
            .wscale = i & 15, .sack = (i & 16) != 0, .ecn = (i & 32) != 0};
        struct syncookie_options read;
        uint32_t clock = clocks[i / 64];
        uint32_t timestamp = syncookie_timestamp(clock, &said);

        assert_in_range(clock - timestamp, 0, 127);
        assert_true(syncookie_read_timestamp(clock + 100, timestamp, &read));
        assert_int_equal(read.wscale, said.wscale);
        assert_int_equal(read.sack, said.sack);
        assert_int_equal(read.ecn, said.ecn);
        assert_false(syncookie_read_timestamp(timestamp - 1, timestamp, &read));
        assert_true(syncookie_read_timestamp(timestamp + 137438, timestamp, &read));
        assert_false(syncookie_read_timestamp(timestamp + 137438 + 64, timestamp, &read));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mss_is_kept_from_below),
        cmocka_unit_test(a_cookie_is_good_for_two_steps),
        cmocka_unit_test(it_is_bound_to_everything),
        cmocka_unit_test(guesses_are_wrong),
        cmocka_unit_test(it_goes_on_with_the_peer),
        cmocka_unit_test(the_timestamp_says_the_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
