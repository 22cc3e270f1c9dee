#include "tests/sim/weather.h"

#include "datapath/util.h"
#include "tests/sim/sim.h"

/* Part of the link that an episode changes; the rest stays as the plan has it. */
static void worsen(struct wire_impairment *link, const struct episode *episode)
{
    switch (episode->trouble) {
    case TROUBLE_DOWN:
        link->down = true;
        break;
    case TROUBLE_LOSS:
        link->loss_ppm = max_u32(link->loss_ppm, (uint32_t)episode->amount);
        break;
    case TROUBLE_DELAY:
        link->delay_ns += episode->amount;
        break;
    case TROUBLE_REORDER:
        link->reorder_ppm = max_u32(link->reorder_ppm, 200000);
        link->reorder_ns = max_u64(link->reorder_ns, episode->amount);
        break;
    case TROUBLE_COMPLETIONS:
        link->completions_stalled = true;
        break;
    case TROUBLE_FILL:
        link->receiver_starved = true;
        break;
    default:
        break;
    }
}

static void hoard(struct sim *sim, const struct episode *episode, enum frame_budget budget)
{
    struct weather *weather = &sim->weather;
    struct frame_pool *pool = &sim->pair.pool[episode->side];
    uint32_t *count = &weather->hoarded[episode->side];

    while (pool->free_count > episode->amount && *count < WEATHER_HOARD_MAX) {
        uint32_t frame = frame_take(pool, budget, FRAME_APP);

        if (frame == FRAME_NONE) {
            return;
        }
        weather->hoard[episode->side][(*count)++] = frame;
    }
}

static void give_back(struct sim *sim, unsigned side)
{
    struct weather *weather = &sim->weather;

    while (weather->hoarded[side] > 0) {
        frame_drop(&sim->pair.pool[side], weather->hoard[side][--weather->hoarded[side]],
                   FRAME_APP);
    }
}

/* The frames of those that have ended come back before others are taken. */
static void take_frames(struct sim *sim, const bool *under_way)
{
    static const enum frame_budget budgets[TROUBLE_COUNT] = {
        [TROUBLE_DATA] = FRAME_BUDGET_DATA,
        [TROUBLE_CONTROL] = FRAME_BUDGET_CONTROL,
        [TROUBLE_RECEIVE] = FRAME_BUDGET_RECEIVE,
    };

    give_back(sim, 0);
    give_back(sim, 1);
    for (unsigned i = 0; i < sim->plan.weather.count; i++) {
        const struct episode *episode = &sim->plan.weather.episodes[i];

        if (under_way[i] && episode->trouble >= TROUBLE_DATA) {
            hoard(sim, episode, budgets[episode->trouble]);
        }
    }
}

void weather_change(struct sim *sim)
{
    struct weather *weather = &sim->weather;
    struct wire_impairment links[2] = {sim->plan.link[0], sim->plan.link[1]};
    uint64_t since_ns = sim->pair.now_ns - sim->start_ns;
    bool under_way[WEATHER_EPISODES_MAX] = {false};

    weather->next_ns = UINT64_MAX;
    for (unsigned side = 0; side < 2; side++) {
        if (weather->stalled[side]) {
            sim->not_before_ns[side] = sim->pair.now_ns;
        }
        weather->stalled[side] = false;
    }
    for (unsigned i = 0; i < sim->plan.weather.count; i++) {
        const struct episode *episode = &sim->plan.weather.episodes[i];

        under_way[i] = episode->start_ns <= since_ns && since_ns < episode->end_ns;
        if (under_way[i]) {
            worsen(&links[episode->side], episode);
            weather->stalled[episode->side] |= episode->trouble == TROUBLE_STALL;
        }
        if (since_ns < episode->end_ns) {
            uint64_t change_ns = under_way[i] ? episode->end_ns : episode->start_ns;

            weather->next_ns = min_u64(weather->next_ns, sim->start_ns + change_ns);
        }
    }
    take_frames(sim, under_way);
    wire_impair(&sim->pair.wire, 0, &links[0]);
    wire_impair(&sim->pair.wire, 1, &links[1]);
}

/* From 2^low to 2^high ns. */
static uint64_t draw_span_ns(struct random *random, unsigned low, unsigned high)
{
    unsigned bits = low + (unsigned)random_below(random, high - low);

    return (1ull << bits) + random_below(random, 1ull << bits);
}

void weather_draw(struct random *random, struct episode *episode)
{
    /* Up to 8 s for what a connection outlives by waiting; up to 0.5 s for what
     * makes each packet cost time of ours. */
    static const struct {
        unsigned span_high;
        unsigned amount_low;
        unsigned amount_high;
    } kinds[TROUBLE_COUNT] = {
        [TROUBLE_DOWN] = {33, 0, 1},    [TROUBLE_LOSS] = {31, 16, 19},
        [TROUBLE_DELAY] = {31, 20, 28}, [TROUBLE_REORDER] = {31, 14, 28},
        [TROUBLE_STALL] = {32, 0, 1},   [TROUBLE_COMPLETIONS] = {32, 0, 1},
        [TROUBLE_FILL] = {32, 0, 1},    [TROUBLE_DATA] = {32, 0, 8},
        [TROUBLE_CONTROL] = {31, 0, 2}, [TROUBLE_RECEIVE] = {31, 0, 6},
    };
    enum trouble trouble = (enum trouble)random_below(random, TROUBLE_COUNT);

    episode->trouble = trouble;
    episode->side = (unsigned)random_below(random, 2);
    episode->start_ns = random_chance(random, 200000) ? 0 : draw_span_ns(random, 18, 31);
    episode->end_ns = episode->start_ns + draw_span_ns(random, 18, kinds[trouble].span_high);
    episode->amount = draw_span_ns(random, kinds[trouble].amount_low, kinds[trouble].amount_high);
}
