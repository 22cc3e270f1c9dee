/*
 * The server of the micro-benchmark: one TCP over a port in memory, with the
 * echo application behind the public callbacks.
 */
#ifndef HEADRACE_BENCH_MICRO_SERVER_H
#define HEADRACE_BENCH_MICRO_SERVER_H

#include "bench/micro/client.h"
#include "tcp/tcp.h"

#define SERVER_ADDRESS 0x0a000001u
#define SERVER_NEIGHBOURS 64u

struct server {
    struct frame_pool pool;
    struct bench_port port;
    struct net net;
    struct neighbour neighbours[SERVER_NEIGHBOURS];
    struct tcp tcp;
    void *memory;
    size_t memory_bytes;
    uint64_t now_ns;
};

struct server_config {
    uint32_t connections;
    bool checksums; /* verified and written in software */
};

/* 0, or -1 without memory. */
int server_init(struct server *server, const struct server_config *config);
void server_destroy(struct server *server);

/* One turn: everything that is timed. Not inlined, so that callgrind can be told
 * to count it alone. */
void server_turn(struct server *server);

#endif
