/*
 * The end that reflects, or counts: the thread of a worker.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_SERVER_H
#define HEADRACE_BENCH_REFLECTOR_SERVER_H

/* Of a struct end_worker, until it is told to stop. */
void *server_run(void *worker);

#endif
