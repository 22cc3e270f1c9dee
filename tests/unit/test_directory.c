/*
 * Goal:   a flow that a worker has added is found, with its worker, until it is
 *         removed as often as it was added; other workers adding and removing at the
 *         same time change nothing of that; a full directory refuses and harms nobody.
 * Method: random flows against an array of what is in; then two threads, each with
 *         flows of its own that it checks after every step.
 */
#include "api/directory.h"
#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FLOWS 512u

static void found_until_removed(void **state)
{
    struct random random;
    struct directory directory;
    uint64_t hashes[FLOWS];
    unsigned times[FLOWS] = {0};

    (void)state;
    random_init(&random, 1);
    assert_int_equal(directory_open(&directory, FLOWS), 0);
    for (unsigned i = 0; i < FLOWS; i++) {
        hashes[i] = random_next(&random);
    }
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)(random_next(&random) % FLOWS);

        if (times[i] < 2 && random_next(&random) % 2) {
            assert_true(directory_add(&directory, hashes[i], i % 3));
            times[i]++;
        } else if (times[i] > 0) {
            directory_remove(&directory, hashes[i], i % 3);
            times[i]--;
        }
        assert_int_equal(directory_find(&directory, hashes[i]), times[i] > 0 ? (int)(i % 3) : -1);
    }
    directory_close(&directory);
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
    struct directory directory;

    (void)state;
    assert_int_equal(directory_open(&directory, 16), 0);
    assert_true(directory_add(&directory, 0x123400, 1));
    directory_remove(&directory, 0x123400, 0); /* another worker's */
    directory_remove(&directory, 0x999900, 1); /* another flow */
    assert_int_equal(directory_find(&directory, 0x123400), 1);
    directory_close(&directory);
}

static void the_first_and_the_last_worker(void **state)
{
    struct directory directory;

    (void)state;
    assert_int_equal(directory_open(&directory, 16), 0);
    assert_true(directory_add(&directory, 0, 0));
    assert_true(directory_add(&directory, UINT64_MAX, DIRECTORY_WORKERS_MAX - 1));
    assert_int_equal(directory_find(&directory, 0), 0);
    assert_int_equal(directory_find(&directory, UINT64_MAX), (int)DIRECTORY_WORKERS_MAX - 1);
    directory_close(&directory);
}

static void a_full_directory_refuses(void **state)
{
    struct random random;
    struct directory directory;
    uint64_t kept[2 * DIRECTORY_SLOTS];
    unsigned count = 0;

    (void)state;
    random_init(&random, 2);
    assert_int_equal(directory_open(&directory, 1), 0); /* two buckets */
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t hash = random_next(&random);

        if (directory_add(&directory, hash, 5)) {
            assert_in_range(count, 0, COUNT_OF(kept) - 1);
            kept[count++] = hash;
        }
    }
    assert_int_equal(count, COUNT_OF(kept));
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(directory_find(&directory, kept[i]), 5);
    }
    directory_close(&directory);
}

struct party {
    struct directory *directory;
    unsigned worker;
    unsigned wrong;
};

static void *add_and_remove(void *argument)
{
    struct party *party = argument;
    uint64_t hashes[32];
    struct random random;

    random_init(&random, party->worker + 10);
    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned i = 0; i < COUNT_OF(hashes); i++) {
            hashes[i] = random_next(&random);
            party->wrong += !directory_add(party->directory, hashes[i], party->worker);
        }
        for (unsigned i = 0; i < COUNT_OF(hashes); i++) {
            party->wrong += directory_find(party->directory, hashes[i]) != (int)party->worker;
            directory_remove(party->directory, hashes[i], party->worker);
            party->wrong += directory_find(party->directory, hashes[i]) != -1;
        }
    }
    return NULL;
}

static void workers_side_by_side(void **state)
{
    struct directory directory;
    struct party parties[2] = {{&directory, 0, 0}, {&directory, 1, 0}};
    pthread_t threads[2];

    (void)state;
    assert_int_equal(directory_open(&directory, 128), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_and_remove, &parties[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(parties[i].wrong, 0);
    }
    directory_close(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_until_removed),
        cmocka_unit_test(removing_what_is_not_there_changes_nothing),
        cmocka_unit_test(the_first_and_the_last_worker),
        cmocka_unit_test(a_full_directory_refuses),
        cmocka_unit_test(workers_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
