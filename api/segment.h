/*
 * The writer's side of the statistics segment (<headrace/segment.h>): made with the
 * stack, removed with it. Without a directory that can be written the segment is
 * memory of this process alone: statistics never keep a stack from starting.
 *
 * The stack owns the mapping; each worker writes its row, any thread reads. The
 * mapping is not inherited by children, and neither is the lock.
 */
#ifndef HEADRACE_API_SEGMENT_H
#define HEADRACE_API_SEGMENT_H

#include <headrace/segment.h>
#include <headrace/stats.h>

#include <stddef.h>
#include <sys/types.h>

struct segment {
    struct hr_segment_header *header; /* NULL before segment_open */
    size_t bytes;
    pid_t owner;   /* 0 before segment_open */
    int fd;        /* -1: memory of this process alone */
    char path[64]; /* "" without a file */
};

/* What stands in the header. */
struct segment_config {
    const char *interface;
    const char *mode;
    unsigned worker_count;
};

/* 0, or -errno when there is no memory either. Files of processes that have died are
 * removed on the way. */
int segment_open(struct segment *segment, const struct segment_config *config);
void segment_close(struct segment *segment);

struct hr_segment_row *segment_row(const struct segment *segment, unsigned worker);

/* The worker: replaces the numbers of its row. */
void segment_write(struct hr_segment_row *row, const struct hr_stats *stats);
/* Any thread: a copy that is whole. */
void segment_read(const struct hr_segment_row *row, struct hr_stats *stats);

#endif
