/*
 * Goal:   a turn of a worker (api/worker.c) knows the listeners before it looks at
 *         packets: what hr_listen has returned for is never refused, also when the SYN
 *         was there before the worker's first turn.
 * Method: a worker without its thread, over a port that has one SYN.
 */
#include "tests/unit/worker_fixture.h"

#define FRAMES 256u
#define PORT 7u

static unsigned syns; /* still to arrive */

static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    uint8_t syn[20] = {[12] = 5 << 4, [13] = TCP_SYN};
    uint8_t *at;

    (void)max;
    if (syns == 0) {
        return 0;
    }
    syns--;
    put16(syn, 40000);
    put16(syn + 2, PORT);
    burst->frame = frame_take(port->pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
    burst->offset = 256;
    at = frame_data(port->pool, burst->frame) + burst->offset;
    burst->length = put_ipv4(at, &(struct ipv4_spec){.protocol = 6}, syn, sizeof syn);
    frame_arrive(port->pool, burst->frame, (uint16_t)(burst->offset + burst->length));
    return 1;
}

static const struct port_ops ops = {
    .receive = receive, .submit = send_away, .flush = send_away, .reap = send_away};

static void a_syn_before_the_first_turn_is_taken(void **state)
{
    static const struct hr_conn_ops conn_ops;

    (void)state;
    open_place(&ops, FRAMES);
    place.worker.tcp.verify_checksums = false;
    place.listeners.version = 1;
    place.listeners.count = 1;
    place.listeners.entries[0] = (struct listener_entry){
        .addr = {.port = PORT}, .ops = &conn_ops, .options = hr_listen_options_default};
    syns = 1;
    assert_true(worker_turn(&place.worker));
    assert_int_equal(place.worker.tcp.counters.resets_out, 0);
    assert_int_equal(place.worker.tcp.listeners[0].half_open, 1);
    close_place();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_before_the_first_turn_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
