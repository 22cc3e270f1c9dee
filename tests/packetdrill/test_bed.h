/*
 * The object's far ends for its tests: it is loaded by its name, as the runner does it, and
 * driven through the table that it fills; packets are written and read here, from IPv4 headers
 * on, without the code under test.
 *
 * Owner: the test; between setup() and teardown() there is one object.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_TEST_BED_H
#define HEADRACE_TESTS_PACKETDRILL_TEST_BED_H

#include "tests/packetdrill/interface.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define PSH 0x08u
#define ACK 0x10u
#define ECE 0x40u
#define CWR 0x80u
#define AE 0x100u
#define LOCAL 0xc0a80001u  /* 192.168.0.1 */
#define REMOTE 0xc0000201u /* 192.0.2.1 */
#define LOCAL_PORT 8080u
#define REMOTE_PORT 40000u
#define PACKET_BYTES 65536u
#define IPV4_BYTES 20u
#define TCP_BYTES 20u
#define SEGMENT 1460u    /* of text, the largest */
#define COOKIE_BYTES 16u /* of Fast Open, the longest */

/* One packet in either direction; sequence numbers as they stand on the wire. */
struct packet {
    unsigned flags;
    uint32_t seq, ack;
    uint16_t local_port, remote_port; /* the stack's, and the peer's */
    unsigned bytes;                   /* of text */
    uint16_t window;                  /* the stack's, as it stands there */
    uint8_t ttl;                      /* the stack's, as is the next */
    uint8_t tos;
    uint8_t window_shift; /* what window_scale says */
    bool sack_permitted;  /* in the options of a SYN */
    bool timestamps;
    bool window_scale;
    bool sack;                     /* blocks: of the peer this one, of the stack any */
    uint32_t sack_start, sack_end; /* the peer's */
    bool accurate_ecn;             /* its option */
    bool fast_open;                /* its option, with such a cookie or none */
    uint8_t cookie[COOKIE_BYTES];
    unsigned cookie_bytes;
    long long at_us;
};

struct bed {
    struct packetdrill_interface table;
    void *self;
    uint32_t iss, irs; /* the peer's next number, the stack's */
    uint8_t bytes[PACKET_BYTES];
};

/* Loads the object of that path; false when it can't be. */
bool bed_load(const char *path);

int setup(void **state);
int teardown(void **state);
/* A new object; one that is there is to be freed before. */
void open_bed(struct bed *bed, const char *flags);

/* The peer's packet arrives. Its SYN has an MSS of SEGMENT, SACK and no scaling. */
void inject(struct bed *bed, const struct packet *packet);
#define PEER(...)                                                                                  \
    inject(bed, &(struct packet){.local_port = LOCAL_PORT, .remote_port = REMOTE_PORT, __VA_ARGS__})

/* The next packet of the stack, in virtual time; false when none is to come. */
bool receive(struct bed *bed, struct packet *packet);
struct packet expect(struct bed *bed, unsigned flags, unsigned bytes);

long long now_us(struct bed *bed);
struct sockaddr_in address(uint32_t ip, uint16_t port);

/* A listener; its handshake with the peer; both, and the descriptor of what was accepted. */
int listening(struct bed *bed);
void shake_hands(struct bed *bed);
int accepted(struct bed *bed);

#endif
