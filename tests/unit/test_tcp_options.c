/*
 * Goal:   what a command line sets of TCP is taken, or refused with its sentence; what is not
 *         named stays as it is by default.
 * Method: each by its name through getopt_long(), as the programs do it, at the ends of its
 *         range and beyond.
 */
#include "bench/tcp_options.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/command_line.h"

static const struct option names[] = {
    TCP_OPTIONS,
    {0},
};

/* NULL when it was taken, else why not. */
static const char *take(const char *name, const char *value, struct tcp_options *options)
{
    int option = command_line_read(names, name, value);

    assert_true(tcp_option_has(option));
    return tcp_option_take(option, optarg, options) ? NULL : tcp_option_refusal(option);
}

static void each_is_taken(void **state)
{
    struct tcp_options got;

    (void)state;
    tcp_options_init(&got);
    assert_false(got.fast_open || got.no_sack || got.no_timestamps || got.no_window_scale);
    assert_null(take("fast-open", NULL, &got));
    assert_null(take("no-sack", NULL, &got));
    assert_null(take("no-timestamps", NULL, &got));
    assert_null(take("no-window-scale", NULL, &got));
    assert_false(got.no_cookie);
    got.fast_open = false;
    assert_null(take("fast-open-no-cookie", NULL, &got));
    assert_true(got.no_cookie);
    assert_true(got.fast_open && got.no_sack && got.no_timestamps && got.no_window_scale);
    assert_false(got.tuning.pacing);
    assert_null(take("pacing", NULL, &got));
    assert_true(got.tuning.pacing);
    assert_null(take("mtu-probing", "always", &got));
    assert_int_equal(got.tuning.mtu_probing, HR_MTU_PROBING_ALWAYS);
    assert_null(take("mtu-probing", "off", &got));
    assert_int_equal(got.tuning.mtu_probing, HR_MTU_PROBING_OFF);
    assert_null(take("keepalive", "32767", &got));
    assert_true(got.tuning.keepalive);
    assert_int_equal(got.tuning.keepalive_idle_s, 32767);
    assert_null(take("user-timeout", "86400", &got));
    assert_int_equal(got.tuning.user_timeout_ms, 86400000);
    assert_null(take("dscp", "63", &got));
    assert_int_equal(got.tuning.dscp, 63);
}

/* One that is given stays as it is; the other one grows. */
static void buffers_are_fixed(void **state)
{
    struct hr_listen_options listen = hr_listen_options_default;
    struct hr_connect_options connect = hr_connect_options_default;
    struct tcp_options got;

    (void)state;
    tcp_options_init(&got);
    assert_null(take("send-buffer", "4096", &got));
    tcp_options_listen(&got, &listen);
    tcp_options_connect(&got, &connect);
    assert_int_equal(listen.send_buffer, 4096);
    assert_int_equal(connect.send_buffer, 4096);
    assert_int_equal(listen.receive_buffer, hr_listen_options_default.receive_buffer);
    assert_int_equal(connect.receive_buffer, hr_connect_options_default.receive_buffer);
    assert_int_equal(listen.tuning.send_buffer_max, 0);
    assert_int_equal(connect.tuning.receive_buffer_max, hr_tuning_default.receive_buffer_max);
    assert_null(take("receive-buffer", "1073741824", &got));
    tcp_options_listen(&got, &listen);
    tcp_options_connect(&got, &connect);
    assert_int_equal(listen.receive_buffer, 1073741824);
    assert_int_equal(connect.receive_buffer, 1073741824);
    assert_int_equal(connect.tuning.receive_buffer_max, 0);
}

/* Of either kind. */
static void connections_are_told(void **state)
{
    struct hr_listen_options listen = hr_listen_options_default;
    struct hr_connect_options connect = hr_connect_options_default;
    struct tcp_options got;

    (void)state;
    tcp_options_init(&got);
    tcp_options_listen(&got, &listen);
    tcp_options_connect(&got, &connect);
    assert_true(listen.sack && listen.timestamps && listen.window_scale);
    assert_true(connect.sack && connect.timestamps && connect.window_scale);
    assert_false(listen.fast_open_max > 0 || connect.fast_open);
    assert_false(listen.fast_open_no_cookie || connect.fast_open_no_cookie);
    assert_int_equal(listen.tuning.dscp, 0);
    got.fast_open = true;
    got.no_sack = true;
    got.no_cookie = true;
    got.tuning.dscp = 46;
    tcp_options_listen(&got, &listen);
    tcp_options_connect(&got, &connect);
    assert_true(listen.fast_open_max > 0 && connect.fast_open);
    assert_true(listen.fast_open_no_cookie && connect.fast_open_no_cookie);
    assert_false(listen.sack || connect.sack);
    assert_true(listen.tuning.dscp == 46 && connect.tuning.dscp == 46);
    assert_true(listen.timestamps && listen.window_scale);
    got.no_timestamps = true;
    tcp_options_listen(&got, &listen);
    tcp_options_connect(&got, &connect);
    assert_false(listen.timestamps || connect.timestamps);
    assert_true(listen.window_scale && connect.window_scale);
    got.no_window_scale = true;
    tcp_options_listen(&got, &listen);
    tcp_options_connect(&got, &connect);
    assert_false(listen.window_scale || connect.window_scale);
}

static void what_is_none_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *values[4];
        const char *sentence;
    } cases[] = {
        {"mtu-probing", {"on", ""}, "'%s' is no MTU probing: off, after-black-hole or always."},
        {"send-buffer",
         {"4095", "1073741825", "1m"},
         "--send-buffer takes 4096 to 1073741824 bytes, not '%s'."},
        {"receive-buffer",
         {"4095", "1073741825", "-1"},
         "--receive-buffer takes 4096 to 1073741824 bytes, not '%s'."},
        {"keepalive", {"0", "32768"}, "--keepalive takes 1 to 32767 seconds, not '%s'."},
        {"user-timeout", {"0", "86401"}, "--user-timeout takes 1 to 86400 seconds, not '%s'."},
        {"dscp", {"64", "EF"}, "--dscp takes a number from 0 to 63, not '%s'."},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        for (unsigned j = 0; j < COUNT_OF(cases[i].values) && cases[i].values[j]; j++) {
            struct tcp_options options;
            const char *refusal;

            tcp_options_init(&options);
            refusal = take(cases[i].name, cases[i].values[j], &options);
            assert_non_null(refusal);
            assert_string_equal(refusal, cases[i].sentence);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken),
        cmocka_unit_test(buffers_are_fixed),
        cmocka_unit_test(connections_are_told),
        cmocka_unit_test(what_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
