/* The threads of a stack: started, pinned, ended. */
#include "api/failure.h"
#include "api/stack.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

static int start(struct hr_worker *worker)
{
    pthread_attr_t attributes;
    cpu_set_t core;
    int error;

    CPU_ZERO(&core);
    CPU_SET(worker->core, &core);
    (void)pthread_attr_init(&attributes);
    error = pthread_attr_setaffinity_np(&attributes, sizeof core, &core);
    if (error == 0) {
        error = pthread_create(&worker->thread, &attributes, worker_main, worker);
    }
    (void)pthread_attr_destroy(&attributes);
    worker->is_running = error == 0;
    if (error == 0) {
        char name[16];

        (void)snprintf(name, sizeof name, "hr-worker-%u", worker->index % 1000);
        (void)pthread_setname_np(worker->thread, name);
    }
    return error;
}

int hr_stack_start(struct hr_stack *stack, struct hr_failure *failure)
{
    int result;

    if (atomic_load(&stack->stopping)) {
        return failure_set(failure, HR_ERR_STATE,
                           "A stack that was stopped can't be started again: make another.");
    }
    result = stack->control.is_running ? 0 : control_start(&stack->control, stack);
    if (result != 0) {
        return failure_set(failure, HR_ERR_THREAD, "The control thread can't be started: %s.",
                           strerror(-result));
    }
    for (unsigned i = 0; i < stack->worker_count; i++) {
        int error = stack->workers[i].is_running ? 0 : start(&stack->workers[i]);

        if (error != 0) {
            hr_stack_stop(stack);
            return failure_set(failure, HR_ERR_THREAD,
                               "The thread of worker %u can't be started on core %u: %s.", i,
                               stack->workers[i].core, strerror(error));
        }
    }
    return HR_OK;
}

void hr_stack_stop(struct hr_stack *stack)
{
    atomic_store(&stack->stopping, true);
    for (unsigned i = 0; i < stack->worker_count; i++) {
        struct hr_worker *worker = &stack->workers[i];

        if (worker->is_running) {
            mailbox_wake(&worker->mailbox);
            (void)pthread_join(worker->thread, NULL);
            worker->is_running = false;
        }
    }
    control_stop(&stack->control);
}
