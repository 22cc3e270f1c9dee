/*
 * The command line of link.
 */
#ifndef HEADRACE_TESTS_LINK_OPTIONS_H
#define HEADRACE_TESTS_LINK_OPTIONS_H

#include "tests/link/pipe.h"

#include <stdint.h>

struct link_options {
    const char *interface[2];   /* left, right */
    struct pipe_settings to[2]; /* what goes to the left end, and to the right one */
    const char *json;           /* file for the counters, or NULL */
};

/* What main does next. */
enum link_parse {
    LINK_RUN,
    LINK_DONE,  /* --help was printed */
    LINK_WRONG, /* a sentence was printed */
};

enum link_parse link_options_parse(int argc, char **argv, struct link_options *options);

#endif
