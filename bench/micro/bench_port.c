#include "bench/micro/bench_port.h"

#include <assert.h>

static struct bench_port *of(struct port *port)
{
    return (struct bench_port *)port;
}

static unsigned receive(struct port *port, struct port_packet *burst, unsigned max)
{
    struct bench_port *bench = of(port);
    unsigned count = bench->arrived_count;

    assert(count <= max);
    for (unsigned i = 0; i < count; i++) {
        burst[i] = bench->arrived[i];
        frame_arrive(port->pool, burst[i].frame, (uint16_t)(burst[i].offset + burst[i].length));
    }
    bench->arrived_count = 0;
    return count;
}

static void submit(struct port *port)
{
    struct bench_port *bench = of(port);

    for (unsigned i = 0; i < port->tx_count; i++) {
        assert(bench->sent_count < 4 * PORT_BURST);
        bench->sent[bench->sent_count++] = port->tx[i];
    }
    port->tx_count = 0;
    port->tx_room = 4 * PORT_BURST - bench->sent_count;
}

static void reap(struct port *port)
{
    (void)port; /* completions come when the client has read what was sent */
}

const struct port_ops bench_port_ops = {
    .receive = receive, .submit = submit, .flush = submit, .reap = reap};

void bench_port_init(struct bench_port *bench, struct frame_pool *pool)
{
    bench->port.ops = &bench_port_ops;
    bench->port.pool = pool;
    bench->port.tx_room = 4 * PORT_BURST;
}

uint8_t *bench_port_arrive(struct bench_port *bench, uint16_t length)
{
    struct frame_pool *pool = bench->port.pool;
    uint32_t frame;

    if (bench->arrived_count == PORT_BURST) {
        return NULL;
    }
    frame = frame_take(pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
    assert(frame != FRAME_NONE);
    bench->arrived[bench->arrived_count++] =
        (struct port_packet){.frame = frame, .offset = BENCH_RX_OFFSET, .length = length};
    return frame_data(pool, frame) + BENCH_RX_OFFSET;
}
