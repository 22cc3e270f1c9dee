/*
 * Goal:   each error has a name and a sentence of its own, and any other number is told as
 *         unknown instead of being read past the table.
 * Method: all of enum hr_error, one by one; then numbers beside them and the ends of int.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <headrace/error.h>

#include <limits.h>
#include <string.h>

static void each_error_has_its_own(void **state)
{
    (void)state;
    assert_string_equal(hr_error_name(HR_OK), "HR_OK");
    assert_string_equal(hr_error_name(HR_ERR_AGAIN), "HR_ERR_AGAIN");
    assert_string_equal(hr_error_name(HR_ERR_UNSUPPORTED), "HR_ERR_UNSUPPORTED");
    for (int error = HR_ERR_UNSUPPORTED; error <= HR_OK; error++) {
        const char *text = hr_error_text(error);

        assert_string_not_equal(hr_error_name(error), "HR_ERR_?");
        assert_int_equal(text[strlen(text) - 1], '.');
        for (int other = error + 1; other <= HR_OK; other++) {
            assert_string_not_equal(text, hr_error_text(other));
            assert_string_not_equal(hr_error_name(error), hr_error_name(other));
        }
    }
}

static void other_numbers_are_unknown(void **state)
{
    static const int others[] = {1, HR_ERR_UNSUPPORTED - 1, INT_MIN, INT_MIN + 1, INT_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_string_equal(hr_error_name(others[i]), "HR_ERR_?");
        assert_string_equal(hr_error_text(others[i]), "An unknown error.");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_own),
        cmocka_unit_test(other_numbers_are_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
