/*
 * Goal:   frames go home exactly when their last holder leaves, and no budget
 *         can spend another's floor, whatever the order of events.
 * Method: each budget is tried with the others exhausted; a model that knows
 *         only "who holds what" is run beside the pool over random sequences,
 *         and the pool's own check walks everything after each step. Broken
 *         invariants must abort, which is tried in a child process.
 */
#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST 100u /* not 0, so that an index is not mistaken for a place in the records */

static void create(struct frame_pool *pool, uint32_t count, const uint32_t floors[3])
{
    struct frame_pool_config config = {.first = FIRST, .count = count, .chunk_bytes = 2048};

    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        config.floor[i] = floors[i];
    }
    assert_int_equal(wire_pool_create(pool, &config), 0);
    assert_true(frame_pool_check(pool));
}

static uint32_t take_all(struct frame_pool *pool, enum frame_budget budget)
{
    uint32_t taken = 0;

    while (frame_take(pool, budget, FRAME_WORKER) != FRAME_NONE) {
        taken++;
        assert_true(frame_pool_check(pool));
    }
    return taken;
}

/* Whether `act` ends in an assertion. */
static bool aborts(void (*act)(struct frame_pool *pool, uint32_t frame), struct frame_pool *pool,
                   uint32_t frame)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        fclose(stderr); /* the assertion's message is no news */
        signal(SIGABRT, SIG_DFL);
        act(pool, frame);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void init_refuses_inconsistency(void **state)
{
    static _Alignas(4096) uint8_t base[4 * 2048];
    static struct frame records[4];
    static const struct frame_pool_config good = {
        .base = base, .count = 4, .chunk_bytes = 2048, .floor = {2, 1, 1}, .records = records};
    struct frame_pool_config cases[] = {good, good, good, good, good, good, good, good};
    static const char *const names[COUNT_OF(cases)] = {
        "chunk of 1024", "floors above count",  "floors wrap to zero", "no memory",
        "no records",    "base is not aligned", "no frames",           "indices past the last",
    };
    struct frame_pool pool;

    (void)state;
    cases[0].chunk_bytes = 1024;
    cases[1].floor[2] = 2;
    cases[2].floor[2] = UINT32_MAX - 2;
    cases[3].base = NULL;
    cases[4].records = NULL;
    cases[5].base = base + 64;
    cases[6].count = 0;
    cases[6].floor[0] = cases[6].floor[1] = cases[6].floor[2] = 0;
    cases[7].first = FRAME_NONE - 3;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (frame_pool_init(&pool, &cases[i]) != -1) {
            fail_msg("accepted: %s", names[i]);
        }
    }
    assert_int_equal(frame_pool_init(&pool, &good), 0);
}

static void floors_hold(void **state)
{
    static const struct {
        const char *name;
        uint32_t count;
        uint32_t floor[FRAME_BUDGET_COUNT];
        enum frame_budget order[FRAME_BUDGET_COUNT]; /* exhausted one after the other */
        uint32_t expect[FRAME_BUDGET_COUNT];         /* frames that each then got */
    } cases[] = {
        {"data first", 16, {5, 3, 2}, {2, 1, 0}, {8, 3, 5}},
        {"receive first", 16, {5, 3, 2}, {0, 1, 2}, {11, 3, 2}},
        {"control first", 16, {5, 3, 2}, {1, 2, 0}, {9, 2, 5}},
        {"no floors", 16, {0, 0, 0}, {1, 2, 0}, {16, 0, 0}},
        {"nothing but floors", 10, {5, 3, 2}, {2, 1, 0}, {2, 3, 5}},
        {"one floor of all", 4, {4, 0, 0}, {2, 1, 0}, {0, 0, 4}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_pool pool;

        create(&pool, cases[i].count, cases[i].floor);
        for (unsigned j = 0; j < FRAME_BUDGET_COUNT; j++) {
            uint32_t taken = take_all(&pool, cases[i].order[j]);

            if (taken != cases[i].expect[j]) {
                fail_msg("%s: %u instead of %u in step %u", cases[i].name, taken,
                         cases[i].expect[j], j);
            }
            assert_int_equal(pool.refused[cases[i].order[j]], 1);
        }
        wire_pool_destroy(&pool);
    }
}

static void last_holder_sends_home(void **state)
{
    static const uint32_t floors[] = {1, 1, 1};
    struct frame_pool pool;
    uint32_t frame;

    (void)state;
    create(&pool, 4, floors);
    frame = frame_take(&pool, FRAME_BUDGET_DATA, FRAME_SENDQ);
    frame_hold(&pool, frame, FRAME_KERNEL_TX);
    frame_hold(&pool, frame, FRAME_APP);
    frame_hold(&pool, frame, FRAME_APP);
    frame_hold(&pool, frame, FRAME_REASSEMBLY);
    frame_drop(&pool, frame, FRAME_SENDQ); /* the ACK before the completion */
    assert_true(frame_is_held_by(&pool, frame, FRAME_KERNEL_TX));
    frame_drop(&pool, frame, FRAME_KERNEL_TX);
    frame_drop(&pool, frame, FRAME_APP);
    assert_true(frame_is_held_by(&pool, frame, FRAME_APP));
    frame_drop(&pool, frame, FRAME_APP);
    assert_false(frame_is_held_by(&pool, frame, FRAME_APP));
    assert_int_equal(pool.free_count, 3);
    frame_drop(&pool, frame, FRAME_REASSEMBLY);
    assert_int_equal(pool.free_count, 4);
    assert_int_equal(frame_take(&pool, FRAME_BUDGET_CONTROL, FRAME_WORKER), frame);
    assert_true(frame_pool_check(&pool));
    wire_pool_destroy(&pool);
}

/* What stays is replaced first: with keep after keep, the receive budget can
 * always fill up what was taken from it. */
static void keep_leaves_the_receive_floor(void **state)
{
    static const uint32_t floors[] = {4, 1, 2};
    struct frame_pool pool;
    uint32_t lent[4];
    uint32_t kept = 0;

    (void)state;
    create(&pool, 12, floors);
    for (unsigned i = 0; i < 4; i++) {
        lent[i] = frame_take(&pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
    }
    for (unsigned i = 0;; i = (i + 1) % 4) {
        frame_arrive(&pool, lent[i], 300);
        assert_int_equal(frame_record(&pool, lent[i])->fill_end, 300);
        if (!frame_keep(&pool, lent[i])) {
            break;
        }
        assert_true(frame_keep(&pool, lent[i])); /* again changes nothing */
        frame_hold(&pool, lent[i], FRAME_APP);
        frame_drop(&pool, lent[i], FRAME_WORKER);
        kept++;
        lent[i] = frame_take(&pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX);
        assert_int_not_equal(lent[i], FRAME_NONE);
        assert_true(frame_pool_check(&pool));
    }
    assert_int_equal(kept, 12 - 4 - 1);
    assert_int_equal(pool.used[FRAME_BUDGET_RECEIVE], 4);
    assert_int_equal(pool.refused[FRAME_BUDGET_DATA], 1);
    assert_int_equal(frame_pool_data_free(&pool), 0);
    assert_int_not_equal(frame_take(&pool, FRAME_BUDGET_CONTROL, FRAME_WORKER), FRAME_NONE);
    wire_pool_destroy(&pool);
}

static void pressure_has_three_levels(void **state)
{
    static const struct {
        const char *name;
        uint32_t count;
        uint32_t floor[FRAME_BUDGET_COUNT];
        uint32_t pressure_at;
        uint32_t critical_at;
    } cases[] = {
        {"24 for data", 32, {6, 2, 4}, 16, 21},
        {"one for data", 9, {6, 2, 1}, 1, 1},
        {"none for data", 8, {6, 2, 0}, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_pool pool;

        create(&pool, cases[i].count, cases[i].floor);
        do {
            uint32_t used = pool.used[FRAME_BUDGET_DATA];
            enum frame_pressure expect = used >= cases[i].critical_at   ? FRAME_CRITICAL
                                         : used >= cases[i].pressure_at ? FRAME_PRESSURE
                                                                        : FRAME_NORMAL;

            assert_int_equal(frame_pool_pressure(&pool), expect);
            assert_int_equal(frame_pool_data_free(&pool),
                             cases[i].count - cases[i].floor[0] - cases[i].floor[1] - used);
        } while (frame_take(&pool, FRAME_BUDGET_DATA, FRAME_APP) != FRAME_NONE);
        wire_pool_destroy(&pool);
    }
}

static void hold_app(struct frame_pool *pool, uint32_t frame)
{
    frame_hold(pool, frame, FRAME_APP);
}

static void hold_reassembly(struct frame_pool *pool, uint32_t frame)
{
    frame_hold(pool, frame, FRAME_REASSEMBLY);
}

static void hold_sendq(struct frame_pool *pool, uint32_t frame)
{
    frame_hold(pool, frame, FRAME_SENDQ);
}

static void drop_sendq(struct frame_pool *pool, uint32_t frame)
{
    frame_drop(pool, frame, FRAME_SENDQ);
}

static void drop_worker_twice(struct frame_pool *pool, uint32_t frame)
{
    frame_drop(pool, frame, FRAME_WORKER);
    frame_drop(pool, frame, FRAME_WORKER);
}

static void counts_go_to_their_limit(void **state)
{
    static const struct {
        enum frame_holder holder;
        void (*hold)(struct frame_pool *pool, uint32_t frame);
    } cases[] = {{FRAME_APP, hold_app}, {FRAME_REASSEMBLY, hold_reassembly}};
    static const uint32_t floors[] = {0, 0, 0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_pool pool;
        uint32_t frame;

        create(&pool, 2, floors);
        frame = frame_take(&pool, FRAME_BUDGET_DATA, cases[i].holder);
        for (uint32_t count = 1; count < UINT16_MAX; count++) {
            assert_true(frame_may_hold(&pool, frame, cases[i].holder));
            frame_hold(&pool, frame, cases[i].holder);
        }
        assert_false(frame_may_hold(&pool, frame, cases[i].holder));
        assert_true(aborts(cases[i].hold, &pool, frame));
        for (uint32_t count = UINT16_MAX; count > 0; count--) {
            assert_true(frame_is_held_by(&pool, frame, cases[i].holder));
            frame_drop(&pool, frame, cases[i].holder);
        }
        assert_int_equal(pool.free_count, 2);
        assert_true(frame_pool_check(&pool));
        wire_pool_destroy(&pool);
    }
}

static void broken_invariants_abort(void **state)
{
    static const uint32_t floors[] = {0, 0, 0};
    struct frame_pool pool;
    uint32_t frame;

    (void)state;
    create(&pool, 2, floors);
    frame = frame_take(&pool, FRAME_BUDGET_DATA, FRAME_WORKER);
    assert_false(aborts(hold_sendq, &pool, frame));
    assert_true(aborts(drop_sendq, &pool, frame));        /* never held it */
    assert_true(aborts(drop_worker_twice, &pool, frame)); /* home already */
    assert_true(aborts(hold_app, &pool, frame + 1));      /* a free frame */
    assert_true(aborts(hold_app, &pool, FIRST - 1));      /* another pool's */
    assert_true(aborts(hold_app, &pool, FRAME_NONE));
    frame_hold(&pool, frame, FRAME_SENDQ);
    assert_false(frame_may_hold(&pool, frame, FRAME_SENDQ));
    assert_true(aborts(hold_sendq, &pool, frame)); /* not a counted holder */
    wire_pool_destroy(&pool);
}

static void check_sees_damage(void **state)
{
    static const uint32_t floors[] = {2, 1, 1};
    struct frame_pool pool;
    struct frame_pool saved;
    struct frame *record;
    struct frame saved_record;
    uint32_t frame;

    (void)state;
    create(&pool, 8, floors);
    frame = frame_take(&pool, FRAME_BUDGET_DATA, FRAME_APP);
    saved = pool;
    record = frame_record(&pool, frame);
    saved_record = *record;
#define SEES(damage)                                                                               \
    do {                                                                                           \
        damage;                                                                                    \
        assert_false(frame_pool_check(&pool));                                                     \
        pool = saved;                                                                              \
        *record = saved_record;                                                                    \
        assert_true(frame_pool_check(&pool));                                                      \
    } while (0)
    SEES(pool.reserved++);
    SEES(pool.used[FRAME_BUDGET_CONTROL]++);
    SEES(pool.free_count--);
    SEES(pool.free_head = FRAME_NONE);
    SEES(pool.free_head = frame);
    SEES(record->app_count = 0);
    SEES(record->reassembly_count = 1);
    SEES(record->budget = FRAME_BUDGET_COUNT);
    SEES(record->holders = 0);
    SEES(pool.floor[FRAME_BUDGET_RECEIVE] = 8);
#undef SEES
    wire_pool_destroy(&pool);
}

/* One random step; `held` is the model: holders and counts per frame. */
#define MODEL_FRAMES 24u

struct model {
    uint32_t counts[MODEL_FRAMES][6]; /* by bit of enum frame_holder */
    bool data[MODEL_FRAMES];
};

static bool model_is_held(const struct model *model, uint32_t slot)
{
    uint32_t sum = 0;

    for (unsigned bit = 0; bit < 6; bit++) {
        sum += model->counts[slot][bit];
    }
    return sum > 0;
}

static void step_take(struct frame_pool *pool, struct model *model, struct random *random)
{
    enum frame_budget budget = (enum frame_budget)random_below(random, FRAME_BUDGET_COUNT);
    unsigned bit = (unsigned)random_below(random, 6);
    bool expect = pool->used[budget] < pool->floor[budget] || pool->free_count > pool->reserved;
    uint32_t frame = frame_take(pool, budget, (enum frame_holder)(1u << bit));

    assert_int_equal(frame != FRAME_NONE, expect);
    if (frame != FRAME_NONE) {
        assert_false(model_is_held(model, frame - FIRST));
        model->counts[frame - FIRST][bit] = 1;
        model->data[frame - FIRST] = budget == FRAME_BUDGET_DATA;
    }
}

static void step_hold_or_drop(struct frame_pool *pool, struct model *model, struct random *random)
{
    uint32_t slot = (uint32_t)random_below(random, MODEL_FRAMES);
    unsigned bit = (unsigned)random_below(random, 6);
    enum frame_holder holder = (enum frame_holder)(1u << bit);

    if (!model_is_held(model, slot)) {
        return;
    }
    if (random_below(random, 2) == 0 && frame_may_hold(pool, FIRST + slot, holder)) {
        frame_hold(pool, FIRST + slot, holder);
        model->counts[slot][bit]++;
    } else if (model->counts[slot][bit] > 0) {
        frame_drop(pool, FIRST + slot, holder);
        model->counts[slot][bit]--;
    }
}

static void step_keep(struct frame_pool *pool, struct model *model, struct random *random)
{
    uint32_t slot = (uint32_t)random_below(random, MODEL_FRAMES);
    bool expect;

    if (!model_is_held(model, slot)) {
        return;
    }
    expect = model->data[slot] || frame_pool_data_free(pool) > 0;
    assert_int_equal(frame_keep(pool, FIRST + slot), expect);
    model->data[slot] = expect;
}

static void random_sequences_keep_the_invariants(void **state)
{
    static const uint32_t floors[] = {6, 3, 4};

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct model model = {0};
        struct frame_pool pool;
        struct random random;

        random_init(&random, seed);
        create(&pool, MODEL_FRAMES, floors);
        for (unsigned step = 0; step < 2000; step++) {
            switch (random_below(&random, 8)) {
            case 0:
            case 1:
                step_take(&pool, &model, &random);
                break;
            case 2:
                step_keep(&pool, &model, &random);
                break;
            default:
                step_hold_or_drop(&pool, &model, &random);
                break;
            }
            if (!frame_pool_check(&pool)) {
                fail_msg("seed %u, step %u", (unsigned)seed, step);
            }
        }
        for (uint32_t slot = 0; slot < MODEL_FRAMES; slot++) {
            assert_int_equal(model_is_held(&model, slot),
                             frame_record(&pool, FIRST + slot)->holders != 0);
        }
        wire_pool_destroy(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_refuses_inconsistency),
        cmocka_unit_test(floors_hold),
        cmocka_unit_test(last_holder_sends_home),
        cmocka_unit_test(keep_leaves_the_receive_floor),
        cmocka_unit_test(pressure_has_three_levels),
        cmocka_unit_test(counts_go_to_their_limit),
        cmocka_unit_test(broken_invariants_abort),
        cmocka_unit_test(check_sees_damage),
        cmocka_unit_test(random_sequences_keep_the_invariants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
