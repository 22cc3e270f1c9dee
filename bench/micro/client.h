/*
 * The clients of the micro-benchmark: they know just enough of TCP to open a
 * connection, to send a request behind the last answer, and to close. Nothing
 * of them is timed.
 */
#ifndef HEADRACE_BENCH_MICRO_CLIENT_H
#define HEADRACE_BENCH_MICRO_CLIENT_H

#include "bench/micro/bench_port.h"
#include "datapath/net/addr.h"

#define CLIENT_PAYLOAD_BYTES 64u

struct client {
    uint32_t address; /* host order */
    uint16_t port;
    uint32_t seq; /* of the next byte to send */
    uint32_t ack; /* of the next byte expected */
    uint32_t ts_recent;
};

struct clients {
    struct client *list;
    uint32_t count;
    uint32_t server; /* host order */
    uint32_t now_ms;
    struct bench_port *port;
};

/* The address that client `index` sends from. */
uint32_t client_address(uint32_t index);
uint16_t client_port(uint32_t index);

/* Lays out a segment of a client for the next turn. `flags` as in the header;
 * `payload` bytes of text. */
void client_send(struct clients *clients, uint32_t index, uint16_t flags, uint16_t payload);

/* Reads what the server has sent, and completes it. Returns how many bytes of
 * text there were. */
uint64_t clients_read(struct clients *clients);

#endif
