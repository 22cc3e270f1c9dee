/*
 * One direction of the wire: what it does to a packet. All that is left to
 * chance is drawn from the direction's own generator, so that a seed replays a
 * run exactly, and what one direction carries does not change what happens in
 * the other.
 *
 * Belongs to its wire, and to the thread of that.
 */
#ifndef HEADRACE_DATAPATH_WIRE_LINK_H
#define HEADRACE_DATAPATH_WIRE_LINK_H

#include "datapath/wire/middlebox.h"
#include "datapath/wire/random.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero in all fields: a perfect link without delay. ppm: so many in a million. */
struct wire_impairment {
    uint32_t loss_ppm;
    uint32_t loss_run;            /* up to so many packets right behind a lost one go too */
    uint32_t duplicate_ppm;       /* the copy comes up to reorder_ns later */
    uint32_t corrupt_ppm;         /* flips bits within a run of at most 15 */
    uint32_t scramble_ppm;        /* does what sums need not notice */
    uint32_t reorder_ppm;         /* packets that are held back ... */
    uint64_t reorder_ns;          /* ... by up to so long, while later ones pass */
    uint64_t delay_ns;            /* of every packet */
    uint64_t jitter_ns;           /* up to so much more; keeps the order, like a queue */
    uint64_t rate_bytes_per_s;    /* 0: no limit, then there is no queue either */
    uint32_t queue_bytes;         /* waiting for the rate; more are dropped */
    uint32_t mark_bytes;          /* waiting: more are marked (ECN); 0: none are */
    uint32_t mark_ppm;            /* packets that are marked whatever waits */
    uint64_t completion_delay_ns; /* a completion comes up to so long after the delivery */
    uint32_t packet_bytes_max;    /* longer ones vanish, and nobody says so; 0: as the wire */
    bool completions_stalled;     /* none comes until this is off again */
    bool down;                    /* packets vanish; those on the way still arrive */
    bool receiver_starved;        /* the receiver's FILL ring is empty */
    struct wire_middlebox middlebox;
};

/* What can happen to a packet; each is counted and shown to the tap. */
#define WIRE_EVENTS(X)                                                                             \
    X(SENT, "sent")                                                                                \
    X(DELIVERED, "delivered")                                                                      \
    X(DUPLICATED, "duplicated")                                                                    \
    X(REORDERED, "reordered")                                                                      \
    X(CORRUPTED, "corrupted")                                                                      \
    X(MARKED, "marked: congestion experienced")                                                    \
    X(LOST, "lost")                                                                                \
    X(QUEUE_FULL, "dropped: the queue before the rate limit was full")                             \
    X(DOWN, "dropped: the link was down")                                                          \
    X(STARVED, "dropped: the receiver had no frame lent")                                          \
    X(TOO_LONG, "dropped: longer than the wire or the receiver's chunk takes")                     \
    X(FLIGHT_FULL, "dropped: no memory for another packet on the way")

enum wire_event {
#define X(name, text) WIRE_##name,
    WIRE_EVENTS(X)
#undef X
        WIRE_EVENT_COUNT,
};

struct wire_link {
    struct wire_impairment impairment;
    bool impaired; /* any field of it is set */
    struct random random;
    uint64_t idle_at_ns;  /* when what waits for the rate will have left */
    uint64_t last_due_ns; /* of the packets that keep their order */
    uint32_t losing;      /* of the next packets, with those before them */
};

/* A packet's fate: dropped for one reason, or one or two copies. */
struct wire_fate {
    enum wire_event event; /* WIRE_SENT, or why it is dropped */
    uint64_t left_ns;      /* when it has left the sender */
    uint64_t due_ns;       /* when it arrives */
    uint64_t copy_due_ns;  /* when its copy arrives, if it is duplicated */
    bool reordered;
    bool duplicated;
    bool marked; /* if it may be */
};

void wire_link_init(struct wire_link *link, uint64_t seed);

void wire_link_impair(struct wire_link *link, const struct wire_impairment *impairment);

struct wire_fate wire_link_decide(struct wire_link *link, uint32_t length_bytes, uint64_t now_ns);

/* When the completion of a packet with that fate is to come. */
uint64_t wire_link_complete_ns(struct wire_link *link, const struct wire_fate *fate);

/* True when the dice say so: then some bits have been flipped, all within 15
 * adjacent ones. A ones'-complement sum notices every such error; a wider one
 * can cancel itself out, and would be no fault of the stack. */
bool wire_link_corrupt(struct wire_link *link, uint8_t *bytes, uint32_t length_bytes);

/* True when the dice say so: then two words of 16 bits behind the Ethernet header have changed
 * places, which no ones'-complement sum notices, or up to 64 bytes in a row are others. */
bool wire_link_scramble(struct wire_link *link, uint8_t *bytes, uint32_t length_bytes);

#endif
