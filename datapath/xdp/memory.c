#include "datapath/xdp/memory.h"

#include "datapath/port.h"

#include <errno.h>
#include <stdlib.h>

const struct xdp_memory_config xdp_memory_config_default = {
    .pool_count = 1,
    .frames_per_pool = 16384,
    .chunk_bytes = 4096,
    .floor = {[FRAME_BUDGET_RECEIVE] = 2048 + 4 * PORT_BURST, [FRAME_BUDGET_CONTROL] = 512},
};

static int check_config(const struct xdp_memory_config *config, struct xdp_error *error)
{
    uint64_t floors = 0;

    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        floors += config->floor[i];
    }
    if (config->chunk_bytes != 2048 && config->chunk_bytes != 4096) {
        return xdp_error_set(error, -EINVAL, "A frame can't have %u bytes: use 2048 or 4096.",
                             config->chunk_bytes);
    }
    if (config->pool_count == 0 || config->frames_per_pool < floors ||
        config->frames_per_pool == 0 ||
        (uint64_t)config->pool_count * config->frames_per_pool >= FRAME_NONE) {
        return xdp_error_set(error, -EINVAL,
                             "%u frames for each of %u workers can't be had: at least %llu are "
                             "needed for each, and fewer than 4,294,967,295 in all.",
                             config->frames_per_pool, config->pool_count,
                             (unsigned long long)floors);
    }
    return 0;
}

static int make_pool(struct xdp_memory *memory, const struct xdp_memory_config *config,
                     uint32_t which)
{
    struct frame_pool_config pool = {
        .base = memory->region.base,
        .first = which * config->frames_per_pool,
        .count = config->frames_per_pool,
        .chunk_bytes = config->chunk_bytes,
        .records = calloc(config->frames_per_pool, sizeof(struct frame)),
    };

    if (pool.records == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        pool.floor[i] = config->floor[i];
    }
    if (frame_pool_init(&memory->pools[which], &pool) != 0) {
        free(pool.records);
        return -EINVAL;
    }
    return 0;
}

static int make_pools(struct xdp_memory *memory, const struct xdp_memory_config *config)
{
    int result = 0;

    memory->pools = calloc(config->pool_count, sizeof *memory->pools);
    if (memory->pools == NULL) {
        return -ENOMEM;
    }
    while (result == 0 && memory->pool_count < config->pool_count) {
        result = make_pool(memory, config, memory->pool_count);
        memory->pool_count += result == 0;
    }
    return result;
}

int xdp_memory_open(struct xdp_memory *memory, const struct xdp_memory_config *config,
                    struct xdp_error *error)
{
    int result = check_config(config, error);

    *memory = (struct xdp_memory){.region = {.memory = {.fd = -1}}};
    if (result != 0) {
        return result;
    }
    result = region_open(&memory->region,
                         &(struct region_config){
                             .chunk_count = config->pool_count * config->frames_per_pool,
                             .chunk_bytes = config->chunk_bytes,
                             .part_count = config->pool_count,
                             .nodes = config->nodes,
                         },
                         error);
    if (result != 0) {
        return result;
    }
    result = make_pools(memory, config);
    if (result != 0) {
        xdp_memory_close(memory);
        return xdp_error_set(error, result,
                             "No memory for the records of %u frames: use fewer frames or free "
                             "some memory.",
                             config->pool_count * config->frames_per_pool);
    }
    return 0;
}

void xdp_memory_close(struct xdp_memory *memory)
{
    for (uint32_t i = 0; memory->pools != NULL && i < memory->pool_count; i++) {
        free(memory->pools[i].records);
    }
    free(memory->pools);
    memory->pools = NULL;
    memory->pool_count = 0;
    region_close(&memory->region);
}
