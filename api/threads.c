/* The workers' threads: started, pinned, ended. */
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
    return error;
}

int hr_stack_start(struct hr_stack *stack, struct hr_failure *failure)
{
    for (unsigned i = 0; i < stack->worker_count; i++) {
        int error = stack->workers[i].is_running ? 0 : start(&stack->workers[i]);

        if (error != 0) {
            failure->error = HR_ERR_THREAD;
            (void)snprintf(failure->text, sizeof failure->text,
                           "The thread of worker %u can't be started on core %u: %s.", i,
                           stack->workers[i].core, strerror(error));
            hr_stack_stop(stack);
            return HR_ERR_THREAD;
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
}
