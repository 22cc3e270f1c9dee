/*
 * Standard descriptors for programs that open others. A program that was started
 * with one of them closed gets its number for the next socket or file, and what is
 * printed then goes into that. Before anything is opened; one thread.
 */
#ifndef HEADRACE_BENCH_DESCRIPTORS_H
#define HEADRACE_BENCH_DESCRIPTORS_H

#include <fcntl.h>
#include <unistd.h>

/* Those of standard input, output and error that are closed lead nowhere. */
static inline void descriptors_open_standard(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)close(fd);
    }
}

#endif
