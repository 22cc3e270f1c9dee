/*
 * The invariants of the simulator, all of them by name. A run that breaks one
 * says which, where and when, and how to run it again.
 *
 * Where they are looked at: BYTES and EVENTS by the applications (app.c); what can
 * be seen on the wire by a witness of each packet (witness.c); FRAMES by a census
 * of who holds what (census.c); PATIENCE at both ends of the wire (patience.c); deadlines of
 * TIME-WAIT, FIN-WAIT-2 and pacing in deadline.c; the rest in check.c, around each turn of a host;
 * HOME at the end, when nothing is due any more. What TEXT, SIZE, OPTIONS and ECT say the witness
 * sees too.
 */
#ifndef HEADRACE_TESTS_SIM_CHECK_H
#define HEADRACE_TESTS_SIM_CHECK_H

#include "tests/sim/cwnd.h"
#include "tests/sim/deadline.h"
#include "tests/sim/patience.h"

#include <stdbool.h>
#include <stdint.h>

#define INVARIANTS(X)                                                                              \
    X(BYTES, "each byte arrives once, in order, unchanged, and all of them before the end")        \
    X(EVENTS, "an application hears of opening once, of closing last, of nothing after")           \
    X(ENDING, "a connection ends for a reason that the plan gives")                                \
    X(STACK, "what tcp_check() walks is consistent: SND.UNA <= SND.NXT, queues, promises")         \
    X(FRAMES, "every frame is held by exactly those who have it, and charged to one budget")       \
    X(RECEIVE_FLOOR, "the port can always replace what it takes, unless its frames were stolen")   \
    X(KERNEL_TX, "a frame is at completion what it was when it was handed over")                   \
    X(EDGE, "the right edge of a window never moves left")                                         \
    X(ACK, "acknowledgements never move back, nor beyond what was sent")                           \
    X(SACK, "SACK blocks lie between the acknowledgement and what was sent")                       \
    X(WINDOW, "nothing is sent beyond the offered window, but a probe of one byte")                \
    X(CWND,                                                                                        \
      "what goes has one of the reasons of cwnd.h, and acknowledgements alone open the "           \
      "congestion window")                                                                         \
    X(TEXT, "what goes, or goes again, are the bytes of the stream that belong there")             \
    X(SIZE, "no segment is longer than its receiver said it takes")                                \
    X(OPTIONS,                                                                                     \
      "no option goes that the two SYNs did not agree to, and a timestamp in each "                \
      "segment if they did")                                                                       \
    X(ECT,                                                                                         \
      "only text that goes for the first time, between two that agreed to ECN, may be marked")     \
    X(CLOCK, "timestamps of one sender never run back")                                            \
    X(CHECKSUM, "no segment is malformed or has a wrong checksum when the link corrupts nothing")  \
    X(EARLY,                                                                                       \
      "no timer runs out before its deadline: retransmissions, probes, keepalives, FIN-WAIT-2, "   \
      "TIME-WAIT, what is paced")                                                                  \
    X(LATE, "no timer runs out later than a tick and a turn after its deadline")                   \
    X(PATIENCE, "nobody is given up before its time, nor who was asked and could have answered")   \
    X(CARE, "whoever owes something has a timer for it, or stands on a list")                      \
    X(PROGRESS, "nobody is stuck, but for a peer that is alive and does not read")                 \
    X(SPURIOUS, "nothing but a window probe is sent twice when the plan gives no reason")          \
    X(HOME, "at the end all memory, timers and frames are back where they were")                   \
    X(SETUP, "the run could be set up")

enum invariant {
#define X(name, text) INVARIANT_##name,
    INVARIANTS(X)
#undef X
        INVARIANT_COUNT,
};

extern const char *const invariant_names[INVARIANT_COUNT];
extern const char *const invariant_texts[INVARIANT_COUNT];

struct sim;
struct tcp_conn;

/* Of a connection, between what a turn received and its timers. */
struct timers_before {
    const struct tcp_conn *conn; /* NULL: there was none */
    uint64_t rexmit_ns;
    uint64_t life_ns;
    uint8_t backoff;
    uint8_t keepalives;
    bool probed; /* a tail loss probe is out */
};

/* What the checks remember from one look to the next. */
struct check {
    uint64_t progress[8][2];    /* a sum that changes when an end gets on */
    uint64_t progress_ns[8][2]; /* when it last did */
    uint32_t edge[8][2];        /* the right-most that an end may send up to ... */
    uint32_t edge_iss[8][2];    /* ... in the connection that began with this number */
    uint64_t timeouts;          /* of the host in its turn, before its timers */
    bool due;                   /* one of its retransmission timers had come due */
    struct cwnd_before cwnd[8]; /* of the host in its turn, before it */
    struct timers_before timers[8];
    struct deadlines deadlines[2];
    struct patience patience[8][2];
    uint64_t blocked_ns[2]; /* when a turn last left output that did not find its way */
    uint64_t untaken_ns[2]; /* when a turn last left some of what had arrived; 0: none did */
    uint64_t given_up[PATIENCE_CAUSE_COUNT][SILENCE_CAUSE_COUNT]; /* how often, and why */
    uint64_t reasons[CWND_REASON_COUNT]; /* how often each was why something might go */
};

/* Notes the first failure of a run; returns -1. */
__attribute__((format(printf, 3, 4))) int sim_fail(struct sim *sim, enum invariant invariant,
                                                   const char *format, ...);

/* Around the turn of a host: before it, between receiving and its timers, and
 * after it. 0, or -1 after sim_fail. */
int check_before_turn(struct sim *sim, unsigned side);
int check_before_timers(struct sim *sim, unsigned side);
int check_after_turn(struct sim *sim, unsigned side);

/* Who holds each frame of a side, counted at the holders and compared. */
int census_check(struct sim *sim, unsigned side);

/* When all connections are over: bytes and reasons. */
int check_endings(struct sim *sim);

#endif
