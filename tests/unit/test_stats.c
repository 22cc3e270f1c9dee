/*
 * Goal:   each row of the statistics (headrace/stats.h) counts what it says, and nothing else
 *         (api/stats.c); a sum over workers adds each row.
 * Method: one of a worker's counters is set at a time, and the rows that move are those that
 *         the table names.
 */
#include "api/segment.h"
#include "api/stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROWS (sizeof(struct hr_stats) / sizeof(uint64_t))

static struct hr_worker workers[2];
static struct hr_stack stack = {.workers = workers, .worker_count = 2};
static struct port_xdp port;
static struct frame_pool pool;
static uint64_t rows[2][sizeof(struct hr_segment_row) / sizeof(uint64_t) + ROWS];

static const char *const names[] = {
#define NAME(name, meaning) #name,
    HR_STATS(NAME)
#undef NAME
};

struct row {
    void *counter;
    size_t bytes;
    const char *moves; /* names, each with a blank behind it */
};

/* The counter, the row that it is, and the sums that it is a part of. */
#define ROW(counter_, moves_)                                                                      \
    {                                                                                              \
        &(counter_), sizeof(counter_), moves_ " "                                                  \
    }
#define TCP(counter_, moves_) ROW(workers[0].tcp.counters.counter_, moves_)
#define SAME(counter_) TCP(counter_, #counter_)

static const struct row table[] = {
    ROW(workers[0].tcp.conns.used, "connections"),
    ROW(workers[0].tcp.orphans, "orphans"),
    ROW(workers[0].rx_ring_full, "rx_ring_full"),
    ROW(workers[0].crossed_out, "crossed"),
    ROW(workers[0].crossed_dropped, "crossed_dropped dropped"),
    ROW(workers[0].directory_full, "directory_full"),
    ROW(workers[0].turns, "turns"),
    ROW(workers[0].sleeps, "sleeps"),
    ROW(workers[0].net.counters.reassembled, "reassembled"),
    ROW(port.port.counters.rx_packets, "rx_packets"),
    ROW(port.port.counters.rx_bytes, "rx_bytes"),
    ROW(port.port.counters.tx_packets, "tx_packets"),
    ROW(port.port.counters.tx_bytes, "tx_bytes"),
    ROW(port.port.counters.kicks, "kicks"),
    ROW(pool.free_count, "frames_free"),
    ROW(pool.used[FRAME_BUDGET_DATA], "frames_data"),
    TCP(opened_passive, "accepted"),
    TCP(opened_active, "connected"),
    TCP(bytes_in, "data_in"),
    TCP(bytes_out, "data_out"),
    TCP(rto_expired, "timeouts"),
    TCP(tlp_sent, "tail_probes"),
    TCP(recoveries_undone, "undone"),
    TCP(timeouts_undone, "undone"),
    TCP(dropped_half_open, "syns_dropped dropped"),
    TCP(dropped_listener_full, "syns_dropped dropped"),
    TCP(dropped_paused, "syns_dropped dropped"),
    TCP(dropped_no_memory, "syns_dropped dropped"),
    TCP(dropped_checksum, "dropped_checksum dropped"),
    TCP(dropped_no_frame, "dropped_no_frame dropped"),
    TCP(dropped_malformed, "dropped_malformed dropped"),
    TCP(dropped_no_piece, "dropped_no_piece dropped"),
    TCP(dropped_bad_source, "dropped_bad_source dropped"),
    TCP(paws_dropped, "dropped_timestamp dropped"),
    TCP(no_timestamp_dropped, "dropped_timestamp dropped"),
    SAME(time_wait_reused),
    SAME(syn_cookies_sent),
    SAME(syn_cookies_accepted),
    SAME(syn_cookies_failed),
    SAME(fast_open_accepted),
    SAME(fast_open_refused),
    SAME(fast_open_sent),
    SAME(fast_open_taken),
    SAME(fast_open_lost),
    SAME(closed),
    SAME(orphans_reset),
    SAME(orphans_pruned),
    SAME(retransmissions),
    SAME(fast_recoveries),
    SAME(ecn_classic),
    SAME(ecn_accurate),
    SAME(ce_in),
    SAME(ecn_reductions),
    SAME(mtu_probes),
    SAME(mtu_probes_lost),
    SAME(black_holes),
    SAME(resets_in),
    SAME(resets_out),
    SAME(acks_out),
    SAME(out_of_order),
    SAME(pruned),
    SAME(duplicates),
    SAME(out_of_window),
    SAME(no_connection),
    SAME(challenge_acks),
    SAME(challenge_acks_limited),
    SAME(icmp_ignored),
    SAME(zero_window_probes),
    SAME(keepalives),
    SAME(spurious_probes),
    SAME(splits),
    SAME(held_by_kernel),
    SAME(copied_for_retransmission),
    SAME(output_no_frame),
    SAME(time_wait_evicted),
    TCP(segments_in, ""), /* no row has it */
};

static bool is_named(const char *moves, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = moves; (at = strstr(at, name)) != NULL; at++) {
        if ((at == moves || at[-1] == ' ') && at[length] == ' ') {
            return true;
        }
    }
    return false;
}

static void clear(void)
{
    memset(workers, 0, sizeof workers);
    memset(&port, 0, sizeof port);
    memset(&pool, 0, sizeof pool);
    memset(rows, 0, sizeof rows);
    for (unsigned i = 0; i < 2; i++) {
        workers[i].port = &port;
        workers[i].pool = &pool;
        workers[i].row = (void *)rows[i];
    }
}

static void each_counter_has_its_rows(void **state)
{
    static const uint32_t seven = 7;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(table); i++) {
        uint64_t values[ROWS];
        struct hr_stats stats;

        clear();
        memcpy(table[i].counter, &seven, sizeof seven);
        worker_publish(&workers[0]);
        hr_stack_stats(&stack, 0, &stats);
        memcpy(values, &stats, sizeof values);
        for (unsigned j = 0; j < ROWS; j++) {
            if (values[j] != (is_named(table[i].moves, names[j]) ? seven : 0)) {
                fail_msg("for \"%s\", %s is %llu", table[i].moves, names[j],
                         (unsigned long long)values[j]);
            }
        }
    }
}

/* Every row is the table's, but for those that are counted elsewhere. */
static void each_row_is_told_of(void **state)
{
    (void)state;
    for (unsigned j = 0; j < ROWS; j++) {
        bool found = strcmp(names[j], "time_waits") == 0; /* unit/test_timewait_table */

        for (unsigned i = 0; i < COUNT_OF(table); i++) {
            found |= is_named(table[i].moves, names[j]);
        }
        if (!found) {
            fail_msg("%s is in no row of the table", names[j]);
        }
    }
}

static void the_sum_adds_each_row(void **state)
{
    struct hr_stats each[2];
    uint64_t values[ROWS];
    struct hr_stats sum;

    (void)state;
    clear();
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < ROWS; j++) {
            values[j] = i == 0 ? j + 1 : 1000 * (j + 1);
        }
        memcpy(&each[i], values, sizeof values);
        segment_write(workers[i].row, &each[i]);
    }
    hr_stack_stats_sum(&stack, &sum);
    memcpy(values, &sum, sizeof values);
    for (unsigned j = 0; j < ROWS; j++) {
        assert_int_equal(values[j], 1001 * (j + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_counter_has_its_rows),
        cmocka_unit_test(each_row_is_told_of),
        cmocka_unit_test(the_sum_adds_each_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
