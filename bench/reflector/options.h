/*
 * The command line of reflector, of both its ends.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_OPTIONS_H
#define HEADRACE_BENCH_REFLECTOR_OPTIONS_H

#include "datapath/xdp/xdp_interface.h"

#define REFLECTOR_WORKERS_MAX 64u
#define REFLECTOR_ADDRESSES_MAX 16u
/* More than half of --receive-frames at once could only be lost. */
#define REFLECTOR_IN_FLIGHT_MAX 32768u

enum reflector_wait {
    REFLECTOR_WAIT_ADAPTIVE, /* spin as long as echo_server does, then sleep */
    REFLECTOR_WAIT_BUSY,
    REFLECTOR_WAIT_SLEEP,
};

struct reflector_options {
    const char *interface;
    const char *address_texts[REFLECTOR_ADDRESSES_MAX]; /* as they were given */
    struct ip_prefix addresses[REFLECTOR_ADDRESSES_MAX];
    unsigned address_count;
    unsigned source; /* of the driver: the address that it sends from */
    uint16_t port;
    enum xdp_mode mode;
    enum reflector_wait wait;
    unsigned queues[REFLECTOR_WORKERS_MAX];
    unsigned queue_count; /* 0: all; of a driver, the first */
    unsigned cores[REFLECTOR_WORKERS_MAX];
    unsigned core_count;
    unsigned receive_frames; /* lent to each queue; more where the NIC's ring asks for it */
    unsigned batch;          /* packets taken from the port at a time */
    bool is_one_way;         /* the server counts, the driver sends without waiting */
    bool is_verified;        /* every byte is compared */
    double duration_s;       /* 0: until a signal */
    const char *json;        /* file for the numbers, or NULL */
    /* Of the driver. */
    bool is_driver;
    struct ip_addr target;
    uint16_t target_port;
    unsigned in_flight;
    unsigned size; /* bytes of payload */
    double warmup_s;
};

/* What main does next. */
enum reflector_parse {
    REFLECTOR_RUN,
    REFLECTOR_DONE,  /* --help was printed */
    REFLECTOR_WRONG, /* a sentence was printed */
};

enum reflector_parse reflector_options_parse(int argc, char **argv,
                                             struct reflector_options *options);

#endif
