/*
 * The bed of a fuzz target: one stack of both families (TCP, the protocol below it and
 * a frame pool) over a port in memory whose far end is the target, in virtual time.
 *
 * All memory is static and reset for each input; nothing is left of the one before. Two
 * things are stricter than with a NIC: around a packet that is `tight` nothing may be read
 * (AddressSanitizer watches, where it is built in), and a packet must be at its completion
 * what it was when it was handed over.
 *
 * One thread. There is one bed, because its memory is static.
 */
#ifndef HEADRACE_TESTS_FUZZ_BED_H
#define HEADRACE_TESTS_FUZZ_BED_H

#include "datapath/net/net.h"
#include "tcp/tcp.h"

#define BED_FRAMES 128u
#define BED_FRAMES_MIN 32u
#define BED_CHUNK_BYTES 2048u
#define BED_PACKET_OFFSET 256u /* where a driver puts it: behind XDP's headroom */
#define BED_PACKET_BYTES (BED_CHUNK_BYTES - BED_PACKET_OFFSET)
#define BED_BURST 16u
#define BED_NEIGHBOURS 4u

struct bed_config {
    const struct tcp_events *events;
    void (*sent)(const uint8_t *packet, uint16_t length); /* the stack sent it */
    void (*turned)(void);                                 /* after each turn; NULL: nothing */
    uint64_t start_ns;
    uint32_t frames; /* BED_FRAMES_MIN to BED_FRAMES */
    uint16_t mtu;
    uint16_t vlan;
    uint32_t ack_every; /* this and the next: of struct tcp_config; 0: by default */
    uint64_t ack_hold_ns;
    bool resolved; /* the neighbours' addresses are known; those of IPv6 always are */
};

struct bed_packet {
    uint16_t length;
    bool tight;
    uint8_t bytes[BED_PACKET_BYTES];
};

/* A packet that the kernel has not completed. */
struct bed_held {
    struct port_packet packet;
    uint64_t sum; /* of its bytes when it was handed over */
};

struct bed {
    struct bed_config config;
    struct tcp tcp;
    struct net net;
    struct frame_pool pool;
    struct port port;
    struct neighbour neighbours[BED_NEIGHBOURS];
    uint64_t now_ns;
    uint32_t tx_room; /* packets that the port takes in a turn */
    bool hold_completions;
    unsigned arrived;          /* packets for the next turn */
    uint32_t tight[BED_BURST]; /* frames of this turn's tight packets, held to its end */
    unsigned tight_count;
    struct bed_packet inbox[BED_BURST];
    unsigned held_count;
    struct bed_held held[BED_FRAMES];
    uint32_t stolen; /* frames that bed_steal has */
    uint32_t turns;
};

extern struct bed bed;

extern const struct mac_addr bed_mac, bed_peer_mac;

struct ip_addr bed_local(bool v6);
struct ip_addr bed_remote(bool v6);

/* When to start so that the stack's ISN for these ports is about this. */
uint64_t bed_start_ns(const struct tcp_tuple *tuple, uint32_t iss);

void bed_open(const struct bed_config *config);

/* Room for a packet that comes with the next turn, NULL when the burst is full. The
 * caller fills in what is in it. */
struct bed_packet *bed_packet(void);

/* A turn of the worker, then the invariants of TCP and of the pool. */
void bed_turn(void);

/* So much time passes: a turn at each deadline, `turns` at the most, and one at the end. */
void bed_advance(uint64_t ns, unsigned turns);

/* When the stack has something to do; UINT64_MAX never. */
uint64_t bed_next_ns(void);

/* Completes so many packets; the last ones first, or the first ones. */
void bed_complete(unsigned count, bool last_first);

/* Takes frames of the data budget away; 0 gives all back. */
void bed_steal(uint32_t frames);

/* Ends what is open and finds every frame, connection, timer and promise at home. */
void bed_close(void);

#endif
