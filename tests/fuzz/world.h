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
    bool paused;           /* it answers no SYN */
    bool tells_duplicates; /* this and the next: some connection may have done so */
    bool tells_ecn_bytes;
    struct bed_packet last; /* that a peer sent */
};

extern struct world world;

void world_listen(void);
void world_connect(const struct peer *peer); /* the application opens */
/* To ESTABLISHED, whoever began. */
void world_handshake(struct peer *peer);

#endif
