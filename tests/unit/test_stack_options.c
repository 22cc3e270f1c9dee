/*
 * Goal:   numbers of a stack's options that are out of their range are refused with a
 *         sentence that names the value, before anything is made of them.
 * Method: the default with one field changed, as a table.
 */
#include "api/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct hr_stack_options good(void)
{
    struct hr_stack_options options = hr_stack_options_default;

    options.interface = "eth1";
    return options;
}

static void numbers_out_of_range_are_refused(void **state)
{
    struct hr_stack_options options[] = {good(), good(), good(), good(), good(), good()};
    static const char *const sentences[] = {
        "4095 frames",  "0 connections", "16777217 connections",
        "4 is no mode", "3 is no way",   "No interface",
    };

    (void)state;
    options[0].frames_per_worker = 4095;
    options[1].connections_max = 0;
    options[2].connections_max = (1u << 24) + 1;
    options[3].mode = (enum hr_mode)4;
    options[4].wait = (enum hr_wait)3;
    options[5].interface = NULL;
    for (unsigned i = 0; i < COUNT_OF(options); i++) {
        struct hr_failure failure = {0};

        print_message("  %s\n", sentences[i]);
        assert_int_equal(options_check_numbers(&options[i], &failure), HR_ERR_ARGUMENT);
        assert_int_equal(failure.error, HR_ERR_ARGUMENT);
        assert_int_equal(strncmp(failure.text, sentences[i], strlen(sentences[i])), 0);
    }
}

static void numbers_in_range_are_taken(void **state)
{
    struct hr_stack_options options = good();
    struct hr_failure failure;

    (void)state;
    assert_int_equal(options_check_numbers(&options, &failure), HR_OK);
    options.frames_per_worker = 4096;
    options.connections_max = 1u << 24;
    options.mode = HR_MODE_GENERIC;
    options.wait = HR_WAIT_SLEEP;
    assert_int_equal(options_check_numbers(&options, &failure), HR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(numbers_in_range_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
