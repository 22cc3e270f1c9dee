/*
 * A witness of one connection: sees every segment as it leaves a host, before the
 * link touches it, and holds it against the rules that a peer could check.
 */
#ifndef HEADRACE_TESTS_SIM_WITNESS_H
#define HEADRACE_TESTS_SIM_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

/* What one side has said so far. */
struct testimony {
    bool syn;         /* it has sent a SYN: the numbers below count */
    bool acked;       /* and an acknowledgement */
    bool scales;      /* its SYN offered window scale */
    bool timestamped; /* it has sent a timestamp */
    uint8_t offered;  /* enum tcp_option_seen: by its SYN */
    uint16_t mss;     /* that it takes, by its SYN */
    uint16_t window;  /* of its SYN */
    uint8_t shift;    /* of its windows, if both offered it */
    uint32_t iss;
    uint32_t syn_end;  /* behind the text of its SYN */
    uint32_t sent;     /* behind the last byte that it ever sent */
    uint32_t ack;      /* the highest */
    uint32_t edge;     /* right edge of its window, the highest */
    uint32_t ts_value; /* the latest */
    uint64_t text;     /* bytes that it sent, those again too */
};

struct witness {
    struct testimony side[2];
    bool retired; /* a second life has begun, by an old SYN that reached a listener */
};

struct sim;
struct wire_sight;

/* A packet of the wire. */
void witness_packet(struct sim *sim, const struct wire_sight *sight);

#endif
