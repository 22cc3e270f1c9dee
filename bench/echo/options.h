/*
 * The command line of echo_server.
 */
#ifndef HEADRACE_BENCH_ECHO_OPTIONS_H
#define HEADRACE_BENCH_ECHO_OPTIONS_H

#include "bench/place_options.h"
#include "bench/tcp_options.h"

#include <headrace/headrace.h>
#include <stdint.h>

enum echo_service {
    ECHO_SERVICE_ECHO,    /* RFC 862 */
    ECHO_SERVICE_DISCARD, /* RFC 863 */
    ECHO_SERVICE_CHARGEN, /* RFC 864 */
};

struct echo_options {
    struct place_options place;
    uint16_t port;
    enum echo_service service;
    const char *congestion; /* NULL: the default */
    struct tcp_options tcp;
    enum hr_syn_cookies syn_cookies;
    enum hr_ecn ecn;
    uint64_t close_after; /* bytes after which an echo half-closes; 0: never first */
    double duration_s;    /* 0: until a signal */
    double stats_s;       /* 0: none until the end */
    const char *json;     /* file for the final statistics, or NULL */
};

/* What main does next. */
enum echo_parse {
    ECHO_RUN,
    ECHO_DONE,  /* --help or --version was printed */
    ECHO_WRONG, /* a sentence was printed */
};

enum echo_parse echo_options_parse(int argc, char **argv, struct echo_options *options);

extern const char *const echo_service_names[];

#endif
