/*
 * Goal:   a stack gets what the command line said of its place, and of what it did not
 *         say the preset.
 * Method: places with nothing, one thing, and everything given.
 */
#include "bench/place_stack.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nothing_given_is_the_preset(void **state)
{
    static const struct place_options place = {0};
    const struct hr_stack_options *preset = &hr_stack_options_default;
    struct hr_stack_options stack = place_stack(&place);

    (void)state;
    assert_null(stack.interface);
    assert_int_equal(stack.address_count, 0);
    assert_int_equal(stack.gateway_count, 0);
    assert_null(stack.queues);
    assert_null(stack.cores);
    assert_int_equal(stack.mode, HR_MODE_AUTO);
    assert_int_equal(stack.wait, HR_WAIT_ADAPTIVE);
    assert_int_equal(stack.receive_frames, preset->receive_frames);
    assert_int_equal(stack.frames_per_worker, preset->frames_per_worker);
    assert_int_equal(stack.time_wait_ms, preset->time_wait_ms);
    assert_int_equal(stack.connections_max, preset->connections_max);
    assert_int_equal(stack.ack_segments, preset->ack_segments);
    assert_int_equal(stack.ack_hold_us, preset->ack_hold_us);
    assert_int_equal(stack.spin_us, preset->spin_us);
}

static void what_is_given_arrives(void **state)
{
    static const struct place_options place = {
        .interface = "eth0",
        .addresses = {"192.0.2.1/24", "192.0.2.2/24"},
        .address_count = 2,
        .gateways = {"192.0.2.9"},
        .gateway_count = 1,
        .queues = {3, 1},
        .queue_count = 2,
        .cores = {0, 5},
        .core_count = 2,
        .receive_frames = 32768,
        .time_wait_s = 3,
        .ack_segments = 2,
        .ack_hold_is_given = true,
    };
    struct hr_stack_options stack = place_stack(&place);

    (void)state;
    assert_ptr_equal(stack.interface, place.interface);
    assert_ptr_equal(stack.addresses, place.addresses);
    assert_int_equal(stack.address_count, 2);
    assert_ptr_equal(stack.gateways, place.gateways);
    assert_int_equal(stack.gateway_count, 1);
    assert_ptr_equal(stack.queues, place.queues);
    assert_int_equal(stack.queue_count, 2);
    assert_ptr_equal(stack.cores, place.cores);
    assert_int_equal(stack.core_count, 2);
    assert_int_equal(stack.receive_frames, 32768);
    /* Half of all at the most may be lent, and data needs some. */
    assert_int_equal(stack.frames_per_worker,
                     hr_stack_options_default.frames_per_worker + 2 * 32768);
    assert_int_equal(stack.time_wait_ms, 3000);
    assert_int_equal(stack.ack_segments, 2);
    assert_int_equal(stack.ack_hold_us, 0);
}

static void names_mean_the_same(void **state)
{
    static const struct {
        struct place_options place;
        enum hr_mode mode;
        enum hr_wait wait;
    } cases[] = {
        {{.mode = PLACE_MODE_AUTO}, HR_MODE_AUTO, HR_WAIT_ADAPTIVE},
        {{.mode = PLACE_MODE_ZEROCOPY}, HR_MODE_ZEROCOPY, HR_WAIT_ADAPTIVE},
        {{.mode = PLACE_MODE_NATIVE}, HR_MODE_NATIVE, HR_WAIT_ADAPTIVE},
        {{.mode = PLACE_MODE_GENERIC}, HR_MODE_GENERIC, HR_WAIT_ADAPTIVE},
        {{.wait = PLACE_WAIT_BUSY}, HR_MODE_AUTO, HR_WAIT_BUSY},
        {{.wait = PLACE_WAIT_SLEEP}, HR_MODE_AUTO, HR_WAIT_SLEEP},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hr_stack_options stack = place_stack(&cases[i].place);

        assert_int_equal(stack.mode, cases[i].mode);
        assert_int_equal(stack.wait, cases[i].wait);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_is_the_preset),
        cmocka_unit_test(what_is_given_arrives),
        cmocka_unit_test(names_mean_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
