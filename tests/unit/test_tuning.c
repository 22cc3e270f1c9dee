/*
 * Goal:   what an application sets of a connection is checked, is what it reads back, and is
 *         what the connection has (api/tuning.h).
 * Method: one value out of its range at a time, and the ends of each range; then the public
 *         calls on a connection of a stack in virtual time.
 */
#include "api/tuning.h"

#include "api/convert.h"
#include "tests/unit/tcp_fixture.h"

#include <headrace/headrace.h>

static void presets_are_valid(void **state)
{
    struct hr_tuning tuning;
    struct tcp_settings settings = tcp_settings_default;

    (void)state;
    assert_true(tuning_is_valid(&hr_tuning_default));
    assert_true(tuning_is_valid(&hr_listen_options_default.tuning));
    assert_true(tuning_is_valid(&hr_connect_options_default.tuning));
    tuning_take(&settings, &hr_tuning_default); /* which is the core's */
    assert_true(settings_equal(&settings, &tcp_settings_default));
    memset(&tuning, 0, sizeof tuning);
    assert_false(tuning_is_valid(&tuning)); /* 0 never means "default" */
}

#define WITH(field_, value_)                                                                       \
    {                                                                                              \
        .name = #field_ " " #value_, .offset = offsetof(struct hr_tuning, field_),                 \
        .bytes = sizeof(((struct hr_tuning *)0)->field_), .value = (value_)                        \
    }

/* Shows: RFC 1122 3.2.1.7a. */
static void ranges_are_checked(void **state)
{
    static const struct {
        const char *name;
        size_t offset;
        size_t bytes;
        uint32_t value;
    } cases[] = {
        WITH(keepalive_idle_s, 0),
        WITH(keepalive_idle_s, 32768),
        WITH(keepalive_interval_s, 0),
        WITH(keepalive_interval_s, 32768),
        WITH(keepalive_probes, 0),
        WITH(keepalive_probes, 128),
        WITH(user_timeout_ms, 0x80000000),
        WITH(r1_retransmissions, 0),
        WITH(r2_retransmissions, 0),
        WITH(syn_retransmissions, 0),
        WITH(syn_retransmissions, 128),
        WITH(syn_ack_retransmissions, 0),
        WITH(syn_ack_retransmissions, 128),
        WITH(ack_delay_ms, 500),
        WITH(rto_initial_ms, 199),
        WITH(rto_initial_ms, 120001),
        WITH(rto_min_ms, 0),
        WITH(rto_min_ms, 1001), /* above the initial one */
        WITH(rto_max_ms, 999),
        WITH(rto_max_ms, 120001),
        WITH(fin_wait_2_s, 0),
        WITH(fin_wait_2_s, 3601),
        WITH(initial_window_segments, 0),
        WITH(initial_window_segments, 101),
        WITH(dup_threshold, 2),
        WITH(dup_threshold, 128),
        WITH(send_buffer_max, (1u << 30) + 1),
        WITH(receive_buffer_max, (1u << 30) + 1),
        WITH(mtu_probing, 3),
        WITH(dscp, 64),
        WITH(ttl, 0),
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct hr_tuning tuning = hr_tuning_default;

        print_message("  %s\n", cases[i].name);
        memcpy((uint8_t *)&tuning + cases[i].offset, &cases[i].value, cases[i].bytes);
        assert_false(tuning_is_valid(&tuning));
    }
}

static const struct hr_tuning least = {
    .keepalive_idle_s = 1,
    .keepalive_interval_s = 1,
    .keepalive_probes = 1,
    .r1_retransmissions = 1,
    .r2_retransmissions = 1,
    .syn_retransmissions = 1,
    .syn_ack_retransmissions = 1,
    .rto_initial_ms = 1,
    .rto_min_ms = 1,
    .rto_max_ms = 1000,
    .fin_wait_2_s = 1,
    .initial_window_segments = 1,
    .dup_threshold = 3,
    .ttl = 1,
};
static const struct hr_tuning most = {
    .keepalive = true,
    .keepalive_idle_s = 32767,
    .keepalive_interval_s = 32767,
    .keepalive_probes = 127,
    .user_timeout_ms = INT32_MAX,
    .r1_retransmissions = 255,
    .r2_retransmissions = 255,
    .syn_retransmissions = 127,
    .syn_ack_retransmissions = 127,
    .ack_delay_ms = 499,
    .send_buffer_max = 1u << 30,
    .receive_buffer_max = 1u << 30,
    .rto_initial_ms = 120000,
    .rto_min_ms = 120000,
    .rto_max_ms = 120000,
    .fin_wait_2_s = 3600,
    .initial_window_segments = 100,
    .dup_threshold = 127,
    .quick_acks = 255,
    .idle_restart = true,
    .reordering_adapts = true,
    .reordering_by_count = true,
    .rack = true,
    .tail_probes = true,
    .frto = true,
    .dsack = true,
    .ecn_option = true,
    .delivery_rates = true,
    .pacing = true,
    .mtu_probing = HR_MTU_PROBING_ALWAYS,
    .dscp = 63,
    .ttl = 255,
};

static void assert_tuned(const struct hr_conn *conn, const struct hr_tuning *want)
{
    struct hr_tuning got;

    hr_conn_tuning(conn, &got);
    assert_int_equal(got.keepalive, want->keepalive);
    assert_int_equal(got.keepalive_idle_s, want->keepalive_idle_s);
    assert_int_equal(got.keepalive_interval_s, want->keepalive_interval_s);
    assert_int_equal(got.keepalive_probes, want->keepalive_probes);
    assert_int_equal(got.user_timeout_ms, want->user_timeout_ms);
    assert_int_equal(got.r1_retransmissions, want->r1_retransmissions);
    assert_int_equal(got.r2_retransmissions, want->r2_retransmissions);
    assert_int_equal(got.syn_retransmissions, want->syn_retransmissions);
    assert_int_equal(got.syn_ack_retransmissions, want->syn_ack_retransmissions);
    assert_int_equal(got.ack_delay_ms, want->ack_delay_ms);
    assert_int_equal(got.rto_initial_ms, want->rto_initial_ms);
    assert_int_equal(got.rto_min_ms, want->rto_min_ms);
    assert_int_equal(got.rto_max_ms, want->rto_max_ms);
    assert_int_equal(got.fin_wait_2_s, want->fin_wait_2_s);
    assert_int_equal(got.initial_window_segments, want->initial_window_segments);
    assert_int_equal(got.dup_threshold, want->dup_threshold);
    assert_int_equal(got.quick_acks, want->quick_acks);
    assert_int_equal(got.idle_restart, want->idle_restart);
    assert_int_equal(got.reordering_adapts, want->reordering_adapts);
    assert_int_equal(got.reordering_by_count, want->reordering_by_count);
    assert_int_equal(got.rack, want->rack);
    assert_int_equal(got.tail_probes, want->tail_probes);
    assert_int_equal(got.frto, want->frto);
    assert_int_equal(got.dsack, want->dsack);
    assert_int_equal(got.ecn_option, want->ecn_option);
    assert_int_equal(got.delivery_rates, want->delivery_rates);
    assert_int_equal(got.send_buffer_max, want->send_buffer_max);
    assert_int_equal(got.receive_buffer_max, want->receive_buffer_max);
    assert_int_equal(got.pacing, want->pacing);
    assert_int_equal(got.mtu_probing, want->mtu_probing);
    assert_int_equal(got.dscp, want->dscp);
    assert_int_equal(got.ttl, want->ttl);
}

/* Shows: RFC 9293 SHLD-21. */
static void a_connection_is_tuned(void **state)
{
    struct tcp_fixture *f = *state;
    struct hr_tuning wrong = most;
    struct hr_conn *conn;
    const struct seg *seg;

    f->settings.policy = tcp_settings_default.policy;
    establish(f);
    conn = conn_outer(conn_of(f));
    assert_tuned(conn, &hr_tuning_default);
    assert_int_equal(hr_conn_tune(conn, &least), HR_OK);
    assert_tuned(conn, &least);
    assert_int_equal(hr_conn_tune(conn, &most), HR_OK);
    assert_tuned(conn, &most);
    wrong.keepalive_probes = 0;
    wrong.dscp = 1;
    assert_int_equal(hr_conn_tune(conn, &wrong), HR_ERR_ARGUMENT);
    assert_tuned(conn, &most);
    app_sends(f, 10);
    seg = expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    assert_int_equal(seg->tos, 63 << 2);
    assert_int_equal(seg->ttl, 255);
}

/* A listener's connections begin with what it was given. */
static void a_listener_is_tuned(void **state)
{
    struct tcp_fixture *f = *state;

    tuning_take(&f->settings, &most);
    establish(f);
    assert_tuned(conn_outer(conn_of(f)), &most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_valid),
        cmocka_unit_test(ranges_are_checked),
        SCRIPT(a_connection_is_tuned),
        SCRIPT(a_listener_is_tuned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
