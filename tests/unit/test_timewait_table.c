/*
 * Goal:   a connection in TIME-WAIT is found by its tuple until its time has passed,
 *         and for what it has to know; with all entries in use the oldest makes place;
 *         many that are over leave a part with each turn; who owns the flow is told without
 *         a gap.
 * Method: connections of a small instance taken there one by one.
 */
#include "tcp/timewait_table.h"

#include "datapath/util.h"
#include "tcp/owners.h"
#include "tcp/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/conn_fixture.h"
#include "tests/unit/timewait_find.h"

#define ENTRIES CONN_TIMEWAITS
#define MANY 10000u

static int claimed; /* how often more than it was released */
static int claimed_least;

static void on_claim(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    assert_int_equal(hash, tuple_hash(tuple, tcp->table_key));
    claimed++;
}

static void on_release(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    assert_int_equal(hash, tuple_hash(tuple, tcp->table_key));
    claimed--;
    claimed_least = claimed < claimed_least ? claimed : claimed_least;
}

static const struct tcp_owners owners = {.claim = on_claim, .release = on_release};

/* Through TIME-WAIT, from the peer's port. */
static uint32_t enter(struct conn_fixture *f, uint16_t port)
{
    struct tcp_conn *conn = conn_make(f, port);
    struct tcp_tuple tuple = conn->tuple;
    uint32_t index;

    conn->state = TCP_FIN_WAIT_2;
    conn->snd.nxt = 100u + port;
    conn->rcv.nxt = 200u + port;
    conn->rcv.edge = conn->rcv.nxt;
    conn->ts_recent = 300u + port;
    tcp_enter_timewait(conn);
    assert_null(tcp_conn_find(&f->tcp, &tuple)); /* gone at once, freed with the turn */
    index = timewait_find(&f->tcp, &tuple);
    assert_int_not_equal(index, TIMEWAIT_NONE);
    tcp_turn_end(&f->tcp);
    return index;
}

static uint32_t find(struct conn_fixture *f, uint16_t port)
{
    struct tcp_tuple tuple = conn_tuple(port);

    return timewait_find(&f->tcp, &tuple);
}

static uint32_t in_table(struct conn_fixture *f, uint16_t port)
{
    struct tcp_tuple tuple = conn_tuple(port);

    return tcp_table_find(&f->tcp, &tuple, tuple_hash(&tuple, f->tcp.table_key));
}

static void pass(struct conn_fixture *f, uint64_t ns)
{
    f->net.now_ns += ns;
    tcp_turn_begin(&f->tcp, f->net.now_ns);
    tcp_timewait_expire(&f->tcp);
}

static void what_an_entry_knows(void **state)
{
    struct conn_fixture f;
    const struct timewait_entry *entry;
    uint32_t index;

    (void)state;
    conn_open(&f);
    index = enter(&f, 1000);
    entry = timewait_at(&f.tcp.timewait, index);
    assert_int_equal(entry->snd_nxt, 1100);
    assert_int_equal(entry->rcv_nxt, 1200);
    assert_int_equal(entry->ts_recent, 1300);
    assert_true(entry->timestamps);
    assert_int_equal(entry->rcv_wnd, TCP_RECEIVE_BUFFER_DEFAULT >> 7); /* scaled */
    assert_int_equal(f.tcp.promised_bytes, 0);
    pass(&f, TCP_TIME_WAIT_NS - 1);
    assert_int_equal(find(&f, 1000), index);
    assert_int_equal(in_table(&f, 1000), index | TCP_TABLE_TIMEWAIT);
    assert_int_equal(find(&f, 1001), TIMEWAIT_NONE);
    assert_int_equal(in_table(&f, 1001), TABLE_NONE);
    pass(&f, 1);
    assert_int_equal(find(&f, 1000), TIMEWAIT_NONE);
    assert_int_equal(f.tcp.table.count, 0);
    conn_close(&f);
}

/* A connection of the same hash bucket is not taken for an entry, nor the other way
 * round, although both carry index 0. */
static void connections_and_entries_are_told_apart(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn;
    struct tcp_tuple tuple = conn_tuple(1000);

    (void)state;
    conn_open(&f);
    (void)enter(&f, 1000);
    conn = conn_make(&f, 1000); /* RFC 6191: reopened, the entry still there */
    assert_int_equal(conn->index, 0);
    assert_int_equal(timewait_find(&f.tcp, &tuple), 0);
    assert_ptr_equal(tcp_conn_find(&f.tcp, &tuple), conn);
    tcp_timewait_forget(&f.tcp, 0);
    assert_int_equal(timewait_find(&f.tcp, &tuple), TIMEWAIT_NONE);
    assert_ptr_equal(tcp_conn_find(&f.tcp, &tuple), conn);
    assert_int_equal(in_table(&f, 1000), 0);
    conn_unmake(&f, conn);
    conn_close(&f);
}

/* As many as ended while the worker did not turn: they leave over several turns, and it is awake
 * for them. */
static void many_leave_over_several_turns(void **state)
{
    struct conn_fixture f;
    unsigned most = 0, turns = 0;

    (void)state;
    conn_open_with(&f, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        (void)enter(&f, (uint16_t)(1000 + i));
    }
    f.net.now_ns += TCP_TIME_WAIT_NS;
    for (unsigned left = MANY; left > 0; turns++) {
        assert_true(tcp_next_deadline(&f.tcp) <= f.net.now_ns);
        pass(&f, 1);
        most = max_u32(most, left - timewait_count(&f.tcp.timewait));
        left = timewait_count(&f.tcp.timewait);
    }
    assert_in_range(most, MANY / 4, MANY / 2);
    assert_int_equal(turns, 3);
    assert_int_equal(f.tcp.table.count, 0);
    conn_close(&f);
}

static void the_oldest_makes_place(void **state)
{
    struct conn_fixture f;

    (void)state;
    conn_open(&f);
    for (unsigned i = 0; i < 3 * ENTRIES; i++) {
        pass(&f, NS_PER_S);
        (void)enter(&f, (uint16_t)(1000 + i));
        assert_int_equal(f.tcp.counters.time_wait_evicted, i < ENTRIES ? 0 : i + 1 - ENTRIES);
        for (unsigned j = 0; j <= i; j++) {
            assert_int_equal(find(&f, (uint16_t)(1000 + j)) != TIMEWAIT_NONE, i - j < ENTRIES);
        }
    }
    pass(&f, TCP_TIME_WAIT_NS); /* all that are left, in one call */
    assert_int_equal(timewait_count(&f.tcp.timewait), 0);
    assert_int_equal(f.tcp.table.count, 0);
    conn_close(&f);
}

/* From the connection to its entry the flow is claimed all the time. */
static void the_owner_is_told_without_a_gap(void **state)
{
    struct conn_fixture f;

    (void)state;
    conn_open(&f);
    f.tcp.owners = &owners;
    claimed = 0;
    claimed_least = 1;
    (void)enter(&f, 1000);
    assert_int_equal(claimed_least, 1);
    assert_int_equal(claimed, 1);
    pass(&f, TCP_TIME_WAIT_NS);
    assert_int_equal(claimed, 0);
    conn_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_entry_knows),
        cmocka_unit_test(connections_and_entries_are_told_apart),
        cmocka_unit_test(many_leave_over_several_turns),
        cmocka_unit_test(the_oldest_makes_place),
        cmocka_unit_test(the_owner_is_told_without_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
