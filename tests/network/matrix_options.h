/*
 * The command line of the C client of network/matrix.
 *
 *   matrix_client HOST PORT [--connections N] [--bytes N] [--chunks whole|random]
 *                 [--end client|server|reset] [--pace normal|slow-reader|slow-writer]
 */
#ifndef HEADRACE_TESTS_NETWORK_MATRIX_OPTIONS_H
#define HEADRACE_TESTS_NETWORK_MATRIX_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Who ends a connection. */
enum matrix_end {
    MATRIX_END_CLIENT, /* shuts down after its last byte */
    MATRIX_END_SERVER, /* closes when it has echoed all, and is sent a tail that nobody echoes */
    MATRIX_END_RESET,  /* the client resets at a random place */
};

enum matrix_pace { MATRIX_PACE_NORMAL, MATRIX_PACE_SLOW_READER, MATRIX_PACE_SLOW_WRITER };

struct matrix_options {
    struct sockaddr_in server;
    unsigned connections;
    uint64_t bytes;
    bool random_chunks;
    enum matrix_end end;
    enum matrix_pace pace;
};

/* Ends the program with 2 and a sentence when something is wrong. */
void matrix_options_parse(int argc, char **argv, struct matrix_options *options);

#endif
