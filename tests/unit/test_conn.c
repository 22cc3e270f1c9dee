/*
 * Goal:   a connection is found from its creation to its end, takes nothing that
 *         it does not give back, and begins each flight as if there had been none
 *         before.
 * Method: named cases on a `struct tcp` with room for three connections and two
 *         flights; each way to run short is taken once.
 */
#include "tcp/conn.h"

#include "tcp/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/conn_fixture.h"

/* Of tcp/README.md, "Bytes", in the order of its table. */
#define SPAN(type, from, to) (offsetof(struct type, to) - offsetof(struct type, from))
static_assert(SPAN(tcp_conn, tuple, snd) == 52 && SPAN(tcp_conn, snd, flight) == 76 &&
                  SPAN(tcp_conn, flight, output_link) == 64 &&
                  SPAN(tcp_conn, output_link, rtt) == 72 && SPAN(tcp_conn, rtt, ecn) == 32 &&
                  SPAN(tcp_conn, ecn, last_send_ns) == 24 &&
                  SPAN(tcp_conn, last_send_ns, reassembly) == 64 &&
                  SPAN(tcp_conn, reassembly, kept) == 64 && SPAN(tcp_conn, kept, cc_state) == 16 &&
                  SPAN(tcp_conn, cc_state, challenge_ms) == 40 && sizeof(struct tcp_conn) == 512,
              "an idle connection");
static_assert(SPAN(tcp_flight, undo, rto_base_ns) == 64 &&
                  SPAN(tcp_flight, rto_base_ns, sendq) == 64 &&
                  SPAN(tcp_flight, sendq, prr) == 320 &&
                  sizeof(struct tcp_flight) - offsetof(struct tcp_flight, prr) == 56,
              "in flight");
static_assert(sizeof(struct tcp_pacing) == 64 && sizeof(struct tcp_rate) == 192 &&
                  sizeof(struct tcp_bbr) == 232 && sizeof(struct tcp_mishaps) == 64,
              "beside it");

static void a_created_connection_is_found(void **state)
{
    struct conn_fixture f;
    struct tcp_settings settings = tcp_settings_default;
    struct tcp_tuple tuple = conn_tuple(1000);
    struct tcp_tuple other = conn_tuple(1001);
    struct tcp_conn *conn;

    (void)state;
    conn_open(&f);
    settings.nodelay = true;
    settings.timestamps = false;
    settings.receive_buffer = 1u << 20;
    conn = tcp_conn_create(&f.tcp, &tuple, tuple_hash(&tuple, f.tcp.table_key), &settings);
    assert_ptr_equal(tcp_conn_find(&f.tcp, &tuple), conn);
    assert_null(tcp_conn_find(&f.tcp, &other));
    assert_int_equal(conn->state, TCP_CLOSED);
    assert_int_equal(conn->flags, TCP_CONN_NODELAY | TCP_CONN_SACK_OK | TCP_CONN_WSCALE);
    assert_int_equal(conn->rcv.wscale, 7); /* of 6 MiB, to which it may grow */
    assert_int_equal(conn->rtt.rto_ns, TCP_RTO_INITIAL_NS);
    assert_int_equal(tcp_conn_queued(conn), 0);
    assert_false(wheel_is_armed(&conn->timer));
    tcp_state_set(conn, TCP_SYN_SENT);
    conn_unmake(&f, conn);
    assert_null(tcp_conn_find(&f.tcp, &tuple));

    settings.window_scale = false;
    settings.sack = false;
    conn = tcp_conn_create(&f.tcp, &tuple, tuple_hash(&tuple, f.tcp.table_key), &settings);
    assert_int_equal(conn->flags, TCP_CONN_NODELAY);
    assert_int_equal(conn->rcv.wscale, 0);
    tcp_state_set(conn, TCP_SYN_SENT);
    conn_unmake(&f, conn);
    conn_close(&f);
}

static void what_is_short_refuses_and_keeps_nothing(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conns[CONNECTIONS];
    struct tcp_tuple tuple = conn_tuple(1000);
    struct tcp_tuple nowhere = conn_tuple(1000);

    (void)state;
    conn_open(&f);
    nowhere.remote = addr_of("224.0.0.1");
    assert_null(tcp_conn_create(&f.tcp, &nowhere, tuple_hash(&nowhere, f.tcp.table_key),
                                &tcp_settings_default));
    assert_int_equal(f.tcp.conns.used, 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        conns[i] = conn_make(&f, (uint16_t)(2000 + i));
    }
    assert_null(tcp_conn_create(&f.tcp, &tuple, tuple_hash(&tuple, f.tcp.table_key),
                                &tcp_settings_default));
    assert_null(tcp_conn_find(&f.tcp, &tuple));
    for (unsigned i = 0; i < FLIGHTS; i++) {
        assert_non_null(tcp_conn_flight(conns[i]));
    }
    assert_null(tcp_conn_flight(conns[FLIGHTS]));
    assert_null(conns[FLIGHTS]->flight);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        conn_unmake(&f, conns[i]);
    }
    conn_close(&f);
}

static unsigned claims;
static unsigned releases;

static void on_claim(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    assert_int_equal(hash, tuple_hash(tuple, tcp->table_key));
    assert_int_equal(tuple->remote_port, 1000);
    claims++;
}

static void on_release(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    assert_int_equal(hash, tuple_hash(tuple, tcp->table_key));
    assert_int_equal(tuple->remote_port, 1000);
    releases++;
}

/* Among several TCPs a flow is claimed with its place in the table, and released. */
static void an_owner_claims_and_releases(void **state)
{
    static const struct tcp_owners owners = {.claim = on_claim, .release = on_release};
    struct conn_fixture f;
    struct tcp_conn *conn;

    (void)state;
    conn_open(&f);
    f.tcp.owners = &owners;
    claims = 0;
    releases = 0;
    conn = conn_make(&f, 1000);
    assert_int_equal(claims, 1);
    assert_int_equal(releases, 0);
    conn_unmake(&f, conn);
    assert_int_equal(claims, 1);
    assert_int_equal(releases, 1);
    conn_close(&f);
}

/* A full table refuses before anything is claimed; the slab has its object back. */
static void a_full_table_refuses(void **state)
{
    static const struct tcp_owners owners = {.claim = on_claim, .release = on_release};
    struct conn_fixture f;
    struct tcp_tuple tuple = conn_tuple(1000);
    uint64_t hash = 0;

    (void)state;
    conn_open(&f);
    f.tcp.owners = &owners;
    claims = 0;
    while (table_insert(&f.tcp.table, hash, 0)) {
        hash += 0x9e3779b97f4a7c15u;
    }
    assert_null(tcp_conn_create(&f.tcp, &tuple, tuple_hash(&tuple, f.tcp.table_key),
                                &tcp_settings_default));
    assert_int_equal(claims, 0);
    assert_int_equal(f.tcp.conns.used, 0);
    conn_close(&f);
}

static void the_end_is_told_once_and_to_who_knew(void **state)
{
    static const struct {
        const char *name;
        uint32_t flags;
        unsigned told;
    } cases[] = {
        {"known", TCP_CONN_OPEN_TOLD, 1},
        {"never heard of", 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct conn_fixture f;
        struct tcp_conn *conn;

        conn_open(&f);
        conn = conn_make(&f, 1000);
        conn->flags |= cases[i].flags;
        tcp_conn_want_output(conn);
        tcp_conn_want_output(conn); /* once on the list */
        conn->ack_ns = f.net.now_ns + 1;
        tcp_conn_arm(conn);
        tcp_conn_end(conn, TCP_REASON_RESET);
        tcp_conn_end(conn, TCP_REASON_TIMEOUT); /* too late: it is over */
        assert_int_equal(conn->reason, TCP_REASON_RESET);
        assert_int_equal(closes_told, 0);
        assert_false(tcp_has_output(&f.tcp));
        assert_int_equal(f.tcp.conns.used, 1);
        wheel_advance(&f.tcp.wheel, f.net.now_ns + NS_PER_S, NULL, NULL, 1);
        tcp_turn_end(&f.tcp);
        if (closes_told != cases[i].told) {
            fail_msg("%s: told %u times", cases[i].name, closes_told);
        }
        assert_ptr_equal(close_told_of, cases[i].told ? conn : NULL);
        conn_close(&f);
    }
}

/* The listener's count of half-open connections goes with the connection. */
static void a_half_open_connection_leaves_its_listener(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn;

    (void)state;
    conn_open(&f);
    f.tcp.listeners[5].half_open = 2;
    f.tcp.listeners[5].connections = 3;
    f.tcp.half_open = 4;
    conn = conn_make(&f, 1000);
    conn->state = TCP_SYN_RECEIVED;
    conn->flags |= TCP_CONN_PASSIVE;
    conn->listener = 5;
    tcp_conn_end(conn, TCP_REASON_RESET);
    assert_int_equal(f.tcp.listeners[5].half_open, 1);
    assert_int_equal(f.tcp.listeners[5].connections, 2);
    assert_int_equal(f.tcp.half_open, 3);
    tcp_turn_end(&f.tcp);

    conn = conn_make(&f, 1000); /* simultaneous open: nobody's listener */
    conn->state = TCP_SYN_RECEIVED;
    conn->listener = 5;
    tcp_conn_end(conn, TCP_REASON_RESET);
    assert_int_equal(f.tcp.listeners[5].half_open, 1);
    tcp_turn_end(&f.tcp);
    conn_close(&f);
}

static void an_abandoned_connection_goes_silently(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn;

    (void)state;
    conn_open(&f);
    conn = conn_make(&f, 1000);
    tcp_conn_abandon(conn);
    assert_int_equal(f.tcp.conns.used, 0);
    assert_true(list_is_empty(&f.tcp.ended));
    tcp_turn_end(&f.tcp);
    assert_int_equal(closes_told, 0);
    conn_close(&f);
}

static void queue_something(struct conn_fixture *f, struct tcp_conn *conn)
{
    struct tcp_sendq_room room = {&f->net.pool, &f->tcp.blocks};
    struct tcp_record *record = sendq_append(&tcp_conn_flight(conn)->sendq, &room, TCP_SENDQ_TEXT);

    assert_non_null(record);
    record->seq = conn->snd.una;
    record->slice = (struct slice){
        .frame = frame_take(&f->net.pool, FRAME_BUDGET_DATA, FRAME_SENDQ),
        .offset = TCP_PAYLOAD_OFFSET,
        .length = 10,
    };
    sendq_appended(&conn->flight->sendq, 10);
}

static void a_flight_stays_while_something_is_queued(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn;

    (void)state;
    conn_open(&f);
    conn = conn_make(&f, 1000);
    tcp_conn_rest(conn); /* there is none: nothing to give back */
    queue_something(&f, conn);
    conn->snd.backoff = 3;
    tcp_conn_rest(conn);
    assert_non_null(conn->flight);
    assert_ptr_equal(tcp_conn_flight(conn), conn->flight);
    assert_int_equal(tcp_conn_queued(conn), 10);
    assert_int_equal(conn->snd.backoff, 3);
    conn_unmake(&f, conn); /* frame and flight go home with it */
    conn_close(&f);
}

/* The slab hands out what the last user left. All but the places of records,
 * which are cleared when they are taken, must be as in a flight never used. */
static void a_flight_knows_nothing_of_the_last_one(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn;
    struct tcp_flight fresh;

    (void)state;
    conn_open(&f);
    conn = conn_make(&f, 1000);
    conn->snd.una = 4711;
    fresh = *tcp_conn_flight(conn);
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct tcp_flight *flight = tcp_conn_flight(conn);
        struct tcp_sendq sendq = flight->sendq;
        uint32_t index = flight->index;

        memset(flight, 0xa5, sizeof *flight); /* as after a long and eventful life */
        flight->sendq = sendq;
        flight->index = index;
        flight->sendq.records = flight->sendq.inline_records;
        tcp_conn_rest(conn);
        assert_null(conn->flight);
    }
    assert_non_null(tcp_conn_flight(conn));
    assert_int_equal(conn->flight->rack_fack, 4711);
    assert_int_equal(conn->flight->rack_xmit_ns, fresh.rack_xmit_ns);
    assert_int_equal(conn->flight->rack_rtt_ns, fresh.rack_rtt_ns);
    assert_int_equal(conn->flight->rack_end_seq, fresh.rack_end_seq);
    assert_int_equal(conn->flight->rack_reo_mult, fresh.rack_reo_mult);
    assert_int_equal(conn->flight->rack_reo_persist, fresh.rack_reo_persist);
    assert_false(conn->flight->rack_reordering);
    assert_false(conn->flight->rack_dsack_pending);
    assert_false(conn->flight->tlp_out);
    assert_false(conn->flight->tlp_retransmitted);
    assert_int_equal(conn->flight->recovery, TCP_RECOVERY_OPEN);
    assert_int_equal(conn->flight->dup_acks, 0);
    assert_int_equal(conn->flight->recovery_point, fresh.recovery_point);
    assert_int_equal(conn->flight->rack_deadline_ns, 0);
    assert_int_equal(conn->flight->rto_base_ns, fresh.rto_base_ns);
    assert_true(sendq_check(&conn->flight->sendq, &f.net.pool));
    conn_unmake(&f, conn);
    conn_close(&f);
}

/* RFC 5681 section 4.1.
 * Shows: RFC 5681 4.1a. */
static void idleness_closes_the_congestion_window(void **state)
{
    static const struct {
        const char *name;
        uint64_t idle_ns; /* 0: nothing was ever sent */
        uint32_t cwnd;
    } cases[] = {
        {"never sent", 0, 100000},
        {"an RTO", TCP_RTO_INITIAL_NS, 100000},
        {"longer", TCP_RTO_INITIAL_NS + 1, 14480},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct conn_fixture f;
        struct tcp_conn *conn;

        conn_open(&f);
        conn = conn_make(&f, 1000);
        conn->cwnd = 100000;
        conn->last_send_ns = cases[i].idle_ns == 0 ? 0 : f.net.now_ns - cases[i].idle_ns;
        assert_non_null(tcp_conn_flight(conn));
        if (conn->cwnd != cases[i].cwnd) {
            fail_msg("%s: %u", cases[i].name, conn->cwnd);
        }
        conn_unmake(&f, conn);
        conn_close(&f);
    }
}

static void the_timer_follows_the_earliest_deadline(void **state)
{
    static const struct {
        const char *name;
        uint64_t rexmit_s;
        uint64_t ack_s;
        uint64_t life_s;
        uint64_t due_s;
    } cases[] = {
        {"retransmission", 1, 2, 3, 1}, {"ACK", 3, 1, 2, 1},  {"FIN-WAIT-2", 3, 2, 1, 1},
        {"one of them", 0, 0, 7, 7},    {"none", 0, 0, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const uint64_t seconds[] = {cases[i].rexmit_s, cases[i].ack_s, cases[i].life_s};
        struct conn_fixture f;
        struct tcp_conn *conn;

        conn_open(&f);
        conn = conn_make(&f, 1000);
        conn->rexmit_ns = seconds[0] ? f.net.now_ns + seconds[0] * NS_PER_S : UINT64_MAX;
        conn->ack_ns = seconds[1] ? f.net.now_ns + seconds[1] * NS_PER_S : UINT64_MAX;
        conn->life_ns = seconds[2] ? f.net.now_ns + seconds[2] * NS_PER_S : UINT64_MAX;
        tcp_conn_arm(conn);
        if (wheel_is_armed(&conn->timer) != (cases[i].due_s != 0)) {
            fail_msg("%s", cases[i].name);
        }
        if (cases[i].due_s != 0) {
            assert_int_equal(conn->timer.due_ns, f.net.now_ns + cases[i].due_s * NS_PER_S);
        }
        conn_unmake(&f, conn);
        conn_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_created_connection_is_found),
        cmocka_unit_test(what_is_short_refuses_and_keeps_nothing),
        cmocka_unit_test(an_owner_claims_and_releases),
        cmocka_unit_test(a_full_table_refuses),
        cmocka_unit_test(the_end_is_told_once_and_to_who_knew),
        cmocka_unit_test(a_half_open_connection_leaves_its_listener),
        cmocka_unit_test(an_abandoned_connection_goes_silently),
        cmocka_unit_test(a_flight_stays_while_something_is_queued),
        cmocka_unit_test(a_flight_knows_nothing_of_the_last_one),
        cmocka_unit_test(idleness_closes_the_congestion_window),
        cmocka_unit_test(the_timer_follows_the_earliest_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
