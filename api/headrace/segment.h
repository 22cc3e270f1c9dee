/*
 * The statistics segment: a file that other processes map read-only and read
 * without asking anybody, also when the stack hangs or has died.
 *
 * It is /run/headrace/PID.INTERFACE, mode 0600. Its process holds a lock on the
 * first byte (fcntl F_SETLK, F_WRLCK) while it lives, so F_GETLK tells the living
 * from the dead; the files of the dead are removed by the next start.
 *
 *   header           struct hr_segment_header
 *   names            stat_count names of name_bytes each, padded with zeros
 *   rows             worker_count rows of row_bytes: struct hr_segment_row
 *
 * All numbers are in the byte order of the machine. Readers take sizes and offsets
 * from the header and find numbers by name, so that a later version may add some.
 */
#ifndef HEADRACE_SEGMENT_H
#define HEADRACE_SEGMENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HR_SEGMENT_DIRECTORY "/run/headrace"
#define HR_SEGMENT_MAGIC 0x6563617264616568u /* "headrace" in memory */
#define HR_SEGMENT_VERSION 1u

struct hr_segment_header {
    uint64_t magic; /* written last */
    uint32_t version;
    uint32_t header_bytes;
    uint32_t worker_count;
    uint32_t stat_count;
    uint32_t name_bytes;
    uint32_t names_offset; /* bytes from the start of the file */
    uint32_t rows_offset;
    uint32_t row_bytes;
    uint64_t started_ns; /* CLOCK_REALTIME */
    uint64_t pid;
    char interface[16];
    char mode[16];
};

/* One worker writes its row, many read: `sequence` is odd while it is written. A
 * reader takes it before and after, and tries again when it was odd or has
 * changed. A row that stays odd is a worker that died while it wrote. */
struct hr_segment_row {
    uint64_t sequence;
    uint64_t core;     /* that the worker is pinned to */
    uint64_t values[]; /* stat_count of them, in the order of the names */
};

#ifdef __cplusplus
}
#endif

#endif
