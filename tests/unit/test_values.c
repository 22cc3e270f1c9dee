/*
 * Goal:   a value of a command line is taken whole or refused whole.
 * Method: a table of texts, among them those that strtoul and strtod would take.
 */
#include "bench/values.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void numbers(void **state)
{
    static const struct {
        const char *text;
        unsigned min;
        unsigned max;
        bool taken;
        unsigned value;
    } cases[] = {
        {"0", 0, 5, true, 0},
        {"5", 0, 5, true, 5},
        {"007", 1, 10, true, 7},
        {"4294967295", 0, 4294967295, true, 4294967295},
        {"6", 0, 5, false, 0},
        {"0", 1, 5, false, 0},
        {"", 0, 5, false, 0},
        {"-1", 0, 4294967295, false, 0},
        {"+1", 0, 5, false, 0},
        {" 1", 0, 5, false, 0},
        {"1 ", 0, 5, false, 0},
        {"1x", 0, 5, false, 0},
        {"0x1", 0, 5, false, 0},
        {"99999999999999999999", 0, 4294967295, false, 0},
        {"4294967296", 0, 4294967295, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned value = 77;

        print_message("  '%s'\n", cases[i].text);
        assert_int_equal(value_unsigned(cases[i].text, cases[i].min, cases[i].max, &value),
                         cases[i].taken);
        assert_int_equal(value, cases[i].taken ? cases[i].value : 77);
    }
}

static void powers_of_two(void **state)
{
    static const struct {
        const char *text;
        bool taken;
        unsigned value;
    } cases[] = {
        {"4", true, 4},  {"8", true, 8},    {"64", true, 64}, {"12", false, 0}, {"63", false, 0},
        {"2", false, 0}, {"128", false, 0}, {"0", false, 0},  {"-8", false, 0}, {"8.0", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned value = 77;

        print_message("  '%s'\n", cases[i].text);
        assert_int_equal(value_power_of_two(cases[i].text, 4, 64, &value), cases[i].taken);
        assert_int_equal(value, cases[i].taken ? cases[i].value : 77);
    }
}

static void lists(void **state)
{
    static const struct {
        const char *text;
        bool taken;
        unsigned count;
        unsigned last;
    } cases[] = {
        {"0", true, 1, 0},      {"0,1,5", true, 3, 5},   {"65535,2", true, 2, 2},
        {"7,7", true, 2, 7},    {"1,2,3,4", true, 4, 4}, {"1,2,3,4,5", false, 0, 0},
        {"", false, 0, 0},      {",", false, 0, 0},      {"0,", false, 0, 0},
        {",0", false, 0, 0},    {"0,,1", false, 0, 0},   {"0-1", false, 0, 0},
        {"65536", false, 0, 0}, {"1, 2", false, 0, 0},   {"0000000000000001", false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned list[4] = {0};
        unsigned count = 77;

        print_message("  '%s'\n", cases[i].text);
        assert_int_equal(value_list(cases[i].text, list, COUNT_OF(list), &count), cases[i].taken);
        assert_int_equal(count, cases[i].taken ? cases[i].count : 77);
        if (cases[i].taken) {
            assert_int_equal(list[count - 1], cases[i].last);
        }
    }
}

static void names(void **state)
{
    static const char *const list[] = {"echo", "discard", NULL};

    (void)state;
    assert_int_equal(value_name("echo", list), 0);
    assert_int_equal(value_name("discard", list), 1);
    assert_int_equal(value_name("Echo", list), -1);
    assert_int_equal(value_name("ech", list), -1);
    assert_int_equal(value_name("", list), -1);
}

static void seconds(void **state)
{
    static const struct {
        const char *text;
        bool taken;
        double value;
    } cases[] = {
        {"0", true, 0},    {"1.5", true, 1.5},    {".25", true, 0.25}, {"1000000", true, 1e6},
        {"", false, 0},    {".", false, 0},       {"1.2.3", false, 0}, {"-1", false, 0},
        {"inf", false, 0}, {"nan", false, 0},     {"0x10", false, 0},  {"1e3", false, 0},
        {"1s", false, 0},  {"1000001", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 77;

        print_message("  '%s'\n", cases[i].text);
        assert_int_equal(value_seconds(cases[i].text, &value), cases[i].taken);
        assert_true(value == (cases[i].taken ? cases[i].value : 77));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(powers_of_two), cmocka_unit_test(lists),
        cmocka_unit_test(names),   cmocka_unit_test(seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
