/*
 * Whether a call breaks an invariant: it is tried in a child process, which the
 * assertion kills. The caller's memory stays as it was.
 */
#ifndef HEADRACE_TESTS_UNIT_ABORTS_H
#define HEADRACE_TESTS_UNIT_ABORTS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool aborts(void (*act)(void *ctx), void *ctx)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)close(STDERR_FILENO); /* the assertion's message is expected */
        signal(SIGABRT, SIG_DFL);
        act(ctx);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
