/*
 * Goal:   a turn of a worker (api/worker.c) knows the listeners before it looks at
 *         packets: what hr_listen has returned for is never refused, also when the SYN
 *         was there before the worker's first turn.
 * Method: a worker without its thread, over a port that has one SYN.
 */
#include "api/stack.h"
#include "datapath/wire/pool.h"
#include "tests/unit/net_packets.h"

#define FRAMES 256u
#define PORT 7u

struct place {
    struct hr_stack stack;
    struct hr_worker worker;
    struct port_xdp port;
    struct xdp_interface interface;
    struct frame_pool pool;
    struct listener_set listeners;
    unsigned syns; /* still to arrive */
};

static struct place place;
static _Alignas(64) uint8_t row[4096]; /* where its numbers go */

static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    uint8_t syn[20] = {[12] = 5 << 4, [13] = TCP_SYN};
    uint8_t *at;

    (void)max;
    if (place.syns == 0) {
        return 0;
    }
    place.syns--;
    put16(syn, 40000);
    put16(syn + 2, PORT);
    burst->frame = frame_take(port->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
    burst->offset = 256;
    at = frame_data(port->pool, burst->frame) + burst->offset;
    burst->length = put_ipv4(at, &(struct ipv4_spec){.protocol = 6}, syn, sizeof syn);
    frame_arrive(port->pool, burst->frame, (uint16_t)(burst->offset + burst->length));
    return 1;
}

static void send_all(struct port *port)
{
    for (uint32_t i = 0; i < port->tx_count; i++) {
        frame_drop(port->pool, port->tx[i].frame, FRAME_KERNEL_TX);
    }
    port->tx_count = 0;
    port->tx_room = PORT_BURST;
}

static const struct port_ops ops = {
    .receive = receive, .submit = send_all, .flush = send_all, .reap = send_all};

static void open_place(void)
{
    struct frame_pool_config config = {
        .chunk_bytes = 2048,
        .count = FRAMES,
        .floor = {[FRAME_BUDGET_RECEIVE] = 64, [FRAME_BUDGET_CONTROL] = 16},
    };

    assert_int_equal(wire_pool_create(&place.pool, &config), 0);
    place.port.port = (struct port){.ops = &ops, .pool = &place.pool, .tx_room = PORT_BURST};
    place.interface.nic.mac = our_mac;
    place.interface.mtu_bytes = 1500;
    place.stack.interface = &place.interface;
    place.stack.worker_count = 1;
    place.stack.port_first = 50000;
    place.stack.ports_per_worker = 100;
    place.stack.listeners = &place.listeners;
    place.stack.addresses[place.stack.address_count++] =
        (struct ip_prefix){addr_of("10.0.0.1"), 24};
    place.worker.stack = &place.stack;
    place.worker.port = &place.port;
    place.worker.pool = &place.pool;
    place.worker.row = (void *)row;
    assert_int_equal(worker_init(&place.worker, &hr_stack_options_default), HR_OK);
    place.worker.tcp.verify_checksums = false;
}

static void a_syn_before_the_first_turn_is_taken(void **state)
{
    static const struct hr_conn_ops conn_ops;

    (void)state;
    open_place();
    place.listeners.version = 1;
    place.listeners.count = 1;
    place.listeners.entries[0] = (struct listener_entry){
        .addr = {.port = PORT}, .ops = &conn_ops, .options = hr_listen_options_default};
    place.syns = 1;
    assert_true(worker_turn(&place.worker));
    assert_int_equal(place.worker.tcp.counters.resets_out, 0);
    assert_int_equal(place.worker.tcp.listeners[0].half_open, 1);
    worker_destroy(&place.worker);
    wire_pool_destroy(&place.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_before_the_first_turn_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
