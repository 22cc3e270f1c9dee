#include "bench/signals.h"

#include <time.h>

void signals_block(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, signals, NULL);
}

bool signals_wait(const sigset_t *signals, double seconds)
{
    struct timespec span = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    return sigtimedwait(signals, NULL, &span) > 0;
}
