/*
 * The command line of load.
 */
#ifndef HEADRACE_BENCH_LOAD_OPTIONS_H
#define HEADRACE_BENCH_LOAD_OPTIONS_H

#include "bench/place_options.h"
#include "bench/tcp_options.h"

#include <headrace/headrace.h>
#include <stdbool.h>
#include <stdint.h>

enum load_stack {
    LOAD_KERNEL,
    LOAD_HEADRACE,
};

enum load_workload {
    LOAD_ECHO,     /* requests and answers on open connections */
    LOAD_CONNECT,  /* connect, one request, its answer, close */
    LOAD_UPLOAD,   /* to a discard server */
    LOAD_DOWNLOAD, /* from a chargen server */
};

/* Who closes first the connections of the connect workload. */
enum load_close {
    LOAD_CLOSE_CLIENT,
    LOAD_CLOSE_SERVER,
};

extern const char *const load_stack_names[];
extern const char *const load_workload_names[];

struct load_options {
    enum load_stack stack;
    struct hr_addr target;
    const char *target_text;
    /* Of --stack headrace; of the kernel's, its addresses, with or without a length. */
    struct place_options place;
    struct hr_addr addresses[PLACE_ADDRESSES_MAX]; /* those, to connect from in turn */
    const char *needs_headrace; /* an option that was given and is for that stack alone */
    unsigned connections;
    unsigned size;  /* bytes of a request */
    unsigned depth; /* requests in flight per connection */
    unsigned rate;  /* requests a second in all; 0: closed loop */
    double duration_s;
    double warmup_s;
    enum load_workload workload;
    enum load_close close;
    bool verify; /* every byte compared */
    const char *json;
    const char *congestion; /* NULL: the default of the stack */
    const char *histogram;
    enum hr_ecn ecn;        /* of --stack headrace: what is asked for */
    struct tcp_options tcp; /* of that stack, too */
};

enum load_parse {
    LOAD_RUN,
    LOAD_DONE,  /* --help or --version was printed */
    LOAD_WRONG, /* a sentence was printed */
};

enum load_parse load_options_parse(int argc, char **argv, struct load_options *options);

#endif
