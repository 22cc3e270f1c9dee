/*
 * Goal:   an entry never expires early, and late by less than a tick when the wheel is
 *         advanced in time; wheel_next_ns() is never later than the next expiry;
 *         whatever an expiry arms or cancels, each entry expires once.
 * Method: named cases, among them deadlines on every level and beyond the last; then a
 *         seeded random order of arming, moving, cancelling and advancing by steps of
 *         all sizes against a plain array of deadlines. All from several points of
 *         time, one just before the top level comes round.
 */
#include "tcp/wheel.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TICK_NS (1ull << WHEEL_TICK_SHIFT)
#define ENTRIES 300u
#define STEPS 20000u
#define NO_BUDGET UINT32_MAX

static const uint64_t starts_ns[] = {
    0,
    1,
    TICK_NS - 1,
    1000 * NS_PER_S + 12345,
    (1ull << 58) - 5 * TICK_NS, /* 2^42 ticks: all levels come round */
    (1ull << 57) - 1,
};

struct timer {
    struct wheel_entry entry;
    bool armed;
    uint64_t due_ns;
    unsigned expired; /* times */
};

struct bench {
    struct wheel wheel;
    uint64_t now_ns;
    struct timer timers[ENTRIES];
    unsigned expired;                         /* in the last advance */
    struct timer *order[ENTRIES];             /* the first of them */
    void (*inside)(struct bench *, unsigned); /* called for each, with its index */
};

static void open_bench(struct bench *b, uint64_t now_ns)
{
    *b = (struct bench){.now_ns = now_ns};
    wheel_init(&b->wheel, now_ns);
    for (unsigned i = 0; i < ENTRIES; i++) {
        wheel_entry_init(&b->timers[i].entry);
    }
}

static void arm(struct bench *b, unsigned i, uint64_t due_ns)
{
    wheel_arm(&b->wheel, &b->timers[i].entry, due_ns);
    b->timers[i].armed = true;
    b->timers[i].due_ns = due_ns;
}

static void cancel(struct bench *b, unsigned i)
{
    wheel_cancel(&b->wheel, &b->timers[i].entry);
    b->timers[i].armed = false;
}

static void expire(struct wheel_entry *entry, void *ctx)
{
    struct bench *b = ctx;
    struct timer *timer = container_of(entry, struct timer, entry);

    assert_true(timer->armed);
    assert_true(b->now_ns >= timer->due_ns); /* never early */
    assert_false(wheel_is_armed(entry));
    timer->armed = false;
    timer->expired++;
    if (b->expired < ENTRIES) {
        b->order[b->expired] = timer;
    }
    b->expired++;
    if (b->inside) {
        b->inside(b, (unsigned)(timer - b->timers));
    }
}

/* The tick in which an entry has to expire: the first that begins at or after its
 * deadline. */
static uint64_t tick_of(uint64_t due_ns)
{
    return (due_ns + TICK_NS - 1) / TICK_NS;
}

/* When the next expiry is due, by walking; UINT64_MAX for never. */
static uint64_t next_expiry_ns(const struct bench *b)
{
    uint64_t next_ns = UINT64_MAX;

    for (unsigned i = 0; i < ENTRIES; i++) {
        if (b->timers[i].armed) {
            next_ns = min_u64(next_ns, tick_of(b->timers[i].due_ns) * TICK_NS);
        }
    }
    return next_ns;
}

static void check(const struct bench *b)
{
    /* What has passed is due now. */
    assert_true(wheel_next_ns(&b->wheel) <= max_u64(next_expiry_ns(b), b->now_ns));
    for (unsigned i = 0; i < ENTRIES; i++) {
        assert_int_equal(wheel_is_armed(&b->timers[i].entry), b->timers[i].armed);
    }
}

static void advance(struct bench *b, uint64_t now_ns, unsigned budget)
{
    b->now_ns = now_ns;
    b->expired = 0;
    wheel_advance(&b->wheel, now_ns, expire, b, budget);
    if (budget == NO_BUDGET) {
        for (unsigned i = 0; i < ENTRIES; i++) { /* late by less than a tick */
            assert_false(b->timers[i].armed && tick_of(b->timers[i].due_ns) <= now_ns / TICK_NS);
        }
        assert_true(wheel_next_ns(&b->wheel) > now_ns);
    } else {
        assert_true(b->expired <= budget);
    }
    check(b);
}

static void an_empty_wheel_waits_for_nothing(void **state)
{
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns); i++) {
        open_bench(&b, starts_ns[i]);
        assert_int_equal(wheel_next_ns(&b.wheel), UINT64_MAX);
        advance(&b, b.now_ns, NO_BUDGET);
        advance(&b, b.now_ns + NS_PER_S, NO_BUDGET);
        assert_int_equal(wheel_next_ns(&b.wheel), UINT64_MAX);
        wheel_cancel(&b.wheel, &b.timers[0].entry); /* of what is not armed: nothing */
        check(&b);
    }
}

/* By sleeping until wheel_next_ns() each time: the entry comes in its very tick, and
 * the wheel asks for no more looks than it has levels. */
static void one_deadline_on_each_level(void **state)
{
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns) * 42 * 3; i++) {
        uint64_t ticks = (1ull << i % 42) + i / 42 % 3 - 1;
        uint64_t due_ns;
        unsigned looks = 0;

        open_bench(&b, starts_ns[i / 42 / 3]);
        due_ns = b.now_ns + ticks * TICK_NS;
        arm(&b, 7, due_ns);
        check(&b);
        while (b.timers[7].expired == 0) {
            uint64_t next_ns = wheel_next_ns(&b.wheel);

            assert_true(next_ns != UINT64_MAX);
            if (next_ns > b.now_ns + TICK_NS) {
                advance(&b, next_ns - 1, NO_BUDGET); /* too soon: nothing happens */
                assert_int_equal(b.expired, 0);
            }
            advance(&b, max_u64(next_ns, b.now_ns), NO_BUDGET);
            looks++;
            assert_true(looks <= WHEEL_LEVELS + 1);
        }
        assert_true(b.now_ns >= due_ns && b.now_ns < due_ns + TICK_NS);
        assert_int_equal(wheel_next_ns(&b.wheel), UINT64_MAX);
    }
}

/* Beyond what the levels cover an entry waits on the last one, and goes on. */
static void deadlines_beyond_the_last_level(void **state)
{
    static struct bench b;
    static const uint64_t year_ns = 365ull * 24 * 3600 * NS_PER_S;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns); i++) {
        for (unsigned years = 4; years <= 40; years += 3) {
            uint64_t due_ns = starts_ns[i] + years * year_ns;

            open_bench(&b, starts_ns[i]);
            arm(&b, 0, due_ns);
            while (b.timers[0].expired == 0) {
                advance(&b, wheel_next_ns(&b.wheel), NO_BUDGET);
            }
            assert_true(b.now_ns >= due_ns && b.now_ns < due_ns + TICK_NS);
        }
    }
}

/* In one jump over all: in order of their ticks, first come first served within. */
static void a_long_sleep_expires_all_in_order(void **state)
{
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns); i++) {
        open_bench(&b, starts_ns[i]);
        for (unsigned j = 0; j < 40; j++) {
            arm(&b, j, b.now_ns + TICK_NS * (1ull << (39 - j)));
        }
        for (unsigned j = 40; j < 80; j++) {
            arm(&b, j, b.now_ns + TICK_NS);
        }
        advance(&b, b.now_ns + TICK_NS * (1ull << 41), NO_BUDGET);
        assert_int_equal(b.expired, 80);
        for (unsigned j = 1; j < 80; j++) {
            assert_true(tick_of(b.order[j - 1]->due_ns) <= tick_of(b.order[j]->due_ns));
        }
    }
}

static void moving_a_deadline(void **state)
{
    static const struct {
        const char *name;
        uint64_t ticks[3]; /* armed one after the other; 0: no more */
        uint64_t expires;
    } cases[] = {
        {"later in the same slot", {1000, 1001}, 1001},
        {"later on another level", {10, 100000}, 100000},
        {"later, later", {10, 100, 1000}, 1000},
        {"earlier", {100000, 10}, 10},
        {"earlier on the same level", {12, 11}, 11},
        {"later, then earlier than at first", {100, 5000, 7}, 7},
        {"later, then earlier but not than at first", {100, 5000, 200}, 200},
        {"earlier, then later", {5000, 100, 5000}, 5000},
        {"the same", {77, 77, 77}, 77},
    };
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases) * COUNT_OF(starts_ns); i++) {
        unsigned row = i % COUNT_OF(cases);
        uint64_t start_ns = starts_ns[i / COUNT_OF(cases)];

        open_bench(&b, start_ns);
        for (unsigned j = 0; j < 3 && cases[row].ticks[j] != 0; j++) {
            arm(&b, 0, start_ns + cases[row].ticks[j] * TICK_NS);
            check(&b);
        }
        advance(&b, start_ns + cases[row].expires * TICK_NS - 1, NO_BUDGET);
        if (b.expired != 0) {
            fail_msg("%s: early", cases[row].name);
        }
        advance(&b, start_ns + (cases[row].expires + 1) * TICK_NS, NO_BUDGET);
        if (b.expired != 1) {
            fail_msg("%s: %u times", cases[row].name, b.expired);
        }
    }
}

static void what_has_passed_expires_at_once(void **state)
{
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns); i++) {
        open_bench(&b, starts_ns[i]);
        advance(&b, b.now_ns + 1000 * TICK_NS, NO_BUDGET);
        arm(&b, 0, 0);
        arm(&b, 1, b.now_ns - TICK_NS);
        assert_true(wheel_next_ns(&b.wheel) <= b.now_ns);
        advance(&b, b.now_ns, NO_BUDGET);
        assert_int_equal(b.expired, 2);
    }
}

/* Time that stands still, or goes back, does nothing. */
static void time_that_goes_back(void **state)
{
    static struct bench b;

    (void)state;
    open_bench(&b, 1000 * TICK_NS);
    arm(&b, 0, 1001 * TICK_NS);
    wheel_advance(&b.wheel, 5 * TICK_NS, expire, &b, NO_BUDGET);
    wheel_advance(&b.wheel, 0, expire, &b, NO_BUDGET);
    check(&b);
    advance(&b, 1001 * TICK_NS, NO_BUDGET);
    assert_int_equal(b.expired, 1);
}

static void a_budget_leaves_the_rest_for_later(void **state)
{
    static const unsigned budgets[] = {0, 1, 7, 99, 100, 101, 300};
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(budgets); i++) {
        unsigned total = 0;

        open_bench(&b, 12345);
        for (unsigned j = 0; j < ENTRIES; j++) { /* a hundred in each of three ticks */
            arm(&b, j, b.now_ns + (1 + j / 100 * 50) * TICK_NS);
        }
        for (unsigned turn = 0; turn < ENTRIES && budgets[i] > 0; turn++) {
            advance(&b, 12345 + 200 * TICK_NS, budgets[i]);
            for (unsigned j = 0; j < b.expired; j++) { /* in order across the turns */
                assert_ptr_equal(b.order[j], &b.timers[total + j]);
            }
            total += b.expired;
            assert_int_equal(total, min_u32(ENTRIES, (turn + 1) * budgets[i]));
        }
        advance(&b, 12345 + 200 * TICK_NS, 0);
        assert_int_equal(b.expired, 0);
        advance(&b, 12345 + 200 * TICK_NS, NO_BUDGET);
        assert_int_equal(total + b.expired, ENTRIES);
    }
}

/* Entry 0 cancels its neighbour in the slot, moves another one to later, a third to
 * now, and itself to the next tick. */
static void meddle(struct bench *b, unsigned i)
{
    if (i == 0 && b->timers[0].expired == 1) {
        cancel(b, 1);
        arm(b, 2, b->now_ns + 100 * TICK_NS);
        arm(b, 3, b->now_ns - TICK_NS);
        arm(b, 0, b->now_ns + TICK_NS);
        arm(b, 5, b->now_ns - TICK_NS); /* was not armed */
        cancel(b, 4);
        arm(b, 4, b->now_ns + 2 * TICK_NS);
    }
}

static void an_expiry_may_arm_and_cancel(void **state)
{
    static struct bench b;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns); i++) {
        uint64_t due_ns = starts_ns[i] + 10 * TICK_NS;

        open_bench(&b, starts_ns[i]);
        b.inside = meddle;
        arm(&b, 0, due_ns);
        arm(&b, 1, due_ns);
        arm(&b, 2, due_ns);
        arm(&b, 3, due_ns + 5000 * TICK_NS);
        arm(&b, 4, due_ns);
        due_ns += TICK_NS;
        advance(&b, due_ns, NO_BUDGET);
        assert_int_equal(b.expired, 3); /* 0, and with it 3 and 5 */
        assert_int_equal(b.timers[3].expired, 1);
        assert_int_equal(b.timers[5].expired, 1);
        advance(&b, due_ns + 3 * TICK_NS, NO_BUDGET);
        assert_int_equal(b.expired, 2); /* 0 again, and 4 */
        advance(&b, due_ns + 99 * TICK_NS, NO_BUDGET);
        assert_int_equal(b.expired, 0);
        advance(&b, due_ns + 101 * TICK_NS, NO_BUDGET);
        assert_int_equal(b.timers[2].expired, 1);
        assert_int_equal(b.timers[1].expired, 0);
    }
}

static void arm_again(struct bench *b, unsigned i)
{
    arm(b, i, 0);
}

/* One that arms itself for what has passed uses up the budget, not the worker. */
static void an_entry_that_never_rests(void **state)
{
    static struct bench b;

    (void)state;
    open_bench(&b, 0);
    b.inside = arm_again;
    arm(&b, 0, 0);
    arm(&b, 1, 0);
    advance(&b, TICK_NS, 1000);
    assert_int_equal(b.expired, 1000);
    assert_int_equal(b.timers[0].expired, 500); /* in turns with its neighbour */
    assert_int_equal(b.timers[1].expired, 500);
}

static struct random random_inside;

/* Half of what expires arms or cancels something, itself at times. */
static void anything(struct bench *b, unsigned i)
{
    unsigned other =
        random_chance(&random_inside, 300000) ? i : (unsigned)random_below(&random_inside, ENTRIES);

    if (random_chance(&random_inside, 300000)) {
        arm(b, other,
            b->now_ns + 1 + random_below(&random_inside, 1ull << random_below(&random_inside, 50)));
    } else if (random_chance(&random_inside, 300000)) {
        cancel(b, other);
    }
}

/* 2^low to 2^high ns, every size as likely as another. */
static uint64_t draw(struct random *random, unsigned low, unsigned high)
{
    return random_below(random, 2ull << (low + random_below(random, high - low + 1)));
}

static void any_order(uint64_t start_ns, uint64_t seed)
{
    static struct bench b;
    struct random random;
    unsigned expired = 0;

    random_init(&random, seed);
    random_init(&random_inside, seed + 1);
    open_bench(&b, start_ns);
    b.inside = anything;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)random_below(&random, ENTRIES);

        switch (random_below(&random, 8)) {
        case 0:
        case 1:
            arm(&b, i, b.now_ns + draw(&random, 0, 55));
            break;
        case 2: /* nearer or farther by a little */
            arm(&b, i, b.timers[i].armed ? b.timers[i].due_ns + draw(&random, 0, 30) : b.now_ns);
            break;
        case 3:
            arm(&b, i,
                b.timers[i].armed
                    ? b.timers[i].due_ns - b.timers[i].due_ns % (1 + draw(&random, 0, 30))
                    : 0);
            break;
        case 4:
            cancel(&b, i);
            break;
        case 5: /* asleep for just as long as the wheel allows */
            if (wheel_next_ns(&b.wheel) != UINT64_MAX) {
                advance(&b, max_u64(wheel_next_ns(&b.wheel), b.now_ns), NO_BUDGET);
            }
            break;
        case 6:
            advance(&b, b.now_ns + draw(&random, 0, 20), (unsigned)random_below(&random, 4));
            break;
        default:
            advance(&b, b.now_ns + draw(&random, 0, step % 100 == 0 ? 50 : 30), NO_BUDGET);
            break;
        }
        expired += b.expired;
        b.expired = 0;
        check(&b);
    }
    assert_true(expired > STEPS / 20);
    b.inside = NULL; /* then all that is left expires, and the wheel is empty */
    while (wheel_next_ns(&b.wheel) != UINT64_MAX) {
        advance(&b, max_u64(wheel_next_ns(&b.wheel), b.now_ns), NO_BUDGET);
    }
    assert_int_equal(next_expiry_ns(&b), UINT64_MAX);
}

static void a_plain_array_of_deadlines(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts_ns); i++) {
        any_order(starts_ns[i], 1987 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_wheel_waits_for_nothing),
        cmocka_unit_test(one_deadline_on_each_level),
        cmocka_unit_test(deadlines_beyond_the_last_level),
        cmocka_unit_test(a_long_sleep_expires_all_in_order),
        cmocka_unit_test(moving_a_deadline),
        cmocka_unit_test(what_has_passed_expires_at_once),
        cmocka_unit_test(time_that_goes_back),
        cmocka_unit_test(a_budget_leaves_the_rest_for_later),
        cmocka_unit_test(an_expiry_may_arm_and_cancel),
        cmocka_unit_test(an_entry_that_never_rests),
        cmocka_unit_test(a_plain_array_of_deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
