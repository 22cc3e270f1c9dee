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
    struct hr_stack_options options[] = {good(), good(), good(), good(), good(), good(),
                                         good(), good(), good(), good(), good(), good(),
                                         good(), good(), good(), good()};
    static const char *const sentences[] = {
        "4095 frames",
        "0 connections",
        "16777217 connections",
        "4 is no mode",
        "3 is no way",
        "No interface",
        "1024 frames to receive",
        "3000 frames to receive",
        "131072 frames to receive",
        "0 frames to receive",
        "An ACK for 0 segments",
        "An ACK for 257 segments",
        "ACKs held for 40001 microseconds",
        "A TIME-WAIT of 999 milliseconds",
        "A TIME-WAIT of 240001 milliseconds",
        "'vegas' is no congestion control",
    };

    (void)state;
    options[0].frames_per_worker = 4095;
    options[1].connections_max = 0;
    options[2].connections_max = (1u << 24) + 1;
    options[3].mode = (enum hr_mode)4;
    options[4].wait = (enum hr_wait)3;
    options[5].interface = NULL;
    options[6].receive_frames = 1024;
    options[7].receive_frames = 3000;
    options[8].receive_frames = 131072;
    options[9].receive_frames = 0;
    options[10].ack_segments = 0;
    options[11].ack_segments = 257;
    options[12].ack_hold_us = 40001;
    options[13].time_wait_ms = 999;
    options[14].time_wait_ms = 240001;
    options[15].congestion_control = "vegas";
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
    options.ack_segments = 256;
    options.ack_hold_us = 40000;
    options.time_wait_ms = 240000;
    assert_int_equal(options_check_numbers(&options, &failure), HR_OK);
    options.ack_segments = 1;
    options.ack_hold_us = 0;
    options.time_wait_ms = 1000;
    assert_int_equal(options_check_numbers(&options, &failure), HR_OK);
}

/* A large ring of the hardware is lent twice as many frames, or refused with what would
 * do. */
static void rings_are_lent_what_they_need(void **state)
{
    static const struct {
        uint32_t ring, frames, wanted, lent;
        const char *says;
    } cases[] = {
        {0, 4096, 2048, 2048, ""},
        {1024, 4096, 2048, 2048, ""},
        {2048, 8192, 2048, 4096, ""},
        {2048, 8191, 2048, 0,
         "give at least 8192, or make the ring smaller ('ethtool -G eth1 rx 1024')"},
        {8192, 16384, 2048, 0, "give at least 32768"},
        {0, 16384, 8192, 8192, ""},
        {8192, 65536, 4096, 16384, ""}, /* the ring asks for more */
        {0, 16383, 8192, 0, "too few to receive with 8192 of them: give at least 16384."},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct hr_stack stack = {0};
        struct hr_stack_options options = good();
        struct nic_facts nic = {.name = "eth1", .rx_ring_frames = cases[i].ring};
        struct hr_failure failure = {0};

        print_message("  ring %u, frames %u\n", cases[i].ring, cases[i].frames);
        options.frames_per_worker = cases[i].frames;
        options.receive_frames = cases[i].wanted;
        assert_int_equal(options_take_lent(&stack, &options, &nic, &failure),
                         cases[i].lent > 0 ? HR_OK : HR_ERR_ARGUMENT);
        assert_int_equal(stack.frames_lent, cases[i].lent);
        assert_non_null(strstr(failure.text, cases[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(numbers_in_range_are_taken),
        cmocka_unit_test(rings_are_lent_what_they_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
