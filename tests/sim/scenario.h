/*
 * What the named scenarios of the simulator share: plain ends that send a stream
 * and check the one that comes, without anything drawn, and the list of the
 * scenarios. Used inside cmocka tests, on one thread.
 */
#ifndef HEADRACE_TESTS_SIM_SCENARIO_H
#define HEADRACE_TESTS_SIM_SCENARIO_H

#include "tests/sim/pair.h"

#include "tcp/user.h"

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_PORT 7000u

/* One end of a connection. The test owns it, for longer than the connection. */
struct end {
    struct tcp_conn *conn; /* NULL before open and after close */
    uint64_t key;          /* of the stream that it sends */
    uint64_t peer_key;     /* of the stream that it expects */
    uint32_t total;        /* bytes to send; then it shuts down */
    uint32_t sent;
    uint32_t acked;
    uint32_t received;
    uint32_t refused; /* sends that were refused */
    bool paused;      /* from the start: reads nothing */
    bool opened;
    bool wrong; /* a byte that was not the right one came */
    bool eof;
    bool shut;
    bool closed;
    enum tcp_reason reason;
    struct end *accepted; /* of a listener: connection i, by its remote port, is
                             accepted[i]; NULL for all others */
    uint16_t first_port;
};

extern const struct tcp_events end_events;

/* Sends until it is refused or all is sent. */
void end_write(struct end *end);

/* Starts to read. */
void end_resume(struct end *end);

/* A listener at side 1 that accepts into ends[i] what comes from `first_port` + i. */
void scenario_listen(struct pair *pair, struct end *listener, struct end *ends,
                     uint16_t first_port);

/* Side 0 connects `end` from that port. */
void scenario_connect(struct pair *pair, struct end *end, uint16_t local_port);

/* Runs until nothing is due any more: fails when that takes longer than so long. */
void scenario_finish(struct pair *pair, uint64_t span_ns);

void send_queues_full(void **state);
void tiny_segments(void **state);
void fill_starved(void **state);
void held_by_kernel(void **state);
void acked_before_completion(void **state);

#endif
