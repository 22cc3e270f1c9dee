/*
 * Goal:   nothing is opened that nobody would end: once a stack is stopping, its
 *         applications are told of the end of every connection, and none begins.
 * Method: hr_connect() on a worker without threads, whose stack was told to stop.
 */
#include "api/stack.h"

#include <headrace/headrace.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void no_connection_begins_while_stopping(void **state)
{
    static struct hr_stack stack;
    static struct hr_worker worker = {.stack = &stack};
    static const struct hr_conn_ops ops;
    struct hr_addr peer;

    (void)state;
    assert_int_equal(hr_addr_parse("192.0.2.1", 7, &peer), HR_OK);
    atomic_init(&stack.stopping, true);
    assert_int_equal(hr_connect(&worker, &peer, &ops, NULL), HR_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_connection_begins_while_stopping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
