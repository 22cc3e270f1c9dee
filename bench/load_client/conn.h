/*
 * One connection of load, and what the workloads do with it.
 */
#ifndef HEADRACE_BENCH_LOAD_CONN_H
#define HEADRACE_BENCH_LOAD_CONN_H

#include "bench/load_client/engine.h"

struct load;

struct load_conn {
    int fd; /* -1: to be opened again */
    unsigned number;
    bool connected;
    bool blocked; /* waits for room to write */
    uint64_t opened_ns;
    uint64_t sent;          /* bytes of the stream */
    uint64_t received;      /* likewise */
    uint64_t *starts;       /* when each request in flight began; a ring of `depth` */
    uint64_t request_first; /* the oldest in flight */
    uint64_t request_next;
};

struct load {
    const struct load_options *options;
    struct load_results *results;
    struct load_conn *conns;
    int epoll_fd;
    uint64_t now_ns;
    bool measuring;
    bool failed; /* a byte was wrong */
    uint8_t *buffer;
};

#define LOAD_BUFFER_BYTES (1u << 20)

uint64_t load_clock_ns(void);

/* Opens (again). */
void load_conn_open(struct load *load, struct load_conn *conn);
void load_conn_close(struct load *load, struct load_conn *conn);

/* The socket can be written or read. */
void load_conn_writable(struct load *load, struct load_conn *conn);
void load_conn_readable(struct load *load, struct load_conn *conn);

/* Fills in, or compares, bytes [offset, offset + length) of a stream; in
 * pattern.c. */
void pattern_fill(unsigned stream, uint64_t offset, uint8_t *to, size_t length);
bool pattern_matches(unsigned stream, uint64_t offset, const uint8_t *bytes, size_t length);
/* The same for RFC 864's characters. */
bool chargen_matches(uint64_t offset, const uint8_t *bytes, size_t length);

#endif
