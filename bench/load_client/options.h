/*
 * The command line of load.
 */
#ifndef HEADRACE_BENCH_LOAD_OPTIONS_H
#define HEADRACE_BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum load_workload {
    LOAD_ECHO,     /* requests and answers on open connections */
    LOAD_CONNECT,  /* connect, one request, its answer, close */
    LOAD_UPLOAD,   /* to a discard server */
    LOAD_DOWNLOAD, /* from a chargen server */
    LOAD_WORKLOAD_COUNT,
};

extern const char *const load_workload_names[];

struct load_options {
    struct sockaddr_storage target;
    socklen_t target_bytes;
    unsigned connections;
    unsigned size;  /* bytes of a request */
    unsigned depth; /* requests in flight per connection */
    double duration_s;
    double warmup_s;
    enum load_workload workload;
    bool verify; /* every byte compared */
    const char *json;
};

enum load_parse {
    LOAD_RUN,
    LOAD_DONE,  /* --help or --version was printed */
    LOAD_WRONG, /* a sentence was printed */
};

enum load_parse load_options_parse(int argc, char **argv, struct load_options *options);

#endif
