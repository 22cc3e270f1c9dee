/*
 * The command line of kernel_echo: that of echo_server where both have the same thing.
 */
#ifndef HEADRACE_BENCH_KERNEL_OPTIONS_H
#define HEADRACE_BENCH_KERNEL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define KERNEL_WORKERS_MAX 64u

enum kernel_engine_kind {
    KERNEL_EPOLL,
    KERNEL_URING,
    KERNEL_BUSY_POLL, /* epoll that polls the NIC's queue itself */
};

enum kernel_service {
    KERNEL_ECHO,    /* RFC 862 */
    KERNEL_DISCARD, /* RFC 863 */
    KERNEL_CHARGEN, /* RFC 864 */
};

enum kernel_wait {
    KERNEL_WAIT_ADAPTIVE, /* spin as long as echo_server does, then sleep */
    KERNEL_WAIT_BUSY,
    KERNEL_WAIT_SLEEP,
};

struct kernel_options {
    enum kernel_engine_kind engine;
    enum kernel_service service;
    enum kernel_wait wait;
    const char *address_text; /* as it was given */
    struct sockaddr_storage address;
    socklen_t address_bytes;
    uint16_t port;
    uint64_t close_after; /* bytes after which an echo half-closes; 0: never first */
    unsigned cores[KERNEL_WORKERS_MAX];
    unsigned core_count;    /* 0: one worker, not pinned */
    double duration_s;      /* 0: until a signal */
    double stats_s;         /* 0: none until the end */
    const char *json;       /* file for the final statistics, or NULL */
    const char *congestion; /* NULL: the choice of the kernel */
};

/* What main does next. */
enum kernel_parse {
    KERNEL_RUN,
    KERNEL_DONE,  /* --help or --version was printed */
    KERNEL_WRONG, /* a sentence was printed */
};

enum kernel_parse kernel_options_parse(int argc, char **argv, struct kernel_options *options);

extern const char *const kernel_engine_names[];
extern const char *const kernel_service_names[];

#endif
