/*
 * A port without a wire: packets to be received are laid out in lent frames
 * beforehand, packets that are sent are shown to the client and completed at
 * the next flush. So a turn of the server is all that is timed.
 */
#ifndef HEADRACE_BENCH_MICRO_BENCH_PORT_H
#define HEADRACE_BENCH_MICRO_BENCH_PORT_H

#include "datapath/port.h"

/* Where AF_XDP puts a received packet. */
#define BENCH_RX_OFFSET 256u

struct bench_port {
    struct port port;
    unsigned arrived_count;
    struct port_packet arrived[PORT_BURST];
    unsigned sent_count;
    struct port_packet sent[4 * PORT_BURST];
};

void bench_port_init(struct bench_port *bench, struct frame_pool *pool);

/* A frame for a packet that is to arrive with the next turn; NULL when the burst
 * is full. The caller writes it, then says how long it is. */
uint8_t *bench_port_arrive(struct bench_port *bench, uint16_t length);

#endif
