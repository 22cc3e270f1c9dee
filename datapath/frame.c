#include "datapath/frame.h"

/* Of the frames that the data budget can have at most, the part from which a
 * level holds. Pressure: two thirds, as Linux sets tcp_mem (pressure : maximum
 * = 4 : 6). Critical: the last eighth is for in-order data that is to stay,
 * which is what lets a reader that is behind go on. */
#define PRESSURE_NUMERATOR 2
#define PRESSURE_DENOMINATOR 3
#define CRITICAL_NUMERATOR 7
#define CRITICAL_DENOMINATOR 8

static uint32_t unspent_floor(const struct frame_pool *pool, enum frame_budget budget)
{
    return pool->used[budget] < pool->floor[budget] ? pool->floor[budget] - pool->used[budget] : 0;
}

/* A take is right when it spends the budget's own floor, which free frames
 * always cover, or when a frame is left that no floor needs. */
static bool budget_has_frame(const struct frame_pool *pool, enum frame_budget budget)
{
    return pool->used[budget] < pool->floor[budget] || pool->free_count > pool->reserved;
}

/* charge() and discharge() keep `reserved` as the running sum of the unspent
 * floors, so that nobody has to add them up per packet. */
static void charge(struct frame_pool *pool, enum frame_budget budget)
{
    if (pool->used[budget] < pool->floor[budget]) {
        pool->reserved--;
    }
    pool->used[budget]++;
}

static void discharge(struct frame_pool *pool, enum frame_budget budget)
{
    assert(pool->used[budget] > 0);
    pool->used[budget]--;
    if (pool->used[budget] < pool->floor[budget]) {
        pool->reserved++;
    }
}

/* The free list is a stack: the frame that came home last is the one whose
 * bytes are still in the cache. */
static void go_home(struct frame_pool *pool, uint32_t index, struct frame *record)
{
    discharge(pool, (enum frame_budget)record->budget);
    record->free_next = pool->free_head;
    pool->free_head = index;
    pool->free_count++;
    assert(pool->free_count >= pool->reserved);
}

/* The count of a counted holder; NULL for the others. */
static uint16_t *holder_count(struct frame *record, enum frame_holder holder)
{
    if (holder == FRAME_APP) {
        return &record->app_count;
    }
    return holder == FRAME_REASSEMBLY ? &record->reassembly_count : NULL;
}

static void join(struct frame *record, enum frame_holder holder)
{
    uint16_t *count = holder_count(record, holder);

    if (count != NULL) {
        (*count)++;
    }
    record->holders = (uint8_t)(record->holders | holder);
}

static bool config_is_consistent(const struct frame_pool_config *config)
{
    uint64_t floors = 0;

    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        floors += config->floor[i];
    }
    return (config->chunk_bytes == 2048 || config->chunk_bytes == 4096) && config->base != NULL &&
           (uintptr_t)config->base % config->chunk_bytes == 0 && config->records != NULL &&
           config->count > 0 && config->count <= FRAME_NONE - config->first &&
           floors <= config->count;
}

/* Rounded up, so that a pool with a single data frame is normal while that is free. */
static uint32_t part_of(uint64_t whole, unsigned numerator, unsigned denominator)
{
    return (uint32_t)((whole * numerator + denominator - 1) / denominator);
}

int frame_pool_init(struct frame_pool *pool, const struct frame_pool_config *config)
{
    uint64_t data_max;

    if (!config_is_consistent(config)) {
        return -1;
    }
    *pool = (struct frame_pool){
        .base = config->base,
        .first = config->first,
        .count = config->count,
        .chunk_shift = config->chunk_bytes == 2048 ? 11 : 12,
        .free_head = config->first,
        .free_count = config->count,
        .records = config->records,
    };
    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        pool->floor[i] = config->floor[i];
        pool->reserved += config->floor[i];
    }
    data_max =
        config->count - config->floor[FRAME_BUDGET_RECEIVE] - config->floor[FRAME_BUDGET_CONTROL];
    pool->pressure_at = part_of(data_max, PRESSURE_NUMERATOR, PRESSURE_DENOMINATOR);
    pool->critical_at = part_of(data_max, CRITICAL_NUMERATOR, CRITICAL_DENOMINATOR);
    for (uint32_t i = 0; i < config->count; i++) {
        pool->records[i] = (struct frame){
            .free_next = i + 1 < config->count ? config->first + i + 1 : FRAME_NONE,
        };
    }
    return 0;
}

uint32_t frame_take(struct frame_pool *pool, enum frame_budget budget, enum frame_holder holder)
{
    uint32_t index = pool->free_head;
    struct frame *record;

    assert(budget < FRAME_BUDGET_COUNT);
    if (!budget_has_frame(pool, budget)) {
        pool->refused[budget]++;
        return FRAME_NONE;
    }
    record = frame_record(pool, index);
    assert(record->holders == 0);
    pool->free_head = record->free_next;
    pool->free_count--;
    charge(pool, budget);
    record->budget = (uint8_t)budget;
    record->fill_end = 0;
    join(record, holder);
    return index;
}

void frame_hold(struct frame_pool *pool, uint32_t index, enum frame_holder holder)
{
    struct frame *record = frame_record(pool, index);

    assert(record->holders != 0);
    assert(frame_may_hold(pool, index, holder));
    join(record, holder);
}

void frame_drop(struct frame_pool *pool, uint32_t index, enum frame_holder holder)
{
    struct frame *record = frame_record(pool, index);
    uint16_t *count = holder_count(record, holder);

    assert((record->holders & holder) != 0);
    if (count != NULL && --*count > 0) {
        return;
    }
    record->holders = (uint8_t)(record->holders & ~(unsigned)holder);
    if (record->holders == 0) {
        go_home(pool, index, record);
    }
}

/* The rule is that of a take from the data budget: the frame that such a take
 * would get replaces this one in its old budget. */
bool frame_keep(struct frame_pool *pool, uint32_t index)
{
    struct frame *record = frame_record(pool, index);

    assert(record->holders != 0);
    if (record->budget == FRAME_BUDGET_DATA) {
        return true;
    }
    if (!budget_has_frame(pool, FRAME_BUDGET_DATA)) {
        pool->refused[FRAME_BUDGET_DATA]++;
        return false;
    }
    charge(pool, FRAME_BUDGET_DATA);
    discharge(pool, (enum frame_budget)record->budget);
    record->budget = FRAME_BUDGET_DATA;
    assert(pool->free_count >= pool->reserved);
    return true;
}

void frame_arrive(struct frame_pool *pool, uint32_t index, uint16_t fill_end)
{
    struct frame *record = frame_record(pool, index);

    assert(record->holders == FRAME_KERNEL_RX);
    record->holders = FRAME_WORKER;
    record->fill_end = fill_end;
}

enum frame_pressure frame_pool_pressure(const struct frame_pool *pool)
{
    uint32_t used = pool->used[FRAME_BUDGET_DATA];

    if (used >= pool->critical_at) {
        return FRAME_CRITICAL;
    }
    return used >= pool->pressure_at ? FRAME_PRESSURE : FRAME_NORMAL;
}

uint32_t frame_pool_data_uncritical(const struct frame_pool *pool)
{
    uint32_t used = pool->used[FRAME_BUDGET_DATA];

    return used < pool->critical_at ? pool->critical_at - used : 0;
}

uint32_t frame_pool_data_free(const struct frame_pool *pool)
{
    return unspent_floor(pool, FRAME_BUDGET_DATA) + (pool->free_count - pool->reserved);
}

/* Exactly free_count steps, all over frames without a holder, end the list: one
 * that runs in a circle would not end. */
static bool free_list_is_whole(const struct frame_pool *pool)
{
    uint32_t index = pool->free_head;

    for (uint32_t i = 0; i < pool->free_count; i++) {
        if (!frame_is_ours(pool, index) || frame_record(pool, index)->holders != 0) {
            return false;
        }
        index = frame_record(pool, index)->free_next;
    }
    return index == FRAME_NONE;
}

static bool record_is_consistent(const struct frame *record)
{
    return ((record->holders & FRAME_APP) != 0) == (record->app_count > 0) &&
           ((record->holders & FRAME_REASSEMBLY) != 0) == (record->reassembly_count > 0) &&
           record->budget < FRAME_BUDGET_COUNT;
}

bool frame_pool_check(const struct frame_pool *pool)
{
    uint32_t used[FRAME_BUDGET_COUNT] = {0};
    uint32_t held = 0;
    uint32_t reserved = 0;

    for (uint32_t i = 0; i < pool->count; i++) {
        const struct frame *record = &pool->records[i];

        if (!record_is_consistent(record)) {
            return false;
        }
        if (record->holders != 0) {
            used[record->budget]++;
            held++;
        }
    }
    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        reserved += unspent_floor(pool, (enum frame_budget)i);
        if (used[i] != pool->used[i]) {
            return false;
        }
    }
    return pool->free_count == pool->count - held && reserved == pool->reserved &&
           pool->free_count >= reserved && free_list_is_whole(pool);
}
