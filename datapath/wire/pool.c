#include "datapath/wire/pool.h"

#include <stdlib.h>

int wire_pool_create(struct frame_pool *pool, const struct frame_pool_config *config)
{
    struct frame_pool_config own = *config;
    uint64_t chunks = (uint64_t)config->first + config->count;

    own.base = aligned_alloc(4096, (size_t)(chunks * config->chunk_bytes + 4095) & ~(size_t)4095);
    own.records = calloc(config->count, sizeof *own.records);
    if (own.base == NULL || own.records == NULL || frame_pool_init(pool, &own) != 0) {
        free(own.base);
        free(own.records);
        return -1;
    }
    return 0;
}

void wire_pool_destroy(struct frame_pool *pool)
{
    free(pool->base);
    free(pool->records);
    *pool = (struct frame_pool){0};
}
