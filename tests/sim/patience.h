/*
 * Who gives its peer up, and whether it may. What was asked, what arrived of it and what came back
 * is told by the wire, both where packets leave and where they arrive; how far it was taken, by the
 * stack. A connection that ends with TCP_REASON_TIMEOUT has waited for what its policy asks for,
 * with one of the causes below, and nobody answered for a reason that has a name as well.
 */
#ifndef HEADRACE_TESTS_SIM_PATIENCE_H
#define HEADRACE_TESTS_SIM_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* For what was waited. */
#define PATIENCE_CAUSES(X)                                                                         \
    X(HANDSHAKE, "a SYN or SYN-ACK went as often as its R2 says, the RTO doubled each time")       \
    X(R2, "and so did the oldest byte: no ACK beyond it came in (RFC 9293 section 3.8.3)")         \
    X(NO_FRAME, "as long as R2 lasts there was no frame for what was to go")                       \
    X(USER_TIMEOUT, "the oldest byte, or a keepalive, waited for the user timeout (RFC 5482)")     \
    X(KEEPALIVES, "nothing came in until all keepalives had gone (RFC 9293 section 3.8.4)")        \
    X(NO_FILL, "what arrived waits, since there is no frame to be lent in place of it")            \
    X(LEFT, "the application had left, and what was queued took longer than it may")

enum patience_cause {
#define X(name, text) PATIENCE_##name,
    PATIENCE_CAUSES(X)
#undef X
        PATIENCE_CAUSE_COUNT, /* none: it gave up too early */
};

/* Why nobody answered. */
#define SILENCE_CAUSES(X)                                                                          \
    X(QUESTION_LOST, "nothing of what was asked arrived")                                          \
    X(ANSWER_LOST, "what the peer answered did not")                                               \
    X(PEER_GONE, "the peer has no such connection")                                                \
    X(PEER_CLOSED, "the peer's window was closed to all that arrived, or that was overtaken")      \
    X(OVERTAKEN, "its timestamp or its ACK is too old to be taken (RFC 7323, RFC 5961)")           \
    X(DELAYED_ACK, "the peer may hold its ACK back for a while (RFC 9293 section 3.8.6.3)")        \
    X(NEIGHBOUR, "nobody has told the peer the neighbour's address yet")                           \
    X(PEER_SHORT, "the peer is short of frames or memory, or takes no turns")                      \
    X(LISTENER, "the peer's listener takes no more, or is paused")                                 \
    X(ITSELF, "it was not asked")

enum silence_cause {
#define X(name, text) SILENCE_##name,
    SILENCE_CAUSES(X)
#undef X
        SILENCE_CAUSE_COUNT, /* none: who was asked and could answer did not */
};

extern const char *const patience_cause_names[PATIENCE_CAUSE_COUNT];
extern const char *const silence_cause_names[SILENCE_CAUSE_COUNT];

/* One side of a connection, and its oldest byte without an answer. */
struct patience {
    bool known;  /* it has sent a SYN: the numbers below count */
    bool met;    /* its peer's has arrived */
    bool probes; /* the oldest byte first went as a probe of a closed window */
    bool told;   /* its end has been looked at */
    uint32_t iss;
    uint32_t una;         /* the highest acknowledgement that arrived */
    uint32_t nxt;         /* behind the last byte that went */
    bool acked;           /* it has acknowledged something: the three below count */
    uint32_t rcv_nxt;     /* RCV.NXT, when it has looked at all that arrived */
    uint32_t edge;        /* the right-most of its windows */
    uint32_t ts_recent;   /* TS.Recent, when it last looked */
    uint32_t wnd_max;     /* the largest window that arrived */
    uint64_t since_ns;    /* since when the byte at una is the oldest, or when it first went */
    unsigned asked;       /* how often it went */
    unsigned arrived;     /* how often it came since then, ... */
    uint64_t arrived_ns;  /* ... when for the first time, ... */
    unsigned shut;        /* ... to a closed window, ... */
    unsigned overtaken;   /* ... else too late to be taken */
    unsigned answered;    /* acknowledgements beyond it that left the peer */
    uint64_t held;        /* until then, what the kernel had kept from going again, ... */
    uint64_t not_taken;   /* ... and its peer's not take */
    uint64_t heard_ns;    /* the last segment that arrived; 0: none */
    uint64_t first_tx_ns; /* by the stack: of the oldest byte; UINT64_MAX: none is out */
    uint64_t stuck_ns;    /* likewise: since when it has no frame; UINT64_MAX: it has one */
};

struct sim;
struct wire_sight;

/* A packet of the wire. */
void patience_packet(struct sim *sim, const struct wire_sight *sight);

/* Around the timers of a host. The latter: 0, or -1 after sim_fail. */
void patience_before_timers(struct sim *sim, unsigned side);
int patience_after_turn(struct sim *sim, unsigned side);

#endif
