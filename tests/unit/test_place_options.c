/*
 * Goal:   the options of a place are taken whole or refused with their sentence, and one
 *         that was refused changes nothing.
 * Method: each by its name through getopt_long(), as the programs do it, with values that
 *         are right and values that are none; the place after it compared as a whole.
 */
#include "bench/place_options.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/command_line.h"

static const struct option names[] = {
    PLACE_OPTIONS_OF_PORTS,
    PLACE_OPTIONS_OF_STACK,
    {0},
};

/* NULL when it was taken, else why not. */
static const char *take(const char *name, const char *value, struct place_options *place)
{
    int option = command_line_read(names, name, value);

    assert_true(place_has(option));
    return place_take(option, optarg, place) ? NULL : place_refusal(option);
}

static void each_is_taken(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        struct place_options place;
    } cases[] = {
        {"interface", "eth0", {.interface = "eth0"}},
        {"address", "192.0.2.1/24", {.addresses = {"192.0.2.1/24"}, .address_count = 1}},
        {"gateway", "192.0.2.9", {.gateways = {"192.0.2.9"}, .gateway_count = 1}},
        {"queues", "3,0", {.queues = {3, 0}, .queue_count = 2}},
        {"cores", "1", {.cores = {1}, .core_count = 1}},
        {"mode", "auto", {.mode = PLACE_MODE_AUTO}},
        {"mode", "zerocopy", {.mode = PLACE_MODE_ZEROCOPY}},
        {"mode", "native", {.mode = PLACE_MODE_NATIVE}},
        {"mode", "generic", {.mode = PLACE_MODE_GENERIC}},
        {"busy", NULL, {.wait = PLACE_WAIT_BUSY}},
        {"sleep", NULL, {.wait = PLACE_WAIT_SLEEP}},
        {"receive-frames", "2048", {.receive_frames = 2048}},
        {"receive-frames", "65536", {.receive_frames = 65536}},
        {"time-wait", "1", {.time_wait_s = 1}},
        {"time-wait", "240", {.time_wait_s = 240}},
        {"ack-segments", "1", {.ack_segments = 1}},
        {"ack-segments", "256", {.ack_segments = 256}},
        {"ack-hold", "0", {.ack_hold_is_given = true}},
        {"ack-hold", "40000", {.ack_hold_us = 40000, .ack_hold_is_given = true}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct place_options place;

        print_message("  --%s %s\n", cases[i].name, cases[i].value ? cases[i].value : "");
        memset(&place, 0, sizeof place);
        assert_null(take(cases[i].name, cases[i].value, &place));
        assert_memory_equal(&place, &cases[i].place, sizeof place);
    }
}

static void what_is_none_is_refused(void **state)
{
    static const char queues[] = "--queues takes numbers, as 0 or 0,1, not '%s'.";
    static const char cores[] = "--cores takes numbers, as 0 or 0,1, not '%s'.";
    static const char mode[] = "'%s' is no mode: auto, zerocopy, native or generic.";
    static const char frames[] = "--receive-frames takes 2048, 4096, ... 65536, not '%s'.";
    static const char segments[] = "--ack-segments takes a number from 1 to 256, not '%s'.";
    static const char hold[] = "--ack-hold takes 0 to 40000 microseconds, not '%s'.";
    static const char time_wait[] = "--time-wait takes 1 to 240 seconds, not '%s'.";
    static const struct {
        const char *name;
        const char *value;
        const char *refusal;
    } cases[] = {
        {"queues", "1,x", queues},
        {"queues", "", queues},
        {"cores", "0-1", cores},
        {"cores", "1,2,", cores},
        {"mode", "fast", mode},
        {"mode", "", mode},
        {"receive-frames", "1024", frames},
        {"receive-frames", "3000", frames},
        {"receive-frames", "131072", frames},
        {"time-wait", "0", time_wait},
        {"ack-segments", "0", segments},
        {"ack-segments", "257", segments},
        {"ack-hold", "40001", hold},
        {"ack-hold", "-1", hold},
        {"time-wait", "241", time_wait},
    };
    static const struct place_options before = {.queues = {7},
                                                .queue_count = 1,
                                                .cores = {5},
                                                .core_count = 1,
                                                .mode = PLACE_MODE_GENERIC,
                                                .receive_frames = 4096,
                                                .time_wait_s = 2};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct place_options place;

        print_message("  --%s '%s'\n", cases[i].name, cases[i].value);
        memcpy(&place, &before, sizeof place);
        assert_string_equal(take(cases[i].name, cases[i].value, &place), cases[i].refusal);
        assert_memory_equal(&place, &before, sizeof place);
    }
}

static void lists_have_an_end(void **state)
{
    static const char *const lists[] = {"address", "gateway"};
    struct place_options place = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (unsigned n = 0; n < PLACE_ADDRESSES_MAX; n++) {
            assert_null(take(lists[i], "192.0.2.1/24", &place));
        }
        assert_string_equal(take(lists[i], "192.0.2.2/24", &place),
                            "'%s' is one too many: at most 16 can be given.");
    }
    assert_int_equal(place.address_count, PLACE_ADDRESSES_MAX);
    assert_int_equal(place.gateway_count, PLACE_ADDRESSES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(lists_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
