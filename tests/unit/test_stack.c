/*
 * Goal:   stacks of one process do not disturb each other: making one, also in vain,
 *         touches nothing that the workers of another read; each has secrets of its own.
 * Method: a thread sums, as workers do, while stacks are made that can't be, two
 *         threads at a time; ThreadSanitizer looks on. The system's generator is the test's.
 */
#include "api/stack.h"
#include "datapath/net/checksum.h"

#include <headrace/headrace.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#define ATTEMPTS 200u

static atomic_bool is_over;
static atomic_uint draws; /* of secrets, whole ones */
static atomic_bool is_dry;

/* In place of the C library's. */
ssize_t getrandom(void *buffer, size_t bytes, unsigned flags)
{
    if (atomic_load(&is_dry)) {
        return -1;
    }
    memset(buffer, 1, bytes);
    if (bytes == sizeof(((struct hr_stack *)0)->secret) && flags == 0) {
        atomic_fetch_add(&draws, 1);
    }
    return (ssize_t)bytes;
}

static void *sum_on(void *argument)
{
    uint8_t bytes[200] = {0};
    size_t wrong = 0;

    while (!atomic_load(&is_over)) {
        wrong += checksum_sum_long(bytes, sizeof bytes) != 0;
    }
    *(size_t *)argument = wrong;
    return NULL;
}

static void *make_in_vain(void *argument)
{
    struct hr_stack_options options = hr_stack_options_default;
    unsigned *refused = argument;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        struct hr_failure failure;
        struct hr_stack *stack;

        *refused += hr_stack_create(&options, &stack, &failure) == HR_ERR_ARGUMENT;
    }
    return NULL;
}

static void making_one_leaves_others_alone(void **state)
{
    unsigned refused[2] = {0, 0};
    size_t wrong = 1;
    pthread_t summer;
    pthread_t maker;

    (void)state;
    (void)make_in_vain(&refused[0]); /* the other's workers run only after its own start */
    assert_int_equal(pthread_create(&summer, NULL, sum_on, &wrong), 0);
    assert_int_equal(pthread_create(&maker, NULL, make_in_vain, &refused[1]), 0);
    (void)make_in_vain(&refused[0]);
    assert_int_equal(pthread_join(maker, NULL), 0);
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(summer, NULL), 0);
    assert_int_equal(refused[0], 2 * ATTEMPTS);
    assert_int_equal(refused[1], ATTEMPTS);
    assert_int_equal(wrong, 0);
}

/* On an interface that can't be, so that it ends there.
 * Shows: RFC 6528 3c. */
static void each_draws_secrets_of_its_own(void **state)
{
    static const char *const addresses[] = {"10.99.0.1/24"};
    struct hr_stack_options options = hr_stack_options_default;
    struct hr_failure failure;
    struct hr_stack *stack;

    (void)state;
    options.interface = "lo";
    options.addresses = addresses;
    options.address_count = 1;
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_not_equal(hr_stack_create(&options, &stack, &failure), HR_OK);
        assert_int_equal(atomic_load(&draws), i);
    }
    atomic_store(&is_dry, true);
    assert_int_equal(hr_stack_create(&options, &stack, &failure), HR_ERR_NO_MEMORY);
    atomic_store(&is_dry, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_one_leaves_others_alone),
        cmocka_unit_test(each_draws_secrets_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
