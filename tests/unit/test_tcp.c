/*
 * Goal:   an instance takes no configuration that it can't keep, lives in just the
 *         memory that it asks for, finds listeners, and its own check can fail.
 * Method: one field spoiled at a time; everything taken that the memory holds; tables.
 */
#include "tcp/tcp.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"
#include "tests/unit/conn_fixture.h"

static void spoil(struct tcp_config *config, unsigned row)
{
    switch (row) {
    case 0:
        config->net = NULL;
        break;
    case 1:
        config->pool = NULL;
        break;
    case 2:
        config->events = NULL;
        break;
    case 3:
        config->connections_max = 0;
        break;
    case 4:
        config->connections_max = (1u << 24) + 1;
        break;
    case 5:
        config->flights_max = 0;
        break;
    case 6:
        config->timewaits_max = 0;
        break;
    case 7:
        config->timewaits_max = (1u << 24) + 1;
        break;
    case 8:
        config->pieces_max = 0;
        break;
    case 9:
        config->blocks_bytes = 0;
        break;
    case 10:
        config->blocks_bytes += BLOCKS_ORDER_MAX;
        break;
    case 11:
        config->port_count = 0;
        break;
    case 12:
        config->port_first = 0;
        break;
    case 13:
        config->port_first = UINT16_MAX;
        config->port_count = 2;
        break;
    case 14:
        config->ack_every_segments = 0;
        break;
    case 15:
        config->ack_hold_ns = TCP_DELAYED_ACK_NS + 1;
        break;
    case 16:
        config->half_open_max = 0;
        break;
    case 17:
        config->fast_open_peers = FAST_OPEN_WAYS / 2;
        break;
    case 18:
        config->fast_open_peers = FAST_OPEN_WAYS + 1;
        break;
    default: /* the sums of payloads that pass on would be unknown */
        config->verify_checksums = false;
        break;
    }
}

#define SPOILED 20u

static void each_field_out_of_its_range(void **state)
{
    struct conn_fixture f;
    struct tcp tcp;

    (void)state;
    conn_open(&f);
    for (unsigned row = 0; row < SPOILED; row++) {
        struct tcp_config config = conn_config(&f);

        spoil(&config, row);
        if (tcp_init(&tcp, &config, f.memory, f.net.now_ns) != -1) {
            fail_msg("row %u was taken", row);
        }
    }
    conn_close(&f);
}

static void limits_are_in_range(void **state)
{
    struct conn_fixture f;
    struct tcp_config config;

    (void)state;
    conn_open(&f);
    config = conn_config(&f);
    config.port_first = UINT16_MAX;
    config.port_count = 1;
    assert_int_equal(tcp_init(&f.tcp, &config, f.memory, f.net.now_ns), 0);
    config.port_first = 1;
    config.port_count = UINT16_MAX;
    assert_int_equal(tcp_init(&f.tcp, &config, f.memory, f.net.now_ns), 0);
    f.net.net.checksum_tx = false; /* for measuring: neither way */
    config.verify_checksums = false;
    assert_int_equal(tcp_init(&f.tcp, &config, f.memory, f.net.now_ns), 0);
    f.net.net.checksum_tx = true;
    conn_close(&f);
}

/* Every object is taken and written over; AddressSanitizer sees the end of the
 * memory, the other objects see the rest. */
static void the_memory_holds_all(void **state)
{
    struct conn_fixture f;
    struct tcp_config config;
    uint8_t *memory = NULL;
    uint32_t index;
    size_t bytes;

    (void)state;
    conn_open(&f);
    config = conn_config(&f);
    bytes = tcp_memory_bytes(&config);
    assert_int_equal(posix_memalign((void **)&memory, PAGE_BYTES, bytes), 0);
    memset(memory, 0, bytes);
    assert_int_equal(tcp_init(&f.tcp, &config, memory, f.net.now_ns), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        assert_int_equal((uintptr_t)slab_at(&f.tcp.conns, i) % CACHE_LINE_BYTES, 0);
        memset(slab_take(&f.tcp.conns, &index), 0xa1, sizeof(struct tcp_conn));
    }
    for (unsigned i = 0; i < FLIGHTS; i++) {
        memset(slab_take(&f.tcp.flights, &index), 0xa2, sizeof(struct tcp_flight));
    }
    for (unsigned i = 0; i < config.timewaits_max; i++) {
        timewait_at(&f.tcp.timewait, timewait_add(&f.tcp.timewait, 0))->snd_nxt = 0xa3a3a3a3;
    }
    for (unsigned i = 0; i < config.pieces_max; i++) {
        memset(slab_take(&f.tcp.pieces.slab, &index), 0xa4, sizeof(struct piece));
    }
    memset(blocks_take(&f.tcp.blocks, BLOCKS_ORDER_MAX), 0xa5, CONN_ARENA_BYTES);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        const uint8_t *conn = slab_at(&f.tcp.conns, i);

        for (unsigned j = 0; j < sizeof(struct tcp_conn); j++) {
            assert_int_equal(conn[j], 0xa1);
        }
    }
    for (unsigned i = 0; i < FLIGHTS; i++) {
        const uint8_t *flight = slab_at(&f.tcp.flights, i);

        for (unsigned j = 0; j < sizeof(struct tcp_flight); j++) {
            assert_int_equal(flight[j], 0xa2);
        }
    }
    assert_null(slab_take(&f.tcp.conns, &index));
    assert_null(blocks_take(&f.tcp.blocks, BLOCKS_ORDER_MIN));
    free(memory);
    assert_int_equal(tcp_init(&f.tcp, &config, f.memory, f.net.now_ns), 0);
    conn_close(&f);
}

static void listeners_by_address_and_port(void **state)
{
    static const struct {
        const char *address;
        uint16_t port;
        bool open;
    } listeners[] = {
        {"0.0.0.0", 80, true}, {"10.0.0.1", 80, true}, {"10.0.0.1", 81, false},
        {"0.0.0.0", 81, true}, {"10.0.0.1", 82, true}, {"2001:db8::1", 80, true},
    };
    static const struct {
        const char *address;
        uint16_t port;
        int found; /* -1: none */
    } cases[] = {
        {"10.0.0.1", 80, 1},  {"10.0.0.2", 80, 0},  {"10.0.0.1", 81, 3},    {"10.0.0.1", 82, 4},
        {"10.0.0.2", 82, -1}, {"10.0.0.1", 83, -1}, {"2001:db8::1", 80, 5}, {"2001:db8::2", 80, 0},
    };
    struct conn_fixture f;

    (void)state;
    conn_open(&f);
    for (unsigned i = 0; i < COUNT_OF(listeners); i++) {
        f.tcp.listeners[i].address = addr_of(listeners[i].address);
        f.tcp.listeners[i].port = listeners[i].port;
        f.tcp.listeners[i].open = listeners[i].open;
    }
    f.tcp.listener_count = COUNT_OF(listeners);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr address = addr_of(cases[i].address);
        const struct tcp_listener *found = tcp_listener_find(&f.tcp, &address, cases[i].port);

        if (found != (cases[i].found < 0 ? NULL : &f.tcp.listeners[cases[i].found])) {
            fail_msg("%s port %u", cases[i].address, cases[i].port);
        }
    }
    conn_close(&f);
}

static void the_clock_of_a_turn(void **state)
{
    struct conn_fixture f;

    (void)state;
    conn_open(&f);
    tcp_turn_begin(&f.tcp, f.tcp.now_ns); /* the same moment will do */
    tcp_turn_begin(&f.tcp, (1ull << 32) * NS_PER_MS + 5 * NS_PER_MS);
    assert_int_equal(f.tcp.now_ms, 5); /* timestamps wrap, as RFC 7323 wants */
    conn_close(&f);
}

static void turn_back(void *ctx)
{
    struct tcp *tcp = ctx;

    tcp_turn_begin(tcp, tcp->now_ns - 1);
}

static void time_does_not_go_back(void **state)
{
    struct conn_fixture f;

    (void)state;
    conn_open(&f);
    assert_true(aborts(turn_back, &f.tcp));
    conn_close(&f);
}

static void the_check_finds_breaches(void **state)
{
    struct conn_fixture f;
    struct tcp_conn *conn;
    struct tcp_conn whole;

    (void)state;
    conn_open(&f);
    assert_true(tcp_check(&f.tcp));
    conn = conn_make(&f, 1000);
    assert_non_null(tcp_conn_flight(conn));
    whole = *conn;
    for (unsigned i = 0; i < 8; i++) {
        assert_true(tcp_check(&f.tcp));
        switch (i) {
        case 0:
            conn->tcp = NULL;
            break;
        case 1:
            conn->snd.nxt = conn->snd.una - 1;
            break;
        case 2:
            conn->rcv.edge = conn->rcv.nxt - 1;
            break;
        case 3:
            conn->rcv.edge = conn->rcv.nxt + 1; /* a promise that was not counted */
            break;
        case 4:
            conn->flight->sendq.bytes++;
            break;
        case 5:
            list_push_back(&f.tcp.held, &conn->output_link); /* without the flag */
            break;
        case 6:
            conn->flags |= TCP_CONN_ACK_HELD; /* on no list */
            break;
        default:
            conn->reassembly.bytes++;
            break;
        }
        assert_false(tcp_check(&f.tcp));
        conn->flight->sendq.bytes = 0;
        list_link_remove(&conn->output_link);
        *conn = whole;
        wheel_entry_init(&conn->timer);
        list_link_init(&conn->output_link);
    }
    conn_unmake(&f, conn);
    assert_true(tcp_check(&f.tcp)); /* what is freed is not looked at */
    conn_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_out_of_its_range),
        cmocka_unit_test(limits_are_in_range),
        cmocka_unit_test(the_memory_holds_all),
        cmocka_unit_test(listeners_by_address_and_port),
        cmocka_unit_test(the_clock_of_a_turn),
        cmocka_unit_test(time_does_not_go_back),
        cmocka_unit_test(the_check_finds_breaches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
