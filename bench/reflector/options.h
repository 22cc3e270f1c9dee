/*
 * The command line of reflector, of both its ends.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_OPTIONS_H
#define HEADRACE_BENCH_REFLECTOR_OPTIONS_H

#include "bench/place_options.h"
#include "datapath/xdp/xdp_interface.h"

/* More than half of --receive-frames at once could only be lost. */
#define REFLECTOR_IN_FLIGHT_MAX 32768u

struct reflector_options {
    struct place_options place;
    struct ip_prefix addresses[PLACE_ADDRESSES_MAX]; /* those of the place */
    unsigned source; /* of the driver: the address that it sends from */
    uint16_t port;
    unsigned batch;    /* packets taken from the port at a time */
    bool is_one_way;   /* the server counts, the driver sends without waiting */
    bool is_verified;  /* every byte is compared */
    double duration_s; /* 0: until a signal */
    const char *json;  /* file for the numbers, or NULL */
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
    REFLECTOR_DONE,  /* --help or --version was printed */
    REFLECTOR_WRONG, /* a sentence was printed */
};

enum reflector_parse reflector_options_parse(int argc, char **argv,
                                             struct reflector_options *options);

#endif
