/*
 * A worker without its thread, over a port of the test: 10.0.0.1/24 in a place that is made and
 * taken down by the test.
 */
#ifndef HEADRACE_TESTS_UNIT_WORKER_FIXTURE_H
#define HEADRACE_TESTS_UNIT_WORKER_FIXTURE_H

#include "api/stack.h"
#include "datapath/wire/pool.h"
#include "tests/unit/net_packets.h"

static struct {
    struct hr_stack stack;
    struct hr_worker worker;
    struct port_xdp port;
    struct xdp_interface interface;
    struct frame_pool pool;
    struct listener_set listeners;
    _Alignas(64) uint8_t row[4096]; /* where its numbers go */
} place;

/* `frames` in all; what is sent goes to `ops`. */
static inline void open_place(const struct port_ops *ops, uint32_t frames)
{
    struct frame_pool_config config = {
        .chunk_bytes = 2048,
        .count = frames,
        .floor = {[FRAME_BUDGET_RECEIVE] = 64, [FRAME_BUDGET_CONTROL] = 16},
    };

    assert_int_equal(wire_pool_create(&place.pool, &config), 0);
    place.port.port = (struct port){.ops = ops, .pool = &place.pool, .tx_room = PORT_BURST};
    place.interface.nic.mac = our_mac;
    place.interface.mtu_bytes = 1500;
    place.stack.interface = &place.interface;
    place.stack.worker_count = 1;
    place.stack.port_first = 50000;
    place.stack.ports_per_worker = 100;
    place.stack.listeners = &place.listeners;
    place.stack.cc = &tcp_cc_newreno;
    place.stack.addresses[place.stack.address_count++] =
        (struct ip_prefix){addr_of("10.0.0.1"), 24};
    place.worker.stack = &place.stack;
    place.worker.port = &place.port;
    place.worker.pool = &place.pool;
    place.worker.row = (void *)place.row;
    assert_int_equal(worker_init(&place.worker, &hr_stack_options_default), HR_OK);
}

static inline void close_place(void)
{
    worker_destroy(&place.worker);
    wire_pool_destroy(&place.pool);
}

/* For `ops`: every packet is gone at once. */
static inline void send_away(struct port *port)
{
    for (uint32_t i = 0; i < port->tx_count; i++) {
        frame_drop(port->pool, port->tx[i].frame, FRAME_KERNEL_TX);
    }
    port->tx_count = 0;
    port->tx_room = PORT_BURST;
}

#endif
