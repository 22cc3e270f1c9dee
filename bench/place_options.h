/*
 * Where a program stands over AF_XDP, as its command line says it: on which interface, as
 * which addresses, on which queues and cores, in which mode, with how many frames, and how
 * it waits. These options are the same in all programs that have them, and are read here;
 * what they come to is for the program to say: a stack (place_stack.h), or bare ports.
 *
 * Points into the arguments of main.
 */
#ifndef HEADRACE_BENCH_PLACE_OPTIONS_H
#define HEADRACE_BENCH_PLACE_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#define PLACE_ADDRESSES_MAX 16u
#define PLACE_WORKERS_MAX 64u

enum place_mode {
    PLACE_MODE_AUTO,
    PLACE_MODE_ZEROCOPY,
    PLACE_MODE_NATIVE,
    PLACE_MODE_GENERIC,
};

enum place_wait {
    PLACE_WAIT_ADAPTIVE, /* spin for a while, then sleep */
    PLACE_WAIT_BUSY,
    PLACE_WAIT_SLEEP,
};

struct place_options {
    const char *interface;
    const char *addresses[PLACE_ADDRESSES_MAX]; /* as given: what is one is the program's to say */
    unsigned address_count;
    const char *gateways[PLACE_ADDRESSES_MAX];
    unsigned gateway_count;
    unsigned queues[PLACE_WORKERS_MAX];
    unsigned queue_count; /* 0: not given */
    unsigned cores[PLACE_WORKERS_MAX];
    unsigned core_count; /* 0: not given */
    enum place_mode mode;
    enum place_wait wait;
    unsigned receive_frames; /* 0: not given */
    unsigned time_wait_s;    /* 0: not given */
    unsigned ack_segments;   /* 0: not given */
    unsigned ack_hold_us;
    bool ack_hold_is_given;
};

/* What getopt_long() returns for them; a program's own are less. */
enum place_option {
    PLACE_INTERFACE = 512,
    PLACE_ADDRESS,
    PLACE_GATEWAY,
    PLACE_QUEUES,
    PLACE_CORES,
    PLACE_MODE,
    PLACE_BUSY,
    PLACE_SLEEP,
    PLACE_RECEIVE_FRAMES,
    PLACE_TIME_WAIT,
    PLACE_ACK_SEGMENTS,
    PLACE_ACK_HOLD,
};

/* Rows of a program's `struct option` table: who stands on bare ports has these... */
#define PLACE_OPTIONS_OF_PORTS                                                                     \
    {"interface", required_argument, NULL, PLACE_INTERFACE},                                       \
        {"address", required_argument, NULL, PLACE_ADDRESS},                                       \
        {"queues", required_argument, NULL, PLACE_QUEUES},                                         \
        {"cores", required_argument, NULL, PLACE_CORES},                                           \
        {"mode", required_argument, NULL, PLACE_MODE}, {"busy", no_argument, NULL, PLACE_BUSY},    \
        {"sleep", no_argument, NULL, PLACE_SLEEP},                                                 \
    {                                                                                              \
        "receive-frames", required_argument, NULL, PLACE_RECEIVE_FRAMES                            \
    }
/* ... and who has a stack, these too. */
#define PLACE_OPTIONS_OF_STACK                                                                     \
    {"gateway", required_argument, NULL, PLACE_GATEWAY},                                           \
        {"ack-segments", required_argument, NULL, PLACE_ACK_SEGMENTS},                             \
        {"ack-hold", required_argument, NULL, PLACE_ACK_HOLD},                                     \
    {                                                                                              \
        "time-wait", required_argument, NULL, PLACE_TIME_WAIT                                      \
    }

static inline bool place_has(int option)
{
    return option >= PLACE_INTERFACE;
}

/* Takes an option of this place. False: the value is none, and *place is as before. */
bool place_take(int option, const char *value, struct place_options *place);

/* Why it was not taken: a sentence with %s where the value stands. */
const char *place_refusal(int option);

#endif
