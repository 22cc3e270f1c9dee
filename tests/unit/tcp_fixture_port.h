/*
 * The port of tcp_fixture.h and its far end: packets from literals and back,
 * written and read without the code under test.
 *
 * Owner: the fixture.
 */
#ifndef HEADRACE_TESTS_UNIT_TCP_FIXTURE_PORT_H
#define HEADRACE_TESTS_UNIT_TCP_FIXTURE_PORT_H

#include "tests/unit/tcp_fixture.h"

#define FIXTURE_PACKET_BYTES 2048u
#define FIXTURE_INBOX 64u
#define FIXTURE_OUTBOX 1024u
#define FIXTURE_HELD 256u

struct fixture_packet {
    uint8_t bytes[FIXTURE_PACKET_BYTES];
    uint16_t length;
};

struct fixture_sent {
    struct seg seg;
    unsigned peer; /* index of whom it was sent to */
};

struct fixture_port {
    struct port port;
    struct tcp_fixture *f;
    unsigned arrived;
    struct fixture_packet inbox[FIXTURE_INBOX];
    unsigned given_count; /* frames of the last burst */
    uint32_t given[FIXTURE_INBOX];
    unsigned sent_first, sent_end;
    struct fixture_sent outbox[FIXTURE_OUTBOX];
    unsigned held_count; /* frames that wait for their completion */
    uint32_t held[FIXTURE_HELD];
};

void fixture_port_init(struct fixture_port *port, struct tcp_fixture *f);

/* Frames go back that the kernel has held. */
void fixture_port_complete(struct fixture_port *port);

/* The byte of a stream behind the relative sequence number. */
uint8_t fixture_byte(bool from_stack, uint32_t seq);

/* A packet of the peer. */
void fixture_write(const struct tcp_fixture *f, const struct seg *seg, struct fixture_packet *out);

/* A packet of the stack: checked, and parsed for its peer. */
void fixture_read(struct tcp_fixture *f, const uint8_t *packet, uint16_t length,
                  struct fixture_sent *out);

#endif
