#include "datapath/xdp/region.h"

#include "datapath/xdp/numa.h"

#include <assert.h>
#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES ((size_t)4096)

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* What the system can give without swapping; SIZE_MAX when it does not say. */
static size_t memory_available(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;
    char line[128];

    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "MemAvailable: %llu kB", &kib);
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib != 0 ? (size_t)kib << 10 : SIZE_MAX;
}

/* A page that two parts share goes with the later one. */
static void place(uint8_t *base, const struct region_config *config, size_t page_bytes)
{
    size_t part_bytes = (size_t)config->chunk_count / config->part_count * config->chunk_bytes;

    for (uint32_t i = 0; config->nodes && i < config->part_count; i++) {
        size_t begin = i * part_bytes / page_bytes * page_bytes;
        size_t end = round_up((i + 1) * part_bytes, page_bytes);

        numa_prefer(base + begin, end - begin, config->nodes[i]);
    }
}

/* MADV_DONTFORK: a child has no use for the frames, and must not touch them. */
static void *map_populated(int fd, size_t bytes, const struct region_config *config,
                           size_t page_bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED) {
        return NULL;
    }
    place(base, config, page_bytes);
    if (madvise(base, bytes, MADV_POPULATE_WRITE) != 0 ||
        madvise(base, bytes, MADV_DONTFORK) != 0) {
        int saved = errno;

        munmap(base, bytes);
        errno = saved;
        return NULL;
    }
    return base;
}

/* 0 or a negative errno. */
static int try_pages(struct region *region, const struct region_config *config, bool huge)
{
    unsigned flags = MFD_CLOEXEC | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
    size_t page_bytes = huge ? HUGE_PAGE_BYTES : PAGE_BYTES;
    size_t rounded = round_up((size_t)config->chunk_count * config->chunk_bytes, page_bytes);
    int fd = memfd_create("headrace-frames", flags);
    int saved;

    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)rounded) == 0) {
        region->base = map_populated(fd, rounded, config, page_bytes);
    }
    if (region->base == NULL) {
        saved = errno;
        close(fd);
        return saved != 0 ? -saved : -ENOMEM;
    }
    region->bytes = rounded;
    region->huge_pages = huge;
    guarded_fd_open(&region->memory, fd);
    return 0;
}

int region_open(struct region *region, const struct region_config *config, struct xdp_error *error)
{
    size_t bytes = (size_t)config->chunk_count * config->chunk_bytes;
    int result;

    assert(config->chunk_bytes == 2048 || config->chunk_bytes == 4096);
    assert(config->chunk_count > 0 && config->part_count > 0);
    *region = (struct region){
        .chunk_bytes = config->chunk_bytes,
        .chunk_count = config->chunk_count,
        .memory = {.fd = -1},
    };
    if (try_pages(region, config, true) == 0) {
        return 0;
    }
    /* The kernel would not refuse: it would kill processes until there is room. */
    result = bytes <= memory_available() ? try_pages(region, config, false) : -ENOMEM;
    if (result != 0) {
        return xdp_error_set(error, result,
                             "No memory for %u frames of %u bytes (%zu MiB): %s; use fewer frames "
                             "or queues, or free some memory.",
                             config->chunk_count, config->chunk_bytes, bytes >> 20,
                             strerror(-result));
    }
    return 0;
}

void region_close(struct region *region)
{
    /* In a forked child the region is not mapped, and its place may be another's. */
    if (region->memory.fd >= 0) {
        munmap(region->base, region->bytes);
        guarded_fd_close(&region->memory);
    }
    region->base = NULL;
}
