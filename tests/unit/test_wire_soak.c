/*
 * Goal:   whatever the link does, each packet is accounted for, each frame comes
 *         home, and a seed replays.
 * Method: everything changes at random; a tap counts and hashes all that it sees,
 *         twice from the same seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/wire_fixture.h"

struct log {
    uint64_t hash;
    uint32_t events[WIRE_EVENT_COUNT];
    uint64_t last_ns;
};

static void note(void *ctx, const struct wire_sight *sight)
{
    struct log *log = ctx;

    assert_true(sight->now_ns >= log->last_ns);
    log->last_ns = sight->now_ns;
    log->events[sight->event]++;
    log->hash = (log->hash ^ sight->now_ns ^ (uint64_t)sight->event << 56 ^
                 (uint64_t)sight->from << 48 ^ plain_sum(sight->bytes, sight->length) << 16) *
                0x100000001b3ull;
}

static void random_impairment(struct random *random, struct wire_impairment *impairment)
{
    *impairment = (struct wire_impairment){
        .loss_ppm = (uint32_t)random_below(random, 2) * 50000,
        .duplicate_ppm = (uint32_t)random_below(random, 2) * 50000,
        .corrupt_ppm = (uint32_t)random_below(random, 2) * 50000,
        .reorder_ppm = (uint32_t)random_below(random, 2) * 50000,
        .reorder_ns = random_below(random, 100000),
        .delay_ns = random_below(random, 2) * 20000,
        .jitter_ns = random_below(random, 2) * 20000,
        .rate_bytes_per_s = random_below(random, 2) * 50000000,
        .queue_bytes = 5000,
        .completion_delay_ns = random_below(random, 2) * 100000,
        .loss_run = (uint32_t)random_below(random, 4),
        .scramble_ppm = (uint32_t)random_below(random, 2) * 50000,
        .mark_bytes = (uint32_t)random_below(random, 3000),
        .mark_ppm = (uint32_t)random_below(random, 2) * 50000,
        .middlebox.bleaches_ecn = random_below(random, 4) == 0,
        .completions_stalled = random_below(random, 8) == 0,
        .down = random_below(random, 8) == 0,
        .receiver_starved = random_below(random, 8) == 0,
    };
    if (random_below(random, 4) == 0) {
        *impairment = (struct wire_impairment){0};
    }
}

/* One seed of everything at once; returns what the tap saw. */
static struct log soak(uint64_t seed)
{
    struct log log = {0};
    struct random random;
    struct fixture f;

    random_init(&random, seed);
    open_wire(&f, seed);
    wire_tap(&f.wire, &(struct wire_tap){note, &log});
    for (unsigned step = 0; step < 2000; step++) {
        unsigned side = (unsigned)random_below(&random, WIRE_ENDS);
        struct port *port = wire_port(&f.wire, side);
        struct wire_impairment impairment;

        if (random_below(&random, 100) == 0) {
            random_impairment(&random, &impairment);
            wire_impair(&f.wire, side, &impairment);
        }
        for (uint64_t i = random_below(&random, 8); i > 0 && port->tx_room > 0; i--) {
            if (port->pool->free_count > port->pool->reserved) {
                send_packet(&f, side, (uint32_t)(4 + random_below(&random, 1515)));
            }
        }
        port_flush(port);
        receive_all(&f, side);
        wire_advance(&f.wire, f.wire.now_ns + random_below(&random, 10000));
        assert_true(frame_pool_check(&f.pool[0]) && frame_pool_check(&f.pool[1]));
    }
    for (unsigned side = 0; side < WIRE_ENDS; side++) {
        assert_int_equal(f.wire.end[side].tx_rewritten, 0);
    }
    wire_advance(&f.wire, UINT64_MAX);
    receive_all(&f, 0);
    receive_all(&f, 1);
    assert_int_equal(log.events[WIRE_SENT], f.sent);
    assert_int_equal(log.events[WIRE_SENT] + log.events[WIRE_DUPLICATED],
                     log.events[WIRE_DELIVERED] + log.events[WIRE_LOST] +
                         log.events[WIRE_QUEUE_FULL] + log.events[WIRE_DOWN] +
                         log.events[WIRE_STARVED] + log.events[WIRE_TOO_LONG] +
                         log.events[WIRE_FLIGHT_FULL]);
    assert_int_equal(f.received, log.events[WIRE_DELIVERED]);
    close_wire(&f);
    return log;
}

static void a_seed_replays_and_nothing_leaks(void **state)
{
    uint64_t previous = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct log first = soak(seed);
        struct log again = soak(seed);

        assert_true(first.hash == again.hash);
        assert_true(first.hash != previous);
        previous = first.hash;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_replays_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
