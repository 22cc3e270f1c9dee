#include "bench/reflector/server.h"

#include "bench/clock.h"
#include "bench/reflector/turn.h"

/* As api/receive.c fetches headers. */
#define FETCH_AHEAD 4u

/* In place: the frame that came is the frame that goes. */
static void send_back(struct end_worker *worker, const struct port_packet *raw)
{
    struct port *port = &worker->xdp->port;

    if (port->tx_room == 0) {
        return; /* a datagram may be lost; its sender counts that */
    }
    datagram_turn_back(frame_data(worker->pool, raw->frame) + raw->offset);
    port_send(port, raw->frame, raw->offset, raw->length);
    worker->reflected++;
}

static void count(struct end_worker *worker, const struct port_packet *raw, unsigned bytes)
{
    uint8_t *payload = frame_data(worker->pool, raw->frame) + raw->offset + DATAGRAM_HEADER_BYTES;
    struct datagram_mark mark;

    if (bytes < sizeof mark) {
        return;
    }
    memcpy(&mark, payload, sizeof mark);
    if (mark.kind == DATAGRAM_ASK && bytes >= DATAGRAM_REPORT_BYTES) {
        mark.kind = DATAGRAM_REPORT;
        memcpy(payload, &mark, sizeof mark);
        memcpy(payload + sizeof mark, &worker->counted, sizeof worker->counted);
        send_back(worker, raw);
    } else if (mark.kind == DATAGRAM_COUNT) {
        worker->counted.packets++;
        worker->counted.bytes += bytes;
        if (worker->options->is_verified && !datagram_is_right(payload, bytes)) {
            worker->counted.wrong++;
        }
    }
}

static void take(struct end_worker *worker, const struct port_packet *raw, uint64_t now_ns)
{
    const uint8_t *packet = frame_data(worker->pool, raw->frame) + raw->offset;
    int bytes = datagram_payload_bytes(packet, raw->length, worker->options->port);

    if (bytes < 0) {
        turn_other(worker, raw, now_ns);
    } else if (worker->options->is_one_way) {
        count(worker, raw, (unsigned)bytes);
    } else {
        send_back(worker, raw);
    }
    frame_drop(worker->pool, raw->frame, FRAME_WORKER);
}

void *server_run(void *argument)
{
    struct end_worker *worker = argument;
    struct port *port = &worker->xdp->port;
    struct port_packet burst[PORT_BURST];

    while (!end_is_stopping(worker)) {
        uint64_t now_ns = clock_now_ns();
        unsigned got = port_receive(port, burst, worker->options->batch);

        for (unsigned i = 0; i < got; i++) {
            if (i + FETCH_AHEAD < got) {
                const struct port_packet *ahead = &burst[i + FETCH_AHEAD];

                __builtin_prefetch(frame_data(worker->pool, ahead->frame) + ahead->offset);
            }
            take(worker, &burst[i], now_ns);
        }
        turn_tick(worker, now_ns);
        port_flush(port);
        turn_wait(worker, got > 0, now_ns);
    }
    return NULL;
}
