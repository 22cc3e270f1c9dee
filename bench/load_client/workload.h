/*
 * What a connection of load does: echo, connect, upload, download. The transport tells
 * what happened, and the workload sends, closes and opens through it. All on the thread
 * of the load, with load->now_ns set.
 */
#ifndef HEADRACE_BENCH_LOAD_WORKLOAD_H
#define HEADRACE_BENCH_LOAD_WORKLOAD_H

#include "bench/load_client/load.h"

/* Opens a connection that is closed; its latency counts from `since_ns`. */
void workload_open(struct load_conn *conn, uint64_t since_ns);

/* Begins on all connections that are open; until then those that open wait. */
void workload_release(struct load *load);

/* Takes from the ready list connections for the requests that are due. */
void workload_issue_due(struct load *load);
/* Puts one at its end that may take a request, unless it stands there. */
void workload_ready(struct load_conn *conn);

/* The transport tells: */
void workload_opened(struct load_conn *conn);
/* Of the connect workload: what is sent may be sent, although it is not open yet. */
void workload_early(struct load_conn *conn);
void workload_writable(struct load_conn *conn);
/* Bytes of the stream, to be compared in place; when all of a burst were told,
 * workload_answered(). */
void workload_received(struct load_conn *conn, const uint8_t *bytes, size_t length);
void workload_answered(struct load_conn *conn);
/* The server has sent all that it will send. */
void workload_eof(struct load_conn *conn);
/* The connection is gone, or could not be opened. */
void workload_lost(struct load_conn *conn, int error);

#endif
