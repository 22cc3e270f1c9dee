/*
 * What the steps of the state-aware target act on: the bed, the lives of its connections,
 * and the peers. Static; it belongs to the input that runs.
 */
#ifndef HEADRACE_TESTS_FUZZ_WORLD_H
#define HEADRACE_TESTS_FUZZ_WORLD_H

#include "tests/fuzz/peer.h"

struct world {
    struct peer peers[PEERS];
    struct tcp_settings settings;
    uint8_t syn_cookies;     /* enum tcp_cookies; this and the next: of the listener */
    uint32_t fast_opens_max; /* with data in the SYN, half-open */
    uint32_t listener;
    bool listens;
    struct bed_packet last; /* that a peer sent */
};

extern struct world world;

void world_listen(void);
void world_connect(const struct peer *peer); /* the application opens */
/* To ESTABLISHED, whoever began. */
void world_handshake(struct peer *peer);

#endif
