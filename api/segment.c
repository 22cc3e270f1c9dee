#include "api/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_BYTES 32u
#define CACHE_LINE 64u
#define STAT_COUNT (sizeof(struct hr_stats) / sizeof(uint64_t))

static const char names[][NAME_BYTES] = {
#define NAME(name, meaning) #name,
    HR_STATS(NAME)
#undef NAME
};

_Static_assert(sizeof names == STAT_COUNT * NAME_BYTES, "a name for each number");

static uint32_t align(size_t bytes)
{
    return (uint32_t)((bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
}

static struct flock first_byte(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
}

/* Nobody holds the lock, so whoever made it has died. */
static void remove_if_dead(int directory, const char *name)
{
    struct flock lock = first_byte(F_WRLCK);
    int fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return;
    }
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK) {
        (void)unlinkat(directory, name, 0);
    }
    (void)close(fd);
}

/* Our own files are left alone: closing one would give up its lock, as POSIX has it. */
static void remove_the_dead(void)
{
    DIR *directory = opendir(HR_SEGMENT_DIRECTORY);
    const struct dirent *entry;
    char own[16];

    if (!directory) {
        return;
    }
    (void)snprintf(own, sizeof own, "%d.", (int)getpid());
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, own, strlen(own)) != 0) {
            remove_if_dead(dirfd(directory), entry->d_name);
        }
    }
    (void)closedir(directory);
}

/* -1 when it can't be had. A file of the same name is of an earlier life of this
 * pid, or of a living process of another pid namespace. */
static int open_file(struct segment *segment, const char *interface)
{
    struct flock lock = first_byte(F_WRLCK);
    int fd;

    (void)mkdir(HR_SEGMENT_DIRECTORY, 0755);
    remove_the_dead();
    (void)snprintf(segment->path, sizeof segment->path, "%s/%d.%s", HR_SEGMENT_DIRECTORY,
                   (int)getpid(), interface);
    remove_if_dead(AT_FDCWD, segment->path);
    fd = open(segment->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -1;
    }
    if (ftruncate(fd, (off_t)segment->bytes) != 0 || fcntl(fd, F_SETLK, &lock) != 0) {
        (void)unlink(segment->path);
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void describe(struct segment *segment, const struct segment_config *config)
{
    struct hr_segment_header *header = segment->header;
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    *header = (struct hr_segment_header){
        .version = HR_SEGMENT_VERSION,
        .header_bytes = sizeof *header,
        .worker_count = config->worker_count,
        .stat_count = STAT_COUNT,
        .name_bytes = NAME_BYTES,
        .names_offset = align(sizeof *header),
        .rows_offset = align(sizeof *header) + align(sizeof names),
        .row_bytes = align(sizeof(struct hr_segment_row) + sizeof(struct hr_stats)),
        .started_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
        .pid = (uint64_t)getpid(),
    };
    (void)snprintf(header->interface, sizeof header->interface, "%s", config->interface);
    (void)snprintf(header->mode, sizeof header->mode, "%s", config->mode);
    memcpy((char *)header + header->names_offset, names, sizeof names);
    /* A reader that sees the mark sees what is described. */
    __atomic_store_n(&header->magic, HR_SEGMENT_MAGIC, __ATOMIC_RELEASE);
}

int segment_open(struct segment *segment, const struct segment_config *config)
{
    int flags = MAP_SHARED;
    void *base;

    segment->header = NULL;
    segment->owner = getpid();
    segment->bytes = align(sizeof *segment->header) + align(sizeof names) +
                     (size_t)config->worker_count *
                         align(sizeof(struct hr_segment_row) + sizeof(struct hr_stats));
    segment->fd = open_file(segment, config->interface);
    if (segment->fd < 0) {
        flags = MAP_PRIVATE | MAP_ANONYMOUS;
        segment->path[0] = '\0';
    }
    base = mmap(NULL, segment->bytes, PROT_READ | PROT_WRITE, flags, segment->fd, 0);
    if (base == MAP_FAILED) {
        segment_close(segment);
        return -ENOMEM;
    }
    (void)madvise(base, segment->bytes, MADV_DONTFORK);
    segment->header = base;
    describe(segment, config);
    return 0;
}

void segment_close(struct segment *segment)
{
    if (segment->owner != getpid()) {
        return; /* a forked child: nothing is mapped, and the file is its parent's */
    }
    if (segment->header) {
        (void)munmap(segment->header, segment->bytes);
        segment->header = NULL;
    }
    if (segment->fd >= 0) {
        (void)unlink(segment->path);
        (void)close(segment->fd);
        segment->fd = -1;
    }
}

struct hr_segment_row *segment_row(const struct segment *segment, unsigned worker)
{
    char *rows = (char *)segment->header + segment->header->rows_offset;

    return (void *)(rows + (size_t)worker * segment->header->row_bytes);
}

/* A sequence lock. Words are written one by one, atomically, so that a torn row is
 * seen as such and never as undefined behaviour. Each is a release after the odd
 * number, read by an acquire before the second look at the number: whoever saw a new
 * word sees that it is odd. No fences, which ThreadSanitizer does not know. */
void segment_write(struct hr_segment_row *row, const struct hr_stats *stats)
{
    const uint64_t *from = (const uint64_t *)(const void *)stats;
    uint64_t sequence = __atomic_load_n(&row->sequence, __ATOMIC_RELAXED);

    __atomic_store_n(&row->sequence, sequence + 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < STAT_COUNT; i++) {
        __atomic_store_n(&row->values[i], from[i], __ATOMIC_RELEASE);
    }
    __atomic_store_n(&row->sequence, sequence + 2, __ATOMIC_RELEASE);
}

void segment_read(const struct hr_segment_row *row, struct hr_stats *stats)
{
    uint64_t *to = (uint64_t *)(void *)stats;
    uint64_t before;

    do {
        before = __atomic_load_n(&row->sequence, __ATOMIC_ACQUIRE);
        for (unsigned i = 0; i < STAT_COUNT; i++) {
            to[i] = __atomic_load_n(&row->values[i], __ATOMIC_ACQUIRE);
        }
    } while (before & 1 || before != __atomic_load_n(&row->sequence, __ATOMIC_RELAXED));
}
